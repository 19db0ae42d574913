"""What authors of other engines' patterns expect, said as Sigma correlations.

Each case is a documented behaviour of a pattern operator, written from our own understanding of it,
through `rules eval`. Lines are as in `test_semantics.py`; T is 5 seconds. Where our answer is
another one the case is named "differs", and docs/semantics.md says why.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from typer.testing import CliRunner

from tests.support.behaviour_lines import Alerts, evaluated, judged
from tests.support.command_line import app
from tests.unit.test_semantics import ABSENT, AROUND, BOTH, COUNT, NO_GROUP, ORDER, gte

THREE = {**ORDER, "rules": ["a", "b", "c"]}
DISTINCT = {"type": "value_count", "rules": ["a"], "condition": {"gte": 3, "field": "v"}}
EVERY = {"emit": "every"}
UNTIL = {"until": "c"}
BEFORE = {"absent": "before"}


def number(kind: str, **condition: float) -> dict[str, Any]:
    return {"type": kind, "rules": ["a"], "condition": {"field": "v", **condition}}


class Case(NamedTuple):
    name: str
    section: Mapping[str, Any] | Sequence[Mapping[str, Any]]  # several are a chain
    line: str
    expected: Alerts
    ours: Mapping[str, Any] = {}
    late: str = ""

    @property
    def sections(self) -> list[Mapping[str, Any]]:
        return [self.section] if isinstance(self.section, Mapping) else list(self.section)


SEQUENCES = [
    Case("flink: a followedBy b leaves out what is between", ORDER, "0:a 1:d 2:b",
         [(2, "a0 b2")]),
    Case("flink: two starts, one end: one alert with the first of them", ORDER, "0:a 1:a 2:b",
         [(2, "a0 b2")]),
    Case("flink: one start, two ends: followedBy tells the first", ORDER, "0:a 1:b 2:b",
         [(1, "a0 b1")]),
    Case("flink: followedByAny tells the second as well", ORDER, "0:a 1:b 2:b",
         [(1, "a0 b1"), (2, "a0 b1")], EVERY),
    Case("flink: next, with what else there is as a rule", ORDER, "0:a 1:b", [(1, "a0 b1")],
         {"until": "d"}),
    Case("flink: next is broken by what comes between", ORDER, "0:a 1:d 2:b", [],
         {"until": "d"}),
    Case("flink: next begins anew after that", ORDER, "0:a 1:d 2:a 3:b", [(3, "a2 b3")],
         {"until": "d"}),
    Case("flink: within is exceeded", ORDER, "0:a 5.001:b", []),
    Case("flink differs: within holds for exactly T, too", ORDER, "0:a 5:b", [(5, "a0 b5")]),
    Case("flink: a b? c without b", {**THREE, "condition": "(a and c) or (a and b and c)"},
         "0:a 2:c", [(2, "a0 c2")]),
    Case("flink: a (b | c): one of two ends", {**THREE, "condition": "a and (b or c)"}, "0:a 1:c",
         [(1, "a0 c1")]),
    Case("flink: a (b | c): neither before", {**THREE, "condition": "a and (b or c)"}, "0:c 1:a",
         []),
    Case("flink differs: a pair that follows at once continues the alert", ORDER,
         "0:a 1:b 2:a 3:b", [(1, "a0 b1")]),
    Case("flink: a pair that follows later is another", ORDER, "0:a 1:b 9:a 10:b",
         [(1, "a0 b1"), (10, "a9 b10")]),
    Case("match_recognize: (a b c) by partition", THREE, "0:a@x 1:b@x 1.5:b@y 2:c@x",
         [(2, "a0 b1 c2")]),
    Case("match_recognize: steps of two partitions are none", THREE, "0:a@x 1:b@y 2:c@x", []),
    Case("match_recognize: partition by two columns", {**ORDER, "group-by": ["h", "v"]},
         "0:a@x=1 1:b@x=2 2:b@x=1", [(2, "a0 b2")]),
    Case("siddhi: every a -> b within T", ORDER, "0:a 3:b 20:a 24:b",
         [(3, "a0 b3"), (24, "a20 b24")]),
    Case("siddhi: a -> b -> c, each after the other", THREE, "0:b 1:a 2:c", []),
    Case("siddhi: a and b in any order", BOTH, "0:b 4:a", [(4, "b0 a4")]),
    Case("siddhi: a or b", {**BOTH, "condition": "a or b"}, "0:b", [(0, "b0")]),
    Case("siddhi: sequence a, b", ORDER, "0:a 1:d 2:b", [], {"until": "d"}),
    Case("siddhi: a<2:> -> b", (gte(2), {**ORDER, "rules": ["c1", "b"]}), "0:a 1:a 2:b",
         [(2, "a0 a1 b2")]),
    Case("siddhi: a<2:> -> b with one a only", (gte(2), {**ORDER, "rules": ["c1", "b"]}),
         "0:a 2:b", []),
    Case("eql: sequence by user with maxspan", ORDER, "0:a@u 1:a@v 2:b@v", [(2, "a1 b2")]),
    Case("eql: an event is not two steps", ORDER, "0:ab 9:", []),
    Case("eql: but it may end one sequence and begin another", THREE, "0:a 1:ab 2:c",
         [(2, "a0 ab1 c2")]),
    Case("eql: without a tiebreaker equal times are no sequence", ORDER, "1:a 1:b", []),
    Case("eql: another name of the key in each step",
         {**ORDER, "group-by": ["who"], "aliases": {"who": {"a": "h", "b": "v"}}},
         "0:a@li=x 1:b@x=wu 2:b@x=li", [(2, "a0 b2")]),
    Case("eql: with an optional key", ORDER, "0:a@ 1:b@", [(1, "a0 b1")],
         {"missing_group": "group"}),
    Case("eql differs: the first start is the evidence, not the last", ORDER, "0:a 1:a 2:b",
         [(2, "a0 b2")]),
    Case("eql: sample: all of them, in no order", {**BOTH, "rules": ["a", "b", "c"]},
         "0:c 1:a 2:b", [(2, "c0 a1 b2")]),
    Case("esper: a -> (b or c)", {**THREE, "condition": "a and (b or c)"}, "0:a 1:d 2:b",
         [(2, "a0 b2")]),
    Case("esper: a -> (b and c): c first",
         ({**BOTH, "rules": ["b", "c"]}, {**ORDER, "rules": ["a", "c1"]}), "0:a 1:c 2:b",
         [(2, "a0 c1 b2")]),
    Case("esper: a -> (b and c): one of them is missing",
         ({**BOTH, "rules": ["b", "c"]}, {**ORDER, "rules": ["a", "c1"]}), "0:a 1:c 2:c", []),
    Case("esper: every (a -> b): what is over is no start", ORDER, "0:a 6:b 7:a 8:b",
         [(8, "a7 b8")]),
    Case("esper: (a -> b) -> c, a pattern in a pattern",
         (ORDER, {**ORDER, "rules": ["c1", "c"]}), "0:a 4:b 9:c", [(9, "a0 b4 c9")]),
    Case("esper: (a -> b) -> c: c before b", (ORDER, {**ORDER, "rules": ["c1", "c"]}),
         "0:a 2:c 4:b 9.5:", []),
    Case("sekoia: ordered: false", {**BOTH, "rules": ["a", "b"]}, "0:b 1:a", [(1, "b0 a1")]),
]  # fmt: skip
ABSENCES = [
    Case("flink: notFollowedBy at the end", ABSENT, "0:a 9:", [(5, "a0")]),
    Case("flink: notFollowedBy at the end, followed", ABSENT, "0:a 3:b 9:", []),
    Case("flink: notFollowedBy in the middle", ORDER, "0:a 1:c 2:b", [], UNTIL),
    Case("flink: notFollowedBy in the middle: too late to matter", ORDER, "0:a 1:b 2:c",
         [(1, "a0 b1")], UNTIL),
    Case("flink: a b, and no c by the deadline", {**THREE, "condition": "a and b and not c"},
         "0:a 1:b 9:", [(5, "a0 b1")]),
    Case("flink: a b, and c", {**THREE, "condition": "a and b and not c"}, "0:a 1:b 4:c 9:", []),
    Case("siddhi: a -> not b for T", ABSENT, "0:a 20:d", [(5, "a0")]),
    Case("siddhi: a -> not b for T, by key", ABSENT, "0:a@x 1:b@y 9:", [(5, "a0")]),
    Case("siddhi: each a waits for a b of its own time", ABSENT, "0:a 2:a 6:b 20:",
         [(5, "a0")]),
    Case("siddhi: a and not b, on neither side", AROUND, "0:a 20:", [(5, "a0")]),
    Case("siddhi: a and not b, b before", AROUND, "0:b 4:a 20:", []),
    Case("siddhi: a and (c or not b): each of the two is told at its own time",
         {**BOTH, "rules": ["a", "b", "c"], "condition": "a and (c or not b)"}, "0:a 2:c 9:",
         [(2, "a0 c2"), (5, "a0")]),
    Case("eql: [a] ![b]", ABSENT, "0:a 4.999:b 9:", []),
    Case("eql: [a] ![c] [b], the missing one in the middle", ORDER, "0:a 2:b", [(2, "a0 b2")],
         UNTIL),
    Case("eql: [a] ![c] [b], and it is there", ORDER, "0:a 1:c 2:b 9:", [], UNTIL),
    Case("eql differs: said with not, c must not come after b either",
         {**THREE, "condition": "a and b and not c"}, "0:a 1:b 2:c 9:", []),
    Case("eql: ![b] [a], the missing one before", ABSENT, "0:a", [(0, "a0")], BEFORE),
    Case("eql: ![b] [a], and it is there", ABSENT, "0:b 4:a 20:", [], BEFORE),
    Case("eql: ![c] [a] [b]", {**THREE, "condition": "a and b and not c"}, "0:a 1:b 2:c",
         [(1, "a0 b1")], BEFORE),
    Case("siddhi: not b for T -> a", ABSENT, "0:b 5.001:a", [(5.001, "a5.001")], BEFORE),
    Case("siddhi: not b for T -> a, too early", ABSENT, "0:b 3:a 20:", [], BEFORE),
    Case("esper: a -> timer:interval(T) and not b", ABSENT, "0:a 5:b 9:", []),
    Case("esper: neither b nor c", {**THREE, "condition": "a and not (b or c)"}, "0:a 1:c 9:", []),
    Case("esper: not both b and c", {**THREE, "condition": "a and not (b and c)"}, "0:a 1:c 9:",
         [(5, "a0")]),
    Case("drools: after a no b, told once for each pause", ABSENT, "0:a 10:a 20:",
         [(5, "a0"), (15, "a10")]),
]  # fmt: skip
REPEATS = [
    Case("flink: times(3)", gte(3), "0:a 1:a 2:a", [(2, "a0 a1 a2")]),
    Case("flink: times(3).consecutive()", gte(3), "0:a 1:a 2:d 3:a", [], {"until": "d"}),
    Case("flink: timesOrMore(2), and more", gte(2), "0:a 1:a 2:a 3:a", [(1, "a0 a1")]),
    Case("flink: times(2, 3)", {**COUNT, "condition": {"gte": 2, "lte": 3}}, "0:a 1:a 2:a 9:",
         [(5, "a0 a1 a2")]),
    Case("flink: times(2, 3), four of them", {**COUNT, "condition": {"gte": 2, "lte": 3}},
         "0:a 1:a 2:a 3:a 9:", []),
    Case("flink: oneOrMore().until(c)", gte(2), "0:a 1:c 2:a", [], UNTIL),
    Case("flink: the sum of what was taken", number("value_sum", gt=100), "0:a=60 1:a=30 2:a=20",
         [(2, "a0 a1 a2")]),
    Case("siddhi: distinctCount", DISTINCT, "0:a=x 1:a=y 2:a=x 3:a=z", [(3, "a0 a1 a2 a3")]),
    Case("siddhi: time window, having sum", number("value_sum", gte=5), "0:a=3 4:a=1 8:a=4",
         [(8, "a4 a8")]),
    Case("siddhi: time window, having avg", number("value_avg", gt=10), "0:a=2 1:a=30",
         [(1, "a0 a1")]),
    Case("siddhi: timeBatch", gte(2), "0:a 4:a 5:a 6:a", [(4, "a0 a4"), (6, "a5 a6")],
         {"window": "tumbling"}),
    Case("siddhi: session by gap", gte(3), "0:a 2:a 4:a", [(4, "a0 a2 a4")],
         {"window": "session", "gap": "2s"}),
    Case("eql: with runs=3", gte(3), "0:a@x 1:a@y 2:a@x 3:a@x", [(3, "a0 a2 a3")]),
    Case("esper: [2] a -> b", (gte(2), {**ORDER, "rules": ["c1", "b"]}), "0:a 4:a 8:b",
         [(8, "a0 a4 b8")]),
    Case("esper: [2:] a until c", gte(2), "0:a 1:a 2:c 3:a 4:a", [(1, "a0 a1"), (4, "a3 a4")],
         UNTIL),
    Case("esper: median in a time window", number("value_median", gte=5), "0:a=1 1:a=5 2:a=9",
         [(2, "a0 a1 a2")]),
    Case("esper: a view without a group", {**gte(2), "group-by": NO_GROUP}, "0:a@x 1:a@y",
         [(1, "a0 a1")]),
    Case("elastic: threshold with cardinality", {**DISTINCT, "group-by": ["h"]},
         "0:a@x=1 1:a@x=2 2:a@y=3 3:a@x=3", [(3, "a0 a1 a3")]),
    Case("elastic: events of the last T only", gte(3), "0:a 3:a 6:a", []),
    Case("panther: threshold with a period of quiet", gte(2), "0:a 1:a 2:a 3:a 4:a",
         [(1, "a0 a1")]),
    Case("flink: late by no more than the watermark allows", gte(2), "1:a 6:d 3:a",
         [(3, "a1 a3")], late="3s"),
    Case("flink: later than that is left out", gte(2), "1:a 6:d 3:a", [], late="2s"),
    Case("flink: a late cause of an effect that is there", ORDER, "2:b 1:a 8:", [(2, "a1 b2")],
         late="1s"),
]  # fmt: skip
COMPARED = [
    Case(f"velociraptor: {operator} 2 of 1 to 5", {**COUNT, "condition": {operator: 2}},
         "0:a#e1 1:a#e2 2:a#e3 3:a#e4 4:a#e5",
         [(n - 1, " ".join(f"e{m}" for m in range(1, n + 1))) for n in counts], EVERY)
    for operator, counts in (
        ("gt", [3, 4, 5]), ("gte", [2, 3, 4, 5]), ("lt", [1]), ("lte", [1, 2]), ("eq", [2]),
        ("neq", [1, 3, 4, 5]),
    )
]  # fmt: skip
CASES = [*SEQUENCES, *ABSENCES, *REPEATS, *COMPARED]


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_patterns(tmp_path: Path, case: Case) -> None:
    late = ("--lateness", case.late) if case.late else ()
    assert evaluated(tmp_path, case.sections, case.line, *late, ours=case.ours) == case.expected


# conversations know no texts that are numbers, and so no sums of them
TALKED = [case for case in CASES if "aliases" not in case.sections[0]
          and not any(one["type"] in {"value_sum", "value_avg", "value_median"}
                      for one in case.sections)]  # fmt: skip


@pytest.mark.parametrize("case", TALKED, ids=[case.name for case in TALKED])
def test_patterns_in_conversations(tmp_path: Path, case: Case) -> None:
    late = int(case.late[:-1]) * 1000 if case.late else None
    found = judged(tmp_path, case.sections, case.line, ours=case.ours, lateness=late)
    assert found == case.expected


# whole files: predicates on fields, and several rules beside each other
CARDS = """\
title: Small payment
name: small
logsource: {category: payment}
detection: {s: {card.amount|lt: 1, card.state: paid}, condition: s}
---
title: Large payment
name: large
logsource: {category: payment}
detection: {s: {card.amount|gte: 500}, own: {card.owner|contains: our}, condition: s and not own}
---
title: A trial, then the theft
name: theft
correlation:
  type: temporal_ordered
  rules: [small, large]
  group-by: [card.number]
  timespan: 1m
---
title: Spent within an hour
name: spent
correlation:
  type: value_sum
  rules: [small, large]
  group-by: [card.number]
  timespan: 1h
  condition: {field: card.amount, gt: 1000}
"""
LOGINS = """\
title: Order placed
name: placed
detection: {s: {what: placed}, condition: s}
---
title: Order paid
name: paid
detection: {s: {what|startswith: paid}, condition: 1 of s*}
---
title: Placed and not paid for
name: unpaid
correlation:
  type: temporal_ordered
  group-by: [shop, order]
  timespan: 15m
  condition: placed and not paid
---
title: Many orders that nobody pays for
name: many
correlation:
  type: event_count
  rules: [unpaid]
  group-by: [shop]
  timespan: 1h
  condition: {gte: 2}
"""


def paid(second: int, number: str, amount: float, **more: str) -> dict[str, Any]:
    return {"at": second, "card": {"number": number, "amount": amount, "state": "paid", **more}}


def order(minute: int, what: str, number: int, shop: str = "s") -> dict[str, Any]:
    return {"at": minute * 60, "what": what, "order": number, "shop": shop}


FILES = [
        (CARDS, [paid(100, "x", 0.5), paid(150, "x", 600), paid(155, "y", 900)], [],
         [("theft", 150, "1 2")]),
        (CARDS, [paid(100, "x", 0.5), paid(161, "x", 600)], [], []),
        (CARDS, [paid(100, "x", 0.5), paid(150, "x", 600, owner="our own")], [], []),
        (CARDS, [paid(150, "x", 600), paid(100, "x", 0.5), paid(100, "x", 600)], [],
         [("theft", 150, "2 1"), ("spent", 150, "2 3 1")]),
        (CARDS, [paid(150, "x", 600), paid(100, "x", 0.5)], ["--lateness", "49s"], []),
        (CARDS, [paid(150, "x", 600), paid(100, "x", 0.5)], ["--arrival", "time"],
         [("theft", 150, "2 1")]),
        (LOGINS, [order(0, "placed", 1), order(10, "paid by card", 1), order(60, "other", 1)], [],
         []),
        (LOGINS, [order(0, "placed", 1), order(9, "placed", 2), order(40, "other", 3)], [],
         [("many", 24 * 60, "1 2")]),
        (LOGINS, [order(0, "placed", 1), order(9, "placed", 2)], [], []),
        (LOGINS, [order(0, "placed", 1), order(9, "placed", 2)], ["--until", "1440"],
         [("many", 24 * 60, "1 2")]),
        (LOGINS, [order(0, "placed", 1), order(9, "placed", 2, "t"), order(40, "x", 3)], [], []),
]  # fmt: skip


def written(folder: Path, rules: str, events: list[dict[str, Any]]) -> list[str]:
    """The words of the command."""
    (folder / "rules.yml").write_text(rules, encoding="utf-8")
    lines = "".join(json.dumps(one) + "\n" for one in events)
    (folder / "events.jsonl").write_text(lines, encoding="utf-8")
    return ["rules", "eval", "--rules", str(folder / "rules.yml"), "--output", "json",
            "--events", str(folder / "events.jsonl"), "--time-field", "at"]  # fmt: skip


def alerts_in(printed: str) -> list[tuple[str, int, str]]:
    alerts = [json.loads(one) for one in printed.splitlines()]
    return [(a["rule"], a["time"] / 1000, " ".join(a["event_ids"])) for a in alerts]


@pytest.mark.parametrize(("rules", "events", "options", "expected"), FILES)
def test_whole_files(
    tmp_path: Path,
    rules: str,
    events: list[dict[str, Any]],
    options: list[str],
    expected: list[tuple[str, int, str]],
) -> None:
    done = CliRunner().invoke(app, [*written(tmp_path, rules, events), *options])
    assert (done.exit_code, alerts_in(done.stdout)) == (0, expected)


@pytest.mark.parametrize(("rules", "events", "options", "expected"), [FILES[0], FILES[9]])
def test_a_whole_file_as_a_process(
    tmp_path: Path,
    rules: str,
    events: list[dict[str, Any]],
    options: list[str],
    expected: list[tuple[str, int, str]],
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "jobs.cli.main", *written(tmp_path, rules, events), *options],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert alerts_in(done.stdout) == expected

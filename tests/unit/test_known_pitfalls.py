"""What other engines are known to get wrong, each through `rules eval` and through conversations.

A case is named after the thread, the probe or the pitfall it answers; lines are as in
`test_semantics.py`, in order of arrival. T is 5 seconds, where nothing else is said.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from rules.decode import Decoder
from rules.engine import Engine
from rules.errors import RuleError
from rules.ruleset import RuleTimeline
from rules.sigma.collection import load_collection
from rules.sigma.evaluate import Evaluation
from rules.sigma.event import Event
from tests.support.behaviour_lines import (
    START,
    Alerts,
    evaluated,
    judged,
    messages,
    printed,
    rules_of,
)
from tests.support.rule_files import CALENDAR, TENANT, engine, outputs, raws, ruleset
from tests.unit.test_semantics import (
    ABSENT,
    AROUND,
    BOTH,
    COUNT,
    NO_GROUP,
    ORDER,
    gte,
)

THREE = {**ORDER, "rules": ["a", "b", "c"]}
DISTINCT = {"type": "value_count", "rules": ["a"], "condition": {"gte": 2, "field": "v"}}
EVERY = {"emit": "every"}


class Case(NamedTuple):
    name: str
    section: (
        Mapping[str, Any] | Sequence[Mapping[str, Any]]
    )  # several are a chain, the last one on top
    line: str
    expected: Alerts
    ours: Mapping[str, Any] = {}
    lateness: int = -1  # seconds; -1 waits for the end

    @property
    def sections(self) -> list[Mapping[str, Any]]:
        return [self.section] if isinstance(self.section, Mapping) else list(self.section)


CASES = [
    # ---- probes: the same question asked of several engines
    Case("probe: two of three events, one alert", gte(2), "0:a 1:a 2:a", [(1, "a0 a1")]),
    Case("probe: two of three events, every row", gte(2), "0:a 1:a 2:a",
         [(1, "a0 a1"), (2, "a0 a1 a2")], EVERY),
    Case("probe: exactly T apart is together", gte(2), "0:a 5:a", [(5, "a0 a5")]),
    Case("probe: a millisecond more is not", gte(2), "0:a 5.001:a", []),
    Case("probe: 100,104,96 are 8 s apart", gte(3), "100:a 104:a 96:a", [], lateness=60),
    Case("probe: 100,101,102 are within T", gte(3), "100:a 101:a 110:a 102:a",
         [(102, "a100 a101 a102")], lateness=8),
    Case("probe: but not when it is too late", gte(3), "100:a 101:a 110:a 102:a", [], lateness=7),
    Case("probe: a and not b, b two seconds later", ABSENT, "0:a 2:b 9:", [], lateness=0),
    Case("probe: a and not b, told at the deadline", ABSENT, "0:a 9:", [(5, "a0")], lateness=0),
    Case("probe: ordered looks forward only", ABSENT, "0:b 2:a 9:", [(7, "a2")]),
    Case("probe: unordered looks to both sides", AROUND, "0:b 2:a 9:", []),
    Case("probe: equal times are not ordered", ORDER, "1:a 1:b", []),
    Case("probe: nor when b came first", ORDER, "1:b 1:a", []),
    Case("probe: but they are together", BOTH, "1:b 1:a", [(1, "a1 b1")]),
    Case("probe: a, b, b in order is told once", ORDER, "0:a 1:b 2:b", [(1, "a0 b1")]),
    Case("probe: an event that fits both counts once",
         {"type": "event_count", "rules": ["a", "b"], "condition": {"gte": 2}}, "0:ab", []),
    Case("probe: without the group field it is excluded", gte(2), "0:a@ 1:a@", []),
    Case("probe: unless the rule groups them", gte(2), "0:a@ 1:a@", [(1, "a0 a1")],
         {"missing_group": "group"}),
    Case("probe: group values are compared exactly", gte(2), "0:a@h 1:a@H", []),
    Case("probe: lt waits for the close", {**COUNT, "condition": {"lt": 2}}, "0:a 1:a 9:", []),
    Case("probe: lt of one", {**COUNT, "condition": {"lt": 2}}, "0:a 9:", [(5, "a0")]),
    Case("probe: eq 2 of three", {**COUNT, "condition": {"eq": 2}}, "0:a 1:a 2:a 9:", []),
    Case("probe: eq 2 of two", {**COUNT, "condition": {"eq": 2}}, "0:a 1:a 9:", [(5, "a0 a1")]),
    Case("probe: without group-by all is one group", {**gte(2), "group-by": NO_GROUP},
         "0:a@x 1:a@y", [(1, "a0 a1")]),
    # ---- pitfalls
    Case("pitfall 1: nobody cuts a window in two", gte(2), "4.9:a 5.1:a", [(5.1, "a4.9 a5.1")]),
    Case("pitfall 1: unless the author does", gte(2), "4.9:a 5.1:a", [], {"window": "tumbling"}),
    Case("pitfall 2: final, a late one is in it", gte(2), "0:a 2:a 1:a", [(1, "a0 a1")],
         lateness=1),
    Case("pitfall 3: other groups move time", ABSENT, "0:a 9:d@other", [(5, "a0")], lateness=0),
    Case("pitfall 4: at the deadline it still cancels", ABSENT, "0:a 5:b 9:", [], lateness=0),
    Case("pitfall 4: also when it is late", ABSENT, "0:a 6: 5:b 9:", [], lateness=1),
    Case("pitfall 4: a millisecond later it does not", ABSENT, "0:a 5.001:b 9:", [(5, "a0")]),
    Case("pitfall 5: a child stands at its last event", (gte(2), {**ORDER, "rules": ["c1", "b"]}),
         "0:a 5:a 10:b", [(10, "a0 a5 b10")]),
    Case("pitfall 5: an absence at its deadline", (ABSENT, {**ORDER, "rules": ["c1", "d"]}),
         "0:a 4:d 7:d", [(7, "a0 d7")]),
    Case("pitfall 5: windows add up, and so does lateness",
         (gte(2), {**ORDER, "rules": ["c1", "b"]}), "0:a 10:b 5:a", [(10, "a0 a5 b10")],
         lateness=5),
    Case("pitfall 7: a replay counts once", gte(2), "0:a#x 0:a#x", []),
    Case("pitfall 8: a source that is behind", ORDER, "60:d 58:b 56:a 70:", [(58, "a56 b58")],
         lateness=4),
    Case("pitfall 11: a later start does not wipe the earlier one out", THREE,
         "0:a 1:b 2:a 3:c", [(3, "a0 b1 c3")]),
    Case("pitfall 11: nor an earlier one that has left", THREE, "0:a 2:a 3:b 6:c",
         [(6, "a2 b3 c6")]),
    Case("pitfall 11: every row, for any number of steps", THREE, "0:a 1:b 2:c 3:c",
         [(2, "a0 b1 c2"), (3, "a0 b1 c2")], EVERY),
    Case("pitfall 13: armed anew when it has fallen below", gte(2), "0:a 1:a 6.5:a 7:a",
         [(1, "a0 a1"), (7, "a6.5 a7")]),
    Case("pitfall 13: not while it goes on", gte(2), "0:a 4:a 8:a 12:a 16:a", [(4, "a0 a4")]),
    # ---- threads
    Case("sigma-specification 198: absence", AROUND, "0:a 9:", [(5, "a0")]),
    Case("sigma-specification 122: d does not come",
         {**THREE, "condition": "a and b and c and not d", "rules": [*"abcd"]},
         "0:a 1:b 2:c 9:", [(5, "a0 b1 c2")]),
    Case("sigma-specification 122: d comes",
         {**THREE, "condition": "a and b and c and not d", "rules": [*"abcd"]},
         "0:a 1:b 2:c 4:d 9:", []),
    Case("sigma-specification 214: low and slow in a session", gte(4, timespan="1m"),
         "0:a 9:a 18:a 27:a", [(27, "a0 a9 a18 a27")], {"window": "session", "gap": "9s"}),
    Case("sigma-specification 214: a silence ends it", gte(4, timespan="1m"),
         "0:a 9:a 18.001:a 27:a", [], {"window": "session", "gap": "9s"}),
    Case("sigma-specification 190: a list of fields is one value",
         {**DISTINCT, "condition": {"gte": 2, "field": ["v", "h"]}, "group-by": NO_GROUP},
         "0:a@x=p 1:a@x=p 2:a@y=p", [(2, "a0 a1 a2")]),
    Case("security-analytics 1351: T is honoured", gte(2), "0:a 60:a", []),
    Case("security-analytics 458: on every look", gte(2), "0:a 1:a 60:a 120:a", [(1, "a0 a1")]),
    Case("security-analytics 861: three of 5 s, not of all", gte(3), "0:a 3:a 6:a 9:a", []),
    Case("hayabusa 1810: a, c, b is not a, b, c", THREE, "0:a 1:c 2:b", []),
    Case("hayabusa 1809: groups are not mixed", ORDER, "0:a@x 1:b@y", []),
    Case("hayabusa 1841: ordered, in one group", ORDER, "0:a@x 1:b@y 2:b@x", [(2, "a0 b2")]),
    Case("rustinel 535: what came late is in order", ORDER, "3:b 1:a", [(3, "a1 b3")],
         lateness=2),
    Case("rustinel 535: and no order is made up", ORDER, "3:a 1:b", [], lateness=2),
    Case("flink-siddhi 34: an absence that a late one cancels", ABSENT, "0:a 6: 4:b 9:", [],
         lateness=2),
    Case("synapse-ce 676: as late as allowed", gte(2), "10:a 4:d 6:a", [(10, "a6 a10")],
         lateness=4),
    Case("graylog-plugin 31: one millisecond is no order", ORDER, "1:a 1:b", []),
    Case("graylog-plugin 31: two are", ORDER, "1:a 1.001:b", [(1.001, "a1 b1.001")]),
    Case("rsigma 458: a chain is told by its last correlation",
         (gte(2), {**COUNT, "rules": ["c1"], "condition": {"gte": 1}}), "0:a 1:a",
         [(1, "a0 a1")]),
    Case("siddhi 937: absence by event time", ABSENT, "0:a 600:d", [(5, "a0")], lateness=0),
    Case("siddhi 1782: what is over is forgotten", ORDER, "0:a 60:b", [], lateness=0),
    Case("FLINK-18642: a sequence that is not finished in time",
         {**THREE, "condition": "a and b and not c"}, "0:a 2:b 9:", [(5, "a0 b2")], lateness=0),
    Case("confluent-sigma: distinct values, not repeats", DISTINCT, "0:a=x 1:a=x", []),
    Case("confluent-sigma: two values", DISTINCT, "0:a=x 1:a=y", [(1, "a0 a1")]),
    Case("velociraptor: what leaves is taken off its own value", DISTINCT,
         "0:a=x 4:a=y 8:a=y 12:a=x", [(4, "a0 a4"), (12, "a8 a12")]),
    Case("fraud-detection-demo: one rule does not use up the other's window",
         (gte(2), {**COUNT, "rules": ["a"], "condition": {"gte": 3}}), "0:a 1:a 2:a",
         [(2, "a0 a1 a2")]),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_what_other_engines_got_wrong(tmp_path: Path, case: Case) -> None:
    late = () if case.lateness < 0 else ("--lateness", f"{case.lateness}s")
    assert evaluated(tmp_path, case.sections, case.line, *late, ours=case.ours) == case.expected


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_what_other_engines_got_wrong_about_conversations(tmp_path: Path, case: Case) -> None:
    late = None if case.lateness < 0 else case.lateness * 1000
    found = judged(tmp_path, case.sections, case.line, ours=case.ours, lateness=late)
    assert found == case.expected


@pytest.mark.parametrize(
    ("section", "line"),
    [(BOTH, "1:b 1:a 1.5:a"), (gte(3), "0:a#z 0:a#y 0:a#x"), (ORDER, "0:a#y 0:a#x 1:b#w 1:b#v")],
)
def test_alerts_do_not_depend_on_how_events_of_one_time_came(
    tmp_path: Path, section: Mapping[str, Any], line: str
) -> None:
    """Pitfall 8: over more partitions the same events stand in other places."""
    rules = rules_of(tmp_path, [section])
    found = []
    for said in itertools.permutations(messages(line)):
        told = list(engine(rules).run(raws(said)))
        found.append([(a["alert_id"], a["members"]) for a in outputs(told, "alerts")])
    assert len(found[0]) == 1
    assert [each for each in found if each != found[0]] == []


def test_one_rule_twice_is_refused_for_conversations_as_well(tmp_path: Path) -> None:
    """Probe: others let one event be both."""
    with pytest.raises(RuleError) as caught:
        rules_of(tmp_path, [{**ORDER, "rules": ["a", "a"]}])
    assert caught.value.code == "MJ302"
    assert caught.value.column > 1


def test_a_condition_of_negations_only_is_refused_for_conversations_as_well(tmp_path: Path) -> None:
    with pytest.raises(RuleError) as caught:
        rules_of(tmp_path, [{**BOTH, "condition": "not a and not b"}])
    assert caught.value.code == "MJ332"


@pytest.mark.parametrize("fires", [True, False])
def test_many_steps_and_many_events_are_no_search(tmp_path: Path, fires: bool) -> None:
    """Pitfall 12: trying every event for every step would take longer than the universe is old."""
    names = [f"s{n:02d}" for n in range(40)]
    found: list[dict[str, Any]] = [
        {"title": name, "name": name, "detection": {"s": {"k|contains": name}, "condition": "s"}}
        for name in names
    ]
    section = {"type": "temporal_ordered", "rules": names, "timespan": "1h"}
    found.append({"title": "c1", "name": "c1", "correlation": section})
    (tmp_path / "r.yml").write_text(yaml.safe_dump_all(found), encoding="utf-8")
    every = "".join(names if fires else names[:-1])  # each event fits every step but one
    lines = [{"id": f"e{n:03d}", "at": START + n * 1000, "k": every} for n in range(120)]
    (tmp_path / "e.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    alerts = printed(tmp_path / "r.yml", tmp_path / "e.jsonl", "c1")
    expected = (39, " ".join(f"e{n:03d}" for n in range(40)))
    assert alerts == ([expected] if fires else [])


@pytest.mark.parametrize(
    ("selection", "fields", "matches"),
    [
        # rustinel 161: only ASCII was folded, so that writing É for é hid a word
        ({"k|contains": "café"}, {"k": "UN CAFÉ"}, True),
        ({"k": "ПЕРЕВОД"}, {"k": "перевод"}, True),
        ({"k": "straße"}, {"k": "STRASSE"}, True),
        ({"k|contains|cased": "café"}, {"k": "CAFÉ"}, False),
        # numbers and the texts that write them
        ({"k": 42}, {"k": "42"}, True),
        ({"k": "42"}, {"k": 42}, True),
        ({"k": 42}, {"k": "042"}, False),
        # null is not absent
        ({"k": None}, {"k": None}, True),
        ({"k|exists": True}, {"k": None}, True),
        ({"k|exists": True}, {}, False),
    ],
)
def test_what_is_equal(selection: dict[str, Any], fields: dict[str, Any], matches: bool) -> None:
    rule = {"title": "c1", "detection": {"s": selection, "condition": "s"}}
    found = load_collection([("r.yml", json.dumps(rule))])
    assert found.problems == ()
    assert bool(list(Evaluation(found).feed("x", Event(fields), None))) == matches


@pytest.mark.parametrize(
    ("condition", "letters", "matches"),
    [
        ("(sa or sb) and not (sc or sd)", "a", True),
        ("(sa or sb) and not (sc or sd)", "bd", False),
        ("sa or sb and sc", "a", True),  # and binds more tightly
        ("not sa or sb", "", True),
        ("1 of s*", "c", True),
        ("all of s*", "abc", False),
        ("all of them", "abcd", True),
        ("2 of s*", "ad", True),
        ("2 of s*", "d", False),
        ("1 of s* and not 1 of (sa or sb)", "c", None),
    ],
)
def test_conditions_have_brackets_and_quantifiers(
    condition: str, letters: str, matches: bool | None
) -> None:
    """confluent-sigma 57: neither was understood. None: it is refused, not guessed at."""
    selections = {f"s{letter}": {"k|contains": letter} for letter in "abcd"}
    rule = {"title": "c1", "detection": {**selections, "condition": condition}}
    found = load_collection([("r.yml", json.dumps(rule))])
    if matches is None:
        assert len(found.problems) == 1
    else:
        assert found.problems == ()
        assert bool(list(Evaluation(found).feed("x", Event({"k": letters}), None))) == matches


def edited(folder: Path, before: str, after: str, line: str) -> Alerts:
    """Alerts of a count whose rule file is another one from 10:00:03 on."""
    rules = [
        ruleset(folder / str(n), text, digest=f"d{n}") for n, text in enumerate((before, after))
    ]
    timeline = RuleTimeline([(0, rules[0]), (START + 3_000, rules[1])])
    running = Engine(timeline, Decoder(TENANT), CALENDAR)
    found = outputs(running.run(raws(messages(line))), "alerts")
    assert running.states == {}
    return [
        ((one["time"] - START) / 1000, " ".join(m["msgid"] for m in one["members"]))
        for one in found
    ]


EDITED = """\
name: t_a
detection: {{it: {{type: text, text|contains: 转账}}, condition: it}}
mingjian: {{signal: true}}
---
title: {title}
id: 6a53a4e5-0d0a-4c55-8a54-1c8a7c1c1e0a
name: t_c1
correlation: {{type: event_count, rules: [t_a], group-by: [room], timespan: {span},
  condition: {{gte: 2}}}}
level: high
mingjian: {{version: {version}, item: A05-01, response: 2}}
"""


@pytest.mark.parametrize(
    ("title", "span", "line", "expected"),
    [
        # only the words of the rule are others: the window that was open goes on
        ("other", "5s", "1:a 4:a", [(4, "a1 a4")]),
        # it means something else: what was before is not counted under the new meaning
        ("t", "1m", "1:a 4:a", []),
        ("t", "1m", "1:a 4:a 8:a", [(8, "a4 a8")]),
        ("t", "1m", "0:a 1:a 4:a", [(1, "a0 a1")]),
    ],
)
def test_a_rule_that_is_edited_in_the_middle_of_a_window(
    tmp_path: Path, title: str, span: str, line: str, expected: Alerts
) -> None:
    """Pitfall 6, and flink 23025: rules change while the job runs."""
    before = EDITED.format(title="t", span="5s", version=1)
    after = EDITED.format(title=title, span=span, version=2)
    assert edited(tmp_path, before, after, line) == expected


def test_suppression_by_a_field_that_is_missing_groups_what_lacks_it(tmp_path: Path) -> None:
    """security-docs 3205: others leave it open whether such alerts are suppressed."""
    rules = ruleset(
        tmp_path,
        """\
title: t
id: 6a53a4e5-0d0a-4c55-8a54-1c8a7c1c1e0a
name: t_said
detection: {it: {type: text, text|contains: 转账}, condition: it}
level: high
mingjian: {version: 1, item: A05-01, response: 2, suppress: {for: 1h, by: [room]}}
""",
    )
    found = list(engine(rules).run(raws(messages("0:a@x 1:a@x 2:a@ 3:a@ 4:a@y"))))
    alerts = outputs(found, "alerts")
    assert [one["members"][0]["msgid"] for one in alerts] == ["a0", "a2", "a4"]
    assert len(outputs(found, "evidence")) == 5  # nothing that was suppressed is lost

"""The keyed stage: windows, episodes, late items, and nothing left behind."""

from __future__ import annotations

import heapq
import json
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules import behave as behave_module
from rules.behave import Behaviour
from rules.decode import Decoder
from rules.engine import FOREVER, unsealed
from rules.findings import FLAG_TRUNCATED, Findings
from rules.items import key_of
from rules.matcher import Matcher
from rules.ruleset import RuleSet, RuleTimeline
from rules.telling import Output
from tests.support.rule_files import (
    CALENDAR,
    COUNTING,
    SIMPLE,
    TENANT,
    engine,
    judge,
    outputs,
    raws,
    ruleset,
)

MINUTE = 60_000
VALUES = COUNTING.replace("event_count", "value_count").replace(
    "{gte: 3}", "{gte: 3, field: conversation}"
)
CHAIN = """\
name: t3_said
detection: {it: {type: text, text|contains: 保本}, condition: it}
mingjian: {signal: true}
---
name: t3_recalled
detection: {it: {type: revoke}, condition: it}
mingjian: {signal: true}
---
title: 先说后撤
id: 933767d1-6150-5209-bf38-16a14f6444cc
name: t3_chain
correlation:
  type: temporal_ordered
  rules: [t3_said, t3_recalled]
  group-by: [sender]
  timespan: 10m
level: high
mingjian: {version: 1, item: A05-02, response: 3}
"""


@pytest.fixture(scope="module")
def counting(tmp_path_factory: pytest.TempPathFactory) -> RuleSet:
    return ruleset(tmp_path_factory.mktemp("rules"), COUNTING)


def recalls(line: str, to: str = "c1") -> list[dict[str, Any]]:
    """One recall a letter; a column is a minute from 10:00. "x" twice is one id twice."""
    return [
        {"at": f"10:{column:02d}", "from": "zhangwei", "to": to, "recall": "z", "id": f"m{column}"}
        for column, letter in enumerate(line)
        if letter != "-"
    ]


def told(found: Sequence[Output]) -> tuple[list[list[str]], list[str]]:
    """(members of each alert, ids of all evidence in order), as minutes."""
    alerts = [[m["msgid"][1:] for m in a["members"]] for a in outputs(found, "alerts")]
    return alerts, [e["msgid"][1:] for e in outputs(found, "evidence")]


@pytest.mark.parametrize(
    ("line", "alerts", "evidence"),
    [
        ("", [], []),
        ("rr", [], []),
        # closed window: the tenth minute still counts
        ("r----r----r", [["0", "5", "10"]], ["0", "5", "10"]),
        ("r-----r----r", [], []),
        # an episode: later members are evidence of the same alert
        ("rrrr", [["0", "1", "2"]], ["0", "1", "2", "3"]),
        ("rrr-------r", [["0", "1", "2"]], ["0", "1", "2", "10"]),
        # below the threshold the rule is armed again
        ("rrr---------------rrr", [["0", "1", "2"], ["18", "19", "20"]],
         ["0", "1", "2", "18", "19", "20"]),
        ("rrr---------r-r-r", [["0", "1", "2"], ["12", "14", "16"]],
         ["0", "1", "2", "12", "14", "16"]),
    ],
)  # fmt: skip
def test_episodes(
    counting: RuleSet, line: str, alerts: list[list[str]], evidence: list[str]
) -> None:
    assert told(judge(counting, recalls(line))) == (alerts, evidence)


def test_evidence_of_an_episode_names_its_alert(counting: RuleSet) -> None:
    found = judge(counting, recalls("rrrrr"))
    (alert,) = outputs(found, "alerts")
    evidence = outputs(found, "evidence")
    assert {one["alert_id"] for one in evidence} == {alert["alert_id"]}
    ids = [one["evidence_id"] for one in evidence]
    assert [member["evidence_id"] for member in alert["members"]] == ids[:3]
    assert len(set(ids)) == 5
    assert (alert["count"], alert["status"], alert["response_state"]) == (3, "final", "post_hoc")
    assert alert["window_end"] - alert["window_start"] == 10 * MINUTE
    assert alert["group"] == {"tenant": TENANT, "sender": "zhangwei"}


@pytest.mark.parametrize(
    ("changed", "alerts"),
    [({"from": "lina"}, 0), ({"to": "c2"}, 1), ({"room": "r1"}, 1), ({"id": "m0"}, 0)],
)
def test_groups_and_repetitions(counting: RuleSet, changed: dict, alerts: int) -> None:
    """Another sender is another group; an id told twice is one event (or a conflict)."""
    messages = recalls("rrr")
    messages[2] |= changed
    assert len(outputs(judge(counting, messages), "alerts")) == alerts


def test_groups_with_odd_separators_stay_apart(tmp_path: Path) -> None:
    rules = ruleset(tmp_path, COUNTING.replace("[sender]", "[sender, room]"))
    people = [("a\x1fb", "c"), ("a", "b\x1fc"), ("a", "b\x1fc")]
    messages = [
        {"at": f"10:0{n}", "from": who, "to": "c1", "room": room, "recall": "z"}
        for n, (who, room) in enumerate(people)
    ]
    assert outputs(judge(rules, messages), "alerts") == []


def test_value_count(tmp_path: Path) -> None:
    rules = ruleset(tmp_path, VALUES)
    same, three = recalls("rrrrr"), recalls("rrrr")
    for message, to in zip(three, ("c1", "c1", "c2", "c3"), strict=True):
        message["to"] = to
    assert outputs(judge(rules, same), "alerts") == []
    assert told(judge(rules, three))[0] == [["0", "1", "2", "3"]]


def test_a_chain_in_order_fires_and_out_of_order_does_not(tmp_path: Path) -> None:
    rules = ruleset(tmp_path, CHAIN)
    said = {"from": "zhangwei", "to": "c1", "text": "这款保本"}
    recalled = {"from": "zhangwei", "to": "c1", "recall": "z"}
    for first, second, fires in ((said, recalled, 1), (recalled, said, 0)):
        found = judge(rules, [{"at": "10:00", **first}, {"at": "10:05", **second}])
        assert len(outputs(found, "alerts")) == fires
    tie = [{"at": "10:00", "seq": 8, **recalled}, {"at": "10:00", "seq": 7, **said}]
    assert len(outputs(judge(rules, tie), "alerts")) == 1
    tie[0]["seq"], tie[1]["seq"] = 7, 8
    assert outputs(judge(rules, tie), "alerts") == []


def test_a_window_that_overflows_says_so(
    counting: RuleSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(behave_module, "MAX_WINDOW", 3)
    first = judge(counting, recalls("rrr"))
    assert FLAG_TRUNCATED not in outputs(first, "alerts")[0].get("flags", [])
    rules = ruleset(Path(tempfile.mkdtemp()), VALUES)
    messages = recalls("rrrrr")
    for message, to in zip(messages, ("c1", "c1", "c1", "c2", "c3"), strict=True):
        message["to"] = to
    (alert,) = outputs(judge(rules, messages), "alerts")
    assert alert["flags"] == [FLAG_TRUNCATED]
    assert [m["msgid"] for m in alert["members"]] == ["m2", "m3", "m4"]


# --- laws


def packed(rules: RuleSet, messages: Iterable[dict[str, Any]]) -> list[bytes]:
    matcher = Matcher(RuleTimeline([(0, rules)]), Decoder(TENANT), CALENDAR)
    return [
        item
        for offset, raw in enumerate(raws(messages))
        for item in matcher.match(raw, "memory", 0, offset) or ()
    ]


def behaviour(rules: RuleSet, level: int = 1) -> Behaviour:
    findings = Findings(Decoder(TENANT), unsealed)
    return Behaviour(RuleTimeline([(0, rules)]), findings, level=level)


class Drive:
    """Items and watermarks in any order; state is bytes between any two calls, and nothing else is
    kept unless `keep` says so. Each level of a chain is a stage that hears of event time after the
    one below."""

    def __init__(self, rules: RuleSet, *, keep: bool = False) -> None:
        self._rules = rules
        self._kept: dict[int, Behaviour] | None = {} if keep else None
        self.depth = RuleTimeline([(0, rules)]).depth
        self.states: dict[str, bytes] = {}
        self.waiting: list[list[tuple[int, str]]] = [[] for _ in range(self.depth)]
        self.found: list[Output] = []
        self.told = [-1] * self.depth

    @property
    def timers(self) -> list[tuple[int, str]]:
        return [timer for stage in self.waiting for timer in stage]

    def send(self, item: bytes, stage: int = 0) -> None:
        key = key_of(item)
        found = self._stage(stage).add(self.states.get(key), item, self.told[stage])
        self._settle(stage, key, found)

    def advance(self, watermark: int) -> None:
        for stage, timers in enumerate(self.waiting):
            while timers and timers[0][0] <= watermark:
                due, key = heapq.heappop(timers)
                judge = self._stage(stage)
                self._settle(stage, key, judge.advance(self.states.get(key), due))
            self.told[stage] = watermark

    def _stage(self, stage: int) -> Behaviour:
        if self._kept is None:
            return behaviour(self._rules, stage + 1)
        return self._kept.setdefault(stage, behaviour(self._rules, stage + 1))

    def _settle(self, stage: int, key: str, step: Any) -> None:
        self.states.pop(key, None)
        if step.state is not None:
            self.states[key] = bytes(step.state)
        for timer in step.timers:
            heapq.heappush(self.waiting[stage], (timer, key))
        self.found += step.outputs
        for item in step.up:
            self.send(item, stage + 1)


LINES = st.lists(
    st.tuples(st.integers(0, 40), st.sampled_from(["zhangwei", "lina"]), st.integers(0, 3)),
    max_size=14,
)


def talk(rows: list[tuple[int, str, int]]) -> list[dict[str, Any]]:
    return [
        {"at": f"10:{minute:02d}", "from": who, "to": f"c{n % 3}", "id": f"m{n}", "seq": n + 1}
        | ({"recall": "z"} if kind else {"text": "这款保本"})
        for n, (minute, who, kind) in enumerate(rows)
    ]


@pytest.fixture(scope="module")
def all_kinds(tmp_path_factory: pytest.TempPathFactory) -> RuleSet:
    other = VALUES.replace("t2_", "t4_").replace("04040efb", "14040efb")
    return ruleset(tmp_path_factory.mktemp("kinds"), SIMPLE, COUNTING, CHAIN, other)


@settings(max_examples=80, deadline=None)
@given(rows=LINES, data=st.data())
def test_any_order_before_the_watermark_gives_the_same(
    all_kinds: RuleSet, rows: list[tuple[int, str, int]], data: st.DataObject
) -> None:
    items = packed(all_kinds, talk(rows))
    plain = Drive(all_kinds)
    for item in items:
        plain.send(item)
    plain.advance(FOREVER)
    # shuffled, and with a watermark that runs along in between for what has all arrived
    mixed = Drive(all_kinds)
    for item in data.draw(st.permutations(items)):
        mixed.send(item)
    for mark in sorted(data.draw(st.lists(st.integers(0, 60), max_size=4))):
        mixed.advance(1_772_589_600_000 + mark * MINUTE)
    mixed.advance(FOREVER)
    assert sorted(mixed.found) == sorted(plain.found)
    for drive in (plain, mixed):
        assert drive.states == {}
        assert drive.timers == []


@settings(max_examples=60, deadline=None)
@given(rows=LINES)
def test_in_time_order_the_watermark_may_run_along(
    all_kinds: RuleSet, rows: list[tuple[int, str, int]]
) -> None:
    messages = talk(sorted(rows))
    held = list(engine(all_kinds).run(raws(messages)))
    running = engine(all_kinds, lateness=0)
    found: list[Output] = []
    for offset, raw in enumerate(raws(messages)):
        time = json.loads(raw)["time"]
        found += running.judge(raw, offset=offset, time=time - 1)
    found += running.finish()
    assert sorted(found) == sorted(held)
    assert running.states == {}


def test_a_late_item_is_told_and_judges_nothing(counting: RuleSet) -> None:
    items = packed(counting, recalls("rrr"))
    drive = Drive(counting)
    drive.send(items[0])
    drive.send(items[2])
    drive.advance(1_772_589_600_000 + MINUTE)
    drive.send(items[1])  # exactly at the watermark: settled already
    drive.advance(FOREVER)
    assert outputs(drive.found, "alerts") == []
    (late,) = outputs(drive.found, "late")
    assert (late["msgid"], late["rule"], late["tenant"]) == ("m1", "t2_burst", TENANT)
    assert late["watermark"] == 1_772_589_600_000 + MINUTE
    assert late["sealed"]
    assert drive.states == {}


def test_state_outlives_the_ruleset_it_began_under(counting: RuleSet, tmp_path: Path) -> None:
    """After a restart with edited rules the old digest is gone: the rules of the time judge."""
    drive = Drive(counting)
    for item in packed(counting, recalls("rrr")):
        drive.send(item)
    drive._rules = ruleset(
        tmp_path, COUNTING.replace("title: 撤回", "title: 大量撤回"), digest="d2"
    )
    drive.advance(FOREVER)
    assert outputs(drive.found, "alerts")[0]["rule"]["title"] == "大量撤回"


def test_what_waits_for_a_removed_rule_is_told(counting: RuleSet, tmp_path: Path) -> None:
    drive = Drive(counting)
    for item in packed(counting, recalls("rrr")):
        drive.send(item)
    drive._rules = ruleset(tmp_path, SIMPLE, digest="d2")
    drive.advance(FOREVER)
    told_of = outputs(drive.found, "quarantine")
    assert [one["reason"] for one in told_of] == ["rule_failed"] * 3
    assert "t2_burst" in told_of[0]["detail"]
    assert drive.states == {}


def test_judging_again_writes_the_same_bytes(all_kinds: RuleSet) -> None:
    messages = talk([(n, "zhangwei", n % 2) for n in range(12)])
    assert judge(all_kinds, messages) == judge(all_kinds, messages)

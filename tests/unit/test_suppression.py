"""Suppression: one alert a while, everything else its evidence; in any order of arrival."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.calendar import load_calendar
from rules.cases import records
from rules.compiled import compile_timeline
from rules.decode import Decoder
from rules.engine import Engine
from rules.ruleset import RuleTimeline, load_ruleset

WORDS = """title: 内幕
id: 0b6f3c1e-7a54-4c7e-8f0b-5f2d9f3f6a21
name: own_words
detection:
  words: {{direction: outbound, text|contains: 内幕}}
  condition: words
level: high
mingjian:
  version: 1
  item: X-01
  response: 2
  {extra}
"""
COUNT = """name: own_base
detection:
  words: {direction: outbound, text|contains: 内幕}
  condition: words
mingjian: {signal: true}
---
title: 内幕多次
id: 1b6f3c1e-7a54-4c7e-8f0b-5f2d9f3f6a21
name: own_count
correlation:
  type: event_count
  rules: [own_base]
  group-by: [sender]
  timespan: 1m
  condition: {gte: 2}
level: high
mingjian: {version: 1, item: X-02, response: 2, suppress: {for: 1h}}
"""


def engine(tmp_path: Path, text: str, lateness: int | None = None) -> Engine:
    folder = tmp_path / "rules"
    folder.mkdir(exist_ok=True)
    (folder / "rule.yaml").write_text(text, encoding="utf-8")
    timeline = RuleTimeline([(0, load_ruleset(folder))])
    return Engine(timeline, Decoder("demo"), load_calendar(), lateness=lateness)


def said(*messages: tuple[str, str, str]) -> list[bytes]:
    rows = [
        {"at": at, "from": sender, "to": to, "text": f"有内幕 {at}"} for at, sender, to in messages
    ]
    return records({"messages": rows})


def outcome(judge: Engine, raws: list[bytes]) -> tuple[list[dict[str, Any]], dict[str, list[str]]]:
    """(alerts in order of time, msgids of evidence by alert)."""
    alerts, evidence = [], {}
    for kind, body in judge.run(raws):
        value = json.loads(body)
        if kind == "alerts":
            alerts.append(value)
        elif kind == "evidence":
            evidence.setdefault(value["alert_id"], []).append(value["msgid"])
    assert not judge.states, "state of what is over is gone"
    return sorted(alerts, key=lambda one: one["time"]), {k: sorted(v) for k, v in evidence.items()}


HOUR = WORDS.format(extra="suppress: {for: 1h}")
DAY = [
    ("10:00", "zhangwei", "c1"), ("10:20", "zhangwei", "c2"), ("11:00", "zhangwei", "c3"),
    ("11:00:01", "zhangwei", "c1"), ("10:30", "lina", "c1"),
]  # fmt: skip


def test_what_comes_within_the_time_is_evidence_of_the_alert(tmp_path: Path) -> None:
    alerts, evidence = outcome(engine(tmp_path, HOUR), said(*DAY))
    assert [(one["actor"], one["members"][0]["msgid"]) for one in alerts] == [
        ("zhangwei", "m1"), ("lina", "m5"), ("zhangwei", "m4"),
    ]  # fmt: skip
    assert evidence[alerts[0]["alert_id"]] == ["m1", "m2", "m3"]  # the end counts
    assert alerts[0]["group"].keys() == {"tenant", "sender"}


def test_any_order_of_arrival_gives_the_same(tmp_path: Path) -> None:
    raws = said(*DAY)
    wanted = outcome(engine(tmp_path, HOUR), raws)
    for seed in range(10):
        mixed = raws[:]
        random.Random(seed).shuffle(mixed)
        assert outcome(engine(tmp_path, HOUR), mixed) == wanted


def test_by_more_fields_each_group_has_its_own_time(tmp_path: Path) -> None:
    text = WORDS.format(extra="suppress: {for: 1h, by: [sender, conversation]}")
    alerts, _ = outcome(engine(tmp_path, text), said(*DAY))
    assert [one["members"][0]["msgid"] for one in alerts] == ["m1", "m2", "m5", "m3", "m4"]


def test_a_hit_that_is_too_late_to_be_put_in_order_is_told_all_the_same(tmp_path: Path) -> None:
    judge = engine(tmp_path, HOUR, lateness=0)
    first, late = said(("12:00", "zhangwei", "c1"), ("09:00", "zhangwei", "c2"))
    outputs = judge.judge(first, time=1_772_640_000_000) + judge.judge(late)
    kinds = [kind for kind, _ in outputs + judge.finish()]
    assert kinds.count("alerts") == 2
    assert kinds.count("late") == 1


def live(judge: Engine, raws: list[bytes]) -> list[tuple[str, dict[str, Any]]]:
    """What is told when each record moves event time."""
    found = []
    for raw in raws:
        found += judge.judge(raw, time=json.loads(raw)["time"])
    return [(kind, json.loads(body)) for kind, body in [*found, *judge.finish()]]


def told(found: list[tuple[str, dict[str, Any]]]) -> tuple[list[str], set[tuple[str, str]]]:
    """(ids of alerts, (alert, message) of evidence)."""
    alerts = sorted(one["alert_id"] for kind, one in found if kind == "alerts")
    return alerts, {(one["alert_id"], one["msgid"]) for kind, one in found if kind == "evidence"}


Z, L = "zhangwei", "lina"


@pytest.mark.parametrize(
    ("lateness", "came", "expected"),
    [
        # covered by a silence that is held: evidence of that alert, as in time
        (0, [("10:00", Z), ("10:30", Z), ("10:20", Z)], ""),
        (0, [("10:00", Z), ("11:00", Z), ("11:00", Z)], ""),
        # the alert that came before it would have been silent
        (0, [("12:00", Z), ("11:30", Z)], "changed"),
        (0, [("12:00", Z), ("11:00", Z)], "changed"),  # the end counts
        (1_200_000, [("12:00", Z), ("11:30", Z)], "changed"),  # and one that waits
        (0, [("10:00", Z), ("12:00", Z), ("11:30", Z)], "changed"),
        # what was before it is forgotten, and nothing follows so soon
        (0, [("12:00", Z), ("09:00", Z)], "unknown"),
        (0, [("10:00", Z), ("13:00", Z), ("10:30", Z)], "unknown"),  # it would have been silent
        (0, [("12:00", L), ("11:30", Z)], "unknown"),
        (0, [("10:00", Z), ("12:00", L), ("11:30", Z)], "unknown"),
    ],
)
def test_a_late_hit_of_a_rule_with_suppression(
    tmp_path: Path, lateness: int, came: list[tuple[str, str]], expected: str
) -> None:
    judge = engine(tmp_path, HOUR, lateness)
    raws = said(*((at, who, "c1") for at, who in came))
    found = live(judge, raws)
    late = [one for kind, one in found if kind == "late"]
    assert [one["would_have_fired"] for one in late] == ([expected] if expected else [])
    last = f"m{len(came)}"
    for one in late:
        assert (one["msgid"], one["rule"]) == (last, "own_words")
        own = [alert for kind, alert in found if kind == "alerts"][-1]
        assert one["group"] == own["group"], "it is found by the group of its alert"
    assert any(one.get("msgid") == last for kind, one in found if kind == "evidence"), "not lost"


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_no_late_record_means_that_order_made_no_difference(
    anew: Callable[[int | None], Engine], data: st.DataObject
) -> None:
    """And `changed` of the only one that came late means that it did."""
    minutes = data.draw(st.lists(st.integers(0, 300), min_size=2, max_size=8, unique=True))
    raws = said(*((f"{10 + one // 60:02}:{one % 60:02}", Z, "c1") for one in minutes))
    lateness = data.draw(st.sampled_from([0, 600_000, 3_600_000]))
    found = live(anew(lateness), raws)
    ordered = [raw for _, raw in sorted(zip(minutes, raws, strict=True))]
    same = told(found) == told(live(anew(None), ordered))
    late = [one["would_have_fired"] for kind, one in found if kind == "late"]
    if not late:
        assert same
    elif late == ["changed"]:
        assert not same
    assert set(late) <= {"changed", "unknown"}


@pytest.fixture(scope="module")
def anew(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int | None], Engine]:
    """Makes an engine of this lateness that remembers nothing; the rules are compiled once."""
    folder = tmp_path_factory.mktemp("rules")
    (folder / "rule.yaml").write_text(HOUR, encoding="utf-8")
    timeline, calendar = RuleTimeline([(0, load_ruleset(folder))]), load_calendar()
    compiled = compile_timeline(timeline)
    return lambda lateness: Engine(
        timeline, Decoder("demo"), calendar, lateness=lateness, compiled=compiled
    )


def test_a_correlation_is_quiet_for_its_group(tmp_path: Path) -> None:
    messages = [
        ("10:00", "zhangwei", "c1"), ("10:00:30", "zhangwei", "c1"),  # the alert
        ("10:30", "zhangwei", "c1"), ("10:30:30", "zhangwei", "c1"),  # within the hour
        ("11:10", "zhangwei", "c1"), ("11:10:30", "zhangwei", "c1"),  # after it
    ]  # fmt: skip
    alerts, evidence = outcome(engine(tmp_path, COUNT), said(*messages))
    assert [one["members"][0]["msgid"] for one in alerts] == ["m1", "m5"]
    assert evidence[alerts[0]["alert_id"]] == ["m1", "m2", "m3", "m4"]


def test_a_quiet_time_that_an_absence_opened_is_over_some_day(tmp_path: Path) -> None:
    text = COUNT.replace("event_count", "temporal").replace(
        "rules: [own_base]", "rules: [own_base, own_end]"
    )
    text = text.replace("condition: {gte: 2}", "condition: own_base and not own_end")
    end = "name: own_end\ndetection: {it: {type: revoke}, condition: it}\n"
    end += "mingjian: {signal: true}\n---\n"
    messages = [
        ("10:00", "zhangwei", "c1"),
        ("10:30", "zhangwei", "c1"),
        ("12:00", "zhangwei", "c1"),
    ]
    alerts, _ = outcome(
        engine(tmp_path, end + text), said(*messages)
    )  # asserts that no state is left
    assert [one["members"][0]["msgid"] for one in alerts] == ["m1", "m3"]


@pytest.mark.parametrize(
    ("extra", "state", "to"),
    [
        ("blind_spots: 无", "post_hoc", ""),
        ("intercept: {by: wecom, rule: 敏感词 3, mode: block}", "delegated", "敏感词 3"),
    ],
)
def test_an_alert_says_what_was_really_done(
    tmp_path: Path, extra: str, state: str, to: str
) -> None:
    alerts, _ = outcome(engine(tmp_path, WORDS.format(extra=extra)), said(DAY[0]))
    assert (alerts[0]["response_state"], alerts[0].get("delegated_to", "")) == (state, to)


def test_only_our_own_channel_can_have_blocked_a_message(tmp_path: Path) -> None:
    text = WORDS.format(extra="requires: [own_channel]")
    for result, state in (("blocked", "enforced"), ("passed", "post_hoc")):
        payload = {"from": "zhangwei", "tolist": ["c1"], "text": "有内幕", "result": result}
        event = {"at": "10:00", "event": "send_reviewed", "source": "x", "payload": payload}
        alerts, _ = outcome(engine(tmp_path, text), records({"messages": [event]}))
        assert [one["response_state"] for one in alerts] == [state]

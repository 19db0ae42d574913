"""What a part of a stream decides: the same alerts as the whole, or "cannot be decided"."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rules.bounds import KEY_BYTES
from rules.cases import record
from rules.compiled import compile_timeline
from rules.decode import Decoder
from rules.edges import Edges
from rules.rejudge import Judged, Rejudge
from rules.ruleset import RuleTimeline
from tests.support.rule_files import CALENDAR, TENANT, ruleset

WORDS = {"a": "转账", "b": "提醒", "c": "确认", "d": "138", "e": "0013", "f": "8000"}
BASES = "".join(
    f"name: t_{name}\n"
    f"detection: {{it: {{type: text, text|contains: {WORDS[name]}}}, condition: it}}\n"
    "mingjian: {signal: true}\n---\n"
    for name in "abc"
)
HEAD = (
    "level: high\nmingjian: {{version: 1, item: A01-01, response: 2, legal: [x], owner: y{more}}}\n"
)
WINDOWS = {
    "burst": ("event_count", "[t_a]", "{gte: 2}", ""),
    "values": ("value_count", "[t_a]", "{gte: 2, field: conversation}", ""),
    "order": ("temporal_ordered", "[t_a, t_b]", "", ""),
    "until": ("event_count", "[t_a]", "{gte: 2}", ", until: t_c"),
    "missing": ("temporal_ordered", "[t_a, t_b]", "t_a and not t_b", ""),
    "around": ("temporal", "[t_a, t_b]", "t_a and not t_b", ""),
    "before": ("temporal", "[t_a, t_b]", "t_a and not t_b", ", absent: before"),
    "few": ("event_count", "[t_a]", "{lte: 2}", ""),
    "tumbling": ("event_count", "[t_a]", "{gte: 2}", ", window: tumbling"),
    "session": ("event_count", "[t_a]", "{gte: 2}", ", window: session, gap: 2m"),
    "quiet": ("event_count", "[t_a]", "{gte: 2}", ", suppress: {for: 10m}"),
    "new": ("value_count", "[t_a]", "{gte: 1, field: conversation}", ", first_seen: true"),
    "usual": ("event_count", "[t_a]", "{gte: 2}", ", baseline: {over: 20m, ratio: 2}"),
}
ALONE = """\
title: 单条
id: id-alone
name: t_alone
detection: {it: {type: text, text|contains: 确认}, condition: it}
level: high
mingjian:
  {version: 1, item: A01-02, response: 2, legal: [x], owner: y, suppress: {for: 7m, by: [sender]}}
"""
NUMBER = """\
title: 手机号
id: id-number
name: t_number
detection: {it: {text|detect: cn_mobile}, condition: it}
level: high
mingjian: {version: 1, item: A01-03, response: 2, legal: [x], owner: y}
"""


def rule(name: str) -> str:
    kind, read, condition, more = WINDOWS[name]
    asked = f"\n  condition: {condition}" if condition else ""
    return (
        f"title: {name}\nid: id-{name}\nname: t_{name}\ncorrelation:\n  type: {kind}\n"
        f"  rules: {read}\n  group-by: [sender]\n  timespan: 5m{asked}\n" + HEAD.format(more=more)
    )


CHAIN = """\
title: 连环
id: id-chain
name: t_chain
correlation:
  type: event_count
  rules: [t_burst]
  group-by: [conversation]
  timespan: 8m
  condition: {gte: 2}
level: high
mingjian: {version: 1, item: A01-04, response: 2, legal: [x], owner: y}
"""


@cache
def timeline() -> RuleTimeline:
    texts = [BASES + ALONE, NUMBER, CHAIN, *map(rule, WINDOWS)]
    return RuleTimeline([(0, ruleset(Path(mkdtemp()), *texts))])


@cache
def compiled() -> Any:
    return compile_timeline(timeline())


T0 = 1_790_000_000_000  # 2026-09-21
STEP = 30_000  # ms: many windows end exactly at an event
FAR = 4 * 3600_000  # longer than any rule here remembers


def judged(records: list[tuple[int, bytes]], since: int | None, begin: int, end: int) -> Judged:
    again = Rejudge(
        timeline(), Decoder(TENANT), CALENDAR,
        since=since, begin=begin, end=end, key_bytes=KEY_BYTES, compiled=compiled(),
    )  # fmt: skip
    for offset, (time, raw) in enumerate(records):
        again.take(raw, "memory", 0, offset, time)
    return again.judge()


def stream(events: list[tuple[int, str, str, str]]) -> list[tuple[int, bytes]]:
    """Records of (steps after the one before, who, to whom, letters of words)."""
    found, now = [], T0
    for number, (steps, who, to, letters) in enumerate(events, start=1):
        now += steps * STEP
        said = " ".join(WORDS[letter] for letter in letters)
        raw = record({"at": "10:00", "from": who, "to": to, "text": said}, f"m{number}", number)
        body = json.loads(raw)
        body["time"] = body["received_at"] = body["payload"]["msgtime"] = now
        found.append((now, json.dumps(body, ensure_ascii=False).encode()))
    return found


EVENTS = st.lists(
    st.tuples(
        st.sampled_from((0, 1, 1, 2, 3, 5, 8, 10, 11, 21)),
        st.sampled_from(("zhangwei", "lina")),
        st.sampled_from(("c1", "c2")),
        st.sampled_from(("a", "a", "b", "c", "ab", "d", "e", "f", "ac")),
    ),
    min_size=4, max_size=60,
)  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(EVENTS, st.floats(0, 1), st.floats(0, 1), st.sampled_from((0, 1, 5, 11, 20, 60, 200)))
def test_any_part_gives_the_alerts_of_the_whole_or_says_that_it_cannot(
    events: list[tuple[int, str, str, str]], first: float, last: float, lookback: int
) -> None:
    records = stream(events)
    length = records[-1][0] - T0
    begin, end = sorted((T0 + int(first * length), T0 + int(last * length)))
    agrees(records, begin - lookback * STEP - 1, begin, end)


@pytest.mark.parametrize(
    ("letter", "steps"), [("c", 6), ("a", 3), ("a", 4), ("a", 7), ("ab", 3), ("a", 11)]
)
def test_where_one_window_hangs_on_the_one_before_it_only_a_silence_decides(
    letter: str, steps: int
) -> None:
    """Of hits without an end nobody knows which ones a suppression let through, or where a session
    was cut, who did not see the first."""
    records = stream([(steps, "zhangwei", "c1", letter)] * 60)
    for first in range(1, 9):
        agrees(records, records[first][0], records[first + 20][0], records[-1][0])


def agrees(records: list[tuple[int, bytes]], since: int, begin: int, end: int) -> None:
    """What is said to be certain of a part is what the whole says."""
    whole = judged(records, None, T0, records[-1][0] + FAR).alerts
    found = judged([one for one in records if since < one[0] <= end], since, begin, end)

    expected = {k for k, one in whole.items() if begin <= one.time <= end}
    certain = {k for k, one in found.alerts.items() if found.edges.decides(one)}
    assert certain <= expected
    for name in expected - found.alerts.keys():
        assert not found.edges.decides(whole[name])
    assert found.before <= whole.keys()


@pytest.mark.parametrize("name", [*WINDOWS, "alone", "chain", "number"])
def test_with_enough_of_the_past_every_rule_is_decided(name: str) -> None:
    """The law above is not kept by deciding nothing."""
    said = (("a", "c1"), ("a", "c2"), ("d", "c1"), ("e", "c1"), ("f", "c1"), ("ac", "c1"))
    busy = [(1, "zhangwei", to, letters) for letters, to in (*said, ("b", "c1"), ("a", "c1"))]
    quiet = (200, "lina", "c2", "b")
    slow = [(10, "lina", "c1", "a")] * 12
    burst = [(1, "lina", "c2", "a")] * 6
    records = stream([*busy, quiet, quiet, *busy, *slow, *burst, (21, "lina", "c1", "b")])
    begin = next(time for time, _ in records if time > T0 + 350 * STEP)
    since = begin - 390 * STEP
    found = judged([one for one in records if since < one[0]], since, begin, records[-1][0])
    names = {one.rule.name for one in found.alerts.values() if found.edges.decides(one)}
    assert f"t_{name}" in names


def test_in_a_busy_group_a_window_is_decided_without_a_silence() -> None:
    steady = stream([(1, "zhangwei", "c1", "abc"[n // 12 % 2]) for n in range(240)])
    since, begin = steady[0][0], steady[60][0]
    found = judged(steady[1:], since, begin, steady[-1][0])
    burst = [one for one in found.alerts.values() if one.rule.name == "t_burst"]
    assert len(burst) > 5
    assert all(found.edges.decides(one) for one in burst)


def test_what_reaches_further_back_than_was_read_is_named() -> None:
    edges = Edges(timeline(), T0)
    assert edges.short_sighted(edges.furthest) == []
    assert edges.short_sighted(20 * 60_000)[0] == "t_usual"
    assert "t_alone" in edges.short_sighted(10 * 60_000)


def test_the_beginning_of_everything_decides_all() -> None:
    records = stream([(1, "zhangwei", "c1", "a")] * 4)
    found = judged(records, None, T0, T0 + FAR)
    assert found.alerts
    assert all(map(found.edges.decides, found.alerts.values()))

"""`baseline`: a window is compared with what is usual for the group itself."""

from __future__ import annotations

import random
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec
import pytest

from rules.correlation.entry import Entry
from rules.correlation.graph import Correlator
from rules.correlation.group import Group, advance
from rules.correlation.plan import Plan
from rules.correlation.row import Marks
from rules.correlation.section import parse_correlation
from rules.held import State
from tests.support.correlating import SECOND, planned, reborn, straight, told
from tests.support.rule_files import outputs, ruleset
from tests.unit.test_behave import FOREVER, Drive, packed
from tests.unit.test_behave_types import correlation
from tests.unit.test_semantics import collection, documents, judged

SPAN = 5 * SECOND
COUNT: dict[str, Any] = {"type": "event_count", "rules": ["a"], "condition": {"gte": 1}}
# slices of 5 s; of a window that begins in the slice from 20 s on those from 10 and 15 s count
TWO = {"over": "10s", "ratio": 2}


def alerts(line: str, section: dict[str, Any] | None = None, **ours: Any) -> list[float]:
    rules = documents(section or COUNT, ours={"baseline": TWO, **ours})
    return [time for time, _ in judged(rules, line, every=True)[0]]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        # one event in each of the slices from 10 s and 15 s: usual is one, two are twice as many
        ("10:a 15:a 26:a 27:a", [27]),
        ("10:a 11:a 15:a 16:a 26:a 27:a 28:a", []),  # usual are two
        ("10:a 11:a 15:a 16:a 26:a 27:a 28:a 29:a", [29]),
        ("10:a 11:a 15:a 26:a 27:a", []),  # one and a half: three are asked
        ("10:a 11:a 15:a 26:a 27:a 28:a", [28]),
        # the slice in which the window begins does not count, however full it was
        ("10:a 20:a 20.1:a 20.2:a 26:a", [26]),
        # known since 10.001 s, which is not all of the slice from 10 s
        ("10.001:a 15:a 26:a 27:a", []),
        ("10.001:a 15:a 20:a 31:a 32:a", [32]),
        # silent for as long as the past reaches back: the group is new again
        ("10:a 35:a 36:a", []),
        ("10:a 14:a 34:a 34.5:a", []),
        ("10:a 14:a 29.8:a 29.9:a", [29.9]),  # not yet
    ],
)
def test_a_window_is_compared_with_the_slices_that_end_before_it(
    line: str, expected: list[float]
) -> None:
    assert alerts(line) == expected


def test_the_condition_is_a_minimum_all_the_same() -> None:
    section = {**COUNT, "condition": {"gte": 3}}
    assert alerts("10:a 15:a 26:a 27:a 28:a", section) == [28]


def test_who_is_not_known_gives_no_row_unless_that_is_asked_for() -> None:
    assert alerts("10:a 15:a 16:a") == []
    assert alerts("10:a 15:a 16:a", baseline={**TWO, "unknown": "alert"}) == [10, 15, 16]
    assert alerts("10:a 11:a 15:a 26:a", baseline={**TWO, "unknown": "alert"}) == [10, 11, 15]


def test_values_and_sums_have_a_usual_one_too() -> None:
    values = {"type": "value_count", "rules": ["a"], "condition": {"field": "v", "gte": 1}}
    assert alerts("10:a=x 11:a=x 15:a=y 26:a=x 27:a=y", values) == [27]
    assert alerts("10:a=x 11:a=z 15:a=y 15.1:a=w 26:a=x 27:a=y 28:a=q", values) == []
    sums = {"type": "value_sum", "rules": ["a"], "condition": {"field": "v", "gte": 0}}
    assert alerts("10:a=0.1 15:a=0.1 26:a=0.1 27:a=0.1", sums) == [27]
    assert alerts("10:a=0.1 15:a=0.1 26:a=0.1 27:a=0.09", sums) == []


def test_windows_cut_by_the_clock_have_the_slices_before_them() -> None:
    assert alerts("10:a 15:a 20:a 21:a", window="tumbling") == [21]
    assert alerts("10:a 15:a 16:a 20:a 21:a", window="tumbling") == []


def test_until_ends_the_window_and_leaves_what_is_usual() -> None:
    assert alerts("10:a 15:a 26:a 26.5:b 27:a 28:a", until="b") == [28]


@pytest.mark.parametrize(
    ("section", "ours", "says"),
    [
        ({"type": "value_avg", "condition": {"field": "v", "gte": 1}}, {}, "not for value_avg"),
        ({"type": "temporal", "condition": "a"}, {}, "not for temporal"),
        ({"type": "value_count", "condition": {"field": "v", "gte": 1}}, {"first_seen": True},
         "not for 'first_seen'"),
        ({}, {"window": "session", "gap": "1s"}, "sessions have none"),
        ({"condition": {"lt": 3}}, {}, "is a minimum"),
        ({"condition": {"gte": 3, "lte": 5}}, {}, "is a minimum"),
        ({}, {"baseline": {"over": "12s", "ratio": 2}}, "multiple of 'timespan' (5s)"),
        ({}, {"baseline": {"over": "2s", "ratio": 2}}, "multiple of 'timespan' (5s)"),
        ({}, {"baseline": {"over": "2h", "ratio": 2}}, "1440 times"),
        ({}, {"baseline": {"over": "10s", "ratio": 1}}, "more than 1"),
        ({}, {"baseline": {"over": "10s", "ratio": "2"}}, "'ratio' must be a number"),
        ({}, {"baseline": {"over": "10s"}}, "needs 'over'"),
        ({}, {"baseline": {"ratio": 2}}, "needs 'over'"),
        ({}, {"baseline": 3}, "needs 'over'"),
        ({}, {"baseline": {**TWO, "unknwon": "alert"}}, "unknown key 'unknwon'"),
        ({}, {"baseline": {**TWO, "unknown": "alrt"}}, "'alrt'"),
        ({}, {"baseline": {"over": "soon", "ratio": 2}}, "'over' is like"),
    ],
)  # fmt: skip
def test_a_baseline_of_nothing_is_refused(
    section: dict[str, Any], ours: dict[str, Any], says: str
) -> None:
    rules = documents({**COUNT, **section}, ours={"baseline": TWO, **ours})
    (problem,) = collection(rules).problems
    assert says in problem.error.en
    assert problem.error.zh


# ---- against a slow reading of the same words


def slow(plan: Plan, entries: list[Entry]) -> list[tuple[int, str]]:
    """Counts every slice anew at every event."""
    how = plan.correlation
    assert how.baseline
    slices = how.baseline.over // SPAN
    rows = []
    known, last = 0, -(2**62)
    for time in sorted({entry.time for entry in entries}):
        start = time - time % SPAN if how.window == "tumbling" else time - SPAN
        newest = start // SPAN
        oldest = newest - slices
        if last // SPAN < oldest:
            known = time
        last = time
        window = [e for e in entries if start <= e.time <= time]
        value = worth(how.type, window)
        if value is None or value < how.bounds[0].limit:
            continue
        if known > oldest * SPAN:
            enough = how.baseline.unknown == "alert"
        else:
            past = [e for e in entries if known <= e.time and oldest <= e.time // SPAN < newest]
            usual = sum(
                worth(how.type, [e for e in past if e.time // SPAN == one]) or Fraction(0)
                for one in range(oldest, newest)
            ) / Fraction(slices)
            enough = value >= how.baseline.ratio * usual
        if enough:
            shown = [e for e in window if e.values or how.type != "value_sum"]
            rows.append((time, " ".join(entry.id for entry in shown)))
    return rows


def worth(kind: str, entries: list[Entry]) -> Fraction | None:
    if kind == "event_count":
        return Fraction(len(entries))
    values = [value for entry in entries for value in entry.values]
    if kind == "value_count":
        return Fraction(len(set(values)))
    return sum((Fraction(Decimal(value)) for value in values), Fraction(0)) if values else None


def test_counting_every_slice_anew_agrees() -> None:
    rng = random.Random(31)
    found = 0
    for number in range(3_000):
        kind = rng.choice(["event_count", "value_count", "value_sum"])
        condition: dict[str, Any] = {"gte": rng.choice([1, 1, 2])}
        if kind != "event_count":
            condition["field"] = "v"
        ours: dict[str, Any] = {
            "baseline": {
                "over": rng.choice(["5s", "10s", "20s"]), "ratio": rng.choice([1.5, 2, 3]),
                "unknown": rng.choice(["ignore", "ignore", "ignore", "alert"]),
            },
            "window": rng.choice(["sliding", "sliding", "tumbling"]),
        }  # fmt: skip
        plan = planned({**COUNT, "type": kind, "condition": condition}, ours)
        begin, most = rng.choice([0, 1_000_000]), rng.choice([60, 120, 240])
        times = sorted(begin + rng.randint(0, most) * 500 for _ in range(rng.randint(0, 30)))
        values = ["-1", "0.5", "1", "2", "7"] if kind == "value_sum" else ["x", "y", "z", "1"]
        entries = [
            Entry(time, 0, f"e{n:02}", (0,),
                  tuple(rng.sample(values, rng.choice([0, 1, 1, 2]))) if kind != "event_count"
                  else ())
            for n, time in enumerate(times)
        ]  # fmt: skip
        expected = slow(plan, entries)
        assert told(straight(plan, entries)) == expected, (number, entries)
        assert told(reborn(plan, entries)) == expected, (number, entries)
        assert told(straight(plan, entries, cap=3)) == told(reborn(plan, entries, cap=3))
        found += len(expected)
    assert found > 6_000


# ---- memory


def test_a_slice_is_one_number_and_the_open_one_its_values() -> None:
    section = {"type": "value_count", "rules": ["a"], "condition": {"field": "v", "gte": 1}}
    plan = planned(section, {"baseline": {"over": "50s", "ratio": 2}})
    group = Group(plan)
    entries = [Entry(n * 10, 0, str(n), (0,), (str(n % 700),)) for n in range(20_000)]
    advance(group, entries, entries[-1].time)
    usual = group.marks.usual
    assert usual is not None
    assert usual.past == [(place, 500) for place in range(28, 40)]
    assert len(usual.values) == 500


def test_a_group_is_forgotten_when_its_past_is_over() -> None:
    how = parse_correlation(
        {**COUNT, "timespan": "5s", "group-by": ["h"]}, {"baseline": {"over": "10s", "ratio": 2}}
    )
    correlator = Correlator({"c": how})
    correlator.observe("x", 12_000, lambda _: "g", ["a"])
    correlator.advance(29_999)
    assert correlator.open_groups() == 1
    correlator.advance(40_000)
    assert correlator.open_groups() == 0


USUAL = "baseline: {over: 10m, ratio: 2}"
OFTEN = "type: event_count, rules: [t_a], condition: {gte: 2}"


def test_conversations_keep_the_past_without_its_messages(tmp_path: Path) -> None:
    rules = ruleset(tmp_path, correlation(OFTEN, USUAL))
    drive = Drive(rules)
    said = [
        {"at": f"10:{minute:02}", "from": "zhangwei", "to": "c1", "id": f"m{minute}", "seq": minute,
         "text": "转账" + "啊" * 1_000}
        for minute in (0, 14, 24, 25)
    ]  # fmt: skip
    items = packed(rules, said)
    for item in items:
        drive.send(item)
    start = 1_772_589_600_000
    for minute in range(31):
        drive.advance(start + minute * 60_000 + 1)
    (alert,) = outputs(drive.found, "alerts")
    assert [one["msgid"] for one in alert["members"]] == ["m24", "m25"]
    (state,) = drive.states.values()
    assert len(state) < 250
    drive.advance(FOREVER)
    assert (drive.states, drive.timers) == ({}, [])


def test_state_of_before_there_were_baselines_still_loads() -> None:
    marks: list[Any] = [[True], [0], [], [7], -1, 7, False]
    known = msgspec.msgpack.decode(msgspec.msgpack.encode(marks), type=Marks)
    assert (known.last, known.usual) == (7, None)
    state = [2, [], [], "alert", False, marks, None]
    found = msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=State)
    assert (found.alert_id, found.marks, found.last) == ("alert", known, None)

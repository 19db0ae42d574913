"""`first_seen`: an event whose value was not among the values of the window before it."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from rules import behave as behave_module
from rules.correlation.entry import Entry
from rules.correlation.group import Group, advance
from tests.support.correlating import SECOND, planned, reborn, straight, told
from tests.support.rule_files import outputs, ruleset
from tests.unit.test_behave import FOREVER, Drive, packed
from tests.unit.test_behave_types import START, correlation
from tests.unit.test_semantics import collection, documents, judged

SPAN = 5 * SECOND
NEW: dict[str, Any] = {"type": "value_count", "rules": ["a"]}


def section(**bounds: int) -> dict[str, Any]:
    return {**NEW, "condition": {"field": "v", **bounds}}


def alerts(line: str, ours: dict[str, Any] | None = None, **bounds: int) -> list[tuple[float, str]]:
    rules = documents(section(**bounds), ours={"first_seen": True, **(ours or {})})
    return judged(rules, line)[0]


@pytest.mark.parametrize(
    ("line", "bounds", "expected"),
    [
        ("0:a=x 1:a=x 2:a=y", {"gte": 1}, [(0, "a0"), (2, "a2")]),
        ("0:a=x 1:a=x 2:a=y", {"gte": 2}, [(2, "a2")]),  # something else is known already
        ("0:a=x 1:a=y 2:a=z", {"gte": 3}, [(2, "a2")]),
        ("0:a=x 1:a=y 2:a=z", {"eq": 2}, [(1, "a1")]),  # told at the event, also upper bounds
        ("0:a=x 5:a=x 9:a=x", {"gte": 1}, [(0, "a0")]),  # exactly T ago is known; seen again
        ("0:a=x 5.001:a=x", {"gte": 1}, [(0, "a0"), (5.001, "a5.001")]),
        ("0:a=x 5.001:a=y", {"gte": 2}, []),  # x is forgotten: y is the only one
        ("0:a=x@p 1:a=y@q", {"gte": 2}, []),
        ("0:a 1:a=x 2:a", {"gte": 1}, [(1, "a1")]),
        ("0:a=x 1:a=y 2:a=z", {"gte": 2}, [(1, "a1"), (2, "a2")]),  # each is an alert of its own
    ],
)
def test_a_value_is_new_when_the_window_before_it_has_none(
    line: str, bounds: dict[str, int], expected: list[tuple[float, str]]
) -> None:
    line = line.replace("=x@p", "@p=x").replace("=y@q", "@q=y")
    assert alerts(line, **bounds) == expected


def test_new_values_of_one_moment_do_not_know_each_other() -> None:
    assert alerts("0:a=x#m 0:a=x#n 1:a=x", gte=1) == [(0, "m n")]


def test_until_forgets_the_values() -> None:
    assert alerts("0:a=x 1:b 2:a=x", {"until": "b"}, gte=1) == [(0, "a0"), (2, "a2")]


@pytest.mark.parametrize(
    ("change", "ours", "says"),
    [
        ({"type": "event_count", "condition": {"gte": 2}}, {}, "has no values"),
        ({"type": "value_sum"}, {}, "has no values"),
        ({}, {"window": "tumbling"}, "sliding window only"),
        ({}, {"first_seen": "yes"}, "true or false"),
    ],
)
def test_it_is_refused_where_it_means_nothing(
    change: dict[str, Any], ours: dict[str, Any], says: str
) -> None:
    rules = documents({**section(gte=2), **change}, ours={"first_seen": True, **ours})
    (problem,) = collection(rules).problems
    assert says in problem.error.en
    assert problem.error.zh


# ---- against a slow reading of the same words


def slow(entries: list[Entry], least: int) -> list[tuple[int, str]]:
    """Looks at all events before each."""
    rows = []
    for time in sorted({entry.time for entry in entries}):
        window = [e for e in entries if time - SPAN <= e.time <= time]
        before = {value for e in window if e.time < time for value in e.values}
        new = [e for e in window if e.time == time and set(e.values) - before]
        if new and len({value for e in window for value in e.values}) >= least:
            rows.append((time, " ".join(entry.id for entry in new)))
    return rows


def test_a_slow_reading_of_the_whole_window_agrees() -> None:
    rng = random.Random(11)
    found = 0
    for number in range(3_000):
        least = rng.choice([1, 2, 3])
        plan = planned(section(gte=least), {"first_seen": True})
        times = sorted(rng.randint(0, 40) * 500 for _ in range(rng.randint(0, 14)))
        entries = [
            Entry(time, 0, f"e{n:02}", (0,), tuple(rng.sample("wxyz", rng.choice([0, 1, 1, 2]))))
            for n, time in enumerate(times)
        ]
        expected = slow(entries, least)
        assert told(straight(plan, entries)) == expected, (number, entries)
        assert told(reborn(plan, entries)) == expected, (number, entries)
        found += len(expected)
    assert found > 3_000


def test_a_full_memory_put_away_and_read_again_says_the_same() -> None:
    rng = random.Random(12)
    for number in range(1_000):
        plan = planned(section(gte=1), {"first_seen": True})
        entries = [
            Entry(n * 300, 0, f"e{n:02}", (0,), tuple(rng.sample("tuvwxyz", rng.choice([0, 1, 2]))))
            for n in range(rng.randint(0, 25))
        ]
        rows = straight(plan, entries, cap=3)
        again = reborn(plan, entries, cap=3)
        assert told(again) == told(rows), (number, entries)
        assert [row.truncated for row in again] == [row.truncated for row in rows]


# ---- memory


def test_memory_is_as_large_as_the_number_of_values() -> None:
    plan = planned({**section(gte=1), "timespan": "90d"}, {"first_seen": True})
    group = Group(plan)
    entries = [Entry(n * 60_000, 0, str(n), (0,), (str(n % 7),)) for n in range(20_000)]
    rows = advance(group, entries, entries[-1].time)
    assert [row.entries[0].id for row in rows] == list("0123456")
    assert [entry.id for entry in group.entries()] == [str(n) for n in range(19_993, 20_000)]


FILES = "type: value_count, rules: [t_file], condition: {field: file.size, gte: 2}"


def test_the_value_unseen_for_longest_goes_first_and_the_alert_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = ruleset(tmp_path, correlation(FILES, "first_seen: true").replace("5m", "90d"))
    monkeypatch.setattr(behave_module, "MAX_WINDOW", 5)
    sizes = [1, 2, 3, 4, 5, 6, 1, 3]  # 1 was pushed out by 6, 2 by 1; 3 is still known
    drive = Drive(rules)
    for item in packed(rules, [file(number, size) for number, size in enumerate(sizes)]):
        drive.send(item)
    drive.advance(FOREVER)
    found = outputs(drive.found, "alerts")
    assert [one["members"][0]["msgid"] for one in found] == [f"f{n}" for n in range(1, 7)]
    assert [one.get("flags") for one in found[-3:]] == [None, *[["evidence_truncated"]] * 2]
    assert (drive.states, drive.timers) == ({}, [])


def test_a_value_is_remembered_without_its_message(tmp_path: Path) -> None:
    rules = ruleset(tmp_path, correlation(FILES, "first_seen: true").replace("5m", "90d"))
    drive = Drive(rules)
    for item in packed(rules, [file(n, n + 1, "x" * 2_000) for n in range(10)]):
        drive.send(item)
    drive.advance(START + 60_000)
    (state,) = drive.states.values()
    assert len(state) < 10 * 200 + 200


def file(number: int, size: int, name: str = "x") -> dict[str, Any]:
    """A file, one a second."""
    return {
        "at": f"10:{number // 60:02}:{number % 60:02}", "from": "zhangwei", "to": "c1",
        "seq": number + 1, "id": f"f{number}", "type": "file",
        "payload": {"filename": name, "filesize": size, "md5sum": "0" * 32, "fileext": "pdf",
                    "sdkfileid": "s"},
    }  # fmt: skip

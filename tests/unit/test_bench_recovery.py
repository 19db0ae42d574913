"""What is said of alerts that stood still and were caught up with."""

from __future__ import annotations

import pytest

from bench.recovery import after

KILLED, UNTIL = 100.0, 160.0
DUE = {number: 80.0 + number / 10 for number in range(800)}  # an alert each tenth of a second


def seen(back: float, speed: float) -> dict[int, float]:
    """Nothing for `back` seconds after the fault, then `speed` seconds of messages a second; 0.2 s
    late otherwise."""
    found = {}
    for number, due in DUE.items():
        held = KILLED + back + (due - KILLED) / speed if due >= KILLED else 0.0
        found[number] = max(due + 0.2, held)
    return found


def test_from_the_fault_until_all_are_in_time() -> None:
    told = after(DUE, seen(back=10.0, speed=3.0), KILLED, UNTIL)
    assert told["silent_s"] == pytest.approx(9.8, abs=0.2)  # what was under way came yet
    # 10 + x / 3 = x + 1 where the last is a second late
    assert told["whole_again_s"] == pytest.approx(14.5, abs=0.2)
    assert told["most_s"] == pytest.approx(10.0, abs=0.1)
    assert told["before_s"] == pytest.approx(0.2)
    assert told["afterwards_s"] == pytest.approx(0.2)


def test_nothing_happened() -> None:
    told = after(DUE, {one: at + 0.2 for one, at in DUE.items()}, KILLED, UNTIL)
    assert told["whole_again_s"] == 0.0
    assert told["silent_s"] < 0.5


def test_what_the_next_fault_held_is_not_of_this_one() -> None:
    """What was under way then is as late, and had been in time."""
    found = {one: UNTIL + 20.0 if at >= UNTIL - 0.5 else at + 0.2 for one, at in DUE.items()}
    assert after(DUE, found, KILLED, UNTIL)["whole_again_s"] == 0.0


def test_what_came_only_after_the_next_fault_was_late_by_this_one() -> None:
    """One of two workers stood still, and nobody noticed."""
    found = {one: UNTIL + 20.0 if at >= KILLED and one % 2 else at + 0.2 for one, at in DUE.items()}
    told = after(DUE, found, KILLED, UNTIL)
    assert told["whole_again_s"] == pytest.approx(80.0)
    assert told["silent_s"] == pytest.approx(21.0, abs=0.2)

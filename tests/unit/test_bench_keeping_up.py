"""What is said of an index that is filled while messages come."""

from __future__ import annotations

import pytest

from bench.keeping_up import Look, behind, keeps_up

BEGUN = 1_000.0  # UTC second of the first message
DUE = [number / 10 for number in range(1_000)]  # an alert each tenth of a second


def looks(late: float, grows: float = 0.0, ends: float = 120.0) -> list[Look]:
    """An index that shows an alert `late` seconds after it was due, and later with each second."""
    found = []
    for second in range(int(ends)):
        seen = sum(one + late + grows * one <= second for one in DUE)
        found.append(Look(BEGUN + second, seen))
    return found


@pytest.mark.parametrize(
    ("some", "keeps"),
    [
        (looks(0.0), True),
        (looks(2.0), True),
        (looks(6.0), False),
        (looks(0.0, grows=0.1), False),
        (looks(0.0, ends=50), False),  # the others never came
    ],
    ids=["at once", "a little late", "too late", "later and later", "missing"],
)
def test_an_index_keeps_up_or_does_not(some: list[Look], keeps: bool) -> None:
    told = behind(some, DUE, BEGUN, 20.0)
    missing = len(DUE) - some[-1].seen
    assert keeps_up({**told, "missing": missing}) is keeps


def test_how_far_an_index_is_behind() -> None:
    told = behind(looks(3.0), DUE, BEGUN, 20.0)
    assert 2.8 <= told["behind_median_s"] <= 3.0
    assert 3.0 <= told["last_after_s"] <= 4.0
    growing = behind(looks(0.0, grows=0.1), DUE, BEGUN, 20.0)
    assert growing["behind_second_half_s"] > growing["behind_first_half_s"] + 2

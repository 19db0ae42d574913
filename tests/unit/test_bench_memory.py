"""What is said of memory that was watched for an hour."""

from __future__ import annotations

import pytest

from bench.memory import MOST_MB, PYTHON, flat, told


@pytest.mark.parametrize(
    ("seen", "is_flat"),
    [
        ([1_000.0] * 120, True),
        ([800.0 + min(at, 60) for at in range(120)], True),  # it fills at first
        ([1_000.0 + at % 40 for at in range(120)], True),  # a heap fills and is emptied
        ([800.0 + at for at in range(120)], False),
        ([MOST_MB + 1] * 120, False),
    ],
    ids=["level", "fills at first", "saw", "grows", "too much"],
)
def test_memory_is_flat_or_not(seen: list[float], is_flat: bool) -> None:
    assert flat(told({"TaskManager 1": seen})) is is_flat


def test_one_that_grows_is_enough() -> None:
    grows = [800.0 + at for at in range(120)]
    assert not flat(told({"TaskManager 1": [1_000.0] * 120, "TaskManager 2": grows}))


def test_the_whole_counts_and_not_a_part_of_it() -> None:
    grows = [100.0 + at for at in range(120)]
    assert flat(told({"TaskManager 1": [1_000.0] * 120, "TaskManager 1" + PYTHON: grows}))

"""Folds keep up what adding and ranking everything anew would give."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.correlation import rank
from rules.correlation.folds import Mean, Sum, as_number, is_whole
from rules.correlation.rank import Ranked

NUMBERS = st.lists(st.one_of(st.integers(-5, 40), st.decimals(-3, 30, places=1)), max_size=60)


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rank, "CHUNK", 3)


@settings(max_examples=300)
@given(NUMBERS, st.integers(1, 12), st.sampled_from((0, 1, 25, 50, 99.9, 100)))
def test_a_percentile_is_that_of_all_numbers_sorted(
    numbers: list[int | Decimal], window: int, percentile: float
) -> None:
    share = Fraction(str(percentile))
    ranked = Ranked(share)
    for number, value in enumerate(numbers):
        ranked.add(value)
        if number >= window:
            ranked.remove(numbers[number - window])
        kept = sorted(map(Fraction, numbers[max(0, number - window + 1) : number + 1]))
        place = (len(kept) - 1) * share / 100
        low = kept[int(place)]
        high = kept[min(int(place) + 1, len(kept) - 1)]
        assert ranked.result() == low + (place - int(place)) * (high - low)
    for value in numbers[-window:]:
        ranked.remove(value)
    assert ranked.result() is None


@given(NUMBERS)
def test_sums_and_means_of_whole_and_broken_numbers_are_exact(numbers: list[int | Decimal]) -> None:
    total, mean = Sum(), Mean()
    texts = [str(number) for number in numbers]
    for text in texts:
        total.add((text,))
        mean.add((text,))
    expected = sum(map(Fraction, numbers))
    assert total.result() == (expected if numbers else None)
    assert mean.result() == (expected / len(numbers) if numbers else None)
    for text in texts[1:]:
        total.remove((text,))
    assert total.result() == (Fraction(numbers[0]) if numbers else None)


@given(st.one_of(st.text("0123456789.-e ٣²", max_size=20), st.text(max_size=3)))
def test_the_short_way_takes_only_what_the_long_way_takes(text: str) -> None:
    if is_whole(text):
        assert as_number(text) == int(text)

"""What the value of a window is: folds that take events in and give them back.

None looks at the window again: adding and removing cost the same in a window of ten events and in
one of a hundred thousand. Numbers are added exactly, as decimals, so the order does not matter.
"""

from __future__ import annotations

import re
from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Iterable
from decimal import Context, Decimal, Inexact
from fractions import Fraction
from typing import Protocol

from rules.correlation.model import Correlation

Value = int | Fraction | None

_NUMBER = re.compile(r"\s*(-?(?:0|[1-9]\d{0,400})(?:\.\d{1,400})?(?:[eE][+-]?\d{1,3})?)\s*", re.A)
_LARGEST = Decimal("1.7976931348623157e308")
_SMALLEST = Decimal("5e-324")
# wide enough that no sum of doubles is ever rounded; Inexact would say so
EXACT = Context(prec=2_000, Emax=999_999, Emin=-999_999, traps=[Inexact])


def as_number(text: str) -> Decimal | None:
    """The number a text writes, as JSON writes numbers and as a double could hold it."""
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    number = Decimal(match[1])
    size = abs(number)
    return number if not size or _SMALLEST <= size <= _LARGEST else None


class Fold(Protocol):
    """The value of a window, kept up while values come and go."""

    def add(self, values: Iterable[str]) -> None:
        """An event has come into the window."""

    def remove(self, values: Iterable[str]) -> None:
        """An event has left it; `values` as they were added."""

    def result(self) -> Value:
        """The value; None when the window has none."""


class Count:
    """Events."""

    def __init__(self) -> None:
        self._count = 0

    def add(self, values: Iterable[str]) -> None:
        """See Fold."""
        self._count += 1

    def remove(self, values: Iterable[str]) -> None:
        """See Fold."""
        self._count -= 1

    def result(self) -> int:
        """See Fold."""
        return self._count


class Distinct:
    """Different values: a multiset, so that one of two equal values may leave."""

    def __init__(self) -> None:
        self._values: Counter[str] = Counter()

    def add(self, values: Iterable[str]) -> None:
        """See Fold."""
        for value in values:
            self._values[value] += 1

    def remove(self, values: Iterable[str]) -> None:
        """See Fold."""
        for value in values:
            if self._values[value] == 1:
                del self._values[value]
            else:
                self._values[value] -= 1

    def result(self) -> int:
        """See Fold."""
        return len(self._values)


class Sum:
    """Sum of the numbers; None while there is none."""

    def __init__(self) -> None:
        self.total, self.count = Decimal(0), 0

    def add(self, values: Iterable[str]) -> None:
        """See Fold."""
        for number in _numbers(values):
            self.total = EXACT.add(self.total, number)
            self.count += 1

    def remove(self, values: Iterable[str]) -> None:
        """See Fold."""
        for number in _numbers(values):
            self.total = EXACT.subtract(self.total, number)
            self.count -= 1

    def result(self) -> Value:
        """See Fold."""
        return Fraction(self.total) if self.count else None


class Mean(Sum):
    """Mean of the numbers."""

    def result(self) -> Value:
        """See Fold."""
        return Fraction(self.total) / self.count if self.count else None


class Rank:
    """The p-th percentile of the numbers, between two of them by straight line.

    With n numbers the place is (n - 1) * p / 100, counted from 0: what spreadsheets call
    PERCENTILE.INC. p = 50 is the median.
    """

    CHUNK = 512

    def __init__(self, percentile: Fraction) -> None:
        self._share = percentile / 100
        self._chunks: list[list[Decimal]] = []
        self._count = 0

    def _chunk(self, number: Decimal) -> int:
        low, high = 0, len(self._chunks) - 1
        while low < high:
            middle = (low + high) // 2
            if self._chunks[middle][-1] < number:
                low = middle + 1
            else:
                high = middle
        return low

    def add(self, values: Iterable[str]) -> None:
        """See Fold."""
        for number in _numbers(values):
            self._count += 1
            if not self._chunks:
                self._chunks.append([number])
                continue
            at = self._chunk(number)
            chunk = self._chunks[at]
            insort(chunk, number)
            if len(chunk) > 2 * self.CHUNK:
                self._chunks[at : at + 1] = [chunk[: self.CHUNK], chunk[self.CHUNK :]]

    def remove(self, values: Iterable[str]) -> None:
        """See Fold."""
        for number in _numbers(values):
            self._count -= 1
            at = self._chunk(number)
            chunk = self._chunks[at]
            del chunk[bisect_left(chunk, number)]
            if not chunk:
                del self._chunks[at]

    def result(self) -> Value:
        """See Fold."""
        if not self._count:
            return None
        place = (self._count - 1) * self._share
        below = int(place)
        low = Fraction(self._at(below))
        rest = place - below
        return low if not rest else low + rest * (Fraction(self._at(below + 1)) - low)

    def _at(self, index: int) -> Decimal:
        for chunk in self._chunks:
            if index < len(chunk):
                return chunk[index]
            index -= len(chunk)
        raise IndexError(index)


class Share:
    """How common the newest value is: its share of all values in the window, in percent."""

    def __init__(self) -> None:
        self._values: Counter[str] = Counter()
        self._count = 0
        self._newest: str | None = None

    def add(self, values: Iterable[str]) -> None:
        """See Fold."""
        for value in values:
            self._values[value] += 1
            self._count += 1
            self._newest = value

    def remove(self, values: Iterable[str]) -> None:
        """See Fold."""
        for value in values:
            self._values[value] -= 1
            self._count -= 1
            if not self._values[value]:
                del self._values[value]

    def result(self) -> Value:
        """See Fold."""
        found = self._values.get(self._newest, 0) if self._newest is not None else 0
        return Fraction(100 * found, self._count) if found else None


def _numbers(values: Iterable[str]) -> Iterable[Decimal]:
    return (number for value in values if (number := as_number(value)) is not None)


def fold_of(correlation: Correlation) -> Fold:
    """The empty fold of a correlation; temporal types have none but count."""
    match correlation.type:
        case "value_count":
            return Distinct()
        case "value_sum":
            return Sum()
        case "value_avg":
            return Mean()
        case "value_median":
            return Rank(Fraction(50))
        case "value_percentile":
            return Share() if correlation.percentile is None else Rank(correlation.percentile)
        case _:
            return Count()

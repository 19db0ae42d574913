"""What the value of a window is: folds that take events in and give them back.

None looks at the window again: adding and removing cost the same in a window of ten events and in
one of a hundred thousand. Numbers are added exactly, as decimals, so the order does not matter.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from decimal import Context, Decimal, Inexact
from fractions import Fraction
from typing import Protocol

from rules.correlation.model import Correlation
from rules.correlation.rank import Number, Ranked

Value = int | Fraction | None

_NUMBER = re.compile(r"\s*(-?(?:0|[1-9]\d{0,400})(?:\.\d{1,400})?(?:[eE][+-]?\d{1,3})?)\s*", re.A)
_ZERO, _LONG = Decimal(0), 16
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


def is_whole(text: str) -> bool:
    """Whether a text plainly writes a number from 0 to some quadrillion, as most of them do."""
    return (
        text.isdigit() and text.isascii() and len(text) < _LONG and (text[0] != "0" or text == "0")
    )


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
        self._values: dict[str, int] = {}

    def add(self, values: Iterable[str]) -> None:
        """See Fold."""
        counted = self._values
        for value in values:
            counted[value] = counted.get(value, 0) + 1

    def remove(self, values: Iterable[str]) -> None:
        """See Fold."""
        counted = self._values
        for value in values:
            left = counted[value] - 1
            if left:
                counted[value] = left
            else:
                del counted[value]

    def result(self) -> int:
        """See Fold."""
        return len(self._values)


class Sum:
    """Sum of the numbers; None while there is none. Whole ones are added by themselves: that is
    exact and many times faster."""

    def __init__(self) -> None:
        self._whole, self._rest, self.count = 0, _ZERO, 0

    @property
    def total(self) -> int | Fraction:
        """What they come to."""
        return self._whole + Fraction(self._rest) if self._rest else self._whole

    def add(self, values: Iterable[str]) -> None:
        """See Fold."""
        for number in _numbers(values):
            self.count += 1
            if isinstance(number, int):
                self._whole += number
            else:
                self._rest = EXACT.add(self._rest, number)

    def remove(self, values: Iterable[str]) -> None:
        """See Fold."""
        for number in _numbers(values):
            self.count -= 1
            if isinstance(number, int):
                self._whole -= number
            else:
                self._rest = EXACT.subtract(self._rest, number)

    def result(self) -> Value:
        """See Fold."""
        return self.total if self.count else None


class Mean(Sum):
    """Mean of the numbers."""

    def result(self) -> Value:
        """See Fold."""
        return Fraction(self.total, self.count) if self.count else None


class Rank:
    """The p-th percentile of the numbers, between two of them by straight line.

    With n numbers the place is (n - 1) * p / 100, counted from 0: what spreadsheets call
    PERCENTILE.INC. p = 50 is the median.
    """

    def __init__(self, percentile: Fraction) -> None:
        self._ranked = Ranked(percentile)

    def add(self, values: Iterable[str]) -> None:
        """See Fold."""
        for number in _numbers(values):
            self._ranked.add(number)

    def remove(self, values: Iterable[str]) -> None:
        """See Fold."""
        for number in _numbers(values):
            self._ranked.remove(number)

    def result(self) -> Value:
        """See Fold."""
        return self._ranked.result()


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


def _numbers(values: Iterable[str]) -> list[Number]:
    """What is a number; a whole one of usual length without the long way."""
    found: list[Number] = []
    for value in values:
        if is_whole(value):
            found.append(int(value))
        elif (number := as_number(value)) is not None:
            found.append(number)
    return found


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

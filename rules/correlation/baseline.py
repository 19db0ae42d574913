"""What is usual for a group: the mean of its own past, one number for each slice of time.

Slices are as long as the window and begin at multiples of that length since 1970 in UTC. Those that
count are the newest that end before the window begins, as many as fit into `over`.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction

import msgspec

from rules.correlation.entry import Entry
from rules.correlation.folds import EXACT, Value, as_number
from rules.correlation.model import Correlation, Usually

Number = int | Decimal


class Usual(msgspec.Struct, array_like=True):
    """What a group remembers of its past; plain data.

    Args:
        known: time of its first event.
        past: (slice, value) of slices with events, in order; the last one is still open.
        values: the different values of that one, where values are counted.
    """

    known: int
    past: list[tuple[int, Number]]
    values: list[str]


class Baseline:
    """The past of one group, kept up while events come.

    Args:
        asked: what its correlation says of it.
        usual: as it was, to go on from there.
        cap: most values of one slice that are told apart; 0 is no limit.
    """

    def __init__(
        self, how: Correlation, asked: Usually, usual: Usual | None = None, cap: int = 0
    ) -> None:
        self.usual = usual or Usual(0, [], [])
        self._type, self._span, self._cap = how.type, how.span, cap
        self._alert_unknown = asked.unknown == "alert"
        self._slices = asked.over // how.span
        self._times, self._share = asked.ratio.numerator, asked.ratio.denominator * self._slices
        self._nothing: Number = Decimal(0) if how.type == "value_sum" else 0
        self._seen = set(self.usual.values)
        self._counted, self._total = 0, self._nothing  # the sum of the first so many of `past`
        self._oldest = 0  # the first slice that counts

    def move(self, start: int, time: int) -> None:
        """Events of `time` are to come, and the window begins at `start`. A group that was silent
        for as long as its past reaches back is a new one."""
        past, newest = self.usual.past, start // self._span
        self._oldest = newest - self._slices
        if not past or past[-1][0] < self._oldest:
            self.usual.known = time
            past.clear()
            self._counted, self._total = 0, self._nothing
        while self._counted < len(past) and past[self._counted][0] < newest:
            self._total = _sum(self._total, past[self._counted][1])
            self._counted += 1
        while past and past[0][0] < self._oldest:
            self._total = _sum(self._total, -past[0][1])
            self._counted -= 1
            del past[0]

    def add(self, time: int, entries: Iterable[Entry]) -> None:
        """These events have come."""
        past, slice_ = self.usual.past, time // self._span
        if not past or past[-1][0] != slice_:
            past.append((slice_, self._nothing))
            self.usual.values.clear()
            self._seen.clear()
        value = past[-1][1]
        for entry in entries:
            value = _sum(value, self._worth(entry))
        past[-1] = (slice_, value)

    def _worth(self, entry: Entry) -> Number:
        if self._type == "event_count":
            return 1
        if self._type == "value_sum":
            numbers = (number for text in entry.values if (number := as_number(text)) is not None)
            return _sum(*numbers)
        new = [value for value in entry.values if value not in self._seen]
        if self._cap:
            new = new[: max(0, self._cap - len(self._seen))]
        self._seen.update(new)
        self.usual.values += new
        return len(new)

    def exceeded(self, value: Value) -> bool:
        """Whether a value of the window is so many times as large as is usual. Of a group that is
        not known for long enough nothing is usual."""
        if self.usual.known > self._oldest * self._span:
            return self._alert_unknown
        if value is None:
            return False
        total = self._total
        usual = total if isinstance(total, int) else Fraction(total)
        return value * self._share >= self._times * usual

    def mean(self) -> Fraction | None:
        """What is usual, as `exceeded` has it; None of a group not known for long enough."""
        known = self.usual.known <= self._oldest * self._span
        return Fraction(self._total) / self._slices if known else None

    def end(self) -> int:
        """From when on the group would be a new one."""
        past = self.usual.past
        return (past[-1][0] + self._slices + 2) * self._span if past else 0


def _sum(*numbers: Number) -> Number:
    total: Number = 0
    for number in numbers:
        if isinstance(total, int) and isinstance(number, int):
            total += number
        else:
            total = EXACT.add(Decimal(total), Decimal(number))
    return total

"""The p-th percentile of the numbers of a window, found where it was a moment ago."""

from __future__ import annotations

from bisect import bisect_left, insort
from decimal import Decimal
from fractions import Fraction

Number = int | Decimal
CHUNK = 512


class Ranked:
    """Numbers in order, in chunks, and a place among them that moves as little as it has to.

    The place is (n - 1) * p / 100 among n numbers, counted from 0; one number that comes or goes
    moves it by one at most. So nothing is ever counted through.
    """

    def __init__(self, percentile: Fraction) -> None:
        share = percentile / 100
        self._share, self._of = share.numerator, share.denominator
        self._chunks: list[list[Number]] = []
        self._last: list[Number] = []  # the largest of each chunk
        self._count = 0
        self._at = 0  # the chunk of the place that was asked for last
        self._before = 0  # how many numbers are in the chunks before it

    def add(self, number: Number) -> None:
        """One more."""
        self._count += 1
        chunks, last = self._chunks, self._last
        if not chunks:
            chunks.append([number])
            last.append(number)
            return
        at = min(bisect_left(last, number), len(chunks) - 1)
        chunk = chunks[at]
        insort(chunk, number)
        last[at] = chunk[-1]
        if at < self._at:
            self._before += 1
        if len(chunk) > 2 * CHUNK:
            chunks[at : at + 1] = [chunk[:CHUNK], chunk[CHUNK:]]
            last[at : at + 1] = [chunk[CHUNK - 1], chunk[-1]]
            if at < self._at:
                self._at += 1

    def remove(self, number: Number) -> None:
        """One less; it was added."""
        self._count -= 1
        chunks, last = self._chunks, self._last
        at = bisect_left(last, number)
        chunk = chunks[at]
        del chunk[bisect_left(chunk, number)]
        if at < self._at:
            self._before -= 1
        if chunk:
            last[at] = chunk[-1]
            return
        del chunks[at], last[at]
        if at < self._at or self._at == len(chunks):
            self._at = max(0, self._at - 1)
            self._before = sum(map(len, chunks[: self._at]))

    def result(self) -> int | Fraction | None:
        """The number at the place, or on the straight line between its neighbours."""
        if not self._count:
            return None
        below, rest = divmod((self._count - 1) * self._share, self._of)
        low = self._number(below)
        high = self._number(below + 1) if rest else low
        if low == high:
            return low if isinstance(low, int) else Fraction(low)
        if isinstance(low, int) and isinstance(high, int):
            return Fraction(low * self._of + rest * (high - low), self._of)
        return Fraction(low) + Fraction(rest, self._of) * (Fraction(high) - Fraction(low))

    def _number(self, place: int) -> Number:
        chunks = self._chunks
        while place < self._before:
            self._at -= 1
            self._before -= len(chunks[self._at])
        while place >= self._before + len(chunks[self._at]):
            self._before += len(chunks[self._at])
            self._at += 1
        return chunks[self._at][place - self._before]

"""Numbers that are missing in the archive's sequence.

WeCom says that pages go on from a number and that numbers tell the order; it does not say that
none is left out. So a missing number is looked for a second time, a while later, because what is
written in parallel may become visible out of order; and only what is missing then is told, with
the numbers, for a person to judge.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ingest.archive.book import Book, Gap
from ingest.archive.watch import Watch

SEQUENCE_GAP, MESSAGE_EXPIRED = "sequence_gap", "message_expired"


def between(seqs: Iterable[int], first: int, last: int) -> list[tuple[int, int]]:
    """Which runs of numbers from `first` to `last` are not among the ascending `seqs`."""
    runs = []
    expected = first
    for seq in seqs:
        if seq > last:
            break
        if seq > expected:
            runs.append((expected, seq - 1))
        expected = max(expected, seq + 1)
    if expected <= last:
        runs.append((expected, last))
    return runs


class Gaps:
    """Watches the gaps of one archive."""

    def __init__(self, book: Book, watch: Watch, wait_ms: int) -> None:
        self._book, self._watch, self._wait_ms = book, watch, wait_ms
        self._told = list(book.gaps(told=True))

    @property
    def pending(self) -> bool:
        """Whether one waits to be looked for again."""
        return any(True for _ in self._book.gaps(told=False))

    def due(self, now: int) -> list[Gap]:
        """Those to be looked for again by now (UTC ms)."""
        return [one for one in self._book.gaps(told=False) if one.at + self._wait_ms <= now]

    def seen(self, after: int | None, seqs: Sequence[int], now: int, *, expired: bool) -> None:
        """A page came: note what is missing in it, and what came late after all.

        Args:
            after: the number before the page; None when nothing is known before it.
            seqs: ascending, not empty.
            expired: what is missing before the first has expired, as far as anybody can know.
        """
        first = seqs[0] if after is None else after + 1
        if expired and seqs[0] > first:
            self.expired(first, seqs[0] - 1, now)
            first = seqs[0]
        for start, last in between(seqs, first, seqs[-1]):
            self._book.gap(start, last, now)
        for gap in self._told:
            if seqs[0] <= gap.last and gap.first <= seqs[-1]:
                self._settle(gap, seqs, now, told=True)

    def expired(self, first: int, last: int, now: int) -> None:
        """Tell of messages that nobody can fetch any more; `last` 0: nobody knows how many."""
        about = f"numbers {first} to {last}" if last else f"what follows number {first - 1}"
        self._watch.open(
            MESSAGE_EXPIRED, str(first), f"{about} expired before they were fetched",
            now=now, key=str(first), count=max(1, last - first + 1),
        )  # fmt: skip

    def looked_again(self, gap: Gap, seqs: Sequence[int], now: int) -> None:
        """The second look at a gap found these numbers of it."""
        self._settle(gap, seqs, now, told=False)

    def _settle(self, gap: Gap, seqs: Sequence[int], now: int, *, told: bool) -> None:
        runs = between(seqs, gap.first, gap.last)
        if told and runs == [(gap.first, gap.last)]:
            return
        missing = ", ".join(f"{first} to {last}" for first, last in runs[:5])
        if told:
            detail = f"arrived; still missing: {missing}" if missing else "all of them arrived"
            self._watch.resolve(SEQUENCE_GAP, _subject(*gap[:2]), detail, now=now, count=gap.size)
        for first, last in runs:
            self._watch.open(
                SEQUENCE_GAP,
                _subject(first, last),
                f"numbers {first} to {last} are missing, also when asked for again",
                now=now,
                key=_subject(first, last),
                count=last - first + 1,
            )
        if not runs or runs[0][0] != gap.first:
            self._book.no_gap(gap.first)
        for first, last in runs:
            self._book.gap(first, last, now, told=True)
        self._told = list(self._book.gaps(told=True))


def _subject(first: int, last: int) -> str:
    return f"{first}-{last}"

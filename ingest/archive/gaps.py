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
    """Watches the gaps of one archive.

    The book comes first and the incidents follow it: what a crash leaves untold in between,
    `catch_up` tells. An incident that was resolved can never be told as open again, under its id.
    So none is resolved before what it misses is durable.
    """

    def __init__(self, book: Book, watch: Watch, wait_ms: int) -> None:
        self._book, self._watch, self._wait_ms = book, watch, wait_ms
        self._told = list(book.gaps(told=True))

    def catch_up(self, now: int) -> None:
        """Make the incidents what the book says; to be called when a process begins."""
        for gap in self._told:
            self._open(gap.first, gap.last, now)
        subjects = {_subject(gap.first, gap.last) for gap in self._told}
        for subject in self._watch.subjects(SEQUENCE_GAP):
            first, last = map(int, subject.split("-"))
            if subject not in subjects and not any(
                gap.first <= first and last <= gap.last for gap in self._told
            ):
                within = [gap[:2] for gap in self._told if first <= gap.first and gap.last <= last]
                self._resolve(first, last, within, now)

    @property
    def pending(self) -> bool:
        """Whether one waits to be looked for again."""
        return any(True for _ in self._book.gaps(told=False))

    def due(self, now: int) -> list[Gap]:
        """Those to be looked for again by now (UTC ms)."""
        # One that was noted later than now was noted before the clock was set back. Nobody knows
        # how long it has waited, and looking early costs one call.
        return [
            one
            for one in self._book.gaps(told=False)
            if one.at > now or one.at + self._wait_ms <= now
        ]

    def note(self, after: int | None, seqs: Sequence[int], now: int, *, expired: bool) -> None:
        """A page came: note what is missing in it. To be called before the page is taken.

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

    def arrived(self, seqs: Sequence[int], now: int) -> None:
        """These numbers are durable: settle the gaps that were told, as far as they fill them."""
        for gap in self._told:
            if seqs[0] <= gap.last and gap.first <= seqs[-1]:
                runs = between(seqs, gap.first, gap.last)
                if runs != [gap[:2]]:
                    self._settle(gap, runs, now)

    def expired(self, first: int, last: int, now: int) -> None:
        """Tell of messages that nobody can fetch any more; `last` 0: nobody knows how many."""
        about = f"numbers {first} to {last}" if last else f"what follows number {first - 1}"
        self._watch.open(
            MESSAGE_EXPIRED, str(first), f"{about} expired before they were fetched",
            now=now, key=str(first), count=max(1, last - first + 1),
        )  # fmt: skip

    def looked_again(self, gap: Gap, seqs: Sequence[int], now: int) -> None:
        """The second look at a gap found these numbers of it, which are durable."""
        self._settle(gap, between(seqs, gap.first, gap.last), now)

    def _settle(self, gap: Gap, runs: list[tuple[int, int]], now: int) -> None:
        """Of a gap these runs are missing still."""
        self._book.left_of_gap(gap.first, runs, now)
        self._told = list(self._book.gaps(told=True))
        for first, last in runs:
            self._open(first, last, now)
        if gap[:2] not in runs:
            self._resolve(gap.first, gap.last, runs, now)

    def _open(self, first: int, last: int, now: int) -> None:
        self._watch.open(
            SEQUENCE_GAP,
            _subject(first, last),
            f"numbers {first} to {last} are missing, also when asked for again",
            now=now,
            key=_subject(first, last),
            count=last - first + 1,
        )

    def _resolve(self, first: int, last: int, runs: list[tuple[int, int]], now: int) -> None:
        missing = ", ".join(f"{start} to {end}" for start, end in runs[:5])
        detail = f"arrived; still missing: {missing}" if missing else "all of them arrived"
        self._watch.resolve(
            SEQUENCE_GAP, _subject(first, last), detail, now=now, count=last - first + 1
        )


def _subject(first: int, last: int) -> str:
    return f"{first}-{last}"

"""What deletion needs of the archive's index, and what it leaves: tombstones."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol

import msgspec

from rules.retention.periods import day_of
from sinks.archive.leaves import MessageLeaf, OtherLeaf
from sinks.archive.rows import Row, SegmentRow
from sinks.archive.segment import Place

# kinds of entries of the ledger
DISPOSAL, TOMBSTONE, SPARED, DISPOSED = "disposal", "tombstone", "spared", "disposed"

Spans = list[tuple[int, int]]
"""Numbers as spans [first, last], ascending."""


class Tombstone(NamedTuple):
    """What stays of a message that was deleted: what the ledger says of it (its number there, its
    id, sequence, time in UTC ms, the SM3 of its raw record), the plan it was deleted by, the line
    of the custody book that says so, and when (UTC ms)."""

    leaf: int
    msgid: str
    seq: int
    time: int
    sm3: bytes
    plan: str
    book: int
    at: int

    def words(self) -> tuple[str, str]:
        """What somebody is told who looks the message up, in English and in Chinese."""
        day, sm3 = f"{day_of(self.at):%Y-%m-%d}", self.sm3.hex()
        return (
            f"message {self.msgid} was deleted on {day} by plan {self.plan[:16]} (line {self.book} "
            f"of the custody book); its record had the SM3 {sm3}",
            f"消息 {self.msgid} 已于 {day} 按计划 {self.plan[:16]}（保管记录第 {self.book} 行）"
            f"删除；其记录的 SM3 为 {sm3}",
        )


class Moved(NamedTuple):
    """Where the sealed record of a message that stays is now."""

    leaf: int
    segment: str
    number: int
    place: Place


class Disposed(NamedTuple):
    """One step of a deletion: who goes, where those that stay are now, segments that are new, and
    names of those that nothing is in any more."""

    gone: Sequence[Tombstone]
    moved: Sequence[Moved]
    made: Sequence[SegmentRow]
    emptied: Sequence[str]


class Cleared(NamedTuple):
    """What was still in the index of messages that are gone: lists of terms, names."""

    terms: int
    names: int


class DisposableIndex(Protocol):
    """The index of an archive, as far as deletion goes. The same process writes it that writes the
    archive (`ArchiveIndex`)."""

    def rows_before(self, time: int, after: int, limit: int) -> list[Row]:
        """Rows said before `time` (UTC ms) with a leaf above `after`, ascending."""

    def rows_at(self, leaves: Sequence[int]) -> list[Row]:
        """The rows with these leaves that are there, ascending."""

    def rows_in(self, segment: str, near: int) -> list[Row]:
        """The rows whose records are in a segment, in the order of their numbers; one of them has
        the leaf `near`."""

    def segment(self, name: str) -> SegmentRow | None:
        """A segment by its name."""

    def segments(self) -> list[str]:
        """The names of all segments."""

    def alerts_of(self, leaves: Sequence[int]) -> dict[int, list[tuple[str, str]]]:
        """(alert id, rule) of the alerts that name these messages."""

    def present(self, first: int, last: int) -> set[int]:
        """Which leaves from `first` to `last` are of messages that are there."""

    def dispose(self, what: Disposed) -> None:
        """Store it, all or nothing; the emptied segments' objects are to be discarded then."""

    def bury(self, stones: Sequence[Tombstone]) -> None:
        """Store tombstones alone, of messages that are not there: for an index that is made again.
        One that is there already is replaced."""

    def discards(self) -> list[str]:
        """Objects that nothing is in any more and that may still be there."""

    def discarded(self, names: Sequence[str]) -> None:
        """These are gone."""

    def buried(self, first: int, last: int) -> list[Tombstone]:
        """Tombstones of leaves from `first` to `last`, ascending."""

    def buried_as(self, msgid: str) -> list[Tombstone]:
        """Tombstones of messages with this id."""

    def clear(self) -> Cleared:
        """Remove what the index still has of messages that are gone, down to the disk's pages:
        their terms, and names that nobody has any more."""


def tombstone_of(leaf: int, told: MessageLeaf, plan: str, book: int, at: int) -> Tombstone:
    """The tombstone of a message, from its entry in the ledger."""
    sm3 = bytes.fromhex(told.sm3)
    return Tombstone(leaf, told.msgid, told.seq, told.time, sm3, plan, book, at)


def tombstone_leaf(stone: Tombstone) -> OtherLeaf:
    """Its entry in the ledger."""
    told = {**stone._asdict(), "sm3": stone.sm3.hex(), "kind": TOMBSTONE, "v": 1}
    return OtherLeaf(TOMBSTONE, f"{stone.leaf}@{stone.plan}", digest(encode(told)))


def spared_leaf(stone: Tombstone) -> OtherLeaf:
    """The entry that takes a tombstone back: the message was held before it was removed."""
    return tombstone_leaf(stone)._replace(kind=SPARED)


def encode(value: object) -> bytes:
    """Canonical JSON: sorted keys, no blanks."""
    return msgspec.json.encode(value, order="sorted")


def digest(data: bytes) -> str:
    """SM3 in hex."""
    return hashlib.new("sm3", data).hexdigest()


def spans(numbers: Iterable[int]) -> Spans:
    """Numbers as spans."""
    found: Spans = []
    for number in sorted(numbers):
        if found and number == found[-1][1] + 1:
            found[-1] = (found[-1][0], number)
        elif not found or number > found[-1][1]:
            found.append((number, number))
    return found


def covers(found: Spans, number: int) -> bool:
    """Whether a number is in spans, which ascend as `spans` gives them."""
    at = bisect_right(found, number, key=_first) - 1
    return at >= 0 and number <= found[at][1]


def _first(span: tuple[int, int]) -> int:
    return span[0]


def counted(found: Iterable[Sequence[int]]) -> int:
    """How many numbers are in spans."""
    return sum(last - first + 1 for first, last in found)


def within(found: Iterable[Sequence[int]]) -> Iterator[int]:
    """The numbers of spans."""
    for first, last in found:
        yield from range(first, last + 1)

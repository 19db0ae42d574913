"""Accounts in the index for entries of the ledger, from the segments.

After a flush that was cut short these are the entries of one append, and whatever cannot be
accounted for is an error. When an index is made again they are all, messages were deleted since,
and what is wrong is told and passed over, so that the rest can be read.

What was deleted is known from the ledger, and from the custody book whose lines are entered there:
a tombstone's entry has the digest of all that the tombstone says, and the line that removed the
message says the rest. A message whose tombstone was not taken back is gone when its plan was
carried out to its end, or when no segment has it; else the deletion was cut short, and it is there
as it was before: the plan, taken up again, takes the tombstone back and judges it anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from rules.decode import Decoder
from rules.errors import MingjianError
from rules.plural import plural
from sinks.archive.custody import BookDamaged, CustodyBook
from sinks.archive.disposable import (
    DisposableIndex,
    Tombstone,
    covers,
    tombstone_leaf,
    tombstone_of,
)
from sinks.archive.disposal_entries import Stone, gather
from sinks.archive.found_records import Found, Segments
from sinks.archive.hold_book import Removal, deeds, removals
from sinks.archive.kept import DAMAGED, RAW, message_of, row_of
from sinks.archive.leaves import (
    ALERT,
    CUSTODY,
    MEDIA,
    MessageLeaf,
    OtherLeaf,
    read_message,
    read_other,
)
from sinks.archive.rows import ArchiveIndex, Row, SegmentRow, Stored
from sinks.archive.segment import Listed, SegmentDamaged
from sinks.archive.terms import Terms, id_term, named
from sinks.ledger.files import FullBundles
from sinks.ledger.log import Ledger
from sinks.ledger.tiles import WIDTH

_CHUNK = 5_000  # messages or other entries at once
ReadFrom = Callable[[int], Iterable[tuple[int, bytes]]]
"""The entries of a ledger from a number on."""
Wrong = Callable[[int, str, MingjianError], None]
"""Told what cannot be accounted for: the leaf (-1: more than one), the segment or book, why."""


class Counts(NamedTuple):
    """What was accounted for: messages, of which so many were deleted, are missing, and do not
    open; segments."""

    messages: int = 0
    deleted: int = 0
    missing: int = 0
    damaged: int = 0
    segments: int = 0


class Accounting:
    """Accounts for the entries from `index.leaves()` on.

    Args:
        index, disposals: of one file or server.
        read: gives the ledger's entries; `size`: how many it has.
        book: the custody book; left out where nothing was deleted that is not accounted for.
        wrong: told of whatever is wrong; what it raises ends the work.
    """

    def __init__(
        self,
        *,
        index: ArchiveIndex,
        disposals: DisposableIndex,
        read: ReadFrom,
        size: int,
        book: CustodyBook | None = None,
        segments: Segments,
        terms: Terms,
        decoder: Decoder,
        wrong: Wrong,
    ) -> None:
        self._index, self._disposals, self._book = index, disposals, book
        self._read, self._size, self._segments = read, size, segments
        self._terms, self._decoder, self._wrong = terms, decoder, wrong
        self._removals: dict[str, list[Removal]] | None = None
        self._positions = {
            kind: at for kind, at in index.positions().items() if kind in (CUSTODY, MEDIA)
        }
        self.alerts: set[str] = set()  # that were entered, by id
        self.counts = Counts()
        self._empty()

    def run(self) -> Iterator[int]:
        """Account for them, piece by piece: how many leaves are accounted for after each.

        Raises:
            KeyMissing, KeyRefused: a segment's key does not open.
            OSError, sqlite3.Error: an end did not do it now.
        """
        start = self._index.leaves()
        self._entries = gather(self._read(start))
        group: list[tuple[int, MessageLeaf]] = []
        for leaf, entry in self._read(start):
            told = read_message(entry)
            if group and (told is None or told.segment != group[0][1].segment):
                self._take(group)
                group = []
                if len(self._rows) + len(self._others) >= _CHUNK:
                    yield self._store(leaf)
            if told is not None:
                group.append((leaf, told))
            elif (other := read_other(entry)) is not None:
                self._take_other(leaf, other)
        if group:
            self._take(group)
        yield self._store(self._size)

    def _take_other(self, leaf: int, other: OtherLeaf) -> None:
        self._others.append((leaf, other))
        if other.kind == ALERT:
            self.alerts.add(other.id)
        if other.kind in (CUSTODY, MEDIA) and other.id.isdecimal():
            self._positions[other.kind] = max(self._positions.get(other.kind, 0), int(other.id))

    def _take(self, group: Sequence[tuple[int, MessageLeaf]]) -> None:
        """Account for messages that were sealed in one segment."""
        stones = {leaf: one for leaf, _ in group if (one := self._entries.stones.get(leaf))}
        gone = {leaf for leaf, one in stones.items() if one.plan in self._entries.done}
        name = group[0][1].segment
        if len(gone) < len(group):
            found = self._segments.find(group, gone, bool(stones))
        else:
            left = {name: len(gone)} if self._segments.there(name) else {}
            found = Found({}, {}, left)
        missing = 0
        for leaf, told in group:
            if (there := found.records.get(leaf)) is not None:
                self._keep(leaf, told, *there)
            elif (stone := stones.get(leaf)) is not None:
                self._bury(leaf, told, stone)
            else:
                missing += 1
        if missing:
            self._lacks(name, found, missing, bool(stones))
        for segment, count in found.left.items():
            self._wrong(-1, segment, _left(segment, count))
        self._count(messages=len(group), missing=missing)

    def _keep(self, leaf: int, told: MessageLeaf, segment: SegmentRow, record: Listed) -> None:
        message = None if record.raw is None else message_of(self._decoder, record.raw)
        if message is None:
            damage = record.damage or SegmentDamaged(
                segment.name, "it holds a heartbeat", "其中有心跳记录"
            )
            self._wrong(leaf, segment.name, damage)
            self._count(damaged=1)
        now = told._replace(segment=segment.name, number=record.number)
        row = row_of(leaf, now, message, record.place, len(record.raw or b""))
        terms = _terms_of_damaged(told) if message is None else self._terms.of(message)
        self._rows.append((row, terms))
        if segment.name not in self._known:
            self._known.add(segment.name)
            if self._disposals.segment(segment.name) is None:
                self._made.append(segment)
                self._count(segments=1)

    def _bury(self, leaf: int, told: MessageLeaf, stone: Stone) -> None:
        for removal in self._removals_of(stone.plan):
            if covers(removal.leaves, leaf):
                made = tombstone_of(leaf, told, stone.plan, removal.number, removal.at)
                if tombstone_leaf(made).sm3 == stone.sm3:
                    self._stones.append(made)
                    self._count(deleted=1)
                    return
        self._count(missing=1)
        self._wrong(leaf, "", MingjianError(
            f"message {told.msgid} was deleted, and no line of the custody book is the one that its"
            " tombstone is of",
            f"消息 {told.msgid} 已删除，但保管记录中没有与其墓碑相符的行",
            fix_en="restore the custody book from its copy",
            fix_zh="请从副本恢复保管记录",
        ))  # fmt: skip

    def _removals_of(self, plan: str) -> list[Removal]:
        if self._removals is None:
            lines = []
            try:
                for line in self._book.lines() if self._book else ():
                    lines.append(line)
            except BookDamaged as error:
                self._wrong(-1, "custody.jsonl", error)
            self._removals = {}
            for one in removals(deeds(lines)):
                self._removals.setdefault(one.plan, []).append(one)
        return self._removals.get(plan, [])

    def _lacks(self, name: str, found: Found, missing: int, moved: bool) -> None:
        """Messages that no segment has and no tombstone is of."""
        damage = found.wrong.get(name)
        if damage is None or moved:
            anew = "; it was written anew when others of it were deleted" if moved else ""
            nun = "；其中其他消息被删除时该分段曾被重写" if moved else ""
            damage = SegmentDamaged(
                name,
                f"{plural(missing, 'message that was', 'messages that were')} sealed in it"
                f" {'is' if missing == 1 else 'are'} in no segment{anew}",
                f"曾封装在其中的 {missing:,} 条消息不在任何分段中{nun}",
            )
        self._wrong(-1, name, damage)

    def _store(self, leaves: int) -> int:
        """All or nothing, but for tombstones, which are stored first and again when this is."""
        if self._stones:
            self._disposals.bury(self._stones)
        self._index.store(Stored(self._rows, self._made, self._others, (), self._positions, leaves))
        self._empty()
        return leaves

    def _empty(self) -> None:
        self._rows: list[tuple[Row, str]] = []
        self._made: list[SegmentRow] = []
        self._others: list[tuple[int, OtherLeaf]] = []
        self._stones: list[Tombstone] = []
        self._known: set[str] = set()  # segments that a row of this piece is in

    def _count(self, **more: int) -> None:
        told = self.counts._asdict()
        self.counts = Counts(**{name: told[name] + more.get(name, 0) for name in told})


def require_near(index: ArchiveIndex, read: ReadFrom, size: int) -> None:
    """Come back when the index lacks no more of a ledger of `size` entries than a write that was
    cut short explains, or nothing was deleted meanwhile.

    Raises:
        MingjianError: else some of its rows may be of messages that are gone, and of others nobody
            would find the segment by the ledger alone.
    """
    start = index.leaves()
    told = gather(read(start))
    of_one_write = len(told.stones) + len(told.odd) + len(told.done)
    if of_one_write and size - start > of_one_write:
        raise MingjianError(
            f"the archive's index accounts for {start:,} of {plural(size, 'entry', 'entries')} of"
            " the ledger, and"
            " messages were deleted since: it was lost, or is an old copy",
            f"归档索引只登记了账本 {size:,} 条中的 {start:,} 条，其后又有消息被删除："
            "索引已丢失，或是旧的副本",
            fix_en="run `mingjian archive rebuild`",
            fix_zh="请运行 `mingjian archive rebuild`",
        )


def entries_from(ledger: Ledger, folder: Path, start: int) -> Iterator[tuple[int, bytes]]:
    """The durable entries of a ledger in `folder` from a number on, a whole bundle read at once."""
    bundles, full = FullBundles(folder), ledger.size // WIDTH
    for number in range(start // WIDTH, full):
        for leaf, entry in enumerate(bundles.read(number), number * WIDTH):
            if leaf >= start:
                yield leaf, entry
    for leaf in range(max(start, full * WIDTH), ledger.size):
        yield leaf, ledger.entry(leaf)


def _terms_of_damaged(told: MessageLeaf) -> str:
    return " ".join((named("k", RAW), named("t", DAMAGED), id_term(told.msgid)))


def _left(segment: str, count: int) -> MingjianError:
    return MingjianError(
        f"segment {segment} of the archive still holds"
        f" {plural(count, 'record of a message that was', 'records of messages that were')}"
        " deleted: it was put back from a copy",
        f"归档分段 {segment} 中仍有 {count:,} 条已删除消息的记录：它是从副本放回的",
        fix_en="remove it from the storage, unless `mingjian archive check` needs it for others",
        fix_zh="请将其从存储中移除，除非其他消息仍需要它（见 `mingjian archive check`）",
    )

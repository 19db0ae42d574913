"""Keeps every message: sealed in a segment, entered in the ledger, listed in the index.

The order of the three makes a crash at any point harmless. A segment is stored first: without an
entry nobody knows of it. Then its messages are entered in the ledger. Then rows and the positions
of the source go into the index, in one transaction. Entries that the index does not account for
when the archiver is opened are those of a flush that was cut short: their rows are made from the
segment, and the messages, which the source gives again, are known.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from rules.decode import Decoder
from rules.errors import MingjianError
from rules.message import Message
from sinks.archive.accounting import Accounting, ReadFrom, require_near
from sinks.archive.disposing import disposals_of
from sinks.archive.found_records import Segments
from sinks.archive.hit_book import HITS, HitBook, take_hits
from sinks.archive.kept import message_of, row_of
from sinks.archive.keys import TenantKeys
from sinks.archive.leaves import ALERT, MessageLeaf, OtherLeaf, message_entry, other_entry
from sinks.archive.objects import Objects
from sinks.archive.rows import ArchiveIndex, HitRow, Row, SegmentRow, Stored
from sinks.archive.segment import Entry, read_head, seal_segment
from sinks.archive.terms import Terms
from sinks.ledger.log import Ledger

MAX_BYTES = 8 * 1024 * 1024
MAX_RECORDS = 20_000


class Archived(NamedTuple):
    """What a flush did: what is new, and what was there."""

    new: int
    known: int


class Foreign(NamedTuple):
    """A record that is not this archive's, and the tenant it names."""

    raw: bytes
    tenant: str


class _Pending(NamedTuple):
    raw: bytes
    message: Message


class Archiver:
    """The archive of one tenant, open for writing.

    Args:
        tenant: whose.
        objects, ledger, index, keys, terms: its parts; the ledger's writer is this one alone.
        decoder: of the tenant's records.
        now: UTC ms, when segments are made.
        hit_book: has what alerts name beside the index.
        read: gives the ledger's entries, where there is a quicker way than one by one.

    Raises:
        MingjianError: what was cut short cannot be accounted for, or the index was lost.
    """

    def __init__(
        self,
        tenant: str,
        *,
        objects: Objects,
        ledger: Ledger,
        index: ArchiveIndex,
        keys: TenantKeys,
        terms: Terms,
        decoder: Decoder,
        now: Callable[[], int],
        hit_book: HitBook | None = None,
        read: ReadFrom | None = None,
    ) -> None:
        self._tenant, self._objects, self._ledger = tenant, objects, ledger
        self._index, self._keys, self._terms = index, keys, terms
        self._decoder, self._now = decoder, now
        self._hit_book, self._read = hit_book, read
        self._forget()
        self._catch_up()

    def add(self, records: Sequence[bytes]) -> list[Foreign]:
        """Take records of the source. Heartbeats are none; what cannot be decoded is kept too. Not
        taken is a record that names another tenant: segments, ledger and keys are this one's, and
        what is bound to its name has to be its own. These are given back."""
        foreign = []
        for raw in records:
            message = message_of(self._decoder, raw)
            if message is None:
                continue
            if message.tenant not in ("", self._tenant):  # "": it cannot be decoded
                foreign.append(Foreign(raw, message.tenant))
                continue
            key = (message.time, message.msgid)
            if key in self._pending:
                self._repeats += 1
            else:
                self._pending[key] = _Pending(raw, message)
                self._bytes += len(raw)
        return foreign

    def enter(self, leaf: OtherLeaf, hits: Sequence[HitRow] = ()) -> None:
        """Enter something that is no message, and note which messages it names."""
        self._others[leaf] = hits
        self._hits += hits

    def stand(self, positions: Mapping[str, int]) -> None:
        """The source stands here, behind all that was added."""
        self._positions |= positions

    def full(self) -> bool:
        """Whether there is enough for a segment."""
        return self._bytes >= MAX_BYTES or len(self._pending) >= MAX_RECORDS

    def empty(self) -> bool:
        """Whether nothing waits to be made durable."""
        return not (self._pending or self._others or self._hits or self._positions)

    def recover(self, ledger: Ledger) -> None:
        """Go on after a flush that failed, with the ledger opened anew; what was added stays."""
        self._ledger = ledger
        self._catch_up()

    def flush(self) -> Archived:
        """Make all that was added durable, and remember the positions of the source.

        Raises:
            OSError, sqlite3.Error: an end did not take it; what was added is kept. Open the ledger
                anew and `recover` before the next flush.
        """
        known = self._index.known(list(self._pending))
        new = [one for key, one in self._pending.items() if key not in known]
        entered = self._index.entered(list(self._others))
        others = [leaf for leaf in self._others if leaf not in entered]
        self._note_hits(others)
        entries = list[bytes]()
        rows, segments = list[tuple[Row, str]](), list[SegmentRow]()
        if new:
            entries, rows, segments = self._sealed(new)
        first = self._ledger.append([*entries, *map(other_entry, others)])
        self._index.store(
            Stored(
                [(row._replace(leaf=first + row.leaf), terms) for row, terms in rows],
                segments,
                list(enumerate(others, first + len(new))),
                self._hits,
                self._positions,
                self._ledger.size,
            )
        )
        done = Archived(len(new) + len(others), len(known) + len(entered) + self._repeats)
        self._forget()
        return done

    def _note_hits(self, others: Sequence[OtherLeaf]) -> None:
        """What alerts name that are entered now is in the book first; once, also where the flush
        fails and is done again."""
        alerts = [leaf for leaf in others if leaf.kind == ALERT and leaf not in self._noted]
        if self._hit_book is not None and alerts:
            lines = self._hit_book.add([(leaf.id, self._others[leaf]) for leaf in alerts])
            self._noted.update(alerts)
            self._positions[HITS] = lines

    def _forget(self) -> None:
        self._pending: dict[tuple[int, str], _Pending] = {}
        self._others: dict[OtherLeaf, Sequence[HitRow]] = {}
        self._hits: list[HitRow] = []
        self._noted: set[OtherLeaf] = set()
        self._positions: dict[str, int] = {}
        self._bytes = self._repeats = 0

    def _sealed(
        self, new: Sequence[_Pending]
    ) -> tuple[list[bytes], list[tuple[Row, str]], list[SegmentRow]]:
        """Store a segment: the entries, rows (leaves from 0) and the segment's own row."""
        created_at = self._now()
        name = f"{created_at:013}-{secrets.token_hex(4)}"
        sealed = seal_segment(
            [Entry(one.message.msgid, one.message.seq, one.raw) for one in new],
            tenant=self._tenant,
            name=name,
            keys=self._keys,
            created_at=created_at,
        )
        self._objects.put(name, sealed.data)
        entries, rows = [], []
        for at, (one, place) in enumerate(zip(new, sealed.places, strict=True)):
            digest = hashlib.new("sm3", one.raw).hexdigest()
            told = _leaf(one.message, digest, name, at + 1)
            entries.append(message_entry(told))
            row = row_of(at, told, one.message, place, len(one.raw))
            rows.append((row, self._terms.of(one.message)))
        version = read_head(sealed.data, name).wrapped.version
        made = SegmentRow(name, version, sealed.sm3, len(sealed.data), len(new), created_at)
        return entries, rows, [made]

    def _catch_up(self) -> None:
        """Account for entries of a flush that was cut short, and for what alerts name."""
        work = Accounting(
            index=self._index,
            disposals=disposals_of(self._index),
            read=self._read or self._one_by_one,
            size=self._ledger.size,
            segments=Segments(self._objects, self._keys),
            terms=self._terms,
            decoder=self._decoder,
            wrong=_raised,
        )
        if self._index.leaves() < self._ledger.size:
            require_near(self._index, self._read or self._one_by_one, self._ledger.size)
            for _ in work.run():
                pass
        if self._hit_book is not None:
            take_hits(self._hit_book, self._index)

    def _one_by_one(self, start: int) -> Iterator[tuple[int, bytes]]:
        for leaf in range(start, self._ledger.size):
            yield leaf, self._ledger.entry(leaf)


def _raised(_leaf: int, _place: str, error: MingjianError) -> None:
    raise error


def _leaf(message: Message, sm3: str, segment: str, number: int) -> MessageLeaf:
    return MessageLeaf(message.msgid, message.seq, message.time, sm3, segment, number)

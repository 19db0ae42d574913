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
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from rules.decode import Decoder
from rules.message import Message
from sinks.archive.kept import message_of
from sinks.archive.keys import TenantKeys
from sinks.archive.leaves import (
    MessageLeaf,
    OtherLeaf,
    message_entry,
    other_entry,
    read_message,
    read_other,
)
from sinks.archive.objects import NoObject, Objects
from sinks.archive.rows import ArchiveIndex, HitRow, Row, SegmentRow, Stored
from sinks.archive.segment import (
    Entry,
    Listed,
    Place,
    SegmentDamaged,
    open_all,
    read_head,
    seal_segment,
)
from sinks.archive.terms import Terms
from sinks.ledger.log import Ledger

MAX_BYTES = 8 * 1024 * 1024
MAX_RECORDS = 20_000


class Archived(NamedTuple):
    """What a flush did: what is new, and what was there."""

    new: int
    known: int


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
    ) -> None:
        self._tenant, self._objects, self._ledger = tenant, objects, ledger
        self._index, self._keys, self._terms = index, keys, terms
        self._decoder, self._now = decoder, now
        self._forget()
        self._catch_up()

    def add(self, records: Sequence[bytes]) -> None:
        """Take records of the source. Heartbeats are none; what cannot be decoded is kept too."""
        for raw in records:
            message = message_of(self._decoder, raw)
            if message is None:
                continue
            key = (message.time, message.msgid)
            if key in self._pending:
                self._repeats += 1
            else:
                self._pending[key] = _Pending(raw, message)
                self._bytes += len(raw)

    def enter(self, leaf: OtherLeaf, hits: Sequence[HitRow] = ()) -> None:
        """Enter something that is no message, and note which messages it names."""
        self._others[leaf] = None
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

    def _forget(self) -> None:
        self._pending: dict[tuple[int, str], _Pending] = {}
        self._others: dict[OtherLeaf, None] = {}
        self._hits: list[HitRow] = []
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
            digest = hashlib.new("sm3", one.raw).digest()
            entries.append(message_entry(_leaf(one.message, digest.hex(), name, at + 1)))
            row = _row(at, one.message, name, at + 1, place, len(one.raw), digest)
            rows.append((row, self._terms.of(one.message)))
        version = read_head(sealed.data, name).wrapped.version
        made = SegmentRow(name, version, sealed.sm3, len(sealed.data), len(new), created_at)
        return entries, rows, [made]

    def _catch_up(self) -> None:
        """Account for entries of a flush that was cut short."""
        start, end = self._index.leaves(), self._ledger.size
        found: dict[str, list[tuple[int, MessageLeaf]]] = {}
        others = []
        for leaf in range(start, end):
            entry = self._ledger.entry(leaf)
            if told := read_message(entry):
                found.setdefault(told.segment, []).append((leaf, told))
            elif other := read_other(entry):
                others.append((leaf, other))
        rows, segments = [], []
        for name, leaves in found.items():
            data = self._objects.get(name)
            head = read_head(data, name)
            listed = {one.number: one for one in open_all(data, name, self._keys)}
            for leaf, told in leaves:
                rows.append(self._made_again(leaf, told, listed[told.number]))
            sm3 = hashlib.new("sm3", data[:-32]).hexdigest()
            segments.append(
                SegmentRow(
                    name, head.wrapped.version, sm3, len(data), head.records, head.created_at
                )
            )
        if end > start:
            self._index.store(Stored(rows, segments, others, (), {}, end))

    def _made_again(self, leaf: int, told: MessageLeaf, listed: Listed) -> tuple[Row, str]:
        if listed.raw is None:
            raise listed.damage or NoObject(told.segment, "")
        message = message_of(self._decoder, listed.raw)
        if message is None:
            raise SegmentDamaged(told.segment, "it holds a heartbeat", "其中有心跳记录")
        digest = bytes.fromhex(told.sm3)
        row = _row(leaf, message, told.segment, told.number, listed.place, len(listed.raw), digest)
        return row, self._terms.of(message)


def _leaf(message: Message, sm3: str, segment: str, number: int) -> MessageLeaf:
    return MessageLeaf(message.msgid, message.seq, message.time, sm3, segment, number)


def _row(
    leaf: int,
    message: Message,
    segment: str,
    number: int,
    place: Place,
    size: int,
    sm3: bytes,
) -> Row:
    return Row(
        leaf,
        message.msgid,
        message.seq,
        message.time,
        message.kind,
        message.type,
        message.sender,
        message.room,
        message.conversation,
        message.direction,
        segment,
        number,
        place.offset,
        place.length,
        size,
        sm3,
    )

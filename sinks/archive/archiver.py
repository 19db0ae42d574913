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
from collections.abc import Callable, Sequence
from typing import NamedTuple

from rules.decode import Decoder
from rules.errors import RecordError
from rules.message import Message
from sinks.archive.keys import TenantKeys
from sinks.archive.leaves import MessageLeaf, message_entry, read_message
from sinks.archive.objects import NoObject, Objects
from sinks.archive.rows import ArchiveIndex, Row, SegmentRow
from sinks.archive.segment import Entry, Listed, Place, open_all, read_head, seal_segment
from sinks.archive.terms import Terms
from sinks.ledger.log import Ledger

MAX_BYTES = 8 * 1024 * 1024
MAX_RECORDS = 20_000


class Archived(NamedTuple):
    """What a flush did: messages that are new, and those that were there."""

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
        self._pending: dict[tuple[int, str], _Pending] = {}
        self._bytes = self._repeats = 0
        self._positions: dict[str, int] = {}
        self._catch_up()

    def add(self, records: Sequence[bytes], positions: dict[str, int]) -> list[RecordError]:
        """Take records of the source, which stands at `positions` behind them. Heartbeats are
        none. Comes back with what cannot be decoded: such records are quarantined by the job.
        """
        refused = []
        for raw in records:
            try:
                draft = self._decoder.draft(raw)
                if draft is None:
                    continue
                message = self._decoder.message(draft)
            except RecordError as error:
                refused.append(error)
                continue
            key = (message.time, message.msgid)
            if key in self._pending:
                self._repeats += 1
            else:
                self._pending[key] = _Pending(raw, message)
                self._bytes += len(raw)
        self._positions |= positions
        return refused

    def full(self) -> bool:
        """Whether there is enough for a segment."""
        return self._bytes >= MAX_BYTES or len(self._pending) >= MAX_RECORDS

    def flush(self) -> Archived:
        """Make all that was added durable, and remember the positions of the source.

        Raises:
            OSError: an end did not take it. Open the archiver anew and read the source again from
                the positions that are remembered.
        """
        known = self._index.known(list(self._pending))
        new = [one for key, one in self._pending.items() if key not in known]
        rows, segments = [], []
        if new:
            created_at = self._now()
            name = f"{created_at:013}-{secrets.token_hex(4)}"
            entries = [Entry(one.message.msgid, one.message.seq, one.raw) for one in new]
            sealed = seal_segment(
                entries, tenant=self._tenant, name=name, keys=self._keys, created_at=created_at
            )
            self._objects.put(name, sealed.data)
            digests = [hashlib.new("sm3", one.raw).digest() for one in new]
            first = self._ledger.append(
                [
                    message_entry(_leaf(one.message, digest.hex(), name, number))
                    for number, (one, digest) in enumerate(zip(new, digests, strict=True), 1)
                ]
            )
            for number, (one, digest, place) in enumerate(
                zip(new, digests, sealed.places, strict=True), 1
            ):
                leaf = first + number - 1
                row = _row(leaf, one.message, name, number, place, len(one.raw), digest)
                rows.append((row, self._terms.of(one.message)))
            version = read_head(sealed.data, name).wrapped.version
            segments.append(
                SegmentRow(name, version, sealed.sm3, len(sealed.data), len(new), created_at)
            )
        self._index.store(rows, segments, self._positions, self._ledger.size)
        done = Archived(len(new), len(known) + self._repeats)
        self._pending, self._bytes, self._repeats, self._positions = {}, 0, 0, {}
        return done

    def _catch_up(self) -> None:
        """Account for entries of a flush that was cut short."""
        start, end = self._index.leaves(), self._ledger.size
        found: dict[str, list[tuple[int, MessageLeaf]]] = {}
        for leaf in range(start, end):
            told = read_message(self._ledger.entry(leaf))
            if told is not None:
                found.setdefault(told.segment, []).append((leaf, told))
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
            self._index.store(rows, segments, {}, end)

    def _made_again(self, leaf: int, told: MessageLeaf, listed: Listed) -> tuple[Row, str]:
        if listed.raw is None:
            raise listed.damage or NoObject(told.segment, "")
        message = self._decoder.decode(listed.raw)
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

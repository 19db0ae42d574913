"""What a bucket was told since its groups were stored, so that it can be told again.

Judging has no chance and no clock in it: told the same again, a bucket finds the same, and what it
found then is out already. A record is its kind, its number (8 bytes), the event time at which it
was told (8 bytes, signed, both big endian), and of ITEMS the batch (`rules.batches`).

Event time never goes back for a bucket that holds something, though Flink knows none after a
restart until all sources have told theirs: a group would be given what belongs before what it has
judged. So a record of how far it was stays when the others go.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

from rules.batches import items_of
from rules.behave import Found
from rules.bucket import Bucket

MAX_BYTES = 1024 * 1024  # of records: then the groups are stored, and the records are forgotten
MAX_RECORDS = 2_000
MAX_AGE = 10 * 60 * 1000  # ms of event time: what a group forgets must not stand here for long

ITEMS, TIME = b"i", b"t"
NO_TIME = -(2**63)  # what Flink says while it knows none
_HEAD = struct.Struct(">cQq")


class Journal:
    """Tells a bucket, and gives a record of what it told.

    Args:
        bucket: with what its store has.
        records: of what it was told since then, in any order. They are told again.
    """

    def __init__(self, bucket: Bucket, records: Iterable[bytes] = ()) -> None:
        self.bucket = bucket
        self._bytes, self._records = 0, 0
        self._since, self._newest = NO_TIME, NO_TIME
        for record in sorted(records, key=_number):
            kind, bucket.number, time = _HEAD.unpack_from(record)
            self._tell(kind, time, record[_HEAD.size :], again=True)
            self._note(len(record), time)

    def items(self, batch: bytes, watermark: int) -> tuple[bytes, Found]:
        """(record, what was found): these have come while event time is at `watermark`, or where
        it has been already."""
        return self._told(ITEMS, watermark, batch)

    def time(self, watermark: int) -> tuple[bytes, Found]:
        """(record, what was found): event time has reached `watermark`."""
        return self._told(TIME, watermark, b"")

    @property
    def due(self) -> int | None:
        """When it is next to be told of event time (ms)."""
        due = self.bucket.due
        if not self._records or self._since == NO_TIME:
            return due
        full = self._since + MAX_AGE + 1
        return full if due is None else min(due, full)

    @property
    def full(self) -> bool:
        """Whether it is time to store the groups and forget the records."""
        if not self._records:
            return False
        many = self._bytes > MAX_BYTES or self._records > MAX_RECORDS
        return many or not len(self.bucket) or self._newest - self._since > MAX_AGE

    def write(self) -> list[bytes]:
        """Store the groups; the records that there are must go, and these come instead."""
        self.bucket.write()
        self._bytes, self._records = 0, 0
        if not len(self.bucket):
            self._newest = NO_TIME
            return []
        return [_HEAD.pack(TIME, self.bucket.number, self._newest)]

    def _told(self, kind: bytes, watermark: int, batch: bytes) -> tuple[bytes, Found]:
        self.bucket.number += 1
        watermark = max(watermark, self._newest)
        record = _HEAD.pack(kind, self.bucket.number, watermark) + batch
        self._note(len(record), watermark)
        return record, self._tell(kind, watermark, batch)

    def _tell(self, kind: bytes, time: int, batch: bytes, *, again: bool = False) -> Found:
        if kind == ITEMS:
            return self.bucket.add(items_of(batch), time, again=again)
        return self.bucket.advance(time)

    def _note(self, size: int, time: int) -> None:
        if not self._records or self._since == NO_TIME:
            self._since = time
        self._records += 1
        self._bytes += size
        self._newest = time


def _number(record: bytes) -> int:
    return int(_HEAD.unpack_from(record)[1])

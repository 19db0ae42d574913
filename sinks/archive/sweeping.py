"""Removes segments that the index has no row of.

A step of a deletion that was cut short leaves one, a flush that was, and whoever puts one back from
a copy. Messages that were deleted may be in it, so the end of each plan removes those of any other
plan, too. One is removed only where nothing is lost by it: each of its records is of a message that
was deleted, or is found where the index says, and opens. Else it stays, and the checks name it.
"""

from __future__ import annotations

import hashlib

from rules.errors import MingjianError
from sinks.archive.disposal_parts import Parts
from sinks.archive.kept import message_of
from sinks.archive.resealing import Records
from sinks.archive.rows import Row
from sinks.archive.search import leaf_by_id
from sinks.archive.segment import open_all
from sinks.archive.strays import segment_names


def sweep(parts: Parts) -> None:
    """Remove them. Between two steps, when all that was stored is in the index.

    Raises:
        OSError: the storage does not answer.
    """
    known, elsewhere = set(parts.disposals.segments()), _Elsewhere(parts)
    for name in segment_names(parts.objects.names()):
        if name not in known and elsewhere.has_all_of(name):
            parts.objects.delete(name)


class _Elsewhere:
    """Whether records of segments are needed."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._opened: dict[str, Records] = {}

    def has_all_of(self, name: str) -> bool:
        """Whether each record of a segment was deleted, or is in another one."""
        parts = self._parts
        try:
            listed = list(open_all(parts.objects.get(name), name, parts.keys))
        except MingjianError:
            return False
        return all(one.raw is not None and self._has(one.raw) for one in listed)

    def _has(self, raw: bytes) -> bool:
        disposals, sm3 = self._parts.disposals, hashlib.new("sm3", raw).digest()
        message = message_of(self._parts.decoder, raw)
        if message is None:
            return False
        leaf = leaf_by_id(self._parts.index, message.msgid, message.time, message.time + 1)
        if leaf is None:
            return any(stone.sm3 == sm3 for stone in disposals.buried_as(message.msgid))
        return any(row.sm3 == sm3 and self._opens(row) for row in disposals.rows_at([leaf]))

    def _opens(self, row: Row) -> bool:
        if row.segment not in self._opened:
            rows = self._parts.disposals.rows_in(row.segment, row.leaf)
            self._opened = {row.segment: Records(rows, self._parts.objects, self._parts.keys)}
        return row.leaf in self._opened[row.segment].raw

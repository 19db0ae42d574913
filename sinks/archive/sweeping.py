"""Removes segments that the index has no row of.

A step of a deletion that was cut short leaves one, a flush that was, and whoever puts one back from
a copy. Messages that were deleted may be in it, so the end of each plan removes those of any other
plan, too. One is removed only where nothing is lost by it: each of its records is of a message that
was deleted, or is found where the index says, and opens. Else it stays, and the checks name it.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable

import structlog

from rules.errors import MingjianError
from sinks.archive.disposal_parts import Parts
from sinks.archive.kept import message_of
from sinks.archive.resealing import Records
from sinks.archive.rows import Row
from sinks.archive.search import leaf_by_id
from sinks.archive.segment import open_all
from sinks.archive.strays import segment_names

log = structlog.get_logger("deliver")
_TRIES = 5  # flushes: in the first of them, or few, is what one that was killed had taken


def sweep(parts: Parts) -> bool:
    """Remove them. Between two steps, when all that was stored is in the index. False when one has
    to stay.

    Raises:
        OSError: the storage does not answer.
    """
    known, elsewhere = set(parts.disposals.segments()), _Elsewhere(parts)
    done = True
    for name in segment_names(parts.objects.names()):
        if name in known:
            continue
        if elsewhere.has_all_of(name):
            parts.objects.delete(name)
        else:
            done = False
    return done


class Leftovers:
    """Segments of flushes of earlier processes that were killed: removed as soon as what they hold
    was stored again, or every check would name them.

    Args:
        open_parts: gives the archive's parts as they are open now.
    """

    def __init__(self, open_parts: Callable[[], Parts]) -> None:
        self._open_parts, self._tries = open_parts, _TRIES

    def look(self) -> None:
        """After a flush. What fails is tried by the next process: what was stored is stored."""
        if not self._tries:
            return
        self._tries -= 1
        try:
            if sweep(self._open_parts()):
                self._tries = 0
        except (MingjianError, OSError, sqlite3.Error) as error:
            log.warning("leftovers_not_removed", kind=type(error).__name__)
            self._tries = 0


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

"""Looks through archived messages for files that are to be fetched.

The archive is read, not the source: it is the same for files and for Kafka, has every message once
and for good, and numbers them, so that where looking stands is one number. A message is seen here
some seconds after it came, when its segment is stored; files can be fetched for days.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from rules.errors import MingjianError
from rules.sent_files import WITHOUT, sent_files
from sinks.archive.media_book import MediaBook
from sinks.archive.media_rows import Carried
from sinks.archive.rows import ArchiveIndex, Asked, Row
from sinks.archive.search import ArchiveReader

PAGE = 1_000
_EVENT = "event"


class Looked(NamedTuple):
    """How far looking is: leaves that were looked at, of how many; files found, and messages that
    could not be opened."""

    done: int
    of: int
    files: int
    unread: int


def look(index: ArchiveIndex, reader: ArchiveReader, book: MediaBook) -> Iterator[Looked]:
    """Look at what was archived since last time, a page at each step; what was found is durable
    after it.

    Raises:
        OSError, sqlite3.Error: the storage or the index does not answer; go on later.
    """
    end = index.leaves()
    while (start := book.scanned()) < end:
        before = min(end, start + PAGE)
        rows = [row for row in index.search(Asked(before=before), PAGE) if row.leaf >= start]
        found: list[Carried] = []
        unread: list[int] = []
        for row in reversed(rows):
            if not _may_carry(row):
                continue
            carried = _carried(reader, row)
            if carried is None:
                unread.append(row.leaf)
            else:
                found += carried
        book.scan_to(before, found, unread)
        yield Looked(before, end, len(found), len(unread))


def look_again(index: ArchiveIndex, reader: ArchiveReader, book: MediaBook) -> int:
    """Look once more at messages that could not be opened, because a key was missing or a segment
    damaged: how many still cannot. Raises: see `look`."""
    left = 0
    for leaf in book.unread():
        rows = index.search(Asked(before=leaf + 1), 1)
        row = rows[0] if rows and rows[0].leaf == leaf else None  # else it was deleted
        carried = _carried(reader, row) if row else []
        if carried is None:
            left += 1
        else:
            book.read_now(leaf, carried)
    return left


def _may_carry(row: Row) -> bool:
    return row.kind != _EVENT and row.type not in WITHOUT


def _carried(reader: ArchiveReader, row: Row) -> list[Carried] | None:
    """The files of a message; None when it cannot be opened."""
    try:
        raw = reader.open(row)
    except MingjianError:
        return None
    return [Carried(row.leaf, row.msgid, row.time, one) for one in sent_files(raw)]

"""An index that is being made again, and takes the place of the one before when it is whole."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

from sinks.archive.rows import ArchiveIndex
from sinks.archive.sqlite_index import SqliteIndex
from sinks.whole_file import sync

_DRAFT = ".new"
_BESIDE = ("", "-wal", "-shm")  # what SQLite keeps beside a file


class FreshIndex(Protocol):
    """An index without content, for the process that holds the archive's ledger."""

    @property
    def index(self) -> ArchiveIndex:
        """To be filled."""

    def finish(self) -> None:
        """Let it be the archive's index from now on, and close it.

        Raises:
            OSError, sqlite3.Error: an end did not do it; the one before stays.
        """

    def close(self) -> None:
        """Release it, finished or not."""


class FreshFile:
    """An index in a file; until it is finished the one before is there as it was."""

    def __init__(self, path: Path) -> None:
        self._path, self._draft = path, path.with_name(path.name + _DRAFT)
        _remove(self._draft)  # of one that was cut short: messages may have been deleted since
        self._index = SqliteIndex(self._draft)

    @property
    def index(self) -> ArchiveIndex:
        """See `FreshIndex`."""
        return self._index

    def finish(self) -> None:
        """See `FreshIndex`. The log of writes of the one before goes first, or SQLite would apply
        it to this one; killed in between, there is none, which the next one to write notices."""
        self._index.database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        self._index.close()
        _remove(self._path)
        os.replace(self._draft, self._path)
        sync(self._path.parent)

    def close(self) -> None:
        """See `FreshIndex`."""
        self._index.close()
        _remove(self._draft)


def _remove(path: Path) -> None:
    for suffix in _BESIDE:
        path.with_name(path.name + suffix).unlink(missing_ok=True)

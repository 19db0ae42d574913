"""A file of SQLite that cannot be used now, told from one that is damaged."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ingest.waiting import Away
from rules.errors import MingjianError


@contextmanager
def usable(
    db: sqlite3.Connection, path: Path, damaged: Callable[[Path, Exception], MingjianError]
) -> Iterator[None]:
    """Take back what was begun when it fails.

    Raises:
        Away: not now: the disk is full, another program has locked it.
        MingjianError: what `damaged` makes of any other error.
    """
    try:
        yield
    except sqlite3.Error as error:
        if db.in_transaction:
            db.execute("ROLLBACK")
        if isinstance(error, sqlite3.OperationalError):  # full, busy, input or output failed
            raise Away(f"{path}: {error}") from None
        raise damaged(path, error) from None

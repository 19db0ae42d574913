"""An index in a file that is damaged, told as what it is whoever reads it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from rules.errors import MingjianError

_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class IndexDamaged(MingjianError):
    """The file of the index is not what SQLite wrote. It has nothing that cannot be made again."""

    def __init__(self, place: str, why: str) -> None:
        super().__init__(
            f"the archive's index {place} is damaged ({why})",
            f"归档索引 {place} 已损坏（{why}）",
            fix_en="end `mingjian deliver`, and let an administrator run `mingjian archive rebuild"
            " --why …`: it makes the index again from what it was made of; no message is lost",
            fix_zh="请停止 `mingjian deliver`，由系统管理员运行"
            " `mingjian archive rebuild --why …`，由原始内容重建索引；消息不会丢失",
        )


def connected(path: str | Path) -> sqlite3.Connection:
    """The file, open; whoever meets damage in it meets `IndexDamaged`. Raises sqlite3.Error."""
    return sqlite3.connect(path, isolation_level=None, check_same_thread=False, factory=_Connection)


class _Cursor(sqlite3.Cursor):
    """Reads and writes; rows come one by one, so damage may be met at any of them."""

    def execute(self, *args: Any) -> Self:
        with _told(self.connection):
            super().execute(*args)
        return self

    def executemany(self, *args: Any) -> Self:
        with _told(self.connection):
            super().executemany(*args)
        return self

    def executescript(self, *args: Any) -> Self:
        with _told(self.connection):
            super().executescript(*args)
        return self

    def fetchone(self) -> Any:
        with _told(self.connection):
            return super().fetchone()

    def fetchall(self) -> list[Any]:
        with _told(self.connection):
            return super().fetchall()

    def __next__(self) -> Any:
        try:
            return super().__next__()
        except sqlite3.DatabaseError as error:
            raise _named(self.connection, error) from None


class _Connection(sqlite3.Connection):
    """A connection whose cursors tell; its own short ways would pass them by."""

    def cursor(self, factory: Any = _Cursor) -> Any:
        return super().cursor(factory)

    def execute(self, *args: Any) -> Any:
        return self.cursor().execute(*args)

    def executemany(self, *args: Any) -> Any:
        return self.cursor().executemany(*args)

    def executescript(self, *args: Any) -> Any:
        return self.cursor().executescript(*args)


@contextmanager
def _told(database: sqlite3.Connection) -> Iterator[None]:
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise _named(database, error) from None


def _named(database: sqlite3.Connection, error: sqlite3.DatabaseError) -> Exception:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code not in _DAMAGED:
        return error
    return IndexDamaged(_place(database), str(error))


def _place(database: sqlite3.Connection) -> str:
    try:
        return str(sqlite3.Connection.execute(database, "PRAGMA database_list").fetchone()[2])
    except (sqlite3.Error, MingjianError):
        return ""

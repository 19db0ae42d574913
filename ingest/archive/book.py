"""What the puller must not forget: messages it could not open, gaps it watches, incidents it told.

One SQLite file beside the collector's own. A row is on disk when a method returns, so the puller
can write here first and move the archive's number on afterwards: whatever breaks in between is
done again, and doing it again changes nothing. Messages lie here as they came, encrypted.
"""

from __future__ import annotations

import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from ingest.archive.opening import Shut
from ingest.archive.page import Encrypted
from ingest.sqlite_file import usable
from ingest.waiting import Wait
from rules.errors import MingjianError

_T = TypeVar("_T")
_BUSY_S = 1.0  # SQLite's own waiting for a lock, during which nobody hears that it is to stop
# numbers reach 2^64-1 and SQLite's integers do not, so they are text of one width, which sorts
_TABLES = """
CREATE TABLE IF NOT EXISTS shut (seq TEXT NOT NULL, msgid TEXT NOT NULL,
    version INTEGER NOT NULL, random_key TEXT NOT NULL, chat_msg TEXT NOT NULL,
    reason TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (seq, msgid));
CREATE INDEX IF NOT EXISTS shut_by_reason ON shut (reason, version);
CREATE TABLE IF NOT EXISTS gaps (first TEXT PRIMARY KEY, last TEXT NOT NULL,
    at INTEGER NOT NULL, told INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS incidents (kind TEXT NOT NULL, subject TEXT NOT NULL,
    key TEXT NOT NULL, told INTEGER NOT NULL, PRIMARY KEY (kind, subject));
CREATE TABLE IF NOT EXISTS marks (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
"""


class Gap(NamedTuple):
    """Numbers that are missing, both ends included; `at` is when that was seen (UTC ms)."""

    first: int
    last: int
    at: int


class Kept(NamedTuple):
    """A message that could not be opened, why (as in `Shut`), and when it came (UTC ms)."""

    message: Encrypted
    reason: str
    at: int


def _impatient() -> Wait:
    return Wait(0.0, threading.Event())


class Book:
    """The puller's memory in one file. For one thread.

    While the file cannot be used (the disk is full, another program has locked it) a method waits.

    Args:
        waiting: begins the waiting of one call; without it a method gives up at once (`NotNow`).

    Raises:
        MingjianError: the file cannot be opened, or is damaged; or as `Wait.away`.
    """

    def __init__(self, path: Path, waiting: Callable[[], Wait] = _impatient) -> None:
        self._path, self._waiting = path, waiting
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, isolation_level=None, timeout=_BUSY_S)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.executescript(_TABLES)
        except (sqlite3.Error, OSError) as error:
            raise _unusable(path, error) from None

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    # ---- messages that could not be opened ----

    def keep(self, shut: Iterable[Shut], at: int) -> None:
        """Keep messages; the reason of one that is here already is renewed."""
        rows = [
            (_text(m.seq), m.msgid, m.version, m.random_key, m.chat_msg, reason, at)
            for m, reason in shut
        ]
        self._write(
            "INSERT INTO shut VALUES (?,?,?,?,?,?,?)"
            " ON CONFLICT(seq, msgid) DO UPDATE SET reason = excluded.reason",
            rows,
        )

    def shut(self, after: Encrypted | None = None, limit: int = 500) -> list[Kept]:
        """Messages that are kept, in the order of their numbers: those behind `after`."""
        rows = self._read(
            "SELECT seq, msgid, version, random_key, chat_msg, reason, at FROM shut"
            " WHERE (seq, msgid) > (?, ?) ORDER BY seq, msgid LIMIT ?",
            (_text(after.seq) if after else "", after.msgid if after else "", limit),
        )
        return [Kept(Encrypted(int(row[0]), *row[1:5]), *row[5:]) for row in rows]

    def forget(self, messages: Iterable[Encrypted]) -> None:
        """These were opened and handed on."""
        self._write(
            "DELETE FROM shut WHERE seq = ? AND msgid = ?",
            [(_text(one.seq), one.msgid) for one in messages],
        )

    def counts(self) -> Counter[tuple[str, int]]:
        """How many are kept, by (reason, version of the key)."""
        rows = self._read("SELECT reason, version, count(*) FROM shut GROUP BY 1, 2")
        return Counter({(reason, version): n for reason, version, n in rows})

    # ---- gaps ----

    def gap(self, first: int, last: int, at: int) -> None:
        """Watch a gap; one that begins with the same number stays as it was."""
        self._write(
            "INSERT INTO gaps VALUES (?,?,?,0) ON CONFLICT(first) DO NOTHING",
            [(_text(first), _text(last), at)],
        )

    def gaps(self, *, told: bool) -> Iterator[Gap]:
        """Gaps that are incidents, or those that are still to be looked into."""
        rows = self._read("SELECT first, last, at FROM gaps WHERE told = ? ORDER BY first", (told,))
        return (Gap(int(first), int(last), at) for first, last, at in rows)

    def left_of_gap(self, first: int, runs: Iterable[tuple[int, int]], at: int) -> None:
        """Of the gap that begins with `first` only these runs are missing still; they are told."""
        self._do(
            lambda: self._transaction(
                ("DELETE FROM gaps WHERE first = ?", [(_text(first),)]),
                (
                    "INSERT INTO gaps VALUES (?,?,?,1)"
                    " ON CONFLICT(first) DO UPDATE SET last = excluded.last, told = 1",
                    [(_text(start), _text(last), at) for start, last in runs],
                ),
            )
        )

    # ---- incidents ----

    def opening(self, kind: str, subject: str, key: str) -> str | None:
        """The key under which to tell an incident; None when that was told already."""
        self._write(
            "INSERT INTO incidents VALUES (?,?,?,0) ON CONFLICT DO NOTHING", [(kind, subject, key)]
        )
        ((held, told),) = self._read(
            "SELECT key, told FROM incidents WHERE kind = ? AND subject = ?", (kind, subject)
        )
        return None if told else str(held)

    def is_told(self, kind: str, subject: str) -> bool:
        """Whether an incident was told, and has not ended."""
        return bool(
            self._read(
                "SELECT 1 FROM incidents WHERE kind = ? AND subject = ? AND told", (kind, subject)
            )
        )

    def told(self, kind: str, subject: str) -> None:
        """It was told."""
        self._write(
            "UPDATE incidents SET told = 1 WHERE kind = ? AND subject = ?", [(kind, subject)]
        )

    def open_incidents(self, kind: str) -> list[tuple[str, str]]:
        """(subject, key) of incidents that have not ended."""
        return self._read(
            "SELECT subject, key FROM incidents WHERE kind = ? ORDER BY subject", (kind,)
        )

    def ended(self, kind: str, subject: str) -> None:
        """It has ended, and that was told."""
        self._write("DELETE FROM incidents WHERE kind = ? AND subject = ?", [(kind, subject)])

    # ---- marks ----

    def mark(self, name: str) -> int:
        """A number that was noted; 0 when none was."""
        rows = self._read("SELECT value FROM marks WHERE name = ?", (name,))
        return rows[0][0] if rows else 0

    def note(self, name: str, value: int) -> None:
        """Note a number."""
        self._write(
            "INSERT INTO marks VALUES (?,?) ON CONFLICT(name) DO UPDATE SET value = excluded.value",
            [(name, value)],
        )

    # ---- the file ----

    def _read(self, query: str, given: Sequence[Any] = ()) -> list[Any]:
        return self._do(lambda: self._db.execute(query, given).fetchall())

    def _write(self, query: str, rows: list[tuple[Any, ...]]) -> None:
        if rows:
            self._do(lambda: self._transaction((query, rows)))

    def _transaction(self, *writes: tuple[str, list[tuple[Any, ...]]]) -> None:
        self._db.execute("BEGIN IMMEDIATE")
        for query, rows in writes:
            self._db.executemany(query, rows)
        self._db.execute("COMMIT")

    def _do(self, step: Callable[[], _T]) -> _T:
        """Do a step, again and again while the file cannot be used."""

        def once() -> _T:
            with usable(self._db, self._path, _unusable):
                return step()

        return self._waiting().through(once)


def _unusable(path: Path, error: Exception) -> MingjianError:
    return MingjianError(
        f"{path} cannot be used: {error}",
        f"{path} 无法使用：{error}",
        fix_en="check the folder, its rights and the free space",
        fix_zh="请检查目录、权限和剩余空间",
    )


def _text(seq: int) -> str:
    return f"{seq:020d}"

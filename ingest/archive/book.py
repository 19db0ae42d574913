"""What the puller must not forget: messages it could not open, gaps it watches, incidents it told.

One SQLite file beside the collector's own. A row is on disk when a method returns, so the puller
can write here first and move the archive's number on afterwards: whatever breaks in between is
done again, and doing it again changes nothing. Messages lie here as they came, encrypted.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from ingest.archive.opening import Shut
from ingest.archive.page import Encrypted
from rules.errors import MingjianError

# numbers reach 2^64-1 and SQLite's integers do not, so they are text of one width, which sorts
_TABLES = """
CREATE TABLE IF NOT EXISTS shut (seq TEXT NOT NULL, msgid TEXT NOT NULL,
    version INTEGER NOT NULL, random_key TEXT NOT NULL, chat_msg TEXT NOT NULL,
    reason TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (seq, msgid));
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

    @property
    def size(self) -> int:
        """How many."""
        return self.last - self.first + 1


class Book:
    """The puller's memory in one file. For one thread.

    Raises:
        MingjianError: the file cannot be opened or written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, isolation_level=None)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.executescript(_TABLES)
        except (sqlite3.Error, OSError) as error:
            raise MingjianError(
                f"{path} cannot be used: {error}",
                f"{path} 无法使用：{error}",
                fix_en="check the folder, its rights and the free space",
                fix_zh="请检查目录、权限和剩余空间",
            ) from None

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
        with self._db:
            self._db.execute("BEGIN")
            self._db.executemany(
                "INSERT INTO shut VALUES (?,?,?,?,?,?,?)"
                " ON CONFLICT(seq, msgid) DO UPDATE SET reason = excluded.reason",
                rows,
            )

    def shut(self, after: int = -1, limit: int = 500) -> list[tuple[Encrypted, int]]:
        """Messages that are kept, in the order of their numbers, with the time since when."""
        rows = self._db.execute(
            "SELECT seq, msgid, version, random_key, chat_msg, at FROM shut"
            " WHERE seq > ? ORDER BY seq, msgid LIMIT ?",
            (_text(after) if after >= 0 else "", limit),
        )
        return [(Encrypted(int(row[0]), *row[1:5]), row[5]) for row in rows]

    def forget(self, messages: Iterable[Encrypted]) -> None:
        """These were opened and handed on."""
        with self._db:
            self._db.execute("BEGIN")
            self._db.executemany(
                "DELETE FROM shut WHERE seq = ? AND msgid = ?",
                [(_text(one.seq), one.msgid) for one in messages],
            )

    def counts(self) -> Counter[tuple[str, int]]:
        """How many are kept, by (reason, version of the key)."""
        rows = self._db.execute("SELECT reason, version, count(*) FROM shut GROUP BY 1, 2")
        return Counter({(reason, version): n for reason, version, n in rows})

    # ---- gaps ----

    def gap(self, first: int, last: int, at: int, *, told: bool = False) -> None:
        """Watch a gap; one that begins with the same number stays as it was, unless `told`."""
        rule = "UPDATE SET last = excluded.last, told = 1" if told else "NOTHING"
        self._db.execute(
            f"INSERT INTO gaps VALUES (?,?,?,?) ON CONFLICT(first) DO {rule}",  # noqa: S608
            (_text(first), _text(last), at, told),
        )

    def gaps(self, *, told: bool) -> Iterator[Gap]:
        """Gaps that were told as incidents, or those that are still to be looked into."""
        rows = self._db.execute(
            "SELECT first, last, at FROM gaps WHERE told = ? ORDER BY first", (told,)
        ).fetchall()
        return (Gap(int(first), int(last), at) for first, last, at in rows)

    def no_gap(self, first: int) -> None:
        """The gap that begins with this number is none any more."""
        self._db.execute("DELETE FROM gaps WHERE first = ?", (_text(first),))

    # ---- incidents ----

    def opening(self, kind: str, subject: str, key: str) -> str | None:
        """The key under which to tell an incident; None when that was told already."""
        self._db.execute(
            "INSERT INTO incidents VALUES (?,?,?,0) ON CONFLICT DO NOTHING", (kind, subject, key)
        )
        held, told = self._db.execute(
            "SELECT key, told FROM incidents WHERE kind = ? AND subject = ?", (kind, subject)
        ).fetchone()
        return None if told else str(held)

    def told(self, kind: str, subject: str) -> None:
        """It was told."""
        self._db.execute(
            "UPDATE incidents SET told = 1 WHERE kind = ? AND subject = ?", (kind, subject)
        )

    def open_incidents(self, kind: str) -> list[tuple[str, str]]:
        """(subject, key) of incidents that have not ended."""
        return self._db.execute(
            "SELECT subject, key FROM incidents WHERE kind = ? ORDER BY subject", (kind,)
        ).fetchall()

    def ended(self, kind: str, subject: str) -> None:
        """It has ended, and that was told."""
        self._db.execute("DELETE FROM incidents WHERE kind = ? AND subject = ?", (kind, subject))

    # ---- marks ----

    def mark(self, name: str) -> int:
        """A number that was noted; 0 when none was."""
        row = self._db.execute("SELECT value FROM marks WHERE name = ?", (name,)).fetchone()
        return row[0] if row else 0

    def note(self, name: str, value: int) -> None:
        """Note a number."""
        self._db.execute(
            "INSERT INTO marks VALUES (?,?) ON CONFLICT(name) DO UPDATE SET value = excluded.value",
            (name, value),
        )


def _text(seq: int) -> str:
    return f"{seq:020d}"

"""What a collector remembers: which ids it has taken, how many of whom and when, how far it read.

One SQLite file a source. Everything of one call is remembered in one transaction, after the records
are durable where they go: a crash before it repeats them, and loses none.
"""

from __future__ import annotations

import fcntl
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from ingest.sqlite_file import usable
from rules.errors import EXIT_USAGE, MingjianError

HOUR_MS = 3_600_000
_DAY_MS = 24 * HOUR_MS
COUNTED_DAYS = 400  # counts are small, and an audit asks for a year
_BUSY_MS = 5000  # for so long one attempt waits for another program's lock
_AT_ONCE = 500  # parameters of one query
_TABLES = """
CREATE TABLE IF NOT EXISTS seen (
    id BLOB NOT NULL, mark BLOB NOT NULL, hour INTEGER NOT NULL, PRIMARY KEY (id, mark)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS seen_by_hour ON seen (hour);
CREATE TABLE IF NOT EXISTS counts (
    hour INTEGER NOT NULL, actor TEXT NOT NULL, kind TEXT NOT NULL, count INTEGER NOT NULL,
    touched INTEGER NOT NULL, PRIMARY KEY (hour, actor, kind)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS totals (name TEXT PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS cursors (part TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""


class Counted(NamedTuple):
    """How many new records of one actor one hour of event time has. `hour` is UTC ms; `kind` as in
    `ingest.envelope.Envelope`, or `UNTIMED`: those, and what is undecoded, by hour of receipt."""

    hour: int
    actor: str
    kind: str
    records: int


class Book:
    """The memory of one source.

    Args:
        path: the file; a second collector on it is refused.
        keep_days: for how long ids are remembered after they were taken.

    Raises:
        MingjianError: the file cannot be used, or another collector uses it.
    """

    def __init__(self, path: Path, keep_days: int = 8) -> None:
        self._path, self._keep_ms = path, keep_days * _DAY_MS
        self._purged = 0
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = path.with_suffix(".lock").open("ab")
        except OSError as error:
            raise _unusable(path, error) from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._lock.close()
            raise MingjianError(
                f"another collector of the name '{path.stem}' is running on {path}",
                f"名为“{path.stem}”的采集器已在运行（{path}）",
                fix_en="end it first, or give this one a name of its own (--name)",
                fix_zh="请先结束它，或用 --name 另起名字",
                exit_code=EXIT_USAGE,
            ) from None
        try:
            # one thread at a time uses it: the collector has a lock
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.executescript(_TABLES)
        except sqlite3.Error as error:
            self._lock.close()
            raise _unusable(path, error) from None

    def known(self, identities: Sequence[bytes]) -> Mapping[bytes, set[bytes]]:
        """The marks under which each of these was taken before."""
        found: defaultdict[bytes, set[bytes]] = defaultdict(set)
        for at in range(0, len(identities), _AT_ONCE):
            some = identities[at : at + _AT_ONCE]
            asked = ",".join("?" * len(some))
            query = f"SELECT id, mark FROM seen WHERE id IN ({asked})"  # noqa: S608 - only marks
            try:
                rows = self._db.execute(query, some).fetchall()
            except sqlite3.Error as error:
                raise _unusable(self._path, error) from None
            for identity, mark in rows:
                found[identity].add(mark)
        return found

    def remember(
        self,
        entries: Iterable[tuple[bytes, bytes]],
        counts: Mapping[tuple[int, str, str], int],
        totals: Mapping[str, int],
        *,
        part: str,
        cursor: str,
        now: int,
    ) -> None:
        """Everything of one call, or nothing.

        Args:
            entries: (identity, mark) of the records that were written.
            counts: by (hour, actor, kind), to be added.
            cursor: of `part`; "" leaves it.
            now: UTC ms.

        Raises:
            Away: it cannot be written now (the disk is full).
            MingjianError: the file is damaged.
        """
        hour = now - now % HOUR_MS
        with usable(self._db, self._path, _unusable):
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany(
                "INSERT OR IGNORE INTO seen VALUES (?, ?, ?)",
                [(identity, mark, hour) for identity, mark in entries],
            )
            self._db.executemany(
                "INSERT INTO counts VALUES (?, ?, ?, ?, ?) ON CONFLICT (hour, actor, kind)"
                " DO UPDATE SET count = count + excluded.count, touched = excluded.touched",
                [(*key, count, hour) for key, count in counts.items()],
            )
            self._db.executemany(
                "INSERT INTO totals VALUES (?, ?) ON CONFLICT (name)"
                " DO UPDATE SET count = count + excluded.count",
                [(name, count) for name, count in totals.items() if count],
            )
            if cursor:
                self._db.execute("INSERT OR REPLACE INTO cursors VALUES (?, ?)", (part, cursor))
            if hour != self._purged:
                self._db.execute("DELETE FROM seen WHERE hour < ?", (hour - self._keep_ms,))
                oldest = hour - COUNTED_DAYS * _DAY_MS
                self._db.execute("DELETE FROM counts WHERE touched < ?", (oldest,))
            self._db.execute("COMMIT")
        self._purged = hour

    def ready(self) -> str:
        """ "" when it can be written now, else why not; without waiting for another's lock."""
        try:
            self._db.execute("PRAGMA busy_timeout = 0")
            try:
                self._db.execute("BEGIN IMMEDIATE")
                self._db.execute("ROLLBACK")
            finally:
                self._db.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
        except sqlite3.Error as error:
            return f"{self._path}: {error}"
        return ""

    def cursor(self, part: str = "") -> str:
        """How far `part` was read; "" at first."""
        row = self._db.execute("SELECT value FROM cursors WHERE part = ?", (part,)).fetchone()
        return str(row[0]) if row else ""

    def cursors(self) -> dict[str, str]:
        """Every part's."""
        return dict(self._db.execute("SELECT part, value FROM cursors").fetchall())

    def counts(self) -> list[Counted]:
        """All that is counted, by hour and actor."""
        rows = self._db.execute(
            "SELECT hour, actor, kind, count FROM counts ORDER BY hour, actor, kind"
        )
        return [Counted(*row) for row in rows]

    def totals(self) -> Counter[str]:
        """Since the file was made: the fields of `ingest.intake.Taken`."""
        return Counter(dict(self._db.execute("SELECT name, count FROM totals").fetchall()))

    def close(self) -> None:
        """Close the file, and let another have it."""
        self._db.close()
        self._lock.close()


def _unusable(path: Path, error: Exception) -> MingjianError:
    why = getattr(error, "strerror", None) or str(error)
    return MingjianError(
        f"cannot use {path}, the collector's memory: {why}",
        f"无法使用采集器的记录 {path}：{why}",
        fix_en="check data_dir; a damaged file may be moved away: then records are read again, and"
        " what was written twice has one id",
        fix_zh="请检查 data_dir；损坏的文件可以移走：记录会重新读取，重复写入的只算一条",
    )

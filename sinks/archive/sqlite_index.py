"""The archive's index in one SQLite file: rows, and an inverted index over opaque terms.

Everything is in the order of archiving: the number of a message in the ledger is its key. FTS5
keeps for each term the list of messages that have it, so any set of things to look for is an
intersection of such lists, of which only as much is read as fills a page
(`sinks.archive.sqlite_search`). Time is nearly in that order but not quite: of every 1,024 leaves
the earliest and latest time are kept, which turns a span of time into spans of leaves.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from sinks.archive.damaged_index import connected
from sinks.archive.keys import Wrapped
from sinks.archive.leaves import OtherLeaf
from sinks.archive.rows import Asked, HitRow, Row, Stored
from sinks.archive.sqlite_search import BLOCK, find
from sinks.own_file import keep_private

_SCHEMA = """
CREATE TABLE IF NOT EXISTS names (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS messages (
  leaf INTEGER PRIMARY KEY, msgid TEXT NOT NULL, seq INTEGER NOT NULL, time INTEGER NOT NULL,
  kind INTEGER NOT NULL, type INTEGER NOT NULL, sender INTEGER NOT NULL, room INTEGER NOT NULL,
  conversation INTEGER NOT NULL, direction INTEGER NOT NULL, segment INTEGER NOT NULL,
  number INTEGER NOT NULL, offset INTEGER NOT NULL, length INTEGER NOT NULL, size INTEGER NOT NULL,
  sm3 BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS messages_time ON messages (time);
CREATE TABLE IF NOT EXISTS blocks (
  block INTEGER PRIMARY KEY, earliest INTEGER NOT NULL, latest INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS segments (
  id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, key_version INTEGER NOT NULL,
  sm3 TEXT NOT NULL, size INTEGER NOT NULL, records INTEGER NOT NULL,
  created_at INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS secrets (
  id INTEGER PRIMARY KEY, version INTEGER NOT NULL, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS others (
  kind TEXT NOT NULL, id TEXT NOT NULL, sm3 TEXT NOT NULL, leaf INTEGER NOT NULL,
  PRIMARY KEY (kind, id, sm3)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS hits (
  leaf INTEGER NOT NULL, alert_id TEXT NOT NULL, rule TEXT NOT NULL,
  PRIMARY KEY (leaf, alert_id)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS hits_rule ON hits (rule, leaf);
CREATE TABLE IF NOT EXISTS waiting (
  time INTEGER NOT NULL, msgid TEXT NOT NULL, alert_id TEXT NOT NULL, rule TEXT NOT NULL,
  PRIMARY KEY (time, msgid, alert_id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS positions (name TEXT PRIMARY KEY, done INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tombstones (
  leaf INTEGER PRIMARY KEY, msgid TEXT NOT NULL, seq INTEGER NOT NULL, time INTEGER NOT NULL,
  sm3 BLOB NOT NULL, plan TEXT NOT NULL, book INTEGER NOT NULL, at INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS tombstones_time ON tombstones (time);
CREATE INDEX IF NOT EXISTS tombstones_msgid ON tombstones (msgid);
CREATE TABLE IF NOT EXISTS discards (name TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE VIRTUAL TABLE IF NOT EXISTS terms USING fts5(
  told, content='', detail=none, columnsize=0, tokenize='ascii');
"""
_ROWS = """SELECT m.leaf, m.msgid, m.seq, m.time, k.name, t.name, s.name, r.name, c.name, d.name,
  g.name, m.number, m.offset, m.length, m.size, m.sm3
  FROM messages m JOIN names k ON k.id = m.kind JOIN names t ON t.id = m.type
  JOIN names s ON s.id = m.sender JOIN names r ON r.id = m.room
  JOIN names c ON c.id = m.conversation JOIN names d ON d.id = m.direction
  JOIN segments g ON g.id = m.segment WHERE """
_INT64 = 1 << 63
_LEAVES = "leaves"  # among the positions: the archive's own, in its ledger


class SqliteIndex:
    """See `ArchiveIndex`. One process writes.

    Raises:
        IndexDamaged: the file is not what was written; also of every method.
        OSError, sqlite3.Error: it cannot be opened.
    """

    def __init__(self, path: str | Path, *, cache_mb: int = 256) -> None:
        Path(path).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        keep_private(Path(path))  # who talks with whom, when, and in which room
        self._db = connected(path)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute(f"PRAGMA cache_size = -{cache_mb * 1024}")
        self._db.executescript(_SCHEMA)
        self._names: dict[str, int] = {}

    def leaves(self) -> int:
        """See `ArchiveIndex`."""
        asked = "SELECT done FROM positions WHERE name = ?"
        found = self._db.execute(asked, (_LEAVES,)).fetchone()
        return int(found[0]) if found else 0

    def positions(self) -> dict[str, int]:
        """See `ArchiveIndex`."""
        found = dict(self._db.execute("SELECT name, done FROM positions"))
        found.pop(_LEAVES, None)
        return found

    def store(self, what: Stored) -> None:
        """See `ArchiveIndex`."""
        db = self._db
        db.execute("BEGIN IMMEDIATE")
        try:
            self._put_messages(what)
            db.executemany(
                "INSERT OR IGNORE INTO others VALUES (?, ?, ?, ?)",
                ((leaf.kind, leaf.id, leaf.sm3, number) for number, leaf in what.others),
            )
            self._put_hits(what)
            db.executemany(
                "INSERT INTO positions VALUES (?, ?)"
                " ON CONFLICT (name) DO UPDATE SET done = excluded.done",
                [*what.positions.items(), (_LEAVES, what.leaves)],
            )
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:  # SQLite ends it by itself when the file is damaged
                db.execute("ROLLBACK")
            self._names.clear()
            raise

    def _put_messages(self, what: Stored) -> None:
        db = self._db
        db.executemany(
            "INSERT INTO segments (name, key_version, sm3, size, records, created_at)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            what.segments,
        )
        ids = {
            name: db.execute("SELECT id FROM segments WHERE name = ?", (name,)).fetchone()[0]
            for name in {row.segment for row, _ in what.rows}
        }
        db.executemany(
            f"INSERT INTO messages VALUES ({', '.join('?' * 16)})",  # noqa: S608
            (self._coded(row, ids) for row, _ in what.rows),
        )
        db.executemany(
            "INSERT INTO terms (rowid, told) VALUES (?, ?)",
            ((row.leaf, terms) for row, terms in what.rows),
        )
        db.executemany(
            "INSERT INTO blocks VALUES (?, ?, ?) ON CONFLICT (block) DO UPDATE SET"
            " earliest = min(earliest, excluded.earliest),"
            " latest = max(latest, excluded.latest)",
            _blocks(row for row, _ in what.rows),
        )

    def _put_hits(self, what: Stored) -> None:
        """An alert may come before its messages: then it waits for them."""
        db = self._db
        db.executemany("INSERT OR IGNORE INTO waiting VALUES (?, ?, ?, ?)", what.hits)
        if not db.execute("SELECT 1 FROM waiting LIMIT 1").fetchone():
            return
        db.execute(
            "INSERT OR IGNORE INTO hits SELECT m.leaf, w.alert_id, w.rule FROM waiting w"
            " JOIN messages m ON m.time = w.time AND m.msgid = w.msgid"
        )
        db.execute(
            "DELETE FROM waiting WHERE EXISTS (SELECT 1 FROM messages m"
            " WHERE m.time = waiting.time AND m.msgid = waiting.msgid)"
        )

    def secret(self) -> Wrapped | None:
        """See `ArchiveIndex`."""
        found = self._db.execute("SELECT version, body FROM secrets").fetchone()
        return Wrapped(*found) if found else None

    def keep_secret(self, wrapped: Wrapped) -> None:
        """See `ArchiveIndex`."""
        self._db.execute("INSERT OR REPLACE INTO secrets VALUES (1, ?, ?)", wrapped)

    def key_versions(self) -> dict[int, tuple[int, str]]:
        """See `ArchiveIndex`."""
        asked = "SELECT key_version, count(*), max(name) FROM segments GROUP BY key_version"
        return {version: (count, name) for version, count, name in self._db.execute(asked)}

    def entered(self, leaves: Sequence[OtherLeaf]) -> set[OtherLeaf]:
        """See `ArchiveIndex`."""
        asked = "SELECT 1 FROM others WHERE kind = ? AND id = ? AND sm3 = ?"
        return {leaf for leaf in leaves if self._db.execute(asked, leaf).fetchone()}

    def leaf_of(self, other: OtherLeaf) -> int | None:
        """See `ArchiveIndex`."""
        asked = "SELECT leaf FROM others WHERE kind = ? AND id = ? AND sm3 = ?"
        found = self._db.execute(asked, other).fetchone()
        return int(found[0]) if found else None

    def known(self, keys: Sequence[tuple[int, str]]) -> set[tuple[int, str]]:
        """See `ArchiveIndex`. A message has one time for ever, so its time finds it; one that was
        deleted is known too, so that it does not come back."""
        found: set[tuple[int, str]] = set()
        times = sorted({time for time, _ in keys})
        for start in range(0, len(times), 500):
            part = times[start : start + 500]
            marks = ", ".join("?" * len(part))
            found.update(
                self._db.execute(
                    f"SELECT time, msgid FROM messages WHERE time IN ({marks}) UNION ALL"  # noqa: S608
                    f" SELECT time, msgid FROM tombstones WHERE time IN ({marks})",
                    [*part, *part],
                )
            )
        return found & set(keys)

    def hits(self) -> list[HitRow]:
        """See `ArchiveIndex`."""
        asked = (
            "SELECT m.time, m.msgid, h.alert_id, h.rule FROM hits h JOIN messages m USING (leaf)"
            " UNION ALL SELECT time, msgid, alert_id, rule FROM waiting ORDER BY 3, 1, 2"
        )
        return [HitRow(*one) for one in self._db.execute(asked)]

    def search(self, asked: Asked, limit: int) -> list[Row]:
        """See `ArchiveIndex`."""
        return find(self._db, asked, limit, self.rows)

    def rows(self, which: str, values: Sequence[object]) -> Iterator[Row]:
        """Rows by a condition on the table of messages, `m`, for what works on this file too."""
        for found in self._db.execute(_ROWS + which, values):
            yield Row(*found)._replace(seq=found[2] % (1 << 64))

    @property
    def database(self) -> sqlite3.Connection:
        """The connection, for what works on this file too."""
        return self._db

    def forget_names(self) -> None:
        """Names were removed: their numbers hold no longer."""
        self._names.clear()

    def _coded(self, row: Row, segments: dict[str, int]) -> tuple[object, ...]:
        seq = row.seq - (1 << 64) if row.seq >= _INT64 else row.seq  # SQLite's numbers are signed
        named = (self._name(one) for one in row[4:10])
        return (*row[:2], seq, row.time, *named, segments[row.segment], *row[11:])

    def _name(self, name: str) -> int:
        known = self._names.get(name)
        if known is None:
            self._db.execute("INSERT OR IGNORE INTO names (name) VALUES (?)", (name,))
            found = self._db.execute("SELECT id FROM names WHERE name = ?", (name,)).fetchone()
            known = self._names[name] = int(found[0])
        return known

    def close(self) -> None:
        """Release the file."""
        self._db.close()


def _blocks(rows: Iterable[Row]) -> list[tuple[int, int, int]]:
    found: dict[int, tuple[int, int]] = {}
    for row in rows:
        block = row.leaf // BLOCK
        earliest, latest = found.get(block, (row.time, row.time))
        found[block] = min(earliest, row.time), max(latest, row.time)
    return [(block, *times) for block, times in found.items()]

"""Deletion from the archive's SQLite index.

Rows go with the step that deletes their messages. Terms are in an inverted index that holds no
text to look them up by, so they are collected from its vocabulary, once for all that a plan has
deleted, and taken out; then the index is merged into one piece, because until then FTS5 only notes
what is to be left out. SQLite overwrites what it frees (`secure_delete`), and the write-ahead log
is emptied.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from sinks.archive.disposable import Cleared, Disposed, Tombstone
from sinks.archive.rows import Row, SegmentRow
from sinks.archive.sqlite_index import SqliteIndex

_INT64 = 1 << 63
_PART = 500
_AROUND = 1 << 16  # leaves; a segment has 20,000 records at most
_SEGMENT = "SELECT name, key_version, sm3, size, records, created_at FROM segments WHERE name = ?"
_STONE = "SELECT leaf, msgid, seq, time, sm3, plan, book, at FROM tombstones WHERE "
_REMAINS = (
    "CREATE TABLE temp.remains AS"
    " SELECT doc, group_concat(term, ' ') AS told FROM temp.vocabulary WHERE "
)
_UNUSED = """DELETE FROM main.names WHERE id NOT IN (
  SELECT kind FROM messages UNION SELECT type FROM messages UNION SELECT sender FROM messages
  UNION SELECT room FROM messages UNION SELECT conversation FROM messages
  UNION SELECT direction FROM messages)"""


class SqliteDisposals:
    """See `DisposableIndex`. Works on the connection of the archive's index."""

    def __init__(self, index: SqliteIndex) -> None:
        self._index, self._db = index, index.database
        self._db.execute("PRAGMA secure_delete = ON")

    def rows_before(self, time: int, after: int, limit: int) -> list[Row]:
        """See `DisposableIndex`."""
        which = "m.time < ? AND m.leaf > ? ORDER BY m.leaf LIMIT ?"
        return list(self._index.rows(which, (time, after, limit)))

    def rows_at(self, leaves: Sequence[int]) -> list[Row]:
        """See `DisposableIndex`."""
        found: list[Row] = []
        for part in _parts(leaves):
            found += self._index.rows(f"m.leaf IN ({_marks(part)}) ORDER BY m.leaf", part)
        return sorted(found)

    def rows_in(self, segment: str, near: int) -> list[Row]:
        """See `DisposableIndex`. Messages of a segment follow each other in the ledger: so they
        are looked for around one of them, and no index has to be kept for it."""
        asked = "SELECT id, records FROM segments WHERE name = ?"
        known = self._db.execute(asked, (segment,)).fetchone()
        if known is None:
            return []
        which, order = "m.segment = ?", " ORDER BY m.number"
        around = (known[0], near - _AROUND, near + _AROUND)
        found = list(self._index.rows(f"{which} AND m.leaf BETWEEN ? AND ?{order}", around))
        if len(found) == known[1]:
            return found
        return list(self._index.rows(which + order, known[:1]))

    def segment(self, name: str) -> SegmentRow | None:
        """See `DisposableIndex`."""
        found = self._db.execute(_SEGMENT, (name,)).fetchone()
        return SegmentRow(*found) if found else None

    def segments(self) -> list[str]:
        """See `DisposableIndex`."""
        return [name for (name,) in self._db.execute("SELECT name FROM segments")]

    def alerts_of(self, leaves: Sequence[int]) -> dict[int, list[tuple[str, str]]]:
        """See `DisposableIndex`."""
        found: dict[int, list[tuple[str, str]]] = {}
        for part in _parts(leaves):
            asked = f"SELECT leaf, alert_id, rule FROM hits WHERE leaf IN ({_marks(part)})"  # noqa: S608
            for leaf, alert, rule in self._db.execute(f"{asked} ORDER BY leaf, alert_id", part):
                found.setdefault(leaf, []).append((alert, rule))
        return found

    def present(self, first: int, last: int) -> set[int]:
        """See `DisposableIndex`."""
        asked = "SELECT leaf FROM messages WHERE leaf BETWEEN ? AND ?"
        return {leaf for (leaf,) in self._db.execute(asked, (first, last))}

    def dispose(self, what: Disposed) -> None:
        """See `DisposableIndex`."""
        db = self._db
        with self._transaction():
            db.executemany(
                "INSERT INTO segments (name, key_version, sm3, size, records, created_at)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                what.made,
            )
            db.executemany(
                "UPDATE messages SET segment = (SELECT id FROM segments WHERE name = ?),"
                " number = ?, offset = ?, length = ? WHERE leaf = ?",
                ((one.segment, one.number, *one.place, one.leaf) for one in what.moved),
            )
            leaves = [(stone.leaf,) for stone in what.gone]
            db.executemany("DELETE FROM messages WHERE leaf = ?", leaves)
            db.executemany("DELETE FROM hits WHERE leaf = ?", leaves)
            db.executemany(
                "INSERT INTO tombstones VALUES (?, ?, ?, ?, ?, ?, ?, ?)", _coded(what.gone)
            )
            emptied = [(name,) for name in what.emptied]
            db.executemany("DELETE FROM segments WHERE name = ?", emptied)
            db.executemany("INSERT OR IGNORE INTO discards VALUES (?)", emptied)

    def bury(self, stones: Sequence[Tombstone]) -> None:
        """See `DisposableIndex`."""
        with self._transaction():
            self._db.executemany(
                "INSERT OR REPLACE INTO tombstones VALUES (?, ?, ?, ?, ?, ?, ?, ?)", _coded(stones)
            )

    def discards(self) -> list[str]:
        """See `DisposableIndex`."""
        return [name for (name,) in self._db.execute("SELECT name FROM discards ORDER BY name")]

    def discarded(self, names: Sequence[str]) -> None:
        """See `DisposableIndex`."""
        with self._transaction():
            self._db.executemany("DELETE FROM discards WHERE name = ?", ((one,) for one in names))

    def buried(self, first: int, last: int) -> list[Tombstone]:
        """See `DisposableIndex`."""
        return self._stones("leaf BETWEEN ? AND ? ORDER BY leaf", (first, last))

    def buried_as(self, msgid: str) -> list[Tombstone]:
        """See `DisposableIndex`."""
        return self._stones("msgid = ? ORDER BY leaf", (msgid,))

    def clear(self) -> Cleared:
        """See `DisposableIndex`."""
        db = self._db
        self._collect("doc IN (SELECT leaf FROM main.tombstones)")
        with self._transaction():
            db.execute("DELETE FROM main.waiting WHERE EXISTS (SELECT 1 FROM main.tombstones t"
                       " WHERE t.time = waiting.time AND t.msgid = waiting.msgid)")  # fmt: skip
            names = db.execute(_UNUSED).rowcount
            found = db.execute("SELECT doc, told FROM temp.remains").fetchmany
            terms = 0
            while part := found(_PART):
                db.executemany(
                    "INSERT INTO terms (terms, rowid, told) VALUES ('delete', ?, ?)", part
                )
                terms += len(part)
        self._index.forget_names()
        db.execute("DROP TABLE temp.remains")
        db.execute("INSERT INTO terms (terms) VALUES ('optimize')")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        return Cleared(terms, names)

    def terms_of(self, leaf: int) -> list[str]:
        """The terms that the index has of a message, for whoever doubts that they are gone. Reads
        the whole index."""
        self._collect(f"doc = {int(leaf)}")
        found = self._db.execute("SELECT told FROM temp.remains").fetchone()
        return found[0].split() if found else []

    def _collect(self, which: str) -> None:
        """The terms of these messages by message: FTS5 can only be read the other way round."""
        self._db.execute(
            "CREATE VIRTUAL TABLE IF NOT EXISTS temp.vocabulary"
            " USING fts5vocab(main, 'terms', 'instance')"
        )
        self._db.execute("DROP TABLE IF EXISTS temp.remains")
        self._db.execute(_REMAINS + which + " GROUP BY doc")

    def _stones(self, which: str, values: Sequence[object]) -> list[Tombstone]:
        found = (Tombstone(*row) for row in self._db.execute(_STONE + which, values))
        return [stone._replace(seq=stone.seq % (1 << 64)) for stone in found]

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise


def _coded(stones: Iterable[Tombstone]) -> Iterator[Tombstone]:
    """SQLite's numbers are signed."""
    for stone in stones:
        yield stone._replace(seq=stone.seq - (stone.seq >= _INT64) * (1 << 64))


def _parts(leaves: Sequence[int]) -> Iterator[list[int]]:
    for start in range(0, len(leaves), _PART):
        yield list(leaves[start : start + _PART])


def _marks(part: Sequence[int]) -> str:
    return ", ".join("?" * len(part))

"""Deletion from the archive's index in PostgreSQL.

Rows go with the step that deletes their messages. Their terms stand in postings, which cannot be
looked up by message; so the leaves that are gone are noted, and once for a plan the postings of
their blocks are written without them, a block in each transaction. A small index leads to the
postings of a block, because they were written in that order.

PostgreSQL keeps what was deleted in its pages until they are cleaned up. That is done here at the
end of each plan; names, which stand in the clear, get new files. What it does with freed space and
with its log is the server's own: docs/retention.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sinks.archive.disposable import Cleared, Disposed, Tombstone
from sinks.archive.postgres_index import PostgresIndex
from sinks.archive.postgres_search import COLUMNS, told_rows
from sinks.archive.postgres_session import Session
from sinks.archive.postgres_tables import digest_of
from sinks.archive.postings import BLOCK, without
from sinks.archive.rows import Row, SegmentRow

_INT64 = 1 << 63
_AROUND = 1 << 16  # leaves; a segment has 20,000 records at most
_LONG_S = 3_600.0  # what reads a whole table, once for a plan
_SEGMENT = "SELECT name, key_version, sm3, size, records, created_at FROM segments WHERE name = %s"
_STONE = "SELECT leaf, msgid, seq, time, sm3, plan, book, at FROM tombstones WHERE "
_BURY = """INSERT INTO tombstones (leaf, seq, time, book, at, named, msgid, sm3, plan)
  SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[],
    %s::bytea[], %s::bytea[], %s::bytea[], %s::text[]) {}"""
_AGAIN = """ON CONFLICT (leaf) DO UPDATE SET seq = excluded.seq, time = excluded.time,
  book = excluded.book, at = excluded.at, named = excluded.named, msgid = excluded.msgid,
  sm3 = excluded.sm3, plan = excluded.plan"""
_MOVE = """UPDATE messages m SET segment = s.id, number = a.number, "offset" = a.start,
  length = a.length FROM unnest(%s::bigint[], %s::text[], %s::int[], %s::bigint[], %s::int[])
    AS a (leaf, name, number, start, length) JOIN segments s ON s.name = a.name
  WHERE m.leaf = a.leaf"""
_UNUSED = """DELETE FROM names n WHERE NOT EXISTS (SELECT 1 FROM (
  SELECT kind AS id FROM messages UNION SELECT type FROM messages UNION SELECT sender FROM messages
  UNION SELECT room FROM messages UNION SELECT conversation FROM messages
  UNION SELECT direction FROM messages UNION SELECT alert FROM hits UNION SELECT rule FROM hits
  UNION SELECT alert FROM waiting UNION SELECT rule FROM waiting) u WHERE u.id = n.id)"""
_WRITE = """UPDATE postings p SET leaves = a.leaves FROM unnest(%s::bigint[], %s::bytea[])
  AS a (term, leaves) WHERE p.term = a.term AND p.block = %s"""


class PostgresDisposals:
    """See `DisposableIndex`. Works with the session of the archive's index, and raises what that
    raises."""

    def __init__(self, index: PostgresIndex) -> None:
        self._index = index

    def rows_before(self, time: int, after: int, limit: int) -> list[Row]:
        """See `DisposableIndex`."""
        return self._rows("time < %s AND leaf > %s ORDER BY leaf LIMIT %s", (time, after, limit))

    def rows_at(self, leaves: Sequence[int]) -> list[Row]:
        """See `DisposableIndex`."""
        return self._rows("leaf = ANY(%s::bigint[]) ORDER BY leaf", (list(leaves),))

    def rows_in(self, segment: str, near: int) -> list[Row]:
        """See `DisposableIndex`. They are looked for around one of them, as in SQLite."""
        with self._index.working() as db:
            asked = "SELECT id, records FROM segments WHERE name = %s"
            known = db.execute(asked, (segment,)).fetchone()
        if known is None:
            return []
        which, order = "segment = %s", " ORDER BY number"
        around = (known[0], near - _AROUND, near + _AROUND)
        found = self._rows(f"{which} AND leaf BETWEEN %s AND %s{order}", around)
        if len(found) == known[1]:
            return found
        return self._rows(which + order, known[:1], _LONG_S)

    def segment(self, name: str) -> SegmentRow | None:
        """See `DisposableIndex`."""
        with self._index.working() as db:
            found = db.execute(_SEGMENT, (name,)).fetchone()
        return SegmentRow(*found) if found else None

    def segments(self) -> list[str]:
        """See `DisposableIndex`."""
        with self._index.working() as db:
            return [name for (name,) in db.execute("SELECT name FROM segments")]

    def alerts_of(self, leaves: Sequence[int]) -> dict[int, list[tuple[str, str]]]:
        """See `DisposableIndex`."""
        asked = (
            "SELECT h.leaf, a.name, r.name FROM hits h JOIN names a ON a.id = h.alert"
            " JOIN names r ON r.id = h.rule WHERE h.leaf = ANY(%s::bigint[])"
            " ORDER BY h.leaf, a.name"
        )
        found: dict[int, list[tuple[str, str]]] = {}
        with self._index.working() as db:
            for leaf, alert, rule in db.execute(asked, (list(leaves),)):
                found.setdefault(leaf, []).append((alert.decode(), rule.decode()))
        return found

    def present(self, first: int, last: int) -> set[int]:
        """See `DisposableIndex`."""
        asked = "SELECT leaf FROM messages WHERE leaf BETWEEN %s AND %s"
        with self._index.working() as db:
            return {leaf for (leaf,) in db.execute(asked, (first, last))}

    def dispose(self, what: Disposed) -> None:
        """See `DisposableIndex`."""
        leaves = [stone.leaf for stone in what.gone]
        emptied = list(what.emptied)
        with self._index.working() as db, db.transaction():
            db.cursor().executemany(
                "INSERT INTO segments (name, key_version, sm3, size, records, created_at)"
                " VALUES (%s, %s, %s, %s, %s, %s)",
                what.made,
            )
            moved = [(one.leaf, one.segment, one.number, *one.place) for one in what.moved]
            db.execute(_MOVE, _columns(moved, 5))
            for table in ("messages", "hits", "tail"):
                db.execute(f"DELETE FROM {table} WHERE leaf = ANY(%s::bigint[])", (leaves,))  # noqa: S608
            db.execute("INSERT INTO remains SELECT unnest(%s::bigint[])"
                       " ON CONFLICT DO NOTHING", (leaves,))  # fmt: skip
            _bury(db, what.gone)
            db.execute("DELETE FROM segments WHERE name = ANY(%s::text[])", (emptied,))
            db.execute("INSERT INTO discards SELECT unnest(%s::text[]) ON CONFLICT DO NOTHING",
                       (emptied,))  # fmt: skip

    def bury(self, stones: Sequence[Tombstone]) -> None:
        """See `DisposableIndex`."""
        with self._index.working() as db, db.transaction():
            _bury(db, stones, _AGAIN)

    def discards(self) -> list[str]:
        """See `DisposableIndex`."""
        with self._index.working() as db:
            return [name for (name,) in db.execute("SELECT name FROM discards ORDER BY name")]

    def discarded(self, names: Sequence[str]) -> None:
        """See `DisposableIndex`."""
        with self._index.working() as db:
            db.execute("DELETE FROM discards WHERE name = ANY(%s::text[])", (list(names),))

    def buried(self, first: int, last: int) -> list[Tombstone]:
        """See `DisposableIndex`."""
        return self._stones("leaf BETWEEN %s AND %s ORDER BY leaf", (first, last))

    def buried_as(self, msgid: str) -> list[Tombstone]:
        """See `DisposableIndex`."""
        given = (digest_of(msgid), msgid.encode())
        return self._stones("named = %s AND msgid = %s ORDER BY leaf", given)

    def clear(self) -> Cleared:
        """See `DisposableIndex`."""
        terms = 0
        while (block := self._next_block()) is not None:
            with self._index.working() as db, db.transaction():
                terms += _cleared(db, block)
        with self._index.working(_LONG_S) as db:
            try:
                with db.transaction():
                    db.execute("DELETE FROM waiting w USING tombstones t"
                               " WHERE t.time = w.time AND t.msgid = w.msgid")  # fmt: skip
                    names = db.execute(_UNUSED).rowcount
            finally:
                self._index.names.forget()
            db.execute("VACUUM messages, hits, postings, tail, remains, segments, discards")
            db.execute("VACUUM (FULL) names, waiting")
        return Cleared(terms, names)

    def terms_of(self, leaf: int) -> list[str]:
        """The terms that the index has of a message, as numbers, for whoever doubts that they are
        gone."""
        block, number = divmod(leaf, BLOCK)
        with self._index.working() as db:
            tail = db.execute("SELECT unnest(terms) FROM tail WHERE leaf = %s", (leaf,)).fetchall()
            asked = "SELECT term, leaves FROM postings WHERE block = %s"
            found = [term for term, leaves in db.execute(asked, (block,))
                     if without(leaves, {number}) is not None]  # fmt: skip
        return [str(term) for term in (*(one for (one,) in tail), *found)]

    def _next_block(self) -> int | None:
        with self._index.working() as db:
            found = db.execute("SELECT min(leaf) FROM remains").fetchone()
        return None if found is None or found[0] is None else int(found[0]) // BLOCK

    def _rows(self, which: str, given: Sequence[object], seconds: float = 0) -> list[Row]:
        asked = f"SELECT {COLUMNS} FROM messages WHERE {which}"  # noqa: S608 - our own words
        with self._index.working(seconds) as db, db.transaction():
            return told_rows(db, db.execute(asked, given).fetchall(), self._index.names)

    def _stones(self, which: str, given: Sequence[object]) -> list[Tombstone]:
        with self._index.working() as db:
            found = db.execute(_STONE + which, given).fetchall()
        return [Tombstone(row[0], row[1].decode(), row[2] % (1 << 64), *row[3:]) for row in found]


def _bury(db: Session, stones: Sequence[Tombstone], again: str = "") -> None:
    rows = [
        (one.leaf, one.seq - (one.seq >= _INT64) * (1 << 64), one.time, one.book, one.at,
         digest_of(one.msgid), one.msgid.encode(), one.sm3, one.plan)
        for one in stones
    ]  # fmt: skip
    db.execute(_BURY.format(again), _columns(rows, 9))


def _cleared(db: Session, block: int) -> int:
    """Write the postings of a block without those that are gone: how many of them had terms."""
    first = block * BLOCK
    given = (first, first + BLOCK - 1)
    gone = {
        leaf - first
        for (leaf,) in db.execute("DELETE FROM remains WHERE leaf BETWEEN %s AND %s RETURNING leaf",
                                  given)
    }  # fmt: skip
    changed, emptied = list[tuple[int, bytes]](), list[int]()
    had: set[int] = set()
    asked = "SELECT term, leaves FROM postings WHERE block = %b"
    for term, leaves in db.cursor(binary=True).execute(asked, (block,)):
        told = without(leaves, gone)
        if told is None:
            continue
        rest, taken = told
        had |= taken
        if rest:
            changed.append((term, rest))
        else:
            emptied.append(term)
    db.execute(_WRITE, (*_columns(changed, 2), block))
    db.execute("DELETE FROM postings WHERE block = %s AND term = ANY(%s::bigint[])",
               (block, emptied))  # fmt: skip
    return len(had)


def _columns(rows: Sequence[Sequence[Any]], width: int) -> list[list[Any]]:
    """Rows as columns, as many as there are, also of no rows."""
    return [[row[at] for row in rows] for at in range(width)]

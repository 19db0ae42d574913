"""Putting rows into the archive's index in PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sinks.archive.postgres_session import Session
from sinks.archive.postgres_tables import digest_of
from sinks.archive.postings import BLOCK, Numbers, postings
from sinks.archive.rows import HitRow, Row, Stored

_INT64 = 1 << 63
_MAX_REMEMBERED = 500_000
_COLUMNS = (
    'leaf, seq, time, "offset", kind, type, sender, room, conversation, direction, segment,'
    " number, length, size, msgid, sm3"
)


class Names:
    """Names that rows have in common, and of segments, as numbers; remembered both ways."""

    def __init__(self) -> None:
        self._names: dict[str, int] = {}
        self._numbers: dict[int, str] = {}
        self._segments: dict[int, str] = {}

    def forget(self) -> None:
        """After what was put was taken back."""
        self._names.clear()
        self._numbers.clear()
        self._segments.clear()

    def numbered(self, db: Session, wanted: Iterable[str]) -> dict[str, int]:
        """A number for each name; new names are stored."""
        names = set(wanted)
        if len(self._names) + len(names) > _MAX_REMEMBERED:
            self.forget()
        unknown = {digest_of(name): name for name in names if name not in self._names}
        if unknown:
            asked = "SELECT digest, id FROM names WHERE digest = ANY(%s)"
            found: dict[bytes, int] = dict(db.execute(asked, (list(unknown),)).fetchall())
            new = {digest: name for digest, name in unknown.items() if digest not in found}
            if new:
                insert = (
                    "INSERT INTO names (digest, name)"
                    " SELECT * FROM unnest(%s::bytea[], %s::bytea[]) RETURNING digest, id"
                )
                bodies = [name.encode() for name in new.values()]
                found |= dict(db.execute(insert, (list(new), bodies)).fetchall())
            self._names |= {unknown[digest]: number for digest, number in found.items()}
        return {name: self._names[name] for name in names}

    def named(self, db: Session, numbers: Iterable[int]) -> dict[int, str]:
        """The names of numbers."""
        wanted = set(numbers)
        if len(self._numbers) + len(wanted) > _MAX_REMEMBERED:
            self._numbers.clear()
        if unknown := wanted - self._numbers.keys():
            asked = "SELECT id, name FROM names WHERE id = ANY(%s::int[])"
            found = db.execute(asked, (list(unknown),))
            self._numbers |= {number: name.decode() for number, name in found}
        return self._numbers

    def segments(self, db: Session, numbers: Iterable[int]) -> dict[int, str]:
        """The names of segments."""
        if len(self._segments) > _MAX_REMEMBERED:
            self._segments.clear()
        if unknown := set(numbers) - self._segments.keys():
            asked = "SELECT id, name FROM segments WHERE id = ANY(%s::int[])"
            self._segments |= dict(db.execute(asked, (list(unknown),)).fetchall())
        return self._segments


def put(db: Session, what: Stored, names: Names, numbers: Numbers) -> None:
    """All but the positions, in the caller's transaction."""
    _put_segments(db, what)
    if what.rows:
        _put_messages(db, [row for row, _ in what.rows], names)
        _put_times(db, what)
    _put_terms(db, what, numbers)
    db.cursor().executemany(
        "INSERT INTO others VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
        [
            (digest_of(one.kind, one.id), one.sm3.encode(), one.kind, one.id.encode(), leaf)
            for leaf, one in what.others
        ],
    )
    _put_hits(db, what.hits, names)


def _put_segments(db: Session, what: Stored) -> None:
    db.cursor().executemany(
        "INSERT INTO segments (name, key_version, sm3, size, records, created_at)"
        " VALUES (%s, %s, %s, %s, %s, %s)",
        what.segments,
    )


def _put_messages(db: Session, rows: Sequence[Row], names: Names) -> None:
    named = list({row.segment for row in rows})
    asked = "SELECT name, id FROM segments WHERE name = ANY(%s)"
    segments: dict[str, int] = dict(db.execute(asked, (named,)).fetchall())
    ids = names.numbered(db, {name for row in rows for name in row[4:10]})
    with (
        db.cursor() as cursor,
        cursor.copy(f"COPY messages ({_COLUMNS}) FROM STDIN (FORMAT BINARY)") as copy,
    ):
        copy.set_types(["int8"] * 4 + ["int4"] * 10 + ["bytea"] * 2)
        for row in rows:
            seq = row.seq - (1 << 64) if row.seq >= _INT64 else row.seq
            places = (segments[row.segment], row.number, row.length, row.size)
            told = (row.leaf, seq, row.time, row.offset, *(ids[name] for name in row[4:10]))
            copy.write_row((*told, *places, row.msgid.encode(), row.sm3))


def _put_times(db: Session, what: Stored) -> None:
    found: dict[int, tuple[int, int]] = {}
    for row, _ in what.rows:
        block = row.leaf // BLOCK
        earliest, latest = found.get(block, (row.time, row.time))
        found[block] = min(earliest, row.time), max(latest, row.time)
    db.cursor().executemany(
        "INSERT INTO blocks VALUES (%s, %s, %s) ON CONFLICT (block) DO UPDATE SET"
        " earliest = least(blocks.earliest, excluded.earliest),"
        " latest = greatest(blocks.latest, excluded.latest)",
        [(block, *times) for block, times in found.items()],
    )


def _put_terms(db: Session, what: Stored, numbers: Numbers) -> None:
    """Blocks that are full now become postings; the rest is the new tail."""
    told = db.execute("SELECT merged FROM about").fetchone()
    merged, full = told[0] if told else 0, what.leaves // BLOCK
    rows = sorted((row.leaf, numbers.of_all(terms.split())) for row, terms in what.rows)
    if rows and rows[0][0] < merged * BLOCK:
        raise ValueError(f"leaf {rows[0][0]} stands before leaves that are accounted for")
    if full > merged:
        end = full * BLOCK
        taken = "DELETE FROM tail WHERE leaf < %s RETURNING leaf, terms"
        ready = [*db.execute(taken, (end,)).fetchall(), *(one for one in rows if one[0] < end)]
        with (
            db.cursor() as cursor,
            cursor.copy("COPY postings (term, block, leaves) FROM STDIN (FORMAT BINARY)") as copy,
        ):
            copy.set_types(["int8", "int4", "bytea"])
            for posting in postings(sorted(ready)):
                copy.write_row(posting)
        db.execute("UPDATE about SET merged = %s", (full,))
        rows = [one for one in rows if one[0] >= end]
    if rows:
        with db.cursor() as cursor, cursor.copy("COPY tail FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(["int8", "int8[]"])
            for row in rows:
                copy.write_row(row)


def _put_hits(db: Session, hits: Sequence[HitRow], names: Names) -> None:
    """An alert may come before its messages: then it waits for them."""
    if hits:
        ids = names.numbered(db, {name for hit in hits for name in (hit.alert_id, hit.rule)})
        db.cursor().executemany(
            "INSERT INTO waiting VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            [
                (one.time, digest_of(one.msgid), ids[one.alert_id], ids[one.rule],
                 one.msgid.encode())
                for one in hits
            ],
        )  # fmt: skip
    if not db.execute("SELECT 1 FROM waiting LIMIT 1").fetchone():
        return
    db.execute(
        "WITH there AS (DELETE FROM waiting w USING messages m"
        " WHERE m.time = w.time AND m.msgid = w.msgid RETURNING m.leaf, w.alert, w.rule)"
        " INSERT INTO hits SELECT * FROM there ON CONFLICT DO NOTHING"
    )

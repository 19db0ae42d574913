"""Finding messages in the archive's SQLite index, the last archived first.

FTS5 finds its place in a long list by stepping through an index of that list, and backwards a step
takes ten times as long. So lists are read forwards, piece by piece from their end.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

from sinks.archive.rows import Asked, Row
from sinks.archive.terms import name_of

BLOCK = 1_024  # leaves of which the earliest and latest time are kept
_INT64 = 1 << 63
_FEW, _MANY = 128, 1_024  # leaves that are looked at together
# leaves that are read from a list in the time in which one is asked for, in a list and by its row
_A_LEAF, _A_ROW = 256, 8
_COLUMNS = {"s": "sender", "r": "room", "c": "conversation", "t": "type", "k": "kind",
            "d": "direction"}  # fmt: skip
_SPANS = """SELECT block FROM blocks WHERE latest >= ? AND earliest < ? AND block <= ?
  ORDER BY block DESC"""
# `+`: in the order of leaves, not of times
_ANY = """SELECT leaf FROM messages WHERE leaf BETWEEN ? AND ? AND +time >= ? AND +time < ?
  ORDER BY leaf DESC"""
_HAVING = """SELECT rowid FROM terms WHERE terms MATCH ? AND rowid BETWEEN ? AND ?
  ORDER BY rowid LIMIT ?"""
_NAMED = "SELECT DISTINCT leaf FROM hits WHERE leaf BETWEEN ? AND ? ORDER BY leaf DESC"
_NAMED_BY = """SELECT DISTINCT leaf FROM hits WHERE leaf BETWEEN ? AND ? AND rule = ?
  ORDER BY leaf DESC"""
_NAME = "(SELECT id FROM names WHERE name = ?)"

Rows = Callable[[str, Sequence[object]], Iterable[Row]]  # by a condition on messages, `m`
Span = tuple[int, int]  # leaves, both ends are in it


def find(db: sqlite3.Connection, asked: Asked, limit: int, rows: Rows) -> list[Row]:
    """See `ArchiveIndex.search`."""
    found: list[Row] = []
    times = asked.since or -_INT64, asked.until or _INT64 - 1
    for span in _spans(db, asked, times):
        leaves = _leaves(db, asked, span, times)
        while some := list(islice(leaves, min(max(limit - len(found), _FEW), _MANY))):
            # of a message whose terms are not cleared yet no row may be there
            which = f"m.leaf IN ({', '.join('?' * len(some))}) AND m.time >= ? AND m.time < ?"
            found += rows(f"{which} ORDER BY m.leaf DESC", (*some, *times))
            if len(found) >= limit:
                return found[:limit]
    return found


def _spans(db: sqlite3.Connection, asked: Asked, times: tuple[int, int]) -> Iterator[Span]:
    """Spans of leaves that may hold what is asked for, the newest first."""
    end = _INT64 - 1 if asked.before is None else asked.before - 1
    if not asked.since and not asked.until:
        yield 0, end
        return
    top = bottom = -1
    for (block,) in db.execute(_SPANS, (*times, end // BLOCK)).fetchall():
        if block != bottom - 1:
            if top >= 0:
                yield bottom * BLOCK, min(end, top * BLOCK + BLOCK - 1)
            top = block
        bottom = block
    if top >= 0:
        yield bottom * BLOCK, min(end, top * BLOCK + BLOCK - 1)


def _leaves(
    db: sqlite3.Connection, asked: Asked, span: Span, times: tuple[int, int]
) -> Iterator[int]:
    """Leaves of a span that are asked for, descending; some may have been said at other times."""
    if asked.hit:
        return _named(db, asked.hit, asked.terms, span)
    if asked.terms:
        return _having(db, asked.terms, span)
    return (leaf for (leaf,) in db.execute(_ANY, (*span, *times)))


def _having(db: sqlite3.Connection, terms: Sequence[str], span: Span) -> Iterator[int]:
    """Leaves of a span that have all terms, descending.

    The first few come first: most often these are all, and else they tell how long a piece is in
    which a page is.
    """
    first, last = span
    oldest = _forwards(db, terms, span, _FEW)
    if len(oldest) == _FEW:
        size = 2 * (oldest[-1] - oldest[0] + 1)
        (newest,) = db.execute("SELECT max(leaf) FROM messages").fetchone()
        first, last = oldest[-1] + 1, min(last, newest or 0)
        while last >= first:
            some = _forwards(db, terms, (max(first, last - size + 1), last))
            yield from reversed(some)
            last -= size
            if len(some) < _FEW:
                size *= 4
    yield from reversed(oldest)


def _forwards(
    db: sqlite3.Connection, terms: Sequence[str], span: Span, most: int = -1
) -> list[int]:
    """The first leaves of a span that have all terms, `most` of them, -1: all; ascending."""
    cursor = db.execute(_HAVING, (" AND ".join(terms), *span, most))
    return [leaf for (leaf,) in cursor]


def _named(db: sqlite3.Connection, rule: str, terms: Sequence[str], span: Span) -> Iterator[int]:
    """Leaves of a span that an alert of a rule names ("*": of any) and that have all terms,
    descending.

    To ask of one leaf whether it has the terms takes as long as to read some hundred of those that
    have them. So for each few that are named those between are read, and only where these are too
    many the named ones are asked one by one; by their rows for what stands there.
    """
    cursor = db.execute(_NAMED, span) if rule == "*" else db.execute(_NAMED_BY, (*span, rule))
    told = {term: _told_by_row(term) for term in terms}
    in_row = [one for one in told.values() if one]
    others = [term for term, one in told.items() if not one]
    size = _FEW
    while named := [leaf for (leaf,) in cursor.fetchmany(size)]:
        if not terms:
            yield from named
            continue
        most = len(named) * (_A_LEAF if others else _A_ROW)
        having = _forwards(db, terms, (named[-1], named[0]), most)
        if len(having) == most:
            rest = _with(db, [leaf for leaf in named if leaf > having[-1]], in_row)
            yield from (leaf for leaf in rest if _has(db, leaf, others))
        yield from sorted(set(named).intersection(having), reverse=True)
        size = min(size * 2, _MANY)


def _told_by_row(term: str) -> tuple[str, str] | None:
    """The column and the name in it that a row has whose message has this term; None where rows do
    not say it."""
    told = name_of(term)
    return (_COLUMNS[told[0]], told[1]) if told and told[0] in _COLUMNS else None


def _with(
    db: sqlite3.Connection, leaves: Sequence[int], in_row: Sequence[tuple[str, str]]
) -> Sequence[int]:
    """Those of these leaves whose rows have these names in these columns; descending, as they
    are."""
    if not in_row or not leaves:
        return leaves
    marks = ", ".join("?" * len(leaves))
    named = " AND ".join(f"{column} = {_NAME}" for column, _ in in_row)
    cursor = db.execute(
        f"SELECT leaf FROM messages WHERE leaf IN ({marks}) AND {named} ORDER BY leaf DESC",  # noqa: S608
        (*leaves, *(name for _, name in in_row)),
    )
    return [leaf for (leaf,) in cursor]


def _has(db: sqlite3.Connection, leaf: int, terms: Sequence[str]) -> bool:
    return not terms or bool(_forwards(db, terms, (leaf, leaf)))

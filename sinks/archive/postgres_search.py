"""Finding rows in the archive's index in PostgreSQL, the last archived first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sinks.archive.postgres_session import Session
from sinks.archive.postgres_store import Names
from sinks.archive.postgres_tables import digest_of
from sinks.archive.postings import BLOCK, Numbers, common
from sinks.archive.rows import Asked, Row

_MAX = (1 << 63) - 1
_FIRST_BLOCKS, _MOST_BLOCKS = 4, 256  # that are fetched at once
_MOST_LEAVES = 16_384
_DENSE = 4
_BETWEEN = (
    "SELECT block, leaves FROM postings WHERE term = ANY(%b::bigint[]) AND block BETWEEN %b AND %b"
)
_THESE = (
    "SELECT p.block, p.leaves FROM unnest(%b::int[]) AS b (block)"
    " JOIN postings p ON p.block = b.block AND p.term = ANY(%b::bigint[])"
)
COLUMNS = (
    "leaf, msgid, seq, time, kind, type, sender, room, conversation, direction, segment, number,"
    ' "offset", length, size, sm3'
)
_ROWS = """SELECT {} FROM messages
  WHERE time >= %s AND time < %s AND {} ORDER BY leaf DESC LIMIT %s"""
_OF_LEAVES = _ROWS.format(COLUMNS, "leaf = ANY(%b::bigint[])")
_OF_SPAN = _ROWS.format(COLUMNS, "leaf BETWEEN %s AND %s")


def find(db: Session, asked: Asked, limit: int, names: Names, numbers: Numbers) -> list[Row]:
    """See `ArchiveIndex.search`; in the caller's transaction."""
    rows: list[tuple[Any, ...]] = []
    terms = numbers.of_all(asked.terms)
    times = asked.since or -_MAX, asked.until or _MAX
    for span in _spans(db, asked):
        if terms or asked.hit:
            for leaves in _leaves(db, asked.hit, terms, span, limit):
                given = (*times, leaves, limit - len(rows))
                rows += db.execute(_OF_LEAVES, given).fetchall()
                if len(rows) >= limit:
                    break
        else:
            rows += db.execute(_OF_SPAN, (*times, *span, limit - len(rows))).fetchall()
        if len(rows) >= limit:
            break
    return told_rows(db, rows, names)


def _spans(db: Session, asked: Asked) -> Iterator[tuple[int, int]]:
    """Spans of leaves that may hold what is asked for, the newest first."""
    end = _MAX if asked.before is None else asked.before - 1
    if not asked.since and not asked.until:
        yield 0, end
        return
    blocks = db.execute(
        "SELECT block FROM blocks WHERE latest >= %s AND earliest < %s AND block <= %s"
        " ORDER BY block DESC",
        (asked.since or -_MAX, asked.until or _MAX, min(end // BLOCK, (1 << 31) - 1)),
    ).fetchall()
    at = 0
    while at < len(blocks):
        top = bottom = blocks[at][0]
        while at + 1 < len(blocks) and blocks[at + 1][0] == bottom - 1:
            at, bottom = at + 1, bottom - 1
        at += 1
        yield bottom * BLOCK, min(end, top * BLOCK + BLOCK - 1)


def _leaves(
    db: Session, hit: str, terms: Sequence[int], span: tuple[int, int], size: int
) -> Iterator[list[int]]:
    """Leaves of a span that are named by an alert or have all terms, in pieces that grow from
    `size`: most often each of them has a row that is wanted."""
    found = _hit(db, hit, terms, span, size) if hit else _having(db, terms, span, size)
    for leaves in found:
        at = 0
        while at < len(leaves):
            yield leaves[at : at + size]
            at, size = at + size, min(size * 4, _MOST_LEAVES)


def _having(
    db: Session, terms: Sequence[int], span: tuple[int, int], enough: int
) -> Iterator[list[int]]:
    first, last = span
    tail = db.execute(
        "SELECT leaf FROM tail WHERE leaf BETWEEN %s AND %s AND terms @> %b::bigint[]"
        " ORDER BY leaf DESC",
        (first, last, list(terms)),
    )
    if newest := [leaf for (leaf,) in tail]:
        yield newest
    blocks = db.execute(
        "SELECT block FROM postings WHERE term = ANY(%b::bigint[]) AND block BETWEEN %s AND %s"
        " GROUP BY block HAVING count(*) = %s ORDER BY block DESC",
        (list(terms), first // BLOCK, min(last // BLOCK, (1 << 31) - 1), len(terms)),
    ).fetchall()
    at, size = 0, _FIRST_BLOCKS
    found: list[int] = []
    while at < len(blocks):
        for leaves in _in_blocks(db, terms, [block for (block,) in blocks[at : at + size]]):
            found += [leaf for leaf in leaves if first <= leaf <= last]
            if len(found) >= enough:
                yield found
                found = []
        at, size = at + size, min(size * 2, _MOST_BLOCKS)
    if found:
        yield found


def _in_blocks(db: Session, terms: Sequence[int], blocks: Sequence[int]) -> Iterator[list[int]]:
    """Of each of these blocks, in their order, its leaves that have all terms; descending."""
    sets: dict[int, list[bytes]] = {block: [] for block in blocks}
    if not blocks:
        return
    low, high = min(blocks), max(blocks)
    given: tuple[object, ...]
    if high - low < _DENSE * len(blocks):  # some are read for nothing, and it takes a tenth
        asked, given = _BETWEEN, (list(terms), low, high)
    else:
        asked, given = _THESE, (list(blocks), list(terms))
    for block, leaves in db.cursor(binary=True).execute(asked, given):
        if block in sets:
            sets[block].append(leaves)
    for block, found in sets.items():
        if len(found) == len(terms):
            yield [block * BLOCK + number for number in common(found)]


def _hit(
    db: Session, rule: str, terms: Sequence[int], span: tuple[int, int], enough: int
) -> Iterator[list[int]]:
    first, last = span
    which = "" if rule == "*" else "rule = (SELECT id FROM names WHERE digest = %s) AND"
    asked = (
        f"SELECT DISTINCT leaf FROM hits WHERE {which} leaf BETWEEN %s AND %s"  # noqa: S608
        " ORDER BY leaf DESC LIMIT %s"
    )
    while True:
        given = (*([digest_of(rule)] if which else []), first, last, enough)
        leaves = [leaf for (leaf,) in db.execute(asked, given)]
        if not leaves:
            return
        yield _of_these(db, leaves, terms) if terms else leaves
        last = leaves[-1] - 1


def _of_these(db: Session, leaves: Sequence[int], terms: Sequence[int]) -> list[int]:
    """Those of the leaves that have all terms."""
    asked = "SELECT leaf FROM tail WHERE leaf = ANY(%b::bigint[]) AND terms @> %b::bigint[]"
    having = {leaf for (leaf,) in db.execute(asked, (list(leaves), list(terms)))}
    blocks = sorted({leaf // BLOCK for leaf in leaves})
    having.update(*_in_blocks(db, terms, blocks))
    return [leaf for leaf in leaves if leaf in having]


def told_rows(db: Session, rows: Sequence[tuple[Any, ...]], names: Names) -> list[Row]:
    """Rows from their `COLUMNS`; in the transaction in which these were read."""
    name = names.named(db, {number for row in rows for number in row[4:10]})
    segment = names.segments(db, {row[10] for row in rows})
    return [
        Row._make(
            (
                row[0],
                row[1].decode(),
                row[2] % (1 << 64),
                row[3],
                *(name[number] for number in row[4:10]),
                segment[row[10]],
                *row[11:],
            )
        )
        for row in rows
    ]

"""The first line of a custody book that was begun anew, because the one before was damaged and no
copy of it was left.

The damaged book is kept beside it, whole. The new one goes on with its numbers, and its first line
is bound to the digest of the old one's bytes as every line is to the one before it. So whoever
trusts that line, which is in the ledger, has the old book as it was when it was put aside, with its
damage; and which of its lines are still relied on is said there too.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec

RENEWED = "renewed_custody"
Spans = tuple[tuple[int, int], ...]


class Told(msgspec.Struct, frozen=True):
    """What such a line says of the book that was put aside.

    `aside`: the name of its file; `aside_sm3`: of all its bytes; `lines`: how many rows it has;
    `relied_on`: which of these rows, from 1, are lines that still count, as spans (first, last);
    `entered`: how many lines the ledger had then; `by_ledger`: whether that could be asked;
    `wrong`: what was found wrong with it.
    """

    aside: str
    aside_sm3: str
    lines: int
    relied_on: Spans
    entered: int
    by_ledger: bool
    wrong: str


class Renewal(NamedTuple):
    """A book begun anew: the number of its first line, when (UTC ms), who did it, why, and what it
    says of the book before."""

    number: int
    at: int
    who: str
    why: str
    told: Told


def renewal_of(row: bytes) -> Renewal | None:
    """What a row says as the first of a book; None: it is none of these."""
    try:
        line: dict[str, Any] = json.loads(row)
        if line["action"] != RENEWED or line["n"] < 2:  # noqa: PLR2004 - 1 begins a book by itself
            return None
        told = msgspec.convert(line["details"], Told)
        found = Renewal(int(line["n"]), int(line["at"]), line["who"], line["why"], told)
        plain = "/" not in told.aside and told.aside not in ("", ".", "..")
        return found if plain and line["prev"] == told.aside_sm3 else None
    except (ValueError, KeyError, TypeError):
        return None


def counts(spans: Spans, row: int) -> bool:
    """Whether a row is in these spans."""
    return any(first <= row <= last for first, last in spans)


def lost_of(number: int, there: Iterable[int]) -> list[tuple[int, int]]:
    """Which lines in front of the first of a book begun anew are not relied on any more: spans of
    their numbers.

    Args:
        number: of that first line.
        there: the numbers of all lines there are, ascending.
    """
    lost, before = list[tuple[int, int]](), 0
    for one in there:
        if one > before + 1 and before + 1 < number:
            lost.append((before + 1, min(one, number) - 1))
        before = one
    return lost

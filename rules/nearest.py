"""The right name nearest to a wrong one, in bounded time however many and long the names are."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_NEAR, _APART = 0.75, 0.12  # shares of letters in common, for a slip that has one meaning
_LONGEST = 60  # characters of a name that somebody mistyped; longer ones are no slip
_MOST = 300  # names that are compared letter by letter


def nearest(name: str, known: Iterable[str]) -> str:
    """The known name that was most likely meant, "" when none is like it."""
    found = difflib.get_close_matches(name, _candidates(name, known), n=1)
    return found[0] if found else ""


def only_near(name: str, known: Iterable[str]) -> tuple[str, str] | None:
    """(the name, the one that was meant), when one known name is near and no other nearly so."""
    rows = sorted(
        (
            (difflib.SequenceMatcher(None, name, one).ratio(), one)
            for one in set(_candidates(name, known))
        ),
        reverse=True,
    )
    if not rows or rows[0][0] < _NEAR or (len(rows) > 1 and rows[1][0] > rows[0][0] - _APART):
        return None
    return name, rows[0][1]


def listed(names: Iterable[str], joint: str = ", ", most: int = 30) -> str:
    """The names for a sentence; of many only the first."""
    all_of = list(names)
    return joint.join(all_of[:most]) + (f"{joint}…" if len(all_of) > most else "")


def _candidates(name: str, known: Iterable[str]) -> list[str]:
    """Names of a like length; of many those that begin with the same letter."""
    if len(name) > _LONGEST:
        return []
    found = [one for one in known if len(one) <= 2 * len(name) + 2]
    if len(found) > _MOST:
        found = [one for one in found if one[:1] == name[:1]]
    return found[:_MOST]

"""The right name nearest to a wrong one, in bounded time however many and long the names are."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_NEAR, _APART = 0.75, 0.12  # shares of letters in common, for a slip that has one meaning
_LONGEST = 60  # characters of a name that somebody mistyped; longer ones are no slip
_MOST = 300  # names that are compared letter by letter
_SHOWN = 30  # names of a list that a sentence holds


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


def by_nearness(name: str, known: Iterable[str]) -> list[str]:
    """The known names, those first that share the most pairs of letters with `name`; few names stay
    in their order, which says something too."""
    names = list(known)
    if len(names) <= _SHOWN or len(name) > _LONGEST:
        return names
    pairs = _pairs(name)
    return sorted(names, key=lambda one: -len(pairs & _pairs(one)) / (len(one) + len(name)))


def _pairs(name: str) -> set[str]:
    """Each two letters that stand side by side, and the first one alone."""
    low = name[:_LONGEST].casefold()
    return {low[:1], *(low[at : at + 2] for at in range(len(low) - 1))}


def listed(names: Iterable[str], joint: str = ", ", most: int = _SHOWN) -> str:
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

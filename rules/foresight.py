"""What can be said of a condition before the message is made: mostly, that it does not hold.

Of a record its type, what kind of sender it has, its direction and the triggers that its texts have
fired are known first. A condition is asked with that much in Kleene's logic of three values (S. C.
Kleene, "On notation for ordinal numbers", 1938): True, False, or None where the rest of the message
decides. What is False is not asked again, and its message perhaps never made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from rules.conditions import TEXT_OPERATORS, And, AtLeast, Compare, Node, Not, Or, Until
from rules.triggers import TYPE_FIELDS, Trigger, of_leaf


class Known(NamedTuple):
    """What is known of a message; `fired` are numbers of triggers."""

    type: str
    sender_kind: str
    direction: str
    fired: frozenset[int]


Answer = Callable[[Known], bool | None]
_FIELDS = {"sender_kind": 1, "direction": 2, **dict.fromkeys(TYPE_FIELDS, 0)}


def foreseen(node: Node, places: Mapping[Trigger, int]) -> Answer:
    """The condition as a function of what is known. `places` has the numbers of the triggers that
    are looked for in every message."""
    if isinstance(node, And):
        return _all_of([foreseen(child, places) for child in node.children])
    if isinstance(node, Or):
        return _some_of([foreseen(child, places) for child in node.children])
    if isinstance(node, AtLeast):
        return _so_many_of(node.least, [foreseen(child, places) for child in node.children])
    if isinstance(node, Not):
        return _not(foreseen(node.child, places))
    if isinstance(node, Until):  # past its end it holds
        return _some_of([foreseen(node.child, places), _unknown])
    if isinstance(node, Compare) and node.field in _FIELDS and node.operator in TEXT_OPERATORS:
        return _of_field(node, _FIELDS[node.field])
    looked_for = of_leaf(node)
    if looked_for is None or any(one not in places for one in looked_for):
        return _unknown
    return _of_triggers(frozenset(places[one] for one in looked_for))


def _unknown(known: Known) -> bool | None:
    return None


def _of_field(node: Compare, place: int) -> Answer:
    return lambda known: node.answers(str(known[place]))


def _of_triggers(needs: frozenset[int]) -> Answer:
    return lambda known: False if needs.isdisjoint(known.fired) else None


def _all_of(parts: list[Answer]) -> Answer:
    def every(known: Known) -> bool | None:
        sure: bool | None = True
        for one in parts:
            said = one(known)
            if said is False:
                return False
            if said is None:
                sure = None
        return sure

    return every


def _some_of(parts: list[Answer]) -> Answer:
    def some(known: Known) -> bool | None:
        sure: bool | None = False
        for one in parts:
            said = one(known)
            if said is True:
                return True
            if said is None:
                sure = None
        return sure

    return some


def _so_many_of(least: int, parts: list[Answer]) -> Answer:
    def so_many(known: Known) -> bool | None:
        said = [one(known) for one in parts]
        if said.count(True) >= least:
            return True
        return False if len(said) - said.count(False) < least else None

    return so_many


def _not(part: Answer) -> Answer:
    def denied(known: Known) -> bool | None:
        said = part(known)
        return None if said is None else not said

    return denied

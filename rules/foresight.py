"""What can be said of a condition before the message is made: mostly, that it does not hold.

Of a record its type, what kind of sender it has, its direction and the triggers that its texts have
fired are known first. What the first three answer is answered once for all messages of that kind:
the condition is reduced by it (partial evaluation). The rest is asked with the triggers in Kleene's
logic of three values (S. C. Kleene, "On notation for ordinal numbers", 1938): True, False, or None
where the message decides. What is False is not asked again, and its message perhaps never made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from rules.conditions import TEXT_OPERATORS, And, AtLeast, Compare, Node, Not, Or, Until
from rules.triggers import TYPE_FIELDS, Trigger, of_leaf
from rules.view import View


class Kind(NamedTuple):
    """What kind of message it is, as `Message` has these fields."""

    type: str
    sender_kind: str
    direction: str


_FIELDS = {"sender_kind": 1, "direction": 2, **dict.fromkeys(TYPE_FIELDS, 0)}


@dataclass(frozen=True)
class Sure:
    """A condition whose answer is known."""

    answer: bool

    def holds(self, view: View) -> bool:
        """The answer."""
        return self.answer


def reduced(node: Node, kind: Kind) -> Node:
    """The condition as it is for messages of that kind: the same answers, the same spans."""
    if isinstance(node, And):
        children = [one for child in node.children if (one := reduced(child, kind)) != Sure(True)]
        if Sure(False) in children:
            return Sure(False)
        return _of(And, children) if children else Sure(True)
    if isinstance(node, Or):
        # what holds does not spare the others: every reason is shown
        children = [one for child in node.children if (one := reduced(child, kind)) != Sure(False)]
        if all(one == Sure(True) for one in children):
            return Sure(bool(children))
        return _of(Or, children)
    if isinstance(node, AtLeast):
        children = [one for child in node.children if (one := reduced(child, kind)) != Sure(False)]
        if len(children) < node.least:
            return Sure(False)
        if all(one == Sure(True) for one in children):
            return Sure(True)
        return AtLeast(node.least, tuple(children))
    if isinstance(node, Not):
        child = reduced(node.child, kind)
        return Sure(not child.answer) if isinstance(child, Sure) else Not(child)
    if isinstance(node, Until):
        child = reduced(node.child, kind)
        return Sure(True) if child == Sure(True) else Until(child, node.end)
    if isinstance(node, Compare) and node.field in _FIELDS and node.operator in TEXT_OPERATORS:
        return Sure(node.answers(kind[_FIELDS[node.field]]))
    return node


def _of(made: type[And] | type[Or], children: list[Node]) -> Node:
    return children[0] if len(children) == 1 else made(tuple(children))


Fired = frozenset[int]  # numbers of triggers
Answer = Callable[[Fired], bool | None]


def foreseen(node: Node, places: Mapping[Trigger, int]) -> Answer:
    """The condition as a function of the triggers that have fired. `places` has the numbers of
    those that are looked for in every message."""
    if isinstance(node, Sure):
        answer = node.answer
        return lambda fired: answer
    if isinstance(node, And):
        return _joined([foreseen(child, places) for child in node.children], decisive=False)
    if isinstance(node, Or):
        return _joined([foreseen(child, places) for child in node.children], decisive=True)
    if isinstance(node, AtLeast):
        return _so_many_of(node.least, [foreseen(child, places) for child in node.children])
    if isinstance(node, Not):
        return _not(foreseen(node.child, places))
    if isinstance(node, Until):  # past its end it holds
        return _joined([foreseen(node.child, places), _unknown], decisive=True)
    looked_for = of_leaf(node)
    if looked_for is None or any(one not in places for one in looked_for):
        return _unknown
    return _of_triggers(frozenset(places[one] for one in looked_for))


def _unknown(fired: Fired) -> bool | None:
    return None


def _of_triggers(needs: Fired) -> Answer:
    return lambda fired: False if needs.isdisjoint(fired) else None


def _joined(parts: list[Answer], decisive: bool) -> Answer:
    """Of parts one of which decides with that answer: False of those that all have to hold, True of
    those of which one has to."""

    def joined(fired: Fired) -> bool | None:
        sure: bool | None = not decisive
        for one in parts:
            said = one(fired)
            if said is decisive:
                return decisive
            if said is None:
                sure = None
        return sure

    return joined


def _so_many_of(least: int, parts: list[Answer]) -> Answer:
    def so_many(fired: Fired) -> bool | None:
        said = [one(fired) for one in parts]
        if said.count(True) >= least:
            return True
        return False if len(said) - said.count(False) < least else None

    return so_many


def _not(part: Answer) -> Answer:
    def denied(fired: Fired) -> bool | None:
        said = part(fired)
        return None if said is None else not said

    return denied

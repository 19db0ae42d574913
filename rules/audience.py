"""Can a rule hold for what such a sender says in such a direction?

Most rules are about one of the few kinds of talk (what employees send to customers), and what kind
a message is costs little to know: the rules of other kinds are not asked at all.
"""

from __future__ import annotations

from itertools import product

from rules.conditions import TEXT_OPERATORS, And, AtLeast, Compare, Node, Not, Or
from rules.message import DIRECTIONS, SENDER_KINDS

Kind = tuple[str, str]  # of sender, and direction
KINDS: tuple[Kind, ...] = tuple(product(SENDER_KINDS, DIRECTIONS))
_EVERY = frozenset(KINDS)
_PLACE = {"sender_kind": 0, "direction": 1}


def kinds_of(node: Node) -> frozenset[Kind]:
    """The kinds of which the condition may hold for some message."""
    if _asks_kind(node):
        return frozenset(kind for kind in KINDS if may_hold(node, kind))
    return _EVERY if may_hold(node, KINDS[0]) else frozenset()


def _asks_kind(node: Node) -> bool:
    if isinstance(node, And | Or | AtLeast):
        return any(map(_asks_kind, node.children))
    if isinstance(node, Not):
        return _asks_kind(node.child)
    return isinstance(node, Compare) and node.field in _PLACE


def may_hold(node: Node, kind: Kind) -> bool:
    """False only when the condition holds for no message of that kind."""
    if isinstance(node, And):
        return all(may_hold(child, kind) for child in node.children)
    if isinstance(node, Or):
        return any(may_hold(child, kind) for child in node.children)
    if isinstance(node, AtLeast):
        return sum(may_hold(child, kind) for child in node.children) >= node.least
    if isinstance(node, Not):
        return not _must_hold(node.child, kind)
    return _answer(node, kind) is not False


def _must_hold(node: Node, kind: Kind) -> bool:
    """True only when the condition holds for every message of that kind."""
    if isinstance(node, And):
        return all(_must_hold(child, kind) for child in node.children)
    if isinstance(node, Or):
        return any(_must_hold(child, kind) for child in node.children)
    if isinstance(node, Not):
        return not may_hold(node.child, kind)
    return _answer(node, kind) is True


def _answer(node: Node, kind: Kind) -> bool | None:
    """None: the kind alone does not say."""
    if not isinstance(node, Compare) or node.field not in _PLACE:
        return None
    if node.operator not in TEXT_OPERATORS:
        return None
    return node.answers(kind[_PLACE[node.field]])

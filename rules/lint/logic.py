"""Whether a condition can be true and false at all: tried with every way its parts may come out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import product
from math import prod
from typing import Any, NamedTuple

from rules.conditions import And, AtLeast, Compare, Node, Not, Or, Until, Words
from rules.fields import CLOSED
from rules.refused import Refused, UnknownName
from rules.sigma_parse import Named, parse_detection

MAX_WAYS = 4096
SINGLE = frozenset({"type", "direction", "kind", "sender_kind", "action"})  # one value a record
_OTHER = "\0another value"
_NOBODY = Named({})
_JOINING = (And, Or, Not, AtLeast, Until)


class Shape(NamedTuple):
    """A condition over the names of its selections, whatever they ask."""

    names: list[str]
    tree: Node
    marks: Mapping[str, str]

    def holds(self, held: Mapping[str, bool]) -> bool:
        """Does the condition hold when these selections do?"""
        return _holds(
            self.tree,
            lambda leaf: held[self.marks[leaf.pattern]] if isinstance(leaf, Words) else None,
        )

    def ways(self) -> Iterator[dict[str, bool]]:
        """Every way the selections may come out; the first is: none holds."""
        for values in product((False, True), repeat=len(self.names)):
            yield dict(zip(self.names, values, strict=True))


def shape(section: Mapping[str, Any], beside: tuple[str, ...] = ()) -> Shape | None:
    """The shape of a `detection`; None when it has too many selections or does not parse.

    `beside` are keys that are no selections.
    """
    names = [name for name in section if name not in ("condition", *beside)]
    if 2 ** len(names) > MAX_WAYS:
        return None
    marks = {f"zq{number}qz": name for number, name in enumerate(names)}
    plain: dict[str, Any] = {name: {"text|contains": mark} for mark, name in marks.items()}
    try:
        tree = parse_detection({**plain, "condition": section["condition"]}, _NOBODY)
    except (Refused, UnknownName):
        return None
    return Shape(names, tree, marks)


def constant(node: Node) -> bool | None:
    """True or False when the condition always comes out so, whatever the record says; else None.

    Values of one field exclude each other (`direction`, `type`, …); all other questions are taken
    as free of each other, so an answer is right, but None may be given for want of one.
    """
    values: dict[str, set[str]] = {}
    free: set[str] = set()
    _collect(node, values, free)
    domains: dict[str, list[Any]] = {
        name: list(CLOSED.get(name) or sorted(found | {_OTHER})) for name, found in values.items()
    }
    domains |= {question: [False, True] for question in sorted(free)}
    if prod(map(len, domains.values())) > MAX_WAYS:
        return None
    seen: set[bool] = set()
    for way in product(*domains.values()):
        chosen = dict(zip(domains, way, strict=True))
        seen.add(_holds(node, lambda part, chosen=chosen: _answer(part, chosen)))  # type: ignore[misc]
        if len(seen) > 1:
            return None
    return seen.pop()


def _collect(node: Node, values: dict[str, set[str]], free: set[str]) -> None:
    if isinstance(node, Compare) and _is_value(node):
        values.setdefault(node.field, set()).add(_wanted(node))
    elif _is_one_question(node):
        free.add(repr(node))
    elif isinstance(node, And | Or | AtLeast):
        for child in node.children:
            _collect(child, values, free)
    elif isinstance(node, Not):
        _collect(node.child, values, free)


def _answer(part: Node, chosen: Mapping[str, Any]) -> bool | None:
    """What was chosen for this part; None when its own parts have to be asked."""
    if isinstance(part, Compare) and _is_value(part):
        return bool(chosen[part.field] == _wanted(part))
    return bool(chosen[repr(part)]) if _is_one_question(part) else None


def _is_value(node: Any) -> bool:
    return isinstance(node, Compare) and node.operator == "equals" and node.field in SINGLE


def _wanted(node: Any) -> str:
    return str(node.wanted).casefold()


def _is_one_question(node: Node) -> bool:
    """A leaf, or a list of words, which counts as one."""
    if isinstance(node, And | Or):
        return not any(isinstance(one, _JOINING) or _is_value(one) for one in node.children)
    return not isinstance(node, Not | AtLeast)


def _holds(node: Node, answer: Callable[[Node], bool | None]) -> bool:
    known = answer(node)
    if known is not None:
        return known
    if isinstance(node, And):
        return all(_holds(child, answer) for child in node.children)
    if isinstance(node, AtLeast):
        return sum(_holds(child, answer) for child in node.children) >= node.least
    if isinstance(node, Or):
        return any(_holds(child, answer) for child in node.children)
    return isinstance(node, Not) and not _holds(node.child, answer)

"""Conditions prepared for judging a stream: the same answers in less time.

A list of forty values of one field is one question instead of forty, asked of a text that is folded
once a message. A leaf that looks for something in the text is not asked when the one scan of all
rules has not seen any of its triggers. What a rule says, `explain` shows and the linter reads are
the conditions as parsed; only the matcher asks these. Measured in docs/performance.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from rules.conditions import TEXT_OPERATORS, And, AtLeast, Compare, Node, Not, Or, Until
from rules.triggers import Trigger, of_leaf
from rules.view import View, plain_text

Places = Mapping[Trigger, int]  # what the scan looks for -> its number in `View.fired`
_NOWHERE: Places = {}


@dataclass(frozen=True)
class AnyOf:
    """A field equals (contains, begins or ends with) one of these texts, without regard to case."""

    field: str
    operator: str
    words: tuple[str, ...]  # case-folded
    known: frozenset[str]

    def holds(self, view: View) -> bool:
        """As the comparisons it stands for."""
        texts = view.lowered(self.field)
        if not texts:
            return False
        if self.operator == "equals":
            return not self.known.isdisjoint(texts)
        if self.operator == "contains":
            for text in texts:
                for word in self.words:  # a generator would take twice as long
                    if word in text:
                        return True
            return False
        if self.operator == "startswith":
            return any(text.startswith(self.words) for text in texts)
        return any(text.endswith(self.words) for text in texts)


@dataclass(frozen=True)
class IfSeen:
    """A leaf that can hold only where the scan of the text saw one of these triggers."""

    child: Node
    triggers: frozenset[int]

    def holds(self, view: View) -> bool:
        """As the leaf."""
        seen = view.fired is None or not self.triggers.isdisjoint(view.fired)
        return seen and self.child.holds(view)


def quick(node: Node, places: Places = _NOWHERE) -> Node:
    """The same condition, quicker. `places` are the triggers that the scan looks for; a leaf all
    of whose triggers are among them is asked only where one of them was seen."""
    if isinstance(node, And):
        parts = [quick(child, places) for child in node.children]
        flat = [inner for one in parts for inner in (one.children if type(one) is And else (one,))]
        return And(tuple(flat))
    if isinstance(node, AtLeast):
        return replace(node, children=tuple(quick(child, places) for child in node.children))
    if isinstance(node, Not | Until):
        return replace(node, child=quick(node.child, places))
    if isinstance(node, Or):
        return _joined(node, places)
    if _is_text(node):
        return _any_of([node])
    looked_for = of_leaf(node) if places else None
    if looked_for is None or any(one not in places for one in looked_for):
        return node
    return IfSeen(node, frozenset(places[one] for one in looked_for))


def _joined(node: Or, places: Places) -> Node:
    rest: list[Node] = []
    groups: dict[tuple[str, str], list[Node]] = {}
    for child in node.children:
        if isinstance(child, Compare) and _is_text(child):
            groups.setdefault((child.field, child.operator), []).append(child)
        else:
            rest.append(quick(child, places))
    found = [*(_any_of(same) for same in groups.values()), *rest]
    return found[0] if len(found) == 1 else Or(tuple(found))


def _is_text(node: Node) -> bool:
    return isinstance(node, Compare) and node.operator in TEXT_OPERATORS and not node.asks_hits


def _any_of(same: list[Node]) -> Node:
    asked = [one for one in same if isinstance(one, Compare)]
    words = tuple(dict.fromkeys(plain_text(one.wanted) for one in asked))
    return AnyOf(asked[0].field, asked[0].operator, words, frozenset(words))

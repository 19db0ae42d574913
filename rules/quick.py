"""Conditions prepared for judging a stream: the same answers in less time.

A list of forty values of one field is one question instead of forty, asked of a text that is folded
once a message. What a rule says, `explain` shows and the linter reads are the conditions as parsed;
only the matcher asks these. Measured in docs/performance.md.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from rules.conditions import TEXT_OPERATORS, And, AtLeast, Compare, Node, Not, Or, Until
from rules.view import View, plain_text


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
            return any(word in text for text in texts for word in self.words)
        if self.operator == "startswith":
            return any(text.startswith(self.words) for text in texts)
        return any(text.endswith(self.words) for text in texts)


def quick(node: Node) -> Node:
    """The same condition, quicker."""
    if isinstance(node, And):
        parts = [quick(child) for child in node.children]
        flat = [inner for one in parts for inner in (one.children if type(one) is And else (one,))]
        return And(tuple(flat))
    if isinstance(node, AtLeast):
        return replace(node, children=tuple(map(quick, node.children)))
    if isinstance(node, Not | Until):
        return replace(node, child=quick(node.child))
    if isinstance(node, Or):
        return _joined(node)
    return _any_of([node]) if _is_text(node) else node


def _joined(node: Or) -> Node:
    rest: list[Node] = []
    groups: dict[tuple[str, str], list[Node]] = {}
    for child in node.children:
        if isinstance(child, Compare) and _is_text(child):
            groups.setdefault((child.field, child.operator), []).append(child)
        else:
            rest.append(quick(child))
    found = [*(_any_of(same) for same in groups.values()), *rest]
    return found[0] if len(found) == 1 else Or(tuple(found))


def _is_text(node: Node) -> bool:
    return isinstance(node, Compare) and node.operator in TEXT_OPERATORS and not node.asks_hits


def _any_of(same: list[Node]) -> Node:
    asked = [one for one in same if isinstance(one, Compare)]
    words = tuple(dict.fromkeys(plain_text(one.wanted) for one in asked))
    return AnyOf(asked[0].field, asked[0].operator, words, frozenset(words))

"""What an event must have before a plain Sigma rule is worth asking.

Asking three thousand conditions of every event takes milliseconds; one pass that looks for all
their words takes microseconds. Only ever too much is let through: what a rule needs is said as far
as it is certain, and its condition decides.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from typing import NamedTuple

from rules.needles import needles
from rules.sigma.event import as_text
from rules.sigma.nodes import AtLeast, Exists, Field, Filtered, Keyword, Node
from rules.sigma.questions import Equal, Pattern, Question, Text

_SHORTEST = 2  # characters; a single one is in every event
_LONGEST = 100  # of a word: behind them it only gets rarer


class Needs(NamedTuple):
    """What every event has for which a condition holds.

    Args:
        words: one of these occurs in a value, both with case folded; None when it may have none.
        fields: of each of these sets one field is there.
    """

    words: frozenset[str] | None = None
    fields: frozenset[frozenset[str]] = frozenset()


_NOTHING = Needs()


def needs(node: Node) -> Needs:
    """What the condition needs."""
    if isinstance(node, Field):
        return Needs(_words(node.questions), frozenset({frozenset({node.name})}))
    if isinstance(node, Keyword):
        return Needs(_words(node.questions))
    if isinstance(node, Exists) and node.wanted:
        return Needs(None, frozenset({frozenset({node.name})}))
    if isinstance(node, Filtered) and node.expires is None:
        return needs(node.condition)
    if isinstance(node, AtLeast) and node.least >= 1:
        each = [needs(child) for child in node.children]
        return _all(each) if node.least >= len(each) else _some(each)
    return _NOTHING


def _all(each: Iterable[Needs]) -> Needs:
    found = list(each)
    fields = frozenset[frozenset[str]]().union(*(one.fields for one in found))
    return Needs(reduce(_rarer, (one.words for one in found), None), fields)


def _some(each: Iterable[Needs]) -> Needs:
    found = list(each)
    known = [one.words for one in found if one.words is not None]
    words = frozenset[str]().union(*known) if len(known) == len(found) else None
    # of each child one of its sets: which one matters little
    picked = [min(one.fields, key=sorted) for one in found if one.fields]
    fields = frozenset[str]().union(*picked)
    return Needs(words, frozenset({fields}) if len(picked) == len(found) else frozenset())


def _rarer(one: frozenset[str] | None, other: frozenset[str] | None) -> frozenset[str] | None:
    """The set whose shortest word is longer; of equally long ones, the one with fewer words."""
    if one is None or other is None:
        return other if one is None else one
    return max(one, other, key=lambda words: (min(map(len, words)), -len(words), sorted(words)))


def _words(questions: Iterable[Question]) -> frozenset[str] | None:
    found: set[str] = set()
    for question in questions:
        words = _of_question(question)
        if words is None or any(len(word) < _SHORTEST for word in words):
            return None
        found.update(word[:_LONGEST] for word in words)
    return frozenset(found)


def _of_question(question: Question) -> Iterable[str] | None:
    if isinstance(question, Text):
        return (question.text.casefold(),)
    if isinstance(question, Equal):
        return {question.text.casefold(), str(as_text(question.number))}
    if isinstance(question, Pattern):
        words = needles(question.source)
        # beyond ASCII, RE2 and Python know other pairs of capitals and small letters
        return words if words is not None and all(map(str.isascii, words)) else None
    return None

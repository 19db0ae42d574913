"""What a message must show before a rule is worth evaluating.

A trigger set of a condition is such that the condition can only hold if at least one of its
triggers fires; the matcher finds triggers of all rules in one pass. None means the condition may
hold for any message.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import re2

from rules.conditions import (
    HIT_RESPONSE,
    HIT_VARIANT,
    TEXT_OPERATORS,
    And,
    Asked,
    AtLeast,
    Compare,
    Detected,
    InLexicon,
    Node,
    Not,
    Or,
    Regex,
    Until,
    Words,
)
from rules.loosen import alternatives, loosened
from rules.needles import COMMON, needles
from rules.scan import is_plain
from rules.sigma.questions import Pattern, Question, Text
from rules.view import NAMES, plain_text

TYPE_FIELDS = frozenset({"type", "msgtype", "event"})


class Trigger(NamedTuple):
    """kind "pattern": a linear-time regex over the folded text; "word": a folded word of a lexicon,
    in any spelling, "sound": one that is found by its sound too; "name": a text that a file's name
    or a title has somewhere, as `rules.view.plain_text` writes it; "type": a message type; "hits":
    another rule hit the same message."""

    kind: str
    value: str


def triggers(node: Node) -> frozenset[Trigger] | None:
    """Trigger set of a condition (see module docstring)."""
    if isinstance(node, And):
        options = [found for child in node.children if (found := triggers(child)) is not None]
        return min(options, key=_cost) if options else None
    if isinstance(node, Or | AtLeast):
        union: set[Trigger] = set()
        for child in node.children:
            found = triggers(child)
            if found is None:
                return None
            union |= found
        return frozenset(union)
    return of_leaf(node)


def leaves(node: Node) -> Iterator[Node]:
    """The conditions in it that have no children."""
    if isinstance(node, And | Or | AtLeast):
        for child in node.children:
            yield from leaves(child)
    elif isinstance(node, Not | Until):
        yield from leaves(node.child)
    else:
        yield node


def of_leaf(node: Node) -> frozenset[Trigger] | None:
    """Trigger set of a condition without children."""
    if isinstance(node, Words) and node.field == "text":
        # letters and digits are what they are in RE2 too
        word = node.word if node.word.isalnum() else re2.escape(node.word)
        return frozenset({Trigger("pattern", word)})
    if isinstance(node, InLexicon) and node.field == "text":
        one = node.lexicon.of_scene(node.scene)
        meant = [one] if node.scene else [one, *one.scenes.values()]
        return frozenset(
            Trigger(kind, word)
            for lexicon in meant
            for kind, words in (("word", lexicon.folded), ("sound", lexicon.sounding))
            for word in words
        )
    if isinstance(node, Regex) and node.field == "text":
        return _of_pattern(loosened(node.source))
    if isinstance(node, Detected) and node.field == "text":
        return _of_pattern(node.detector.prefilter)
    if isinstance(node, Compare) and node.field in NAMES and node.operator in TEXT_OPERATORS:
        word = plain_text(node.wanted)
        return frozenset({Trigger("name", word)}) if word else None
    if isinstance(node, Asked) and node.field in NAMES:
        return _of_questions(node.questions)
    if isinstance(node, Compare) and node.operator == "equals" and node.field in TYPE_FIELDS:
        return frozenset({Trigger("type", str(node.wanted).casefold())})
    if isinstance(node, Compare) and node.field == HIT_RESPONSE and not node.of_response(0):
        return frozenset({Trigger("hits", "")})
    if isinstance(node, Compare) and node.field == HIT_VARIANT and node.operator == "equals":
        return frozenset({Trigger("hits", "")})
    return None


def _of_questions(questions: tuple[Question, ...]) -> frozenset[Trigger] | None:
    found: set[str] = set()
    for one in questions:
        words: frozenset[str] | None = None
        if isinstance(one, Text):
            words = frozenset({one.text})
        elif isinstance(one, Pattern):
            words = needles(one.source)
        if words is None:
            return None
        found |= {plain_text(word) for word in words}
    return frozenset(Trigger("name", word) for word in found) if all(found) else None


def _of_pattern(source: str) -> frozenset[Trigger]:
    return frozenset(Trigger("pattern", one) for one in alternatives(source))


def _said(trigger: Trigger) -> str:
    return trigger.value.replace("\\", "")


def _cost(options: frozenset[Trigger]) -> tuple[int, bool]:
    """Rough share of messages that fire: words are rare, unless everybody says them, the text type
    is common; and, of equally rare ones, whether a pattern has to be compiled that is more than
    words."""
    shares = [
        (10 if one.value in ("text", "image") else 2)
        if one.kind == "type"
        else 1 + (_said(one) in COMMON)
        for one in options
    ]
    wide = any(one.kind == "pattern" and not is_plain(one.value) for one in options)
    return max(shares, default=0), wide

"""Why a detection rule fires on a message, or does not: its condition as a tree of results.

Nothing is cut short: every part is judged, also where the verdict stands already. What a leaf says
is asked of the leaf itself (`Node.holds`), so an explanation cannot differ from the matcher; what
surrounds the verdict (words that were seen and did not count, and why) is found here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from rules.calendar import OfficeCalendar
from rules.conditions import (
    And,
    Detected,
    InLexicon,
    Node,
    Not,
    Or,
    Span,
    View,
)
from rules.detectors.found import other_number
from rules.explain_words import Said, asked, saw
from rules.fold import Folded, fold
from rules.message import Message
from rules.model import DetectionRule
from rules.negation import negation

ALL, ANY, NONE, LEAF = "all", "any", "not", "leaf"
_READINGS = frozenset({"confusable", "emoji"})
_MAX_NEAR = 3  # numbers of a detector's shape that are shown when none of them holds


_NOTHING = Said("", "")


class Occurrence(NamedTuple):
    """Something a leaf found in the original text of `field`, in code points.

    `refused` says why it does not count, "" where it does; `because` is the phrase, list or number
    that decided it, where one can be named.
    """

    field: str
    start: int
    end: int
    text: str
    pattern: str
    variant: tuple[str, ...] = ()
    confidence: int = 0
    refused: str = ""
    because: str = ""


@dataclass(frozen=True)
class Part:
    """One node of a condition, judged.

    Args:
        kind: ALL, ANY, NONE (of its one part) or LEAF.
        held: does it hold?
        name: of the selection, "" where the part has none of its own.
        asked: what a leaf asks for.
        saw: what the message had: the folded text, or the value of the field.
        occurrences: what was found, also what did not count.
        parts: what it is made of, in the rule's order.
        elsewhere: the words stand in what the message quotes, which this leaf does not look at.
        original: the text that the occurrences stand in.
    """

    kind: str
    held: bool
    name: str = ""
    asked: Said = _NOTHING
    saw: str = ""
    occurrences: tuple[Occurrence, ...] = ()
    parts: tuple[Part, ...] = ()
    elsewhere: bool = False
    original: str = ""

    def leaves(self) -> Iterator[Part]:
        """The leaves below, or itself."""
        if self.kind == LEAF:
            yield self
        for part in self.parts:
            yield from part.leaves()


@dataclass(frozen=True)
class Verdict:
    """One rule and one message. `spans` are the hits an alert would show."""

    rule: DetectionRule
    message: Message
    part: Part
    spans: tuple[Span, ...]

    @property
    def held(self) -> bool:
        """Does the rule's condition hold?"""
        return self.part.held


Selections = Sequence[tuple[str, Node]]


def judge(
    rule: DetectionRule,
    message: Message,
    calendar: OfficeCalendar,
    others: Iterable[DetectionRule] = (),
    selections: Selections = (),
) -> Verdict:
    """The verdict on one message.

    Args:
        others: rules whose hits `hit.response` may ask for; looked at only when the rule asks.
        selections: names of parts of the condition, see `rules.explain_names`.
    """
    response = highest_response(others, message, calendar) if rule.asks_hits else 0
    view = View(message, calendar, response)
    rule.condition.holds(view)
    spans = tuple(view.spans)
    part = explained(rule.condition, View(message, calendar, response), selections)
    return Verdict(rule, message, part, spans)


def highest_response(
    rules: Iterable[DetectionRule], message: Message, calendar: OfficeCalendar
) -> int:
    """The highest response level of the rules that hold, those left out that ask for it."""
    return max(
        (
            rule.ref.response
            for rule in rules
            if not rule.asks_hits and rule.condition.holds(View(message, calendar))
        ),
        default=0,
    )


def explained(node: Node, view: View, selections: Selections = ()) -> Part:
    """The node and everything below it, judged."""
    name = next((name for name, one in selections if one == node), "")
    if isinstance(node, And | Or):
        parts = tuple(explained(child, view, selections) for child in node.children)
        kind = ALL if isinstance(node, And) else ANY
        held = (all if kind == ALL else any)(part.held for part in parts)
        return Part(kind, held, name, parts=parts)
    if isinstance(node, Not):
        part = explained(node.child, view, selections)
        return Part(NONE, not part.held, name, parts=(part,))
    return _leaf(node, view, name)


def _leaf(node: Node, view: View, name: str) -> Part:
    view.spans = []
    held = node.holds(view)
    field = getattr(node, "field", "")
    occurrences = [_counted(view, span) for span in view.spans]
    look = _REFUSED.get(type(node))
    if look is not None:
        occurrences += look(node, view)
    elsewhere = False
    if not held and field == "text" and view.message.quoted:
        other: Any = replace(node, field="quoted")  # type: ignore[type-var]
        elsewhere = other.holds(View(view.message, view.calendar, view.response))
    occurrences.sort(key=lambda one: (one.start, one.end, one.refused))
    return Part(
        LEAF,
        held,
        name,
        asked(node),
        saw(node, view),
        tuple(dict.fromkeys(occurrences)),
        elsewhere=elsewhere,
        original=str(view.message.field(field) or "") if occurrences else "",
    )


def _counted(view: View, span: Span) -> Occurrence:
    text = str(view.message.field(span.field) or "")[span.start : span.end]
    return Occurrence(
        span.field, span.start, span.end, text, span.pattern, span.variant, span.confidence
    )


def _place(
    view: View,
    folded: Folded,
    field: str,
    start: int,
    end: int,
    pattern: str,
    refused: str,
    because: str = "",
    confidence: int = 0,
) -> Occurrence:
    """Something that did not count, in the original text."""
    first, last = folded.origin(start, end)
    text = str(view.message.field(field) or "")[first:last]
    names = folded.variants(start, end)
    return Occurrence(field, first, last, text, pattern, names, confidence, refused, because)


def _words(node: InLexicon, view: View) -> list[Occurrence]:
    """Words of a lexicon that stand there and do not count."""
    folded = view.folded(node.field)
    readings = [folded, folded.read()] if folded.readable else [folded]
    found = []
    for reading in readings:
        text = reading.text
        for start, end, word, why in node.lexicon.weigh(text):
            because = _phrase(node, text, start, end) if why == "allowed" else ""
            refused = why or negation(text, start, end)
            aloud = reading.read_aloud and _READINGS.isdisjoint(reading.variants(start, end))
            if refused and not aloud:  # else the text as it stands says it too
                found.append(_place(view, reading, node.field, start, end, word, refused, because))
    return found


def _phrase(node: InLexicon, text: str, start: int, end: int) -> str:
    """The allowed phrase around text[start:end]."""
    for phrase in node.lexicon.allow:
        flat = fold(phrase).text
        at = text.find(flat, max(0, end - len(flat)))
        if 0 <= at <= start and end <= at + len(flat):
            return phrase
    return ""


def _numbers(node: Detected, view: View) -> list[Occurrence]:
    """Numbers that were found and are known or too unsure; else those that only look alike."""
    folded, name = view.folded(node.field), node.detector.name
    found = []
    for one in node.detector.look(folded):
        refused = "known" if one.value in node.known else ""
        because = ""
        if not refused and one.confidence < node.at_least:
            refused, because = "confidence", str(node.at_least)
        if refused:
            found.append(
                _place(
                    view,
                    folded,
                    node.field,
                    one.start,
                    one.end,
                    name,
                    refused,
                    because,
                    one.confidence,
                )
            )
    if not found and next(iter(node.detector.look(folded)), None) is None:
        for match in _shapes(node, folded.text):
            other = other_number(folded.text, match[0])
            refused = "other_number" if other else "shape"
            found.append(_place(view, folded, node.field, *match, name, refused, other))
    return found


def _shapes(node: Detected, text: str) -> Iterator[tuple[int, int]]:
    """Where something has the shape of the detector's numbers, as its prefilter sees them."""
    matches = re.finditer(node.detector.prefilter, text)
    for _, match in zip(range(_MAX_NEAR), matches, strict=False):
        start, end = match.span()
        while end < len(text) and text[end].isascii() and text[end].isalnum():
            end += 1
        yield start, end


_REFUSED: dict[type, Callable[[Any, View], list[Occurrence]]] = {
    InLexicon: _words,
    Detected: _numbers,
}


def blamed(part: Part) -> list[Part]:
    """The smallest parts that decide the verdict: those that held, or those that did not."""
    if part.kind == LEAF:
        return [part]
    if part.kind == NONE:
        return blamed(part.parts[0])
    decisive = [one for one in part.parts if one.held == part.held]
    return [leaf for one in decisive for leaf in blamed(one)]

"""What stands in a text and does not count: words and numbers, each with the reason."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from rules.conditions import Detected, InLexicon, Node, View
from rules.detectors.found import other_number
from rules.fold import Folded, fold
from rules.lexicon import Lexicon, Place
from rules.negation import negation

_MAX_NEAR = 3  # numbers of a detector's shape that are shown when none of them holds
_MAX_WORDS = 100  # words that do not count, of one text


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


def refused(node: Node, view: View) -> list[Occurrence]:
    """What the leaf saw and did not count."""
    look = _LOOK.get(type(node))
    return look(node, view) if look else []


def _words(node: InLexicon, view: View) -> list[Occurrence]:
    """Words of a lexicon that stand there and do not count."""
    lexicon = node.lexicon.of_scene(node.scene or view.scene)
    found = []
    for place in lexicon.places(view.folded(node.field)):
        why = place.why or negation(place.text.text, place.start, place.end)
        if why:
            found.append(_word(node.field, lexicon, place, view, why))
        if len(found) == _MAX_WORDS:
            break
    return found


def _word(field: str, lexicon: Lexicon, place: Place, view: View, why: str) -> Occurrence:
    text = place.text.text
    because = _phrase(lexicon, text, place.start, place.end) if why == "allowed" else ""
    one = _placed(view, place.text, field, place.start, place.end, place.word, why, because)
    return one._replace(variant=tuple(sorted({*one.variant, *place.variants})))


def _phrase(lexicon: Lexicon, text: str, start: int, end: int) -> str:
    """The allowed phrase around text[start:end]."""
    for phrase in lexicon.allow:
        flat = fold(phrase).text
        at = text.find(flat, max(0, end - len(flat)))
        if 0 <= at <= start and end <= at + len(flat):
            return phrase
    return ""


def _numbers(node: Detected, view: View) -> list[Occurrence]:
    """Numbers that were found and are known or too unsure; else those that only look alike."""
    folded, name = view.folded(node.field), node.detector.name
    every = list(node.detector.look(folded))
    listed = view.reference.known(node.lists) if node.lists else frozenset()
    found = []
    for one in every:
        why, because = "", ""
        if one.value in node.known or one.value in listed:
            why, because = "known", ", ".join(node.lists) if one.value in listed else ""
        elif one.confidence < node.at_least:
            why, because = "confidence", str(node.at_least)
        if why:
            place = _placed(view, folded, node.field, one.start, one.end, name, why, because)
            found.append(place._replace(confidence=one.confidence))
    for start, end in () if every else _shapes(node, folded.text):
        other = other_number(folded.text, start)
        why = "other_number" if other else "shape"
        found.append(_placed(view, folded, node.field, start, end, name, why, other))
    return found


def _shapes(node: Detected, text: str) -> Iterator[tuple[int, int]]:
    """Where something has the shape of the detector's numbers, as its prefilter sees them."""
    matches = re.finditer(node.detector.prefilter, text)
    for _, match in zip(range(_MAX_NEAR), matches, strict=False):
        start, end = match.span()
        while end < len(text) and text[end].isascii() and text[end].isalnum():
            end += 1
        yield start, end


def _placed(
    view: View,
    folded: Folded,
    field: str,
    start: int,
    end: int,
    pattern: str,
    why: str,
    because: str,
) -> Occurrence:
    first, last = folded.origin(start, end)
    text = str(view.message.field(field) or "")[first:last]
    names = folded.variants(start, end)
    return Occurrence(field, first, last, text, pattern, names, 0, why, because)


_LOOK: dict[type, Callable[[Any, View], list[Occurrence]]] = {
    InLexicon: _words,
    Detected: _numbers,
}

"""Conditions of detection rules: a tree of small nodes, evaluated on one message.

Every leaf that matches text says where, so that an alert can show why. A node is data plus one
pure function `holds(view)`; hits are collected in the view, and those found under a `not` are
dropped. Text is compared folded (`rules.fold`); spans are reported in the original text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import re2

from rules.calendar import OfficeCalendar
from rules.detectors import Detector
from rules.fold import Folded, fold
from rules.lexicon import Lexicon
from rules.message import Message
from rules.negation import negated
from rules.variants_digits import has_chinese_digit

TEXT_FIELDS = frozenset({"text", "quoted"})
HIT_RESPONSE = "hit.response"
MAX_SPANS = 20  # reasons shown for one rule and message; a text of repeated words has thousands
MAX_WEIGHED = 1_000  # occurrences of words looked at for a denial; the rest count as said


class Span(NamedTuple):
    """One match in the original text of `field`, in code points."""

    field: str
    start: int
    end: int
    pattern: str
    variant: tuple[str, ...] = ()
    confidence: int = 0


class View:
    """One message while it is being judged: folded texts (lazily) and the spans found so far."""

    __slots__ = ("_folded", "calendar", "message", "response", "spans")

    def __init__(self, message: Message, calendar: OfficeCalendar, response: int = 0) -> None:
        self.message = message
        self.calendar = calendar
        self.response = response  # highest response level of the rules that matched before
        self.spans: list[Span] = []
        self._folded: dict[str, Folded] = {}

    def folded(self, field: str) -> Folded:
        """Folded text of a text field."""
        found = self._folded.get(field)
        if found is None:
            found = self._folded[field] = fold(str(self.message.field(field) or ""))
        return found

    def add(
        self,
        field: str,
        start: int,
        end: int,
        pattern: str,
        confidence: int = 0,
        variants: tuple[str, ...] = (),
        folded: Folded | None = None,
    ) -> None:
        """Record a match given in offsets of `folded` (by default that of the field); the first
        `MAX_SPANS` are kept. `variants` are disguises beyond those that folding took off."""
        if len(self.spans) >= MAX_SPANS:
            return
        folded = folded or self.folded(field)
        begin, stop = folded.origin(start, end)
        names = folded.variants(start, end)
        if variants:
            names = tuple(sorted({*names, *variants}))
        self.spans.append(Span(field, begin, stop, pattern, names, confidence))


class Node(Protocol):
    """A condition. `holds` is pure but for the spans it adds to the view."""

    def holds(self, view: View) -> bool:
        """Whether the message of `view` meets the condition."""


@dataclass(frozen=True)
class And:
    """All children hold."""

    children: tuple[Node, ...]

    def holds(self, view: View) -> bool:
        """Stops at the first child that does not hold; what others found is no reason then."""
        before = len(view.spans)
        if all(child.holds(view) for child in self.children):
            return True
        del view.spans[before:]
        return False


@dataclass(frozen=True)
class Or:
    """Some child holds. All are tried, so that every reason is shown."""

    children: tuple[Node, ...]

    def holds(self, view: View) -> bool:
        """True when at least one child holds."""
        held = [child.holds(view) for child in self.children]
        return any(held)


@dataclass(frozen=True)
class Not:
    """The child does not hold; whatever it found is no reason for an alert."""

    child: Node

    def holds(self, view: View) -> bool:
        """Negation."""
        before = len(view.spans)
        held = self.child.holds(view)
        del view.spans[before:]
        return not held


@dataclass(frozen=True)
class Words:
    """A word or phrase anywhere in a text field (`|contains`)."""

    field: str
    word: str  # folded
    pattern: str  # as written

    def holds(self, view: View) -> bool:
        """All occurrences are recorded."""
        text, found = view.folded(self.field).text, False
        start = text.find(self.word)
        while start >= 0:
            found = True
            view.add(self.field, start, start + len(self.word), self.pattern)
            start = text.find(self.word, start + len(self.word))
        return found


@dataclass(frozen=True)
class InLexicon:
    """A word of a lexicon, outside its allowed phrases and not denied or forbidden."""

    field: str
    lexicon: Lexicon

    def holds(self, view: View) -> bool:
        """Records every occurrence that counts."""
        weighed, said = 0, []
        for place in self.lexicon.places(view.folded(self.field)):
            text, start, end = place.text, place.start, place.end
            weighed += not place.why
            if not place.why and (weighed > MAX_WEIGHED or not negated(text.text, start, end)):
                said.append((*text.origin(start, end), place))
        said.sort(key=lambda one: (one[0], -one[1]))
        covered = -1
        for _, last, place in said:
            if last > covered:  # else it is a part of a longer word, or the same read otherwise
                covered = last
                view.add(
                    self.field, place.start, place.end, place.word,
                    variants=place.variants, folded=place.text,
                )  # fmt: skip
        return bool(said)


@dataclass(frozen=True)
class Regex:
    """A linear-time regular expression (RE2) in a text field (`|re`)."""

    field: str
    source: str
    compiled: Any

    def holds(self, view: View) -> bool:
        """All non-overlapping, non-empty matches are recorded."""
        found = False
        for match in self.compiled.finditer(view.folded(self.field).text):
            if match.end() > match.start():
                found = True
                view.add(self.field, match.start(), match.end(), self.source)
        return found

    def __reduce__(self) -> tuple[Callable[[str, str], Regex], tuple[str, str]]:
        """Compiled RE2 objects do not pickle; the source does."""
        return regex, (self.field, self.source)


def regex(field: str, source: str) -> Regex:
    """Compile `source`. Raises re2.error for what RE2 cannot do in linear time."""
    options = re2.Options()
    options.log_errors = False  # what is wrong is told by whoever catches it, not on stderr
    return Regex(field, source, re2.compile(f"(?i){source}", options))


@dataclass(frozen=True)
class Detected:
    """A detector (check digits, shape, context) fires in a text field, unless listed as known."""

    field: str
    detector: Detector
    known: frozenset[str] = frozenset()
    at_least: int = 0

    def holds(self, view: View) -> bool:
        """Finds of at least the wanted confidence that are not on the list of known values."""
        found, text = False, view.folded(self.field).text
        for find in self.detector.look(view.folded(self.field)):
            if find.confidence >= self.at_least and find.value not in self.known:
                found = True
                written = text[find.start : find.end]
                other = ("chinese_digit",) if has_chinese_digit(written) else ()
                view.add(
                    self.field, find.start, find.end, self.detector.name, find.confidence, other
                )
        return found


@dataclass(frozen=True)
class Compare:
    """A field that is not free text: equality, substrings, order, presence.

    `test` gets one value of the field (each element of a list); `wanted` is for display.
    """

    field: str
    operator: str
    wanted: Any

    def holds(self, view: View) -> bool:
        """Lists hold when one element does; a field that is absent (or empty) holds only for
        `exists: false` and `null`."""
        if self.field == HIT_RESPONSE:
            return self.of_response(view.response)
        value = view.message.field(self.field)
        if self.operator == "exists":
            return (value not in _EMPTY) is bool(self.wanted)
        if self.operator == "null":
            return value in _EMPTY
        if type(value) is str:  # nearly always
            return _compare(self.operator, value, self.wanted)
        return any(_compare(self.operator, one, self.wanted) for one in _each(value))

    def of_response(self, response: int) -> bool:
        """For `hit.response`: does it hold when that is the highest response so far?"""
        return _compare(self.operator, response, self.wanted)


@dataclass(frozen=True)
class OfficeTime:
    """The message's time is inside (or outside) office hours."""

    inside: bool

    def holds(self, view: View) -> bool:
        """By the office calendar, in the office's own time zone."""
        return view.calendar.is_office_time(view.message.time) == self.inside


_EMPTY: tuple[Any, ...] = (None, "", (), [])


def _each(value: Any) -> Iterator[Any]:
    if value is None:
        return
    if isinstance(value, list | tuple):
        yield from value
    else:
        yield value


def _compare(operator: str, value: Any, wanted: Any) -> bool:
    if operator in _ORDER:
        try:
            return _ORDER[operator](float(value), float(wanted))
        except (TypeError, ValueError):
            return False
    text, sought = str(value).casefold(), str(wanted).casefold()
    if operator == "equals":
        return text == sought
    return operator in _TEXT and _TEXT[operator](text, sought)


_ORDER: dict[str, Callable[[float, float], bool]] = {
    "gt": lambda a, b: a > b,
    "gte": lambda a, b: a >= b,
    "lt": lambda a, b: a < b,
    "lte": lambda a, b: a <= b,
}
_TEXT: dict[str, Callable[[str, str], bool]] = {
    "contains": lambda a, b: b in a,
    "startswith": str.startswith,
    "endswith": str.endswith,
}

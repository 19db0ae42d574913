"""Conditions of detection rules: a tree of small nodes, evaluated on one message.

Every leaf that matches text says where, so that an alert can show why. A node is data plus one
pure function `holds(view)`; hits are collected in the view, and those found under a `not` are
dropped. Text is compared folded (`rules.fold`); spans are reported in the original text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from functools import lru_cache
from typing import Any, Protocol

import re2

from rules.detectors import Detector
from rules.lexicon import Lexicon
from rules.negation import negated
from rules.variants_digits import has_chinese_digit
from rules.view import MAX_SPANS, Span, View, plain_text

__all__ = ("MAX_SPANS", "Span", "View")

TEXT_FIELDS = frozenset({"text", "quoted"})
HIT_RESPONSE = "hit.response"
HIT_VARIANT = "hit.variant"
HIT_FIELDS = frozenset({HIT_RESPONSE, HIT_VARIANT})  # what other rules said of the message
MAX_WEIGHED = 1_000  # occurrences of words looked at for a denial; the rest count as said


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
        for child in self.children:
            if not child.holds(view):
                del view.spans[before:]
                return False
        return True


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
    scene: str = ""  # "": that of the employee concerned

    def holds(self, view: View) -> bool:
        """Records every occurrence that counts."""
        weighed, said = 0, []
        lexicon = self.lexicon
        if lexicon.scenes:
            lexicon = lexicon.of_scene(self.scene or view.scene)
        for place in lexicon.places(view.folded(self.field)):
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
    compiled: Any = dataclass_field(compare=False)  # RE2 caches: equal sources, other objects

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
    pattern, wrong = compiled(source)
    if wrong:
        raise re2.error(*wrong)
    return Regex(field, source, pattern)


@lru_cache(maxsize=2_000)  # a file that is checked is read more than once
def compiled(source: str) -> tuple[Any, tuple[Any, ...]]:
    """The pattern, and what is wrong with it, as RE2 says."""
    options = re2.Options()
    options.log_errors = False  # what is wrong is told by whoever catches it, not on stderr
    try:
        return re2.compile(f"(?i){source}", options), ()
    except re2.error as error:
        return None, error.args or ("it cannot be read",)


@dataclass(frozen=True)
class Detected:
    """A detector (check digits, shape, context) fires in a text field, unless listed as known."""

    field: str
    detector: Detector
    known: frozenset[str] = frozenset()
    at_least: int = 0
    lists: tuple[str, ...] = ()  # names of reference lists of known values
    count: int = 1  # so many different values at least

    def holds(self, view: View) -> bool:
        """Finds of at least the wanted confidence that are not on the list of known values."""
        text = view.folded(self.field).text
        known = self.known | view.reference.known(self.lists) if self.lists else self.known
        finds = [
            find
            for find in self.detector.look(view.folded(self.field))
            if find.confidence >= self.at_least and find.value not in known
        ]
        if not finds or (self.count > 1 and len({find.value for find in finds}) < self.count):
            return False
        for find in finds:
            written = text[find.start : find.end]
            other = ("chinese_digit",) if has_chinese_digit(written) else ()
            view.add(self.field, find.start, find.end, self.detector.name, find.confidence, other)
        return True


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
        value = view.variants if self.field == HIT_VARIANT else view.field(self.field)
        if self.operator == "exists":
            return (value not in _EMPTY) is bool(self.wanted)
        if self.operator == "null":
            return value in _EMPTY
        if type(value) is str:  # nearly always
            return _compare(self.operator, value, self.wanted)
        return any(_compare(self.operator, one, self.wanted) for one in _each(value))

    def answers(self, value: str) -> bool:
        """Does it hold for a field of this one value?"""
        return _compare(self.operator, value, self.wanted)

    @property
    def asks_hits(self) -> bool:
        """Whether it asks what other rules said."""
        return self.field in HIT_FIELDS

    def of_response(self, response: int) -> bool:
        """For `hit.response`: does it hold when that is the highest response so far?"""
        return _compare(self.operator, response, self.wanted)


@dataclass(frozen=True)
class InList:
    """A field, one of whose values is on a reference list; the list's kind says what is equal."""

    field: str
    name: str

    def holds(self, view: View) -> bool:
        """False for a field without value and for a list that is not there."""
        found = view.reference.lists.get(self.name)
        return found is not None and any(one in found for one in view.values(self.field))


@dataclass(frozen=True)
class Asked:
    """A field that is not free text answers one of Sigma's questions (`rules.sigma.questions`)."""

    field: str
    questions: tuple[Any, ...]

    def holds(self, view: View) -> bool:
        """A list holds when one element does."""
        values = view.values(self.field)
        return any(one.true_of(value, view) for one in self.questions for value in values)


@dataclass(frozen=True)
class AtLeast:
    """So many of the children hold (`2 of sel_*`)."""

    least: int
    children: tuple[Node, ...]

    def holds(self, view: View) -> bool:
        """All are tried, so that every reason is shown."""
        before = len(view.spans)
        if sum(child.holds(view) for child in self.children) >= self.least:
            return True
        del view.spans[before:]
        return False


@dataclass(frozen=True)
class Concerns:
    """The employee concerned belongs to one of these departments (or those inside), or roles.

    Of a message to or from a customer that is the employee in it (`Reference.employee`).
    """

    attribute: str  # department or role
    wanted: tuple[str, ...]

    def holds(self, view: View) -> bool:
        """False for an employee nobody knows."""
        value = view.reference.employee(view.message).get(self.attribute, "")
        return any(value == one or value.startswith(f"{one}/") for one in self.wanted)


@dataclass(frozen=True)
class Until:
    """A condition that has to hold too, before an event time (ms); afterwards it is no more."""

    child: Node
    end: int

    def holds(self, view: View) -> bool:
        """True from the end on."""
        return view.message.time >= self.end or self.child.holds(view)


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
    text, sought = plain_text(value), plain_text(wanted)
    if operator == "equals":
        return text == sought
    return operator in _TEXT and _TEXT[operator](text, sought)


TEXT_OPERATORS = ("equals", "contains", "startswith", "endswith")
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

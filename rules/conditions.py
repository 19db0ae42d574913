"""Conditions of detection rules: a tree of small nodes, evaluated on one message.

Every leaf that matches text says where, so that an alert can show why. A node is data plus one
pure function `holds(view)`; hits are collected in the view, and those found under a `not` are
dropped. Text is compared folded (`rules.fold`); spans are reported in the original text.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from functools import lru_cache
from typing import Any, Protocol

import re2

from rules.detectors import Detector
from rules.field_conditions import (
    HIT_FIELDS,
    HIT_RESPONSE,
    HIT_VARIANT,
    TEXT_OPERATORS,
    Asked,
    Compare,
    Concerns,
    InList,
)
from rules.lexicon import Lexicon, Place
from rules.negation import negated
from rules.variants_digits import has_chinese_digit
from rules.view import MAX_SPANS, Span, View

__all__ = (
    "HIT_FIELDS", "HIT_RESPONSE", "HIT_VARIANT", "MAX_SPANS", "TEXT_OPERATORS", "Asked", "Compare",
    "Concerns", "InList", "Span", "View",
)  # fmt: skip

TEXT_FIELDS = frozenset({"text", "quoted"})
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

    def says(self, view: View) -> bool:
        """What `holds` answers, without a record of where."""
        return self.word in view.folded(self.field).text


@dataclass(frozen=True)
class InLexicon:
    """A word of a lexicon, outside its allowed phrases and not denied or forbidden."""

    field: str
    lexicon: Lexicon
    scene: str = ""  # "": that of the employee concerned

    def holds(self, view: View) -> bool:
        """Records every occurrence that counts."""
        lexicon = self.lexicon
        if lexicon.scenes:
            lexicon = lexicon.of_scene(self.scene or view.scene)
        # several rules ask for the words of one lexicon
        known = view.lexicons.get((self.field, id(lexicon)))
        if known is None:
            known = view.lexicons[self.field, id(lexicon)] = lexicon, self._said(lexicon, view)
        said = known[1]
        covered = -1
        for _, last, place in said:
            if last > covered:  # else it is a part of a longer word, or the same read otherwise
                covered = last
                view.add(
                    self.field, place.start, place.end, place.word,
                    variants=place.variants, folded=place.text,
                )  # fmt: skip
        return bool(said)

    def _said(self, lexicon: Lexicon, view: View) -> list[tuple[int, int, Place]]:
        """(start, end, place) in the original text of the occurrences that count."""
        weighed, said = 0, []
        for place in lexicon.places(view.folded(self.field)):
            text, start, end = place.text, place.start, place.end
            weighed += not place.why
            if not place.why and (weighed > MAX_WEIGHED or not negated(text.text, start, end)):
                said.append((*text.origin(start, end), place))
        said.sort(key=lambda one: (one[0], -one[1]))
        return said


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

    def says(self, view: View) -> bool:
        """What `holds` answers, without a record of where."""
        text = view.folded(self.field).text
        first = self.compiled.search(text)
        if first is None or first.end() > first.start():
            return first is not None
        return any(one.end() > one.start() for one in self.compiled.finditer(text))

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
class Until:
    """A condition that has to hold too, before an event time (ms); afterwards it is no more."""

    child: Node
    end: int

    def holds(self, view: View) -> bool:
        """True from the end on."""
        return view.message.time >= self.end or self.child.holds(view)

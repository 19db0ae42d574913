"""One message while it is being judged: its folded texts, what is known of its people, and the
spans found so far."""

from __future__ import annotations

from functools import cached_property
from typing import Any, NamedTuple

from rules.calendar import OfficeCalendar
from rules.derived import DERIVED
from rules.fields import DIRECTORY_FIELDS
from rules.fold import Folded, fold
from rules.message import Message
from rules.reference import Reference
from rules.sigma.event import as_text

MAX_SPANS = 20  # reasons shown for one rule and message; a text of repeated words has thousands
_NO_LISTS = Reference()


class Span(NamedTuple):
    """One match in the original text of `field`, in code points."""

    field: str
    start: int
    end: int
    pattern: str
    variant: tuple[str, ...] = ()
    confidence: int = 0


def field_value(message: Message, reference: Reference, name: str) -> Any:
    """Value of a field; those of the directory are looked up, derived ones worked out."""
    if name in DIRECTORY_FIELDS:
        return reference.value(name, message)
    if name in DERIVED:
        return DERIVED[name](message)
    return message.field(name)


# fields that are looked through for the words of all rules at once (`rules.decode.Draft.names`)
NAMES = ("file.name", "link.title")


def plain_text(value: Any) -> str:
    """A value as it is compared: without case, a whole number without a decimal point."""
    text = as_text(value)
    return (str(value) if text is None else text).casefold()


class View:
    """What the conditions of rules see of one message.

    Args:
        calendar: office time where the company says nothing else.
        response: highest response level of the rules that matched before.
        reference: the lists of the ruleset.
        fired: numbers of the triggers that the scan of the text saw; None when nothing was scanned.
    """

    def __init__(
        self,
        message: Message,
        calendar: OfficeCalendar,
        response: int = 0,
        reference: Reference = _NO_LISTS,
        fired: frozenset[int] | None = None,
    ) -> None:
        self.message = message
        self.calendar = calendar
        self.response = response
        self.variants: tuple[str, ...] = ()  # disguises of what alerting rules matched before
        self.reference = reference
        self.fired = fired
        self.spans: list[Span] = []
        # what is said of a lexicon, for the rules that ask the same: by field and lexicon's id
        self.lexicons: dict[tuple[str, int], tuple[Any, Any]] = {}
        self._folded: dict[str, Folded] = {}
        self._lowered: dict[str, tuple[str, ...]] = {}

    def field(self, name: str) -> Any:
        """Value of a field; those of the directory are looked up in the lists."""
        return field_value(self.message, self.reference, name)

    def values(self, name: str) -> list[Any]:
        """The value of a field as a list, the elements of a list one by one (`rules.sigma`)."""
        value = self.field(name)
        if value is None:
            return []
        return list(value) if isinstance(value, list | tuple) else [value]

    def lowered(self, name: str) -> tuple[str, ...]:
        """The values of a field as they are compared; () when it is absent."""
        found = self._lowered.get(name)
        if found is None:
            value = self.field(name)
            if value is None:
                found = ()
            elif isinstance(value, list | tuple):
                found = tuple(map(plain_text, value))
            else:
                found = (plain_text(value),)
            self._lowered[name] = found
        return found

    @cached_property
    def department(self) -> str:
        """Department of the employee concerned; "" when nobody knows."""
        return self.reference.employee(self.message).get("department", "")

    @cached_property
    def scene(self) -> str:
        """Business scene of the employee concerned; "" when none is set."""
        return self.reference.employee(self.message).get("scene", "")

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

"""Conditions about one field that is not free text: compared, listed, or asked as Sigma asks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from rules.view import View, plain_text

HIT_RESPONSE = "hit.response"
HIT_VARIANT = "hit.variant"
HIT_FIELDS = frozenset({HIT_RESPONSE, HIT_VARIANT})  # what other rules said of the message


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

"""Conditions over events: a tree of small nodes. Data, and one pure function `holds(event)`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from rules.sigma.event import Event
from rules.sigma.questions import Question


class Node(Protocol):
    """A condition."""

    def holds(self, event: Event) -> bool:
        """Whether the event meets it."""


@dataclass(frozen=True)
class AtLeast:
    """So many of the children hold: 1 is or, all of them is and."""

    least: int
    children: tuple[Node, ...]

    def holds(self, event: Event) -> bool:
        """Stops as soon as it is decided."""
        wanted, left = self.least, len(self.children)
        for child in self.children:
            if wanted <= 0 or wanted > left:
                break
            left -= 1
            wanted -= child.holds(event)
        return wanted <= 0


def every(children: list[Node]) -> Node:
    """All hold."""
    return children[0] if len(children) == 1 else AtLeast(len(children), tuple(children))


def some(children: list[Node]) -> Node:
    """One holds."""
    return children[0] if len(children) == 1 else AtLeast(1, tuple(children))


@dataclass(frozen=True)
class Not:
    """The child does not hold; a field that is absent makes it true."""

    child: Node

    def holds(self, event: Event) -> bool:
        """Negation."""
        return not self.child.holds(event)


@dataclass(frozen=True)
class Field:
    """Some value of a field answers yes to some question."""

    name: str
    questions: tuple[Question, ...]

    def holds(self, event: Event) -> bool:
        """A list holds when one element does."""
        values = event.values(self.name)
        return any(one.true_of(value, event) for one in self.questions for value in values)


@dataclass(frozen=True)
class Keyword:
    """Some text anywhere in the event answers yes to some question."""

    questions: tuple[Question, ...]

    def holds(self, event: Event) -> bool:
        """Goes through all values, not through the names of fields."""
        return any(one.true_of(text, event) for text in event.texts() for one in self.questions)


@dataclass(frozen=True)
class IsNull:
    """The field has no value: it is absent or null. An empty text is a value."""

    name: str

    def holds(self, event: Event) -> bool:
        """True for absent and null; for a list, when an element is null."""
        values = event.values(self.name)
        return not values or any(value is None for value in values)


@dataclass(frozen=True)
class Exists:
    """The field is there, be it null or empty; or it is not."""

    name: str
    wanted: bool

    def holds(self, event: Event) -> bool:
        """Looks at the name only."""
        return bool(event.values(self.name)) is self.wanted


@dataclass(frozen=True)
class Filtered:
    """A global filter: its condition has to hold too, until it expires (ms since 1970)."""

    condition: Node
    expires: int | None

    def holds(self, event: Event) -> bool:
        """An expired filter takes nothing away. An event without time meets it as if in force."""
        if self.expires is not None and event.time is not None and event.time >= self.expires:
            return True
        return self.condition.holds(event)

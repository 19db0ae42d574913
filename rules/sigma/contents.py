"""What rule files hold: plain rules, correlations over them, and what cannot be used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from rules.correlation.model import Correlation
from rules.errors import RuleError
from rules.sigma.event import Event
from rules.sigma.nodes import Node


@dataclass(frozen=True)
class PlainRule:
    """One rule of any log source. `label` is its name, else its id, else its title."""

    label: str
    names: frozenset[str]
    logsource: Mapping[str, str]
    condition: Node
    path: str = ""

    def matches(self, event: Event) -> bool:
        """Whether the event is what the rule looks for; the log source is not looked at."""
        return self.condition.holds(event)


@dataclass(frozen=True)
class PlainCorrelation:
    """A correlation over rules of any log source; `how.rules` are keys of `Collection`."""

    label: str
    names: frozenset[str]
    how: Correlation
    path: str = ""


@dataclass(frozen=True)
class Problem:
    """A document that cannot be used; `reason` is a key of `REASONS`, or "yaml"."""

    reason: str
    error: RuleError


@dataclass(frozen=True)
class Collection:
    """What a set of files holds.

    `rules` are in order; the key of the n-th is `key(n)`. `correlations` are by keys of their own,
    and refer to both kinds of keys. `about_talk`: some are rules for conversations, of which plain
    Sigma is only a part.
    """

    rules: tuple[PlainRule, ...]
    problems: tuple[Problem, ...]
    correlations: Mapping[str, PlainCorrelation] = field(default_factory=dict)
    about_talk: bool = False


def key(number: int) -> str:
    """What correlations call the rule at this place."""
    return f"rule {number}"

"""Rules made ready for messages of one kind, each when the first such message wakes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from rules.foresight import Answer, Kind, Sure, foreseen, reduced
from rules.model import DetectionRule
from rules.quick import quick
from rules.triggers import Trigger

_MOST = 50_000  # rules, each for one kind of message, that are kept ready


class Prepared(NamedTuple):
    """A rule whose condition asks only what the kind of message leaves open, and what triggers say
    of it."""

    rule: DetectionRule
    foreseen: Answer


class PreparedRules:
    """The rules of one ruleset, ready for messages of any kind.

    Args:
        places: the numbers of the triggers that are looked for in every message.
        blind: names of rules that are asked whatever has fired.
    """

    def __init__(
        self,
        rules: Mapping[str, DetectionRule],
        places: Mapping[Trigger, int],
        blind: frozenset[str] = frozenset(),
    ) -> None:
        self._rules, self._places = rules, places
        self.blind = blind
        self._ready: dict[tuple[str, Kind], Prepared | None] = {}

    def get(self, name: str, kind: Kind) -> Prepared | None:
        """The rule of that name; None when it holds for no message of that kind."""
        try:
            return self._ready[name, kind]
        except KeyError:
            pass
        if len(self._ready) >= _MOST:  # whoever sends records chooses the types
            self._ready.clear()
        rule = self._rules[name]
        places = {} if name in self.blind else self._places
        condition = reduced(rule.condition, kind)
        found = None
        if condition != Sure(False):
            able = replace(rule, condition=quick(condition, places))
            found = Prepared(able, foreseen(condition, places))
        self._ready[name, kind] = found
        return found

    def anew(self, rules: Mapping[str, DetectionRule]) -> PreparedRules:
        """Rules of the same names; those that differ are asked whatever has fired."""
        known = self._rules
        other = frozenset(name for name, one in rules.items() if one is not known[name])
        return PreparedRules(rules, self._places, other)

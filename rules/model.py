"""What a loaded rule is: frozen data, no behaviour.

A rule file holds one alerting rule and, before it, any base rules (signals) it counts or orders.
Names follow Sigma: detection rule, correlation rule, group-by, timespan, aliases.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rules.alert import RuleRef
from rules.conditions import Node
from rules.correlation.model import TYPES, Correlation

if TYPE_CHECKING:
    from rules.filters import GlobalFilter
    from rules.reference import RefList

CORRELATION_TYPES = TYPES
MAX_WINDOW = 1_000  # messages kept for one key; beyond it the oldest go and the alert says so


@dataclass(frozen=True)
class Suppress:
    """For `duration` ms after an alert, further hits of the group add evidence and no alert."""

    duration: int
    by: tuple[str, ...]


@dataclass(frozen=True)
class Intercept:
    """A rule of WeCom's own that is asked to block or to warn; whether it did, nobody tells us."""

    rule: str
    mode: str


@dataclass(frozen=True)
class DetectionRule:
    """Judges one message.

    `signal` rules raise nothing by themselves; correlations count them.
    `hit_rules` is True when the condition asks what other rules said of the same message
    (`hit.response`), so it is evaluated after them.
    """

    ref: RuleRef
    condition: Node
    signal: bool
    summary: str = ""
    asks_hits: bool = False
    suppress: Suppress | None = None
    intercept: Intercept | None = None


@dataclass(frozen=True)
class CorrelationRule:
    """Judges several messages of one group over event time.

    `how` says which and when; `state_version` changes when the meaning of the state changes, not
    when a title does. A `signal` raises nothing by itself; other correlations read it. Alerts of a
    `speculative` one are told before event time has settled them (`rules.speculation`).
    """

    ref: RuleRef
    how: Correlation
    state_version: str = ""
    summary: str = ""
    signal: bool = False
    suppress: Suppress | None = None
    intercept: Intercept | None = None
    speculative: bool = False

    @property
    def type(self) -> str:
        """One of CORRELATION_TYPES."""
        return self.how.type

    @property
    def rules(self) -> tuple[str, ...]:
        """Names of the detection rules it counts or orders."""
        return self.how.rules

    @property
    def group_by(self) -> tuple[str, ...]:
        """Group fields, in order; alias names are allowed."""
        return self.how.group_by

    @property
    def timespan(self) -> int:
        """Length of the window in ms."""
        return self.how.span


@dataclass(frozen=True)
class RuleFile:
    """One file: its text, its rules or filters, and the test cases written in it."""

    path: str
    text: str
    detections: tuple[DetectionRule, ...]
    correlations: tuple[CorrelationRule, ...]
    tests: tuple[Mapping[str, object], ...] = ()
    legal: tuple[str, ...] = ()
    filters: tuple[GlobalFilter, ...] = ()
    requires: tuple[str, ...] = ()
    case_lists: tuple[tuple[RefList, ...], ...] = ()  # of each test case
    meaning: str = ""  # changes with what decides which messages its rules count

    def lists_of(self, case: Mapping[str, object]) -> tuple[RefList, ...]:
        """What a test case of this file adds to the reference lists."""
        of_case = zip(self.tests, self.case_lists, strict=False)
        return next((lists for one, lists in of_case if one is case), ())

    def names(self) -> set[str]:
        """Names of all rules in the file."""
        detections = {rule.ref.name for rule in self.detections}
        return detections | {rule.ref.name for rule in self.correlations}

    def called(self) -> set[str]:
        """What filters may call its rules: their names and ids."""
        ids = {rule.ref.id for rule in self.detections}
        return self.names() | ids | {rule.ref.id for rule in self.correlations}

    @property
    def main(self) -> DetectionRule | CorrelationRule | None:
        """The alerting rule; None in a file of filters."""
        every: tuple[DetectionRule | CorrelationRule, ...] = (*self.correlations, *self.detections)
        return next((rule for rule in every if not rule.signal), None)

"""What a loaded rule is: frozen data, no behaviour.

A rule file holds one alerting rule and, before it, any base rules (signals) it counts or orders.
Names follow Sigma: detection rule, correlation rule, group-by, timespan, aliases.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rules.alert import RuleRef
from rules.conditions import Node
from rules.correlation.model import TYPES, Correlation

CORRELATION_TYPES = TYPES
MAX_WINDOW = 1_000  # messages kept for one key; beyond it the oldest go and the alert says so


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


@dataclass(frozen=True)
class CorrelationRule:
    """Judges several messages of one group over event time.

    `how` says which and when; `state_version` changes when the meaning of the state changes, not
    when a title does.
    """

    ref: RuleRef
    how: Correlation
    state_version: str = ""
    summary: str = ""

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
    """One file: its text, its rules, and the test cases written in it."""

    path: str
    text: str
    detections: tuple[DetectionRule, ...]
    correlations: tuple[CorrelationRule, ...]
    tests: tuple[Mapping[str, object], ...] = ()
    legal: tuple[str, ...] = ()

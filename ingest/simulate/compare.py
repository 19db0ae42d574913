"""Holds alerts against the truth file of a simulated day."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

REAL_TIME = 2  # response level from which nothing but the planted cases may alert


@dataclass(frozen=True)
class Comparison:
    """Planted cases found and missed, and alerts at level 2 or above without a planted message."""

    planted: int
    missed: tuple[Mapping[str, Any], ...]
    unexpected: tuple[Mapping[str, Any], ...]

    @property
    def holds(self) -> bool:
        """All planted found, nothing else at level 2 or above."""
        return not self.missed and not self.unexpected


def compare(truth: Iterable[Mapping[str, Any]], alerts: Iterable[Mapping[str, Any]]) -> Comparison:
    """Match planted cases with alerts of the same rule that share a message with them.

    An alert may begin before the last planted message of a burst (it reports the first breach),
    so sharing messages with the case is what counts as found. What was planted for one rule may
    break others too (a number given after a new phone was bound): such an alert is not unexpected.
    """
    cases = [case for case in truth if case["alert"]]
    planted = {msgid for case in cases for msgid in case["msgids"]}
    found: set[str] = set()
    unexpected = []
    for alert in alerts:
        members = {member["msgid"] for member in alert["members"]}
        matching = [
            case
            for case in cases
            if case["rule"] == alert["rule"]["name"] and members & set(case["msgids"])
        ]
        found.update(case["plant_id"] for case in matching)
        if not members & planted and alert["rule"]["response"] >= REAL_TIME:
            unexpected.append(alert)
    missed = tuple(case for case in cases if case["plant_id"] not in found)
    return Comparison(len(cases), missed, tuple(unexpected))

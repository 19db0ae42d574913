"""Alert latency at shares of a rate, from a producer that keeps to its schedule."""

from __future__ import annotations

from typing import Any

from rich.table import Table

from bench import latency
from bench.setting import Setting

RATE = 30_000.0  # messages a second that a warm cluster on two cores takes beside everything else
_HALF = 0.5


def measure(setting: Setting) -> dict[str, Any]:
    """At a quarter, a half and three quarters of RATE."""
    return latency.measure(setting.folder("latency"), rate=RATE, words=setting.words)


def tables(figures: dict[str, Any]) -> list[Table]:
    """A line for each share."""
    return latency.tables(figures)


def reached(figures: dict[str, Any]) -> dict[str, float]:
    """What it is at half of the rate; nothing where an alert is missing."""
    for load in figures["loads"]:
        told = load["redis"]
        if load["share"] == _HALF and "p99" in told and not told["missing"]:
            return {"redis": told["p99"]}
    return {}

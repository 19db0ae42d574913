"""Alert latency at shares of a rate, from a producer that keeps to its schedule."""

from __future__ import annotations

from math import inf
from typing import Any

from rich.table import Table

from bench import latency
from bench.setting import Setting

_HALF = 0.5


def measure(setting: Setting) -> dict[str, Any]:
    """At a quarter, a half and three quarters of a rate."""
    return latency.measure(setting.folder("latency"), words=setting.words)


def tables(figures: dict[str, Any]) -> list[Table]:
    """A line for each share."""
    return latency.tables(figures)


def reached(figures: dict[str, Any]) -> dict[str, float]:
    """What it is at half of the rate; of an alert that is missing for ever."""
    for load in figures["loads"]:
        told = load["redis"]
        if load["share"] == _HALF:
            return {"redis": inf if told["missing"] else told["p99"]}
    return {}

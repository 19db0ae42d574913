"""What an alert with its evidence costs."""

from __future__ import annotations

from typing import Any

from rich.table import Table

from bench import alerts
from bench.setting import Setting


def measure(setting: Setting) -> dict[str, Any]:
    """µs of CPU by part."""
    return alerts.measure(rounds=setting.rounds)


def tables(figures: dict[str, Any]) -> list[Table]:
    """A line for each part."""
    return alerts.tables(figures)

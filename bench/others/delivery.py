"""Alerts from Kafka to Redis and Elasticsearch."""

from __future__ import annotations

from typing import Any

from rich.table import Table

from bench import delivery
from bench.setting import Setting


def measure(setting: Setting) -> dict[str, Any]:
    """Alerts a second, and how long one waits."""
    return delivery.measure(setting.folder("delivery"))


def tables(figures: dict[str, Any]) -> list[Table]:
    """By targets."""
    return delivery.tables(figures)

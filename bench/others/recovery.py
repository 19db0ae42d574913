"""How long alerts stand still after a worker, and after a TaskManager, is killed."""

from __future__ import annotations

from typing import Any

from rich.table import Table

from bench import recovery
from bench.setting import Setting


def measure(setting: Setting) -> dict[str, Any]:
    """At a rate that leaves room to catch up."""
    return recovery.measure(setting.folder("recovery"), words=setting.words)


def tables(figures: dict[str, Any]) -> list[Table]:
    """A line for each fault."""
    return recovery.tables(figures)

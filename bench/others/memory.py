"""Memory of the TaskManagers over an hour."""

from __future__ import annotations

from math import inf
from typing import Any

from rich.table import Table

from bench import memory
from bench.setting import Setting


def measure(setting: Setting) -> dict[str, Any]:
    """The workload at a rate that leaves time for others."""
    return memory.measure(setting.folder("memory"), words=setting.words)


def tables(figures: dict[str, Any]) -> list[Table]:
    """A line for each TaskManager."""
    return memory.tables(figures)


def reached(figures: dict[str, Any]) -> dict[str, float]:
    """The most that one took; what still grows has no end."""
    most = max(one["most_mb"] for one in figures["task_managers"].values())
    return {"memory": most if memory.flat(figures) else inf}

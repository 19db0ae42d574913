"""Starts of the job on a new cluster, to the first alert."""

from __future__ import annotations

from typing import Any

from rich.table import Table

from bench import cold_start
from bench.setting import Setting


def measure(setting: Setting) -> dict[str, Any]:
    """Three starts; at the first nothing is compiled."""
    return cold_start.measure(setting.folder("cold_start"), words=setting.words)


def tables(figures: dict[str, Any]) -> list[Table]:
    """A line for each start."""
    return cold_start.tables(figures)


def reached(figures: dict[str, Any]) -> dict[str, float]:
    """The first is the cold one."""
    return {"cold": figures["starts"][0]["first alert"]}

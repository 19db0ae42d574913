"""The whole job over the workload, from Kafka to Kafka."""

from __future__ import annotations

from statistics import median
from typing import Any

from rich.table import Table

from bench import streaming
from bench.setting import Setting


def measure(setting: Setting) -> dict[str, Any]:
    """Passes of one cluster over the same messages."""
    return streaming.measure(
        setting.folder("streaming"), messages=setting.job_messages, words=setting.words
    )


def tables(figures: dict[str, Any]) -> list[Table]:
    """A line for each pass."""
    return streaming.tables(figures)


def reached(figures: dict[str, Any]) -> dict[str, float]:
    """The median of the passes."""
    return {"kafka": median(one["per_second"] for one in figures["passes"])}

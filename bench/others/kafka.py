"""Kafka → job → Kafka on this machine, everything on its own cores."""

from __future__ import annotations

from statistics import median
from typing import Any

from rich.table import Table

from bench import jobs
from bench.others.embedded import runs_table
from bench.setting import Setting


def measure(setting: Setting) -> dict[str, Any]:
    """The same messages three times; in the first the JVMs have nothing compiled yet."""
    passes = jobs.kafka_to_kafka(setting.folder("kafka"), setting.job_messages)
    return {"runs": {f"pass {number}": one for number, one in enumerate(passes, 1)}}


def tables(figures: dict[str, Any]) -> list[Table]:
    """A line for each pass."""
    return [runs_table("Kafka → job → Kafka, checkpoints on", figures["runs"])]


def reached(figures: dict[str, Any]) -> dict[str, float]:
    """The median of the passes."""
    return {"kafka": median(one["steady_per_second"] for one in figures["runs"].values())}

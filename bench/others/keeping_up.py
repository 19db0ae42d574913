"""Whether Elasticsearch keeps up with the job at 30,000 messages a second, 5 % of them alerts."""

from __future__ import annotations

from typing import Any

from rich.table import Table

from bench import keeping_up
from bench.setting import Setting


def measure(setting: Setting) -> dict[str, Any]:
    """At the rate that must be reached."""
    return keeping_up.measure(setting.folder("keeping_up"), words=setting.words)


def tables(figures: dict[str, Any]) -> list[Table]:
    """How far it was behind."""
    return keeping_up.tables(figures)


def reached(figures: dict[str, Any]) -> dict[str, float]:
    """The rate, if it kept up with that."""
    return {"elasticsearch": figures["rate"] if keeping_up.keeps_up(figures) else 0.0}

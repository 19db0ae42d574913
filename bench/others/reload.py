"""Ten rules become ten thousand while messages are judged."""

from __future__ import annotations

import os
from typing import Any

from rich.table import Table

from bench import reload
from bench.setting import Setting


def measure(setting: Setting) -> dict[str, Any]:
    """Publisher and worker on one machine."""
    before = os.environ.get("MINGJIAN_CACHE")
    try:
        return reload.measure(setting.folder("reload"))
    finally:
        if before is None:
            os.environ.pop("MINGJIAN_CACHE", None)
        else:
            os.environ["MINGJIAN_CACHE"] = before


def tables(figures: dict[str, Any]) -> list[Table]:
    """One line."""
    return list(reload.tables([figures]))


def reached(figures: dict[str, Any]) -> dict[str, float]:
    """From the command to the first batch that the new rules judge, and what it held up."""
    return {
        "reload": figures["publish_to_ready"],
        "pause": max(figures["batch_ms_while"]["longest"], figures["first_batch_of_new_ms"]),
    }

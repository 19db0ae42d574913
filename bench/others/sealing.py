"""`bench.sealing`."""

from __future__ import annotations

from typing import Any

from bench import sealing
from bench.setting import Setting


def measure(setting: Setting) -> dict[str, Any]:
    """What a message takes to be sealed and archived."""
    return sealing.measure(setting.folder("sealing"), rounds=setting.rounds)


def tables(figures: dict[str, Any]) -> list[Any]:
    """A line for each step."""
    return [sealing.table(figures)]

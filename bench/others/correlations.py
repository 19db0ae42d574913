"""`bench.correlations` in its short form."""

from __future__ import annotations

from typing import Any

from bench import correlations
from bench.setting import Setting


def measure(_setting: Setting) -> dict[str, Any]:
    """Each case once."""
    return correlations.measure()


def tables(figures: dict[str, Any]) -> list[Any]:
    """A table for each part."""
    return [*correlations.tables(figures), correlations.told(figures)]

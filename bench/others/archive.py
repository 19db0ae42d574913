"""`bench.archive` with as many messages as it has by itself."""

from __future__ import annotations

from typing import Any

from bench import archive
from bench.setting import Setting


def measure(setting: Setting) -> dict[str, Any]:
    """Filled and searched."""
    return archive.measure(setting.folder("archive"), console=setting.console)


def tables(figures: dict[str, Any]) -> list[Any]:
    """How it was filled, and how it was searched."""
    return archive.tables(figures)

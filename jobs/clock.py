"""The machine's clock, for those who hand the time on as an argument."""

from __future__ import annotations

import time


def now_ms() -> int:
    """UTC ms."""
    return time.time_ns() // 1_000_000

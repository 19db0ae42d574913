"""Spans of time as rules write them: `30s`, `10m`, `1h`, `2d`, `1w`, `1M`, `1y`."""

from __future__ import annotations

import re
from typing import Any

UNITS = {
    "s": 1_000,
    "m": 60_000,
    "h": 3_600_000,
    "d": 86_400_000,
    "w": 604_800_000,
    "M": 2_629_746_000,  # as pySigma has it: a twelfth of a mean Gregorian year
    "y": 31_556_952_000,
}
_SPAN = re.compile(r"([1-9][0-9]{0,11})([smhdwMy])", re.A)


def parse_span(written: Any, longest: str = "y") -> int | None:
    """The span in ms, in units up to the `longest`; None when it is no such text."""
    match = _SPAN.fullmatch(written) if isinstance(written, str) else None
    if match is None or UNITS[match[2]] > UNITS[longest]:
        return None
    return int(match[1]) * UNITS[match[2]]


def span_text(milliseconds: int) -> str:
    """A length of time as rules write it: 30s, 10m, 1h, 2d."""
    for unit in ("d", "h", "m"):
        if milliseconds and milliseconds % UNITS[unit] == 0:
            return f"{milliseconds // UNITS[unit]}{unit}"
    return f"{milliseconds / 1000:g}s"

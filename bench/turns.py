"""Several things measured in turn, round by round, so that other load falls on all alike."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bench.machine import at_rest


def in_turn(cases: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each case, round by round. Every other round goes from the last to the first, so
    that none is always behind the same other one."""
    found: dict[str, list[float]] = {name: [] for name in cases}
    order = list(cases.items())
    for number in range(rounds):
        for name, once in order if number % 2 == 0 else reversed(order):
            with at_rest():
                found[name].append(once())
    return found


def rates(count: int, seconds: Sequence[float]) -> dict[str, Any]:
    """What rounds over `count` messages say: median, least and most a second; µs a message."""
    each = sorted(count / one for one in seconds)
    return {
        "messages": count,
        "seconds": [round(one, 4) for one in seconds],
        "per_second": round(statistics.median(each)),
        "least": round(each[0]),
        "most": round(each[-1]),
        "microseconds": round(statistics.median(seconds) / count * 1e6, 3),
    }


def ratios(of: Sequence[float], to: Sequence[float]) -> dict[str, float]:
    """How many times `of` is of `to`, round by round: median, least, most."""
    each = sorted(one / other for one, other in zip(of, to, strict=True))
    return {
        "median": round(statistics.median(each), 3),
        "least": round(each[0], 3),
        "most": round(each[-1], 3),
    }

"""Events a second of correlations, by window, groups, rules and share of late events."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable
from typing import Any

from bench.correlation_load import SHUFFLED, Event, correlation_of, entries_of, events_of
from rules.correlation.graph import Correlator
from rules.correlation.group import Group
from rules.correlation.sliding import quick

WINDOWS = (100, 10_000, 100_000)
GROUPS = (1, 1_000, 100_000, 1_000_000)
RULES = (1, 10, 100)
LATE = (0.0, 0.01, 0.2)
COMPARED = 3_000_000  # comparisons of steps that are measured
STEP = 100  # event time goes on after so many events
CHUNK = 10_000  # events that are made at once while a window is filled


def windows(events: int, rounds: int, names: tuple[str, ...]) -> list[dict[str, Any]]:
    """The evaluator of one group alone, in full windows: every event pushes one out."""

    def run(name: str, window: int) -> float:
        few = min(events, max(50, COMPARED // window)) if name.endswith("between") else events
        plan, entries, before = entries_of(name, window, few)
        group = (quick(plan) or Group)(plan)
        begun = time.process_time()
        for number, entry in enumerate(entries):
            if number == before:
                begun = time.process_time()
            while (due := group.deadline()) is not None and due < entry.time:
                group.settle(due)
            group.one(entry)
        return few / (time.process_time() - begun)

    return _sweep("window", WINDOWS, names, run, rounds)


def types(events: int, rounds: int, names: tuple[str, ...]) -> list[dict[str, Any]]:
    """The whole engine, 100 groups, 1,000 events in the window of all of them."""
    return _sweep(
        "window", (1_000,), names, lambda name, n: whole(name, n, 100, 1, 0.0, events), rounds
    )


def whole_windows(events: int, rounds: int, names: tuple[str, ...]) -> list[dict[str, Any]]:
    """The whole engine with one group."""
    return _sweep(
        "window", WINDOWS, names, lambda name, n: whole(name, n, 1, 1, 0.0, events), rounds
    )


def groups(events: int, rounds: int, names: tuple[str, ...]) -> list[dict[str, Any]]:
    """The whole engine, by groups that are open; the window holds as many events as there are
    groups, at least 1,000."""
    return _sweep(
        "groups",
        GROUPS,
        names,
        lambda name, n: whole(name, max(1_000, n), n, 1, 0.0, events),
        rounds,
    )


def rules(events: int, rounds: int, names: tuple[str, ...]) -> list[dict[str, Any]]:
    """The whole engine with so many correlations that all read every event; 100 groups each."""
    return _sweep(
        "rules", RULES, names, lambda name, n: whole(name, 1_000, 100, n, 0.0, events // n), rounds
    )


def late(events: int, rounds: int, names: tuple[str, ...]) -> list[dict[str, Any]]:
    """The whole engine, by the share of events that arrive after younger ones; 100 groups."""
    return _sweep(
        "late", LATE, names, lambda name, share: whole(name, 1_000, 100, 1, share, events), rounds
    )


def whole(name: str, window: int, groups: int, number: int, late: float, events: int) -> float:
    """Events a second of `Correlator`, an event in, alerts out: ids, groups, waiting for event
    time, folding. First the window is filled; of what is measured the events are made before, and
    are nothing that the collector of cycles has to look at."""
    correlator = Correlator({f"c{n}": correlation_of(name, window, n) for n in range(number)})
    for first in range(0, window, CHUNK):
        some = min(CHUNK, window - first)
        _run(correlator, events_of(name, groups, some, 0.0, number, first), first)
    measured = events_of(name, groups, events, late, number, window)
    gc.collect()
    gc.freeze()
    begun = time.process_time()
    _run(correlator, measured, window)
    spent = time.process_time() - begun
    assert not correlator.counts  # noqa: S101 - nothing was late or left out
    return events / spent


def _run(correlator: Correlator, events: list[Event], first: int) -> None:
    observe, advance = correlator.observe, correlator.advance
    for place, event in enumerate(events, first):
        observe(event.id, event.time, event.lookup, event.rules)
        if place % STEP == 0:
            advance((place - SHUFFLED) * 1000)


def _sweep(
    by: str,
    values: tuple[Any, ...],
    names: tuple[str, ...],
    run: Callable[[str, Any], float],
    rounds: int,
) -> list[dict[str, Any]]:
    """Rounds go over all cases in turn, so that what else the machine does falls on all alike."""
    found: dict[tuple[str, Any], list[float]] = {(n, v): [] for n in names for v in values}
    for _ in range(rounds):
        for (name, value), rates in found.items():
            gc.collect()
            gc.freeze()
            rates.append(run(name, value))
            gc.unfreeze()
    return [
        {
            "type": name,
            by: value,
            "per_second": round(statistics.median(rates)),
            "least": round(min(rates)),
            "most": round(max(rates)),
        }
        for (name, value), rates in found.items()
    ]

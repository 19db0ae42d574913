"""Correlations on one core: events a second of one group's evaluator, and of the whole graph.

`python -m bench.correlations` prints a table. Windows are full from the start on: every event
pushes one out, so the cost is that of a window that stays as large.
"""

from __future__ import annotations

import time
from typing import Any

from rich.console import Console
from rich.table import Table

from rules.correlation.entry import Entry
from rules.correlation.graph import Correlator
from rules.correlation.group import Group
from rules.correlation.model import Correlation
from rules.correlation.plan import Plan
from rules.correlation.section import parse_correlation

EVENTS = 30_000
NEVER = {"gte": 10**12}
TYPES: dict[str, dict[str, Any]] = {
    "event_count": {"rules": ["a"], "condition": NEVER},
    "value_count": {"rules": ["a"], "condition": {**NEVER, "field": "v"}},
    "value_sum": {"rules": ["a"], "condition": {**NEVER, "field": "v"}},
    "value_avg": {"rules": ["a"], "condition": {**NEVER, "field": "v"}},
    "value_median": {"rules": ["a"], "condition": {**NEVER, "field": "v"}},
    "temporal": {"rules": ["a", "b", "d"]},
    "temporal_ordered": {"rules": ["a", "b", "d"]},
    "temporal_ordered not": {
        "type": "temporal_ordered",
        "rules": ["a", "b"],
        "condition": "a and not b",
    },
}
WINDOWS = (100, 10_000, 100_000)
ROUNDS = 2


def _prepared(name: str, window: int) -> tuple[Correlation, Plan, list[Entry]]:
    section = {"type": name, "group-by": ["h"], "timespan": f"{window}s", **TYPES[name]}
    how = parse_correlation(section)
    plan = Plan(how, every=False)
    slots = range(len(how.rules))
    entries = [
        Entry(n * 1000, 0, str(n), (slots[-1 - n % len(slots)],), plan.values([str(n % 97)]))
        for n in range(window + EVENTS)
    ]
    return how, plan, entries


def of_group(name: str, window: int) -> float:
    """Events/s of one group's evaluator, the best of ROUNDS."""
    _, plan, entries = _prepared(name, window)
    seconds = []
    for _ in range(ROUNDS):
        one = Group(plan)
        for entry in entries[:window]:
            _settle(one, entry)
        begun = time.process_time()
        for entry in entries[window:]:
            _settle(one, entry)
        seconds.append(time.process_time() - begun)
    return EVENTS / min(seconds)


def of_graph(name: str) -> float:
    """Events/s with grouping, and with waiting for event time; a hundred groups."""
    how, _, entries = _prepared(name, 100)
    correlator = Correlator({"it": how})
    rules = [[rule] for rule in how.rules]
    begun = time.process_time()
    for number, entry in enumerate(entries[:EVENTS]):
        value = str(number % 100)
        correlator.observe(entry.id, entry.time, lambda _, v=value: v, rules[entry.slots[0]])
        if number % 100 == 0:
            correlator.advance(entry.time - 1)
    return EVENTS / (time.process_time() - begun)


def _settle(group: Group, entry: Entry) -> None:
    while (due := group.deadline()) is not None and due < entry.time:
        group.settle(due)
    group.step((entry,))


def main() -> None:
    """Measure and print."""
    shown = Table(title="correlations, events a second on one core (CPU time)")
    shown.add_column("type")
    for window in WINDOWS:
        shown.add_column(f"window of {window:,}", justify="right")
    shown.add_column("with grouping and waiting", justify="right")
    for name in TYPES:
        found = [*(of_group(name, window) for window in WINDOWS), of_graph(name)]
        shown.add_row(name, *(f"{one:,.0f}" for one in found))
    Console().print(shown)


if __name__ == "__main__":
    main()

"""Correlations on one core: events a second of one group's evaluator, and of the whole graph.

`python -m bench.correlations` prints a table. Windows are full from the start on: every event
pushes one out, so the cost is that of a window that stays as large. `between` compares an event
with all that may be the step before it, so it alone has to grow with the window: there every event
that is measured has a whole window of them.
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
    "value_count first_seen": {
        "type": "value_count",
        "rules": ["a"],
        "condition": {**NEVER, "field": "v"},
    },
    "temporal_ordered within": {"type": "temporal_ordered", "rules": ["a", "b", "d"]},
    "temporal_ordered between": {"type": "temporal_ordered", "rules": ["a", "b"]},
    "temporal_ordered between, within 50": {"type": "temporal_ordered", "rules": ["a", "b"]},
    "event_count baseline": {"type": "event_count", "rules": ["a"], "condition": {"gte": 1}},
    "value_count baseline": {
        "type": "value_count",
        "rules": ["a"],
        "condition": {"gte": 1, "field": "v"},
    },
}
SMALLER = [{"rule": "b", "field": "v", "lt": "v"}]
WINDOWS = (100, 1_000, 10_000, 100_000)
COMPARED = 3_000_000  # comparisons of steps that are measured
ROUNDS = 2


def _ours(name: str, window: int) -> dict[str, Any]:
    """What stands in the `mingjian` section; events are a second apart."""
    if name.endswith("first_seen"):
        return {"first_seen": True}
    if name.endswith("baseline"):
        return {"baseline": {"over": f"{2 * window}s", "ratio": 1_000_000}}
    if name.endswith("between"):
        return {"between": SMALLER}
    if name.endswith("within 50"):
        return {"between": SMALLER, "within": {"b": "50s"}}
    if name.endswith("within"):
        return {"within": {"b": f"{window // 2}s", "d": f"{window // 2}s"}}
    return {}


def _prepared(name: str, window: int) -> tuple[Correlation, Plan, list[Entry], int]:
    """The correlation, its events, and how many of them come before those that are measured."""
    section = {"type": name, "group-by": ["h"], "timespan": f"{window}s", **TYPES[name]}
    how = parse_correlation(section, _ours(name, window))
    plan = Plan(how, every=False)
    before = (4 if how.baseline else 1) * window  # a past has to be known
    events = EVENTS
    if how.between and not how.within:
        events = min(EVENTS, COMPARED // window)
    rules = len(how.rules)
    values = before + events if how.first_seen else 97
    entries = []
    for n in range(before + events):
        slot = rules - 1 - n % rules
        if how.between and not how.within:
            slot = int(n >= before)
        text = f'["{n % 97}"]' if how.between else str(n % values)
        entries.append(Entry(n * 1000, 0, str(n), *plan.placed((slot,), (text,))))
    return how, plan, entries, before


def of_group(name: str, window: int) -> float:
    """Events/s of one group's evaluator, the best of ROUNDS."""
    _, plan, entries, before = _prepared(name, window)
    seconds = []
    for _ in range(ROUNDS):
        one = Group(plan)
        for entry in entries[:before]:
            _settle(one, entry)
        begun = time.process_time()
        for entry in entries[before:]:
            _settle(one, entry)
        seconds.append(time.process_time() - begun)
    return (len(entries) - before) / min(seconds)


def of_graph(name: str) -> float:
    """Events/s with grouping, and with waiting for event time; a hundred groups."""
    how, _, entries, _ = _prepared(name, 100)
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

"""What the benchmarks of correlations are measured with: the types, their events, their order."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, NamedTuple

from rules.correlation.entry import Entry
from rules.correlation.model import Correlation
from rules.correlation.plan import Plan
from rules.correlation.section import parse_correlation

NEVER = {"gte": 10**12}
VALUED = {"rules": ["a"], "condition": {**NEVER, "field": "v"}}
SMALLER = [{"rule": "b", "field": "v", "lt": "v"}]
TYPES: dict[str, dict[str, Any]] = {
    "event_count": {"rules": ["a"], "condition": NEVER},
    "value_count": VALUED,
    "value_sum": VALUED,
    "value_avg": VALUED,
    "value_percentile": {
        "rules": ["a"],
        "condition": {**NEVER, "field": "v", "percentile": 95},
    },
    "value_median": VALUED,
    "temporal": {"rules": ["a", "b", "d"]},
    "temporal_ordered": {"rules": ["a", "b", "d"]},
    "temporal_ordered not": {
        "type": "temporal_ordered",
        "rules": ["a", "b"],
        "condition": "a and not b",
    },
    "value_count first_seen": {"type": "value_count", **VALUED},
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
PLAIN = tuple(TYPES)[:8]  # without anything of our own
AIMED = ("event_count", "temporal_ordered")  # whose speed has a goal
VALUES = 1_000  # different ones
SHUFFLED = 50  # a late event comes after at most so many that are younger


class Event(NamedTuple):
    """As `Correlator.observe` takes it."""

    id: str
    time: int
    lookup: Callable[[str], str | None]
    rules: list[str]


def correlation_of(name: str, window: int, number: int = 0) -> Correlation:
    """One of TYPES; events are a second apart, `window` of them are in one. Correlations of
    different numbers read different fields for the group."""
    section = {"type": name, "group-by": [f"h{number}"], "timespan": f"{window}s", **TYPES[name]}
    return parse_correlation(section, _ours(name, window))


def _ours(name: str, window: int) -> dict[str, Any]:
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


def entries_of(name: str, window: int, events: int) -> tuple[Plan, list[Entry], int]:
    """A plan, the entries of one group, and how many of them only fill the window.

    `between` compares an event with all that may be the step before it: there every event that is
    measured has a whole window of them.
    """
    how = correlation_of(name, window)
    plan = Plan(how, every=False)
    before = (4 if how.baseline else 1) * window  # a past has to be known
    rules = len(how.rules)
    rng = random.Random(window)
    found = []
    for number in range(before + events):
        slot = rules - 1 - number % rules
        if how.between and not how.within:
            slot = int(number >= before)
        value = str(number if how.first_seen else rng.randrange(VALUES))
        text = f'["{value}"]' if how.between else value
        found.append(Entry(number * 1000, 0, str(number), *plan.placed((slot,), (text,))))
    return plan, found, before


def events_of(
    name: str, groups: int, count: int, late: float = 0.0, fields: int = 1, first: int = 0
) -> list[Event]:
    """Events a second apart in the order in which they arrive, over so many groups.

    Args:
        first: number of the first of them.
        late: share of events that come after younger ones.
        fields: how many correlations group by a field of their own.
    """
    rules = TYPES[name]["rules"]
    lists = [[rule] for rule in rules]
    rng = random.Random(groups + first)
    names = [f"h{number}" for number in range(fields)]
    found = []
    for number in range(first, first + count):
        group = f"host-{number % groups:07d}"
        # the order of the rules goes backwards: chains begin all the time and are never complete
        turn = -(number // groups) % len(lists)
        lookup = {**dict.fromkeys(names, group), "v": str(rng.randrange(VALUES))}.get
        found.append(Event(f"event-{number:08d}", number * 1000, lookup, lists[turn]))
    if late:
        at = [n + (rng.randrange(1, SHUFFLED) if rng.random() < late else 0) for n in range(count)]
        found = [found[number] for number in sorted(range(count), key=lambda n: (at[n], n))]
    return found

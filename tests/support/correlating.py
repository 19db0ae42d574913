"""One group of a correlation, driven from outside: straight on, or as bytes after every step."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

import msgspec

from rules.correlation.entry import Entry
from rules.correlation.group import Group, advance
from rules.correlation.plan import Plan
from rules.correlation.row import Marks, Row
from rules.correlation.section import parse_correlation

SECOND = 1_000
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[Marks, list[Entry]]).decode


def planned(section: dict[str, Any], ours: dict[str, Any], *, every: bool = True) -> Plan:
    return Plan(parse_correlation({"timespan": "5s", **section}, ours), every=every)


def straight(plan: Plan, entries: Sequence[Entry], cap: int = 0) -> list[Row]:
    """Rows of entries in order, of one group that is never put away."""
    return advance(Group(plan, cap=cap), entries, _after(plan, entries))


def reborn(plan: Plan, entries: Sequence[Entry], cap: int = 0) -> list[Row]:
    """The same, with the group written to bytes and read again between any two instants. It is
    forgotten as soon as it says that it is over."""
    rows: list[Row] = []
    group: Group | None = None
    for time, instant in groupby(entries, key=lambda entry: entry.time):
        if group is not None and group.over(time - 1):
            group = None
        if group is not None:
            rows += advance(group, (), time - 1)
            kept = _decode(_encode((group.marks, group.entries())))
            group = Group(plan, *kept, cap)
        group = group or Group(plan, cap=cap)
        rows += advance(group, list(instant), time)
    return rows + (advance(group, (), _after(plan, entries)) if group else [])


def told(rows: Sequence[Row]) -> list[tuple[int, str]]:
    """(time in ms, ids of the evidence)."""
    return [(row.time, " ".join(entry.id for entry in row.entries)) for row in rows]


def _after(plan: Plan, entries: Sequence[Entry]) -> int:
    return (entries[-1].time if entries else 0) + 2 * plan.span

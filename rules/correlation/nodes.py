"""Correlations as places in a graph, and events as they come to them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from rules.correlation.entry import Entry
from rules.correlation.group import Group
from rules.correlation.membership import (
    MAX_TEXT,
    Key,
    Lookup,
    compact,
    group_of,
    parts,
    short,
    sortable,
    value_of,
)
from rules.correlation.plan import Plan
from rules.correlation.sliding import Sliding, quick


class Node:
    """One correlation and its groups.

    Args:
        loud: whether its rows are alerts.

    Attributes:
        place: among all; those that are read come before those that read them.
        groups: in the order in which events came last, so the first is the first to be over.
        parents: (place of the parent, slot there).
        wanted: fields that those above ask of the evidence.
        kind: what judges its groups; `quick` when that has no deadlines.
        simple: an event needs nothing but its group to be judged; set when `parents` are known.
    """

    def __init__(self, name: str, place: int, plan: Plan, loud: bool) -> None:
        self.name, self.place, self.plan, self.loud = name, place, plan, loud
        self.groups: OrderedDict[Key, Group | Sliding] = OrderedDict()
        self.parents: list[tuple[int, int]] = []
        self.wanted: set[str] = set()
        self.simple = False
        kind = quick(plan)
        self.quick = kind is not None
        self.kind: type[Group | Sliding] = kind or Group

    def touched(self, key: Key) -> Group | Sliding:
        """The group, which now has the newest event; a new one when there is none."""
        group = self.groups.get(key)
        if group is None:
            group = self.groups[key] = self.kind(self.plan)
        else:
            self.groups.move_to_end(key)
        return group

    def forget(self, time: int) -> None:
        """Let go of the groups that are over at `time`."""
        gone = []
        for key, group in self.groups.items():
            if not group.over(time):
                break
            gone.append(key)
        for key in gone:
            del self.groups[key]


Target = tuple[Node, Key, Entry]  # where an event counts, and as what
Read = Callable[[str, int, int, Lookup], Target | None]


def reader(node: Node, slot: int, rule: str) -> Read:
    """A rule as one correlation reads it: (id, time, seq, lookup) of an event that fits the rule ->
    where it counts; None when it is in no group. As a closure, because it runs for every event."""
    how, plan, slots = node.plan.correlation, node.plan, (slot,)
    wanted = sorted(node.wanted)
    fields = how.group_fields(rule)
    only = fields[0] if len(fields) == 1 else ""
    numeric, valued = plan.numeric, bool(how.fields or how.between)
    field = how.field_of(how.fields[0], rule) if len(how.fields) == 1 and not how.between else ""

    def key_of(lookup: Lookup) -> Key | None:
        group = group_of(how, rule, lookup)
        return None if group is None else compact(group)

    def bare(identity: str, time: int, seq: int, lookup: Lookup) -> Target | None:
        """Nothing matters but that it is there."""
        key: Key | None = lookup(only) if only else None
        if key is None or len(key) > MAX_TEXT:
            key = key_of(lookup)
            if key is None:
                return None
        return node, key, Entry(time, seq, identity, slots)

    def full(identity: str, time: int, seq: int, lookup: Lookup) -> Target | None:
        key: Key | None = lookup(only) if only else None
        if key is None or len(key) > MAX_TEXT:
            key = key_of(lookup)
            if key is None:
                return None
        data: Any = None
        if wanted:
            data = {identity: {name: short(lookup(name)) for name in wanted}}
        if field:
            text = lookup(field)
            if text is None:
                values: tuple[str, ...] = ()
            elif numeric or len(text) > MAX_TEXT:
                values = plan.values((short(text) or "",))
            else:
                values = (text,)
            return node, key, Entry(time, seq, identity, slots, values, data)
        placed = plan.placed(slots, value_of(how, rule, lookup))
        return node, key, Entry(time, seq, identity, *placed, data)

    return full if valued or wanted else bare


def each_once(targets: Iterable[Target]) -> list[Target]:
    """Of an event that fits several rules of one correlation one entry, which has them all."""
    found: dict[tuple[int, Key], Target] = {}
    for node, key, entry in targets:
        at = (node.place, key)
        merged = entry
        if at in found:
            one = found[at][2]
            slots, values = node.plan.placed(
                (*one.slots, *entry.slots), (*one.values, *entry.values)
            )
            merged = msgspec.structs.replace(one, slots=slots, values=values)
        found[at] = (node, key, merged)
    return [found[at] for at in sorted(found, key=lambda at: (at[0], sortable(parts(at[1]))))]

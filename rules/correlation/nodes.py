"""Correlations as places in a graph, and events as they come to them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import Any

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

_make = tuple.__new__  # an entry in less than half the time that its class takes


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
    """

    def __init__(self, name: str, place: int, plan: Plan, loud: bool) -> None:
        self.name, self.place, self.plan, self.loud = name, place, plan, loud
        self.groups: OrderedDict[Key, Group | Sliding] = OrderedDict()
        self.parents: list[tuple[int, int]] = []
        self.wanted: set[str] = set()
        kind = quick(plan)
        self.quick = kind is not None
        self.kind: type[Group | Sliding] = kind or Group

    @property
    def simple(self) -> bool:
        """Whether an event needs nothing but its group to be judged."""
        return self.quick and not self.parents


Target = tuple[Node, Key, Entry]  # where an event counts, and as what


class Reader:
    """A rule as one correlation reads it."""

    def __init__(self, node: Node, slot: int, rule: str) -> None:
        how = node.plan.correlation
        self._node, self._how, self._rule, self._slots = node, how, rule, (slot,)
        fields = how.group_fields(rule)
        self._field = fields[0] if len(fields) == 1 else None
        self._wanted = sorted(node.wanted)
        # nothing matters but that it is there
        self._bare = not (how.fields or how.between or self._wanted)

    def read(self, identity: str, time: int, seq: int, lookup: Lookup) -> Target | None:
        """An event that fits the rule; None when it is in no group."""
        key: Key | None = None
        if self._field is not None:
            text = lookup(self._field)
            if text is not None and len(text) <= MAX_TEXT:
                key = text
        if key is None:
            group = group_of(self._how, self._rule, lookup)
            if group is None:
                return None
            key = compact(group)
        node = self._node
        if self._bare:
            return node, key, _make(Entry, (time, seq, identity, self._slots, (), None))
        slots, values = node.plan.placed(self._slots, value_of(self._how, self._rule, lookup))
        data: Any = None
        if self._wanted:
            data = {identity: {name: short(lookup(name)) for name in self._wanted}}
        return node, key, _make(Entry, (time, seq, identity, slots, values, data))


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
            merged = one._replace(slots=slots, values=values)
        found[at] = (node, key, merged)
    return [found[at] for at in sorted(found, key=lambda at: (at[0], sortable(parts(at[1]))))]

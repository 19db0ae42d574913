"""Correlations that refer to rules and to each other, over the events of a finite or endless input.

Events wait until event time has passed them; then everything of one moment is judged, those that
others refer to first. So the order of arrival is of no importance.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import NamedTuple

from rules.correlation.entry import Entry
from rules.correlation.folds import Value
from rules.correlation.group import Group
from rules.correlation.membership import (
    GroupKey,
    Lookup,
    group_of,
    plain,
    short,
    sortable,
    value_of,
)
from rules.correlation.model import Correlation
from rules.correlation.plan import Plan
from rules.correlation.row import Row, merged

_Evidence = Mapping[str, Mapping[str, str | None]]  # event id -> fields that others will ask for
_NOTHING = -(2**62)


class Found(NamedTuple):
    """One alert. `value` is the window's; `event_ids` are in order of time."""

    rule: str
    group: dict[str, str | None]
    time: int
    start: int
    value: int | float | None
    event_ids: tuple[str, ...]


class _Node:
    def __init__(self, name: str, plan: Plan, loud: bool) -> None:
        self.name, self.plan, self.loud = name, plan, loud
        self.groups: dict[GroupKey, Group] = {}
        self.parents: list[tuple[int, int]] = []  # (index of the parent, slot there)
        self.wanted: set[str] = set()  # fields that ancestors ask of the evidence


class Correlator:
    """Judges events by correlations.

    Args:
        correlations: by name; references are names of other correlations or of rules.
        every: all rows, not one an episode, where a correlation does not say.

    Attributes:
        counts: events that were `late`, `missing_group`, `repeated`, or in `conflict`: the same id
            with other content.
        watermark: what has been passed; events up to it are late.
    """

    def __init__(self, correlations: Mapping[str, Correlation], *, every: bool = False) -> None:
        order = in_order({name: how.sources() for name, how in correlations.items()})
        read: dict[str, bool] = {}  # what is referred to -> whether it raises alerts all the same
        for how in correlations.values():
            for source in how.sources():
                read[source] = read.get(source, False) or how.generate
        self._nodes = [
            _Node(
                name,
                Plan(correlations[name], every=every, read=name in read),
                read.get(name, True),
            )
            for name in order
        ]
        place = {name: index for index, name in enumerate(order)}
        self._readers: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for index, node in enumerate(self._nodes):
            for slot, source in enumerate(node.plan.correlation.sources()):
                if source in place:
                    self._nodes[place[source]].parents.append((index, slot))
                else:
                    self._readers[source].append((index, slot))
        for node in reversed(self._nodes):
            for index, _ in node.parents:
                parent = self._nodes[index]
                how = parent.plan.correlation
                names = (*how.group_by, *how.fields)
                node.wanted |= {how.field_of(name, node.name) for name in names} | parent.wanted
                node.wanted.update(*map(how.compared, range(len(how.rules))))
        self.silent = {name for name, loud in read.items() if not loud}
        self.counts: Counter[str] = Counter()
        self.watermark = _NOTHING
        self._span = max((n.plan.span + n.plan.correlation.gap for n in self._nodes), default=0)
        self._number = 0
        self._waiting: list[tuple[int, int, int, GroupKey, Entry]] = []
        self._deadlines: list[tuple[int, int, int, GroupKey]] = []
        self._ends: list[tuple[int, int, int, GroupKey]] = []
        self._known: dict[str, tuple[int, int]] = {}
        self._known_order: deque[tuple[int, str]] = deque()

    def reads(self, rule: str) -> bool:
        """Whether some correlation refers to the rule."""
        return rule in self._readers

    def observe(
        self,
        identity: str,
        time: int,
        lookup: Lookup,
        rules: Iterable[str],
        *,
        seq: int = 0,
        content: object = None,
    ) -> None:
        """An event that fits `rules`, those that correlations refer to.

        Args:
            lookup: field name -> its value as text, None when it is missing.
            seq: order among events of one time; 0 when the source has none.
            content: what makes two events of one id the same.
        """
        if time <= self.watermark:
            self.counts["late"] += 1
            return
        mark = hash(content)
        if identity in self._known:
            same = self._known[identity] == (time, mark)
            self.counts["repeated" if same else "conflict"] += 1
            return
        self._known[identity] = (time, mark)
        self._known_order.append((time, identity))
        found: dict[tuple[int, GroupKey], tuple[list[int], list[str]]] = {}
        missing = False
        for rule in rules:
            for index, slot in self._readers.get(rule, ()):
                how = self._nodes[index].plan.correlation
                group = group_of(how, rule, lookup)
                if group is None:
                    missing = True
                    continue
                slots, values = found.setdefault((index, group), ([], []))
                slots.append(slot)
                values += value_of(how, rule, lookup)
        self.counts["missing_group"] += missing
        for (index, group), (slots, values) in found.items():
            node = self._nodes[index]
            data = {identity: {name: short(lookup(name)) for name in node.wanted}}
            entry = Entry(time, seq, identity, *node.plan.placed(slots, values), data)
            self._push(self._waiting, time, index, group, entry)

    def _push(self, heap: list, time: int, *rest: object) -> None:  # type: ignore[type-arg]
        self._number += 1
        heapq.heappush(heap, (time, self._number, *rest))

    def advance(self, watermark: int) -> list[Found]:
        """Event time has reached `watermark`: no event up to it will come any more."""
        found: list[Found] = []
        while True:
            time = min(
                self._waiting[0][0] if self._waiting else watermark + 1,
                self._deadlines[0][0] if self._deadlines else watermark + 1,
            )
            if time > watermark:
                break
            found += self._moment(time)
        self.watermark = max(self.watermark, watermark)
        self._forget()
        return found

    def open_groups(self) -> int:
        """Groups that remember something."""
        return sum(len(node.groups) for node in self._nodes)

    def _forget(self) -> None:
        while self._known_order and self._known_order[0][0] + self._span < self.watermark:
            del self._known[self._known_order.popleft()[1]]
        while self._ends and self._ends[0][0] <= self.watermark:
            _, _, index, key = heapq.heappop(self._ends)
            groups = self._nodes[index].groups
            if key not in groups:
                continue
            if groups[key].over(self.watermark):
                del groups[key]
            else:
                groups[key].rest(self.watermark)
                self._push(self._ends, self.watermark + 1 + groups[key].plan.span, index, key)

    def _moment(self, time: int) -> list[Found]:
        """Everything of one time, from the correlations below to those above."""
        if (alone := self._alone(time)) is not None:
            return alone
        arrived: dict[int, dict[GroupKey, list[Entry]]] = defaultdict(lambda: defaultdict(list))
        due: dict[int, set[GroupKey]] = defaultdict(set)
        while self._waiting and self._waiting[0][0] == time:
            _, _, index, key, entry = heapq.heappop(self._waiting)
            arrived[index][key].append(entry)
        while self._deadlines and self._deadlines[0][0] == time:
            _, _, index, key = heapq.heappop(self._deadlines)
            due[index].add(key)
        found: list[Found] = []
        for index, node in enumerate(self._nodes):
            here = arrived.get(index, {})
            keys = here.keys() | due.get(index, set())
            for key in sorted(keys, key=sortable) if len(keys) > 1 else keys:
                for number, row in enumerate(self._judge(index, key, time, here.get(key, []))):
                    self._raise(index, key, row, arrived, number)
                    if node.loud and (row.opens or node.plan.every):
                        found.append(_found(node, key, row))
        return found

    def _alone(self, time: int) -> list[Found] | None:
        """The common case of one entry and nothing else at this time, else None."""
        waiting, deadlines = self._waiting, self._deadlines
        if not waiting or waiting[0][0] != time or (deadlines and deadlines[0][0] == time):
            return None
        if any(one[0] == time for one in waiting[1:3]):  # the two that could be next in the heap
            return None
        index, key, entry = waiting[0][2:]
        node = self._nodes[index]
        if node.parents:
            return None
        heapq.heappop(waiting)
        return [
            _found(node, key, row)
            for row in self._judge(index, key, time, [entry])
            if node.loud and (row.opens or node.plan.every)
        ]

    def _judge(self, index: int, key: GroupKey, time: int, entries: list[Entry]) -> list[Row]:
        node = self._nodes[index]
        group = node.groups.get(key)
        if group is None:
            if not entries:
                return []
            group = node.groups[key] = Group(node.plan)
            self._push(self._ends, time + node.plan.span + 1, index, key)
        before = group.deadline()
        rows: list[Row] = []
        if len(entries) > 1:
            entries.sort(key=lambda entry: entry[:3])
            for _, instant in groupby(entries, key=lambda entry: entry[:2]):
                if row := group.step(list(instant)):
                    rows.append(row)
        elif entries and (row := group.step(entries)):
            rows.append(row)
        while group.deadline() == time:
            if row := group.settle(time):
                rows = [*rows[:-1], merged(rows[-1], row)] if rows else [row]
        after = group.deadline()
        if after is not None and (after != before or not entries):
            self._push(self._deadlines, after, index, key)
        return rows

    def _raise(
        self,
        index: int,
        key: GroupKey,
        row: Row,
        arrived: dict[int, dict[GroupKey, list[Entry]]],
        number: int,
    ) -> None:
        """Hands a row to those that refer to this correlation, as an event of its own."""
        node = self._nodes[index]
        if not node.parents:
            return
        how = node.plan.correlation
        own: dict[str, str | None] = dict(zip(how.group_by, key, strict=True))
        own[how.type] = own["sigma_metric"] = _text(row.value)
        evidence = _evidence(row)
        identity = f"{node.name}\x1f{row.time}\x1f{number}\x1f" + "\x1f".join(map(str, key))
        found: dict[tuple[int, GroupKey], tuple[set[int], dict[str, None]]] = {}
        missing = False
        for fields in evidence.values():
            seen = {**fields, **own}
            for parent, slot in node.parents:
                reader = self._nodes[parent].plan.correlation
                group = group_of(reader, node.name, seen.get)
                if group is None:
                    missing = True
                    continue
                slots, values = found.setdefault((parent, group), (set(), {}))
                slots.add(slot)
                if reader.between:  # a row is compared by the newest of its events
                    values.clear()
                values.update(dict.fromkeys(value_of(reader, node.name, seen.get)))
        self.counts["missing_group"] += missing
        for (parent, group), (slots, values) in found.items():
            placed = self._nodes[parent].plan.placed(tuple(slots), tuple(values))
            entry = Entry(row.time, 0, identity, *placed, evidence)
            arrived[parent][group].append(entry)


def in_order(reads: Mapping[str, Iterable[str]]) -> list[str]:
    """Names, those that are read before those that read them.

    Args:
        reads: name of each correlation -> what it reads; names of other rules are left out.

    Raises:
        CycleError: of `graphlib`; its second argument names the circle.
    """
    from graphlib import TopologicalSorter  # noqa: PLC0415 - only when rules are loaded

    known = {name: [one for one in sources if one in reads] for name, sources in reads.items()}
    return list(TopologicalSorter(known).static_order())


def _evidence(row: Row) -> dict[str, Mapping[str, str | None]]:
    found: dict[str, Mapping[str, str | None]] = {}
    for entry in row.entries:
        data: _Evidence = entry.data
        found.update(data)
    return found


def _found(node: _Node, key: GroupKey, row: Row) -> Found:
    group = dict(zip(node.plan.correlation.group_by, key, strict=True))
    value = plain(row.value)
    return Found(node.name, group, row.time, row.start, value, tuple(_evidence(row)))


def _text(value: Value) -> str | None:
    shown = plain(value)
    return None if shown is None else str(shown)

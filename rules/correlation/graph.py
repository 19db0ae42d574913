"""Correlations that refer to rules and to each other, over the events of a finite or endless input.

Events wait until event time has passed them; then everything of one moment is judged, those that
others refer to first. So the order of arrival is of no importance.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Mapping
from heapq import heappop, heappush
from itertools import groupby
from typing import NamedTuple

from rules.correlation.entry import Entry
from rules.correlation.folds import Value
from rules.correlation.group import Group
from rules.correlation.membership import (
    Key,
    Lookup,
    compact,
    group_of,
    parts,
    plain,
    sortable,
    value_of,
)
from rules.correlation.model import Correlation
from rules.correlation.nodes import Node, Reader, Target, each_once
from rules.correlation.plan import Plan
from rules.correlation.row import Row, merged
from rules.correlation.sliding import Sliding

_Evidence = Mapping[str, Mapping[str, str | None]]  # event id -> fields that others will ask for
_NO_FIELDS: Mapping[str, str | None] = {}
_NOTHING = -(2**62)


class Found(NamedTuple):
    """One alert. `value` is the window's; `event_ids` are in order of time."""

    rule: str
    group: dict[str, str | None]
    time: int
    start: int
    value: int | float | None
    event_ids: tuple[str, ...]


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
            Node(name, place, Plan(correlations[name], every=every, read=name in read), loud)
            for place, name in enumerate(order)
            for loud in (read.get(name, True),)
        ]
        places = {name: place for place, name in enumerate(order)}
        for node in self._nodes:
            for slot, source in enumerate(node.plan.correlation.sources()):
                if source in places:
                    self._nodes[places[source]].parents.append((node.place, slot))
        for node in reversed(self._nodes):
            for place, _ in node.parents:
                parent = self._nodes[place]
                how = parent.plan.correlation
                names = (*how.group_by, *how.fields)
                node.wanted |= {how.field_of(name, node.name) for name in names} | parent.wanted
                node.wanted.update(*map(how.compared, range(len(how.rules))))
        self._mixed = not all(node.simple for node in self._nodes)
        self._readers: dict[str, list[Reader]] = {}
        for node in self._nodes:
            for slot, source in enumerate(node.plan.correlation.sources()):
                if source not in places:
                    self._readers.setdefault(source, []).append(Reader(node, slot, source))
        self.silent = {name for name, loud in read.items() if not loud}
        self.counts: Counter[str] = Counter()
        self.watermark = _NOTHING
        self._span = max((n.plan.span + n.plan.correlation.gap for n in self._nodes), default=0)
        self._number = 0
        # what waits for event time: a line while each is later than all before it, the rest a heap
        self._waiting: deque[tuple[int, list[Target]]] = deque()
        self._behind: list[tuple[int, int, list[Target]]] = []
        self._newest = _NOTHING
        self._deadlines: list[tuple[int, int, int, Key]] = []
        self._rests: list[tuple[int, int, int, Key]] = []
        self._known: dict[str, tuple[int, int]] = {}
        self._known_order: deque[str] = deque()

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
        mark = 0 if content is None else hash(content)
        before = self._known.get(identity)
        if before is not None:
            self.counts["repeated" if before == (time, mark) else "conflict"] += 1
            return
        self._known[identity] = (time, mark)
        self._known_order.append(identity)
        targets: list[Target] = []
        missing = False
        for rule in rules:
            for reader in self._readers.get(rule, ()):
                target = reader.read(identity, time, seq, lookup)
                if target is None:
                    missing = True
                else:
                    targets.append(target)
        if missing:
            self.counts["missing_group"] += 1
        if len(targets) > 1:
            targets = each_once(targets)
        if time > self._newest:
            self._newest = time
            self._waiting.append((time, targets))
        else:
            self._number += 1
            heappush(self._behind, (time, self._number, targets))

    def advance(self, watermark: int) -> list[Found]:
        """Event time has reached `watermark`: no event up to it will come any more."""
        found: list[Found] = []
        waiting, behind, deadlines = self._waiting, self._behind, self._deadlines
        while True:
            time = watermark + 1
            if behind and behind[0][0] < time:
                time = behind[0][0]
            if deadlines and deadlines[0][0] < time:
                time = deadlines[0][0]
            # the commonest case: events that have their time for themselves
            while waiting and waiting[0][0] < time:
                at, targets = waiting[0]
                if self._mixed and not all(node.simple for node, _, _ in targets):
                    time = at
                    break
                waiting.popleft()
                for node, key, entry in targets:
                    groups = node.groups
                    group = groups.get(key)
                    if group is None:
                        group = groups[key] = node.kind(node.plan)
                    else:
                        groups.move_to_end(key)
                    row = group.one(entry)
                    if row is not None and node.loud:
                        found.append(_found(node, key, row))
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
        known, order, oldest = self._known, self._known_order, self.watermark - self._span
        while order and known[order[0]][0] < oldest:
            del known[order.popleft()]
        for node in self._nodes:
            groups = node.groups
            while groups:
                key, group = next(iter(groups.items()))
                if not group.over(self.watermark):
                    break
                del groups[key]
        while self._rests and self._rests[0][0] <= self.watermark:
            _, _, place, key = heappop(self._rests)
            node = self._nodes[place]
            resting = node.groups.get(key)
            if isinstance(resting, Group):
                resting.rest(self.watermark)
                self._push(self._rests, self.watermark + 1 + node.plan.span, place, key)

    def _push(self, heap: list, time: int, *rest: object) -> None:  # type: ignore[type-arg]
        self._number += 1
        heappush(heap, (time, self._number, *rest))

    def _moment(self, time: int) -> list[Found]:
        """Everything of one time, from the correlations below to those above."""
        arrived: dict[int, dict[Key, list[Entry]]] = defaultdict(lambda: defaultdict(list))
        due: dict[int, set[Key]] = defaultdict(set)
        if self._waiting and self._waiting[0][0] == time:
            for node, key, entry in self._waiting.popleft()[1]:
                arrived[node.place][key].append(entry)
        while self._behind and self._behind[0][0] == time:
            for node, key, entry in heappop(self._behind)[2]:
                arrived[node.place][key].append(entry)
        while self._deadlines and self._deadlines[0][0] == time:
            _, _, place, key = heappop(self._deadlines)
            due[place].add(key)
        found: list[Found] = []
        # rows go to places further on only, so what there is to do grows to the right
        for place, node in enumerate(self._nodes):
            here = arrived.get(place, {})
            keys = here.keys() | due.get(place, set())
            for key in (
                sorted(keys, key=lambda one: sortable(parts(one))) if len(keys) > 1 else keys
            ):
                for number, row in enumerate(self._judge(node, key, time, here.get(key, []))):
                    self._raise(node, key, row, arrived, number)
                    if node.loud and (row.opens or node.plan.every):
                        found.append(_found(node, key, row))
        return found

    def _judge(self, node: Node, key: Key, time: int, entries: list[Entry]) -> list[Row]:
        group = node.groups.get(key)
        if group is None:
            if not entries:
                return []
            group = node.groups[key] = node.kind(node.plan)
            if node.plan.correlation.baseline:
                self._push(self._rests, time + node.plan.span + 1, node.place, key)
        elif entries:
            node.groups.move_to_end(key)
        before = group.deadline()
        rows: list[Row] = []
        if len(entries) > 1:
            entries.sort(key=lambda entry: entry[:3])
            for _, instant in groupby(entries, key=lambda entry: entry[:2]):
                if row := group.step(list(instant)):
                    rows.append(row)
        elif entries and (row := group.step(entries)):
            rows.append(row)
        if isinstance(group, Sliding):
            return rows
        while group.deadline() == time:
            if row := group.settle(time):
                rows = [*rows[:-1], merged(rows[-1], row)] if rows else [row]
        after = group.deadline()
        if after is not None and (after != before or not entries):
            self._push(self._deadlines, after, node.place, key)
        return rows

    def _raise(
        self,
        node: Node,
        key: Key,
        row: Row,
        arrived: dict[int, dict[Key, list[Entry]]],
        number: int,
    ) -> None:
        """Hands a row to those that refer to this correlation, as an event of its own."""
        if not node.parents:
            return
        how = node.plan.correlation
        own: dict[str, str | None] = dict(zip(how.group_by, parts(key), strict=True))
        own[how.type] = own["sigma_metric"] = _text(row.value)
        evidence = _evidence(row)
        identity = f"{node.name}\x1f{row.time}\x1f{number}\x1f" + "\x1f".join(map(str, parts(key)))
        found: dict[tuple[int, Key], tuple[set[int], dict[str, None]]] = {}
        missing = False
        for fields in evidence.values():
            seen = {**fields, **own}
            for parent, slot in node.parents:
                reader = self._nodes[parent].plan.correlation
                group = group_of(reader, node.name, seen.get)
                if group is None:
                    missing = True
                    continue
                slots, values = found.setdefault((parent, compact(group)), (set(), {}))
                slots.add(slot)
                if reader.between:  # a row is compared by the newest of its events
                    values.clear()
                values.update(dict.fromkeys(value_of(reader, node.name, seen.get)))
        self.counts["missing_group"] += missing
        for (parent, place), (slots, values) in found.items():
            placed = self._nodes[parent].plan.placed(tuple(slots), tuple(values))
            entry = Entry(row.time, 0, identity, *placed, evidence)
            arrived[parent][place].append(entry)


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
        data: _Evidence | None = entry.data
        if data is None:
            found[entry.id] = _NO_FIELDS
        else:
            found.update(data)
    return found


def _found(node: Node, key: Key, row: Row) -> Found:
    group = dict(zip(node.plan.correlation.group_by, parts(key), strict=True))
    value = plain(row.value)
    return Found(node.name, group, row.time, row.start, value, tuple(_evidence(row)))


def _text(value: Value) -> str | None:
    shown = plain(value)
    return None if shown is None else str(shown)

"""Correlations that refer to rules and to each other, over the events of a finite or endless input.

Events wait until event time has passed them; then everything of one moment is judged, those that
others refer to first. So the order of arrival is of no importance.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Mapping, Sequence
from heapq import heappop, heappush
from itertools import groupby

from rules.correlation.entry import Entry
from rules.correlation.found import Found, found_of, rise
from rules.correlation.group import Group
from rules.correlation.ids import Ids
from rules.correlation.membership import (
    Key,
    Lookup,
    parts,
    sortable,
)
from rules.correlation.model import Correlation
from rules.correlation.network import Network
from rules.correlation.nodes import Node, Target, each_once
from rules.correlation.row import Row, merged
from rules.correlation.sliding import Sliding

_NOTHING = -(2**62)
_OFTEN = 16  # times in a window that groups are looked through for those that are over


class Correlator:
    """Judges events by correlations.

    Args:
        correlations: by name; references are names of other correlations or of rules.
        every: all rows, not one an episode, where a correlation does not say.
        unique: the caller vouches that no id comes twice: none has to be remembered.

    Attributes:
        counts: events that were `late`, `missing_group`, `repeated`, or in `conflict`: the same id
            with other content.
        watermark: what has been passed; events up to it are late.
    """

    def __init__(
        self, correlations: Mapping[str, Correlation], *, every: bool = False, unique: bool = False
    ) -> None:
        self._net = net = Network(correlations, every=every)
        self._nodes, self._readers, self.silent = net.nodes, net.readers, net.silent
        self._mixed = not all(node.simple for node in net.nodes)
        self._alone = {rule: reads[0] for rule, reads in net.readers.items() if len(reads) == 1}
        self.counts: Counter[str] = Counter()
        self.watermark = _NOTHING
        spans = [n.plan.span + n.plan.correlation.gap for n in self._nodes]
        self._span, self._pause = max(spans, default=0), min(spans, default=0) // _OFTEN
        self._looked = _NOTHING  # when groups were looked through
        self._number = 0
        # what waits for event time: a line in order, of moments that have one target or a list of
        # them, and a heap of what came after younger ones
        self._line: deque[Target | list[Target]] = deque()
        self._tail = _NOTHING  # time of the last that was put in the line
        self._behind: list[tuple[int, int, list[Target]]] = []
        self._deadlines: list[tuple[int, int, int, Key]] = []
        self._rests: list[tuple[int, int, int, Key]] = []
        self._ids = None if unique else Ids()

    def reads(self, rule: str) -> bool:
        """Whether some correlation refers to the rule."""
        return rule in self._readers

    def observe(
        self,
        identity: str,
        time: int,
        lookup: Lookup,
        rules: Sequence[str],
        *,
        seq: int = 0,
        content: object = None,
    ) -> None:
        """An event that fits `rules`, those that correlations refer to.

        Args:
            lookup: field name -> its value as text, None when it is missing.
            seq: order among events of one time; 0 when the source has none.
            content: what makes two events of one id the same; ids that `unique` vouches for need
                none.
        """
        if time <= self.watermark:
            self.counts["late"] += 1
            return
        ids = self._ids
        if ids is not None:
            stamp = time if content is None else (time, hash(content))
            if identity in ids.young or identity in ids.old:
                again = ids.again(identity, stamp, self.watermark - self._span)
                if again:
                    self.counts[again] += 1
                    return
            ids.young[identity] = stamp
        read = self._alone.get(rules[0]) if len(rules) == 1 else None
        if read is not None:
            target = read(identity, time, seq, lookup)
            if target is None:
                self.counts["missing_group"] += 1
            elif time > self._tail:
                self._tail = time
                self._line.append(target)
            else:
                self._beside(time, [target])
            return
        targets = self._targets(identity, time, seq, lookup, rules)
        if targets and time > self._tail:
            self._tail = time
            self._line.append(targets)
        elif targets:
            self._beside(time, targets)

    def _targets(
        self, identity: str, time: int, seq: int, lookup: Lookup, rules: Sequence[str]
    ) -> list[Target]:
        targets: list[Target] = []
        missing = several = False
        for rule in rules:
            several = several or rule in self._net.twice
            for read in self._readers.get(rule, ()):
                target = read(identity, time, seq, lookup)
                if target is None:
                    missing = True
                else:
                    targets.append(target)
        if missing:
            self.counts["missing_group"] += 1
        return each_once(targets) if several or len(rules) > 1 else targets

    def _beside(self, time: int, targets: list[Target]) -> None:
        """An event that is not younger than all before it."""
        line = self._line
        if time == self._tail and line:
            last = line[-1]
            line[-1] = [*last, *targets] if isinstance(last, list) else [last, *targets]
        else:
            self._number += 1
            heappush(self._behind, (time, self._number, targets))

    def advance(self, watermark: int) -> list[Found]:
        """Event time has reached `watermark`: no event up to it will come any more."""
        found: list[Found] = []
        behind, deadlines = self._behind, self._deadlines
        while True:
            time = watermark + 1
            if behind and behind[0][0] < time:
                time = behind[0][0]
            if deadlines and deadlines[0][0] < time:
                time = deadlines[0][0]
            time = self._in_line(time, found)
            if time > watermark:
                break
            if self._mixed:
                found += self._moment(time)
            else:
                self._several(self._arrived(time), found)
        if watermark > self.watermark:
            self.watermark = watermark
            self._forget()
        return found

    def _in_line(self, until: int, found: list[Found]) -> int:
        """Judges what stands in the line before `until` and needs nothing but its groups; gives
        the time of the first that needs more, else `until`."""
        line, mixed = self._line, self._mixed
        while line:
            moment = line[0]
            if isinstance(moment, list):
                time = moment[0][2].time
                if time >= until:
                    break
                if mixed and not all(node.simple for node, _, _ in moment):
                    return time
                line.popleft()
                self._several(moment, found)
                continue
            # the commonest case: an event that has its time for itself
            node, key, entry = moment
            if entry.time >= until:
                break
            if mixed and not node.simple:
                return entry.time
            line.popleft()
            groups = node.groups
            group = groups.get(key)
            if group is None:
                group = groups[key] = node.kind(node.plan)
            else:
                groups.move_to_end(key)
            row = group.one(entry)
            if row is not None and node.loud:
                found.append(found_of(node, key, row))
        return until

    def _arrived(self, time: int) -> list[Target]:
        """All that waits for this time, the next one."""
        line, behind = self._line, self._behind
        found: list[Target] = []
        if line:
            moment = line[0]
            targets = moment if isinstance(moment, list) else [moment]
            if targets[0][2].time == time:
                line.popleft()
                found += targets
        while behind and behind[0][0] == time:
            found += heappop(behind)[2]
        return found

    def _several(self, targets: list[Target], found: list[Found]) -> None:
        """What is of one time, where each group is judged by itself. Alerts of one time are in
        order of correlation and group, however their events came."""
        place = -1
        for node, _, _ in targets:
            if node.place <= place:
                break
            place = node.place
        else:  # one event that several correlations read: it is in order as it stands
            for node, key, entry in targets:
                row = node.touched(key).one(entry)
                if row is not None and node.loud:
                    found.append(found_of(node, key, row))
            return
        arrived: dict[tuple[int, Key], tuple[Node, Key, list[Entry]]] = {}
        for node, key, entry in targets:
            at = (node.place, key)
            if at in arrived:
                arrived[at][2].append(entry)
            else:
                arrived[at] = (node, key, [entry])
        rows = [
            (node, key, row)
            for node, key, entries in arrived.values()
            for row in _steps(node.touched(key), entries)
            if node.loud
        ]
        if len(rows) > 1:
            rows.sort(key=lambda one: (one[0].place, sortable(parts(one[1])), one[2].time))
        found += [found_of(node, key, row) for node, key, row in rows]

    def open_groups(self) -> int:
        """Groups that remember something."""
        self._forget_groups()
        return sum(len(node.groups) for node in self._nodes)

    def _forget_groups(self) -> None:
        self._looked = self.watermark
        for node in self._nodes:
            node.forget(self.watermark)

    def _forget(self) -> None:
        if self._ids is not None:
            self._ids.forget(self.watermark - self._span, self._tail)
        if self.watermark - self._looked >= self._pause:
            self._forget_groups()
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
        for node, key, entry in self._arrived(time):
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
                    if node.parents:
                        risen, missing = rise(self._nodes, node, key, row, number)
                        self.counts["missing_group"] += missing
                        for parent, above, entry in risen:
                            arrived[parent.place][above].append(entry)
                    if node.loud and (row.opens or node.plan.every):
                        found.append(found_of(node, key, row))
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
        rows = _steps(group, entries)
        if isinstance(group, Sliding):
            return rows
        while group.deadline() == time:
            if row := group.settle(time):
                rows = [*rows[:-1], merged(rows[-1], row)] if rows else [row]
        after = group.deadline()
        if after is not None and (after != before or not entries):
            self._push(self._deadlines, after, node.place, key)
        return rows


def _steps(group: Group | Sliding, entries: list[Entry]) -> list[Row]:
    """The rows of a group by entries of one time, in whatever order."""
    if len(entries) == 1:
        row = group.one(entries[0])
        return [] if row is None else [row]
    entries.sort(key=lambda entry: entry.order)
    instants = groupby(entries, key=lambda entry: entry.instant)
    rows = [group.step(list(instant)) for _, instant in instants]
    return [row for row in rows if row is not None]

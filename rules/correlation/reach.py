"""Chains of events whose steps have limits of their own, found without looking at a window again.

Of all chains that reach an event only one is kept, which begins last: where it is outside the
window, so are the others. Steps are kept until they are too old for the step behind them.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from rules.correlation.entry import Entry
from rules.correlation.steps import Facts, Step, all_hold, facts_of


class Node(NamedTuple):
    """An event at the end of a chain.

    `number` is its place among all entries, `start` that of the first of the chain.
    """

    number: int
    start: int
    entry: Entry
    facts: Facts
    before: Node | None


class Reach:
    """The chains of one way in which the condition holds."""

    def __init__(self, steps: tuple[Step, ...]) -> None:
        self._steps = steps
        self._compares = any(step.tests for step in steps)
        # events at the end of a chain of so many steps, which the next step may follow
        self._ends: list[deque[Node]] = [deque() for _ in steps[1:]]
        # those of the newest moment, which nothing may follow yet
        self._newest: list[tuple[int, Node]] = []
        self._whole: Node | None = None

    def add(self, number: int, entry: Entry) -> None:
        """The newest entry of the window."""
        if self._newest and self._newest[-1][1].entry.instant != entry.instant:
            self._settle(entry)
        for place, step in enumerate(self._steps):
            if step.slot not in entry.slots:
                continue
            node = self._node(place, step, number, entry)
            if node is None:
                continue
            if place + 1 < len(self._steps):
                self._newest.append((place, node))
            else:
                self._complete(node)

    def there(self, first: int) -> bool:
        """Whether a whole chain begins with entry number `first` or later."""
        return self._whole is not None and self._whole.start >= first

    def chain(self) -> tuple[Entry, ...]:
        """Of the whole chains the one that begins last."""
        node = self._whole
        found: list[Entry] = []
        while node:
            found.append(node.entry)
            node = node.before
        return tuple(reversed(found))

    def _node(self, place: int, step: Step, number: int, entry: Entry) -> Node | None:
        facts: Facts = ()
        if self._compares:
            facts = facts_of(entry.values[entry.slots.index(step.slot)])
        if not place:
            return Node(number, number, entry, facts, None)
        ends = self._ends[place - 1]
        self._forget(ends, step, entry.time)
        best: Node | None = None
        if not step.tests:
            best = ends[0] if ends else None
        else:
            for node in ends:
                if (best is None or node.start >= best.start) and all_hold(
                    step.tests, facts, node.facts
                ):
                    best = node
        return Node(number, best.start, entry, facts, best) if best else None

    @staticmethod
    def _forget(ends: deque[Node], step: Step, time: int) -> None:
        while ends and time - ends[0].entry.time > step.limit:
            ends.popleft()

    def _settle(self, entry: Entry) -> None:
        """What is surely before `entry` may be followed from now on. Without a sequence number
        equal times are not ordered."""
        time, seq = entry.instant
        waiting: list[tuple[int, Node]] = []
        ready: list[tuple[int, Node]] = []
        for one in self._newest:
            before = one[1].entry
            sure = before.time < time or (before.seq and before.seq < seq)
            (ready if sure else waiting).append(one)
        self._newest = waiting
        # of one moment the smallest id comes last: among equals the last is taken
        ready.sort(key=lambda one: one[1].entry.id, reverse=True)
        ready.sort(key=lambda one: one[1].entry.instant)
        for place, node in ready:
            ends, follower = self._ends[place], self._steps[place + 1]
            self._forget(ends, follower, node.entry.time)
            if not follower.tests:  # who is older and begins no later is never better
                while ends and ends[-1].start <= node.start:
                    ends.pop()
            ends.append(node)

    def _complete(self, node: Node) -> None:
        best = self._whole
        if best is None or node.start > best.start:
            self._whole = node
        elif node.start == best.start and node.entry.instant == best.entry.instant:
            self._whole = min(best, node, key=lambda one: one.entry.id)

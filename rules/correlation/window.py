"""The events of one group that are inside its window, in order, with what is asked of them."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from rules.correlation.folds import Fold, fold_of
from rules.correlation.plan import Plan

_COMPACT = 256  # forgotten places at the front of a list before it is cut
_LAST = 2**62
Key = tuple[int, int]


class Entry(NamedTuple):
    """One event of a group, or one row of a correlation that another one refers to.

    Args:
        time: event time in ms. seq: order given by the source; 0 when there is none.
        id: what makes it one event, however many rules it fits.
        slots: places of those rules in the correlation, ascending.
        values: what is counted, added or ranked; several when rules mean different fields.
        data: whatever the caller wants back in the row.
    """

    time: int
    seq: int
    id: str
    slots: tuple[int, ...]
    values: tuple[str, ...] = ()
    data: Any = None


class Window:
    """Entries between two times; they are added in order and leave in order.

    `truncated` says that the oldest had to go before their time.
    """

    def __init__(self, plan: Plan, cap: int = 0) -> None:
        self._plan, self._cap = plan, cap
        self.truncated = False
        self.clear()

    def clear(self) -> None:
        """Forget all entries."""
        slots = self._plan.slots
        self._entries: list[Entry] = []
        self._keys: list[Key] = []
        self._head = 0
        self._ids: set[str] = set()
        self._fold: Fold = fold_of(self._plan.correlation)
        self._present = [0] * slots
        self._steps: list[list[Key]] = [[] for _ in range(slots)] if self._plan.ordered else []
        self._step_heads = [0] * slots

    def __len__(self) -> int:
        """How many entries are inside."""
        return len(self._entries) - self._head

    def __contains__(self, identity: object) -> bool:
        """Whether the event of this id is inside."""
        return identity in self._ids

    def entries(self) -> Sequence[Entry]:
        """What is inside, in order."""
        return self._entries[self._head :]

    def add(self, entry: Entry) -> None:
        """The newest entry; one too many pushes out the oldest."""
        key = entry[:2]
        self._entries.append(entry)
        self._keys.append(key)
        self._ids.add(entry.id)
        if not self._plan.counts:
            self._fold.add(entry.values)
        for slot in entry.slots:
            self._present[slot] += 1
            if self._steps:
                self._steps[slot].append(key)
        if self._cap and len(self) > self._cap:
            self.truncated = True
            self._drop()

    def evict(self, start: int) -> None:
        """Let go of everything before `start`."""
        entries = self._entries
        while self._head < len(entries) and entries[self._head].time < start:
            self._drop()
        if self._head > _COMPACT and self._head * 2 > len(entries):
            del entries[: self._head]
            del self._keys[: self._head]
            self._head = 0

    def _drop(self) -> None:
        entry = self._entries[self._head]
        self._head += 1
        self._ids.discard(entry.id)
        if not self._plan.counts:
            self._fold.remove(entry.values)
        for slot in entry.slots:
            self._present[slot] -= 1
            if self._steps:
                self._step_heads[slot] += 1
                head, steps = self._step_heads[slot], self._steps[slot]
                if head > _COMPACT and head * 2 > len(steps):
                    del steps[:head]
                    self._step_heads[slot] = 0

    def value(self) -> Any:
        """The fold's result; for temporal types the number of rules of which there is an event."""
        if self._plan.counts:
            return sum(1 for count in self._present if count)
        return self._fold.result()

    def has(self, slots: Iterable[int]) -> bool:
        """Whether there is an event of each."""
        return all(self._present[slot] for slot in slots)

    def present(self) -> tuple[int, ...]:
        """The slots of which there is an event."""
        return tuple(slot for slot, count in enumerate(self._present) if count)

    def chain(self, slots: Sequence[int]) -> list[tuple[int, Key]] | None:
        """The earliest chain of one event for each slot, strictly one after the other."""
        found: list[tuple[int, Key]] = []
        after: Key = (-1, 0)
        for slot in slots:
            steps = self._steps[slot]
            # without a sequence number equal times are not ordered
            bound = after if after[1] else (after[0], _LAST)
            at = bisect_right(steps, bound, self._step_heads[slot])
            if at == len(steps):
                return None
            after = steps[at]
            found.append((slot, after))
        return found

    def at(self, slot: int, key: Key) -> Iterator[Entry]:
        """The entries of a slot at one instant."""
        at = bisect_left(self._keys, key, self._head)
        while at < len(self._keys) and self._keys[at] == key:
            if slot in self._entries[at].slots:
                yield self._entries[at]
            at += 1

"""The events of one group that are inside its window, in order, with what is asked of them."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence

from rules.correlation.entry import LAST, Entry, Key
from rules.correlation.folds import Fold, Value, fold_of
from rules.correlation.plan import Plan
from rules.correlation.reach import Reach

_COMPACT = 256  # forgotten places at the front of a list before it is cut


class Window:
    """Entries between two times; they are added in order and leave in order.

    Attributes:
        size: how many entries are inside; `oldest` is the time of the first of them.
        ids: their ids.
        there: of how many slots there is an entry (temporal types only).
        truncated: the oldest had to go before their time.
    """

    def __init__(self, plan: Plan, cap: int = 0) -> None:
        self._plan, self._cap = plan, cap
        self.truncated = False
        self.clear()

    def clear(self) -> None:
        """Forget all entries."""
        plan = self._plan
        self._entries: list[Entry] = []
        self._head = 0
        self.size, self.oldest, self.there = 0, LAST, 0
        self.ids: set[str] = set()
        # of these two the sizes are the value: nothing to fold
        folds = not plan.counts and plan.correlation.type != "event_count"
        self._fold: Fold | None = fold_of(plan.correlation) if folds else None
        self._present = [0] * plan.slots
        ordered = plan.ordered and not plan.paths
        self._steps: list[list[Key]] = [[] for _ in range(plan.slots)] if ordered else []
        self._step_heads = [0] * plan.slots
        self._added = 0
        self._reach = [Reach(steps) for steps in plan.paths]

    def entries(self) -> Sequence[Entry]:
        """What is inside, in order."""
        return self._entries[self._head :]

    def newest(self) -> Entry | None:
        """The last of them."""
        return self._entries[-1] if self.size else None

    def add(self, entry: Entry) -> None:
        """The newest entry; one too many pushes out the oldest."""
        if not self.size:
            self.oldest = entry.time
        self._entries.append(entry)
        self.size += 1
        self.ids.add(entry.id)
        if self._fold is not None:
            self._fold.add(entry.values)
        elif self._plan.counts:
            for slot in entry.slots:
                self._present[slot] += 1
                self.there += self._present[slot] == 1
                if self._steps:
                    self._steps[slot].append(entry.instant)
            if self._reach:
                for reach in self._reach:
                    reach.add(self._added, entry)
                self._added += 1
        if self._cap and self.size > self._cap:
            self.truncated = True
            self._drop()

    def evict(self, start: int) -> None:
        """Let go of everything before `start`."""
        while self.oldest < start:
            self._drop()
        if self._head > _COMPACT and self._head * 2 > len(self._entries):
            del self._entries[: self._head]
            self._head = 0

    def _drop(self) -> None:
        entry = self._entries[self._head]
        self._head += 1
        self.size -= 1
        self.oldest = self._entries[self._head].time if self.size else LAST
        self.ids.discard(entry.id)
        if self._fold is not None:
            self._fold.remove(entry.values)
        elif self._plan.counts:
            for slot in entry.slots:
                self._present[slot] -= 1
                self.there -= not self._present[slot]
                if self._steps:
                    self._forget_step(slot)

    def _forget_step(self, slot: int) -> None:
        self._step_heads[slot] += 1
        head, steps = self._step_heads[slot], self._steps[slot]
        if head > _COMPACT and head * 2 > len(steps):
            del steps[:head]
            self._step_heads[slot] = 0

    def value(self) -> Value:
        """The fold's result; for temporal types the number of rules of which there is an event."""
        if self._fold is not None:
            return self._fold.result()
        return self.there if self._plan.counts else self.size

    def has(self, slots: Iterable[int]) -> bool:
        """Whether there is an event of each."""
        present = self._present
        for slot in slots:  # noqa: SIM110 - three times as fast as all(…)
            if not present[slot]:
                return False
        return True

    def has_any(self, slots: Iterable[int]) -> bool:
        """Whether there is an event of one of them."""
        present = self._present
        for slot in slots:  # noqa: SIM110 - as above
            if present[slot]:
                return True
        return False

    def present(self) -> tuple[int, ...]:
        """The slots of which there is an event."""
        return tuple(slot for slot, count in enumerate(self._present) if count)

    def chain(self, slots: Sequence[int]) -> list[tuple[int, Key]] | None:
        """The earliest chain of one event for each slot, strictly one after the other."""
        found = self.begun(slots)
        return found if len(found) == len(slots) else None

    def begun(self, slots: Sequence[int]) -> list[tuple[int, Key]]:
        """The earliest chain of as many of these slots as can be, from the first on."""
        found: list[tuple[int, Key]] = []
        before: Key = (-LAST, 0)
        for slot in slots:
            step = self._next(slot, before)
            if step is None:
                break
            found.append((slot, step))
            before = step
        return found

    def longest(self, slots: Sequence[int]) -> int:
        """How many slots the longest chain has that may leave some of these out."""
        ends: list[Key] = [(-LAST, 0)]  # of the chains of so many: what leaves the most to come
        for slot in slots:
            for many in reversed(range(len(ends))):
                end = self._next(slot, ends[many])
                if end is None:
                    continue
                if many + 1 == len(ends):
                    ends.append(end)
                else:
                    ends[many + 1] = min(end, ends[many + 1], key=_after)
        return len(ends) - 1

    def _next(self, slot: int, before: Key) -> Key | None:
        """The event of a slot after that one which leaves the most to come after it."""
        steps = self._steps[slot]
        at = bisect_right(steps, _after(before), self._step_heads[slot])
        if at == len(steps):
            return None
        found = steps[at]
        if not found[1]:  # of one time, one that has a number leaves more to come after it
            at = bisect_right(steps, found, at)
            if at < len(steps) and steps[at][0] == found[0]:
                return steps[at]
        return found

    def reached(self, place: int) -> bool:
        """Whether there is a chain that keeps the limits of its steps; `place` is that of its
        clause."""
        return self._reach[place].there(self._added - self.size)

    def latest(self, place: int) -> tuple[Entry, ...]:
        """Of these chains the one that begins last."""
        return self._reach[place].chain()

    def of_time(self, oldest: int) -> Iterator[Entry]:
        """The entries of a time before which there is none."""
        place = self._head
        while place < len(self._entries) and self._entries[place].time == oldest:
            yield self._entries[place]
            place += 1

    def at(self, slot: int, key: Key) -> Iterator[Entry]:
        """The entries of a slot at one instant."""
        at = bisect_left(self._entries, key, self._head, key=lambda entry: entry.instant)
        while at < len(self._entries) and self._entries[at].instant == key:
            if slot in self._entries[at].slots:
                yield self._entries[at]
            at += 1


def _after(key: Key) -> Key:
    """What comes after this is after the event: equal times without a number are not ordered."""
    return key if key[1] else (key[0], LAST)

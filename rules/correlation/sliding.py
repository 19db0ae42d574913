"""Groups of the commonest kind, judged in a microsecond: one sliding window, decided at each event.

What they say is what `rules.correlation.group` says (`tests/unit/test_sliding.py`). They remember
less, because they are never written down, are never told an id twice, and have no deadlines.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

from rules.correlation.entry import LAST, Entry
from rules.correlation.folds import Fold, Value, fold_of
from rules.correlation.plan import Plan
from rules.correlation.row import NEVER, Row, by_time


class Sliding:
    """The evaluator of one group that counts events.

    Entries are given in order, those of one instant together. A row that continues an episode is
    told only where the plan wants every row in full.
    """

    __slots__ = ("_entries", "_head", "_open", "plan")

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._entries: list[Entry] = []
        self._head = 0
        self._open = False

    def one(self, entry: Entry) -> Row | None:
        """The only entry of its instant."""
        plan, entries = self.plan, self._entries
        entries.append(entry)
        start = entry.time - plan.span
        if entries[self._head].time < start:
            self._evict(start, 1)
        value = len(entries) - self._head
        if value < plan.floor:
            self._open = False
            return None
        return self._judged(start, value, (entry,))

    def step(self, entries: Sequence[Entry]) -> Row | None:
        """All entries of one instant, that is of equal time and seq."""
        self._take(entries)
        start = entries[0].time - self.plan.span
        if self._entries[self._head].time < start:
            self._evict(start, len(entries))
        return self._judged(start, self._value(start), tuple(entries))

    def over(self, time: int) -> bool:
        """Whether at `time` nothing that has been is of any importance."""
        return self._entries[-1].time + self.plan.span < time

    def deadline(self) -> None:
        """Nothing is decided without an event."""

    # ---- what differs between types

    def _take(self, entries: Iterable[Entry]) -> None:
        """New entries come into the window; the first of them may be all that stays."""
        self._entries.extend(entries)

    def _evict(self, start: int, new: int) -> None:
        """Let go of everything before `start`; the last `new` entries stay."""
        entries, head = self._entries, self._head + 1
        while entries[head].time < start:
            head += 1
        self._left(head, new)

    def _left(self, head: int, new: int) -> None:
        entries = self._entries
        if head + new == len(entries):  # the window was empty in between
            self._open = False
        if head * 2 >= len(entries):
            del entries[:head]
            head = 0
        self._head = head

    def _value(self, start: int) -> Value:
        return len(self._entries) - self._head

    def _there(self, start: int) -> bool:
        """Whether the condition holds, where it is more than bounds of the value."""
        return True

    def _evidence(self, start: int) -> Iterable[Entry]:
        return self._entries[self._head :]

    # ----

    def _judged(self, start: int, value: Value, fresh: tuple[Entry, ...]) -> Row | None:
        plan = self.plan
        if not plan.holds(value) or not self._there(start):
            self._open = False
            return None
        opens, self._open = not self._open, True
        if not opens and not plan.full:
            return None
        evidence = tuple(self._evidence(start))
        return Row(start + plan.span, start, value, evidence, opens, fresh)


class Folded(Sliding):
    """One that counts, adds or ranks values."""

    __slots__ = ("_fold",)

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self._fold: Fold = fold_of(plan.correlation)

    def one(self, entry: Entry) -> Row | None:
        """See Sliding."""
        plan, entries = self.plan, self._entries
        entries.append(entry)
        self._fold.add(entry.values)
        start = entry.time - plan.span
        if entries[self._head].time < start:
            self._evict(start, 1)
        return self._judged(start, self._fold.result(), (entry,))

    def _take(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            self._entries.append(entry)
            self._fold.add(entry.values)

    def _evict(self, start: int, new: int) -> None:
        entries, head, remove = self._entries, self._head, self._fold.remove
        while entries[head].time < start:
            remove(entries[head].values)
            head += 1
        self._left(head, new)

    def _value(self, start: int) -> Value:
        return self._fold.result()

    def _evidence(self, start: int) -> Iterable[Entry]:
        entries = super()._evidence(start)
        return [entry for entry in entries if entry.values] if self.plan.numeric else entries


class Together(Sliding):
    """One that asks which rules there are events of, in any order.

    A rule is there when its newest event is in the window: nothing is to be done when one leaves.
    """

    __slots__ = ("_seen",)

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self._seen = [NEVER] * plan.slots

    def one(self, entry: Entry) -> Row | None:
        """See Sliding."""
        plan, entries, seen = self.plan, self._entries, self._seen
        entries.append(entry)
        time = entry.time
        for slot in entry.slots:
            seen[slot] = time
        start = time - plan.span
        if entries[self._head].time < start:
            self._evict(start, 1)
        if plan.wants_all and min(seen) < start:
            self._open = False
            return None
        return self._judged(start, self._value(start), (entry,))

    def _take(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            self._entries.append(entry)
            for slot in entry.slots:
                self._seen[slot] = entry.time

    def _value(self, start: int) -> Value:
        return len([time for time in self._seen if time >= start])

    def _there(self, start: int) -> bool:
        return self.plan.numeric_condition or any(self._holding(start))

    def _holding(self, start: int) -> Iterable[tuple[int, ...]]:
        """The rules of each clause that holds."""
        seen = self._seen
        for positive, negative in self.plan.present:
            if all(seen[slot] >= start for slot in positive) and not any(
                seen[slot] >= start for slot in negative
            ):
                yield positive

    def _evidence(self, start: int) -> Iterable[Entry]:
        entries = super()._evidence(start)
        if self.plan.numeric_condition:
            return entries
        slots = {slot for positive in self._holding(start) for slot in positive}
        return [entry for entry in entries if not slots.isdisjoint(entry.slots)]


class InOrder(Sliding):
    """One that asks for rules in order; each way to satisfy the condition is followed by itself."""

    __slots__ = ("_chains",)

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self._chains = tuple(Chain(clause.positive, plan.slots) for clause in plan.present)

    def one(self, entry: Entry) -> Row | None:
        """See Sliding."""
        entries = self._entries
        entries.append(entry)
        time = entry.time
        start = time - self.plan.span
        if entries[self._head].time < start:
            self._evict(start, 1)
        held = False
        for chain in self._chains:
            chain.add(time, entry.seq, entry.slots)
            if chain.begin >= start:
                held = True
        if not held or self._open:
            self._open = held
            return None
        return self._judged(start, self._value(start), (entry,))

    def _take(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            self._entries.append(entry)
            for chain in self._chains:
                chain.add(entry.time, entry.seq, entry.slots)

    def _value(self, start: int) -> Value:
        # nobody asks for it but a row: nothing is kept up for it
        return len({slot for entry in super()._evidence(start) for slot in entry.slots})

    def _there(self, start: int) -> bool:
        return any(chain.begin >= start for chain in self._chains)

    def _evidence(self, start: int) -> Iterable[Entry]:
        entries = list(super()._evidence(start))
        found = {
            entry.id: entry
            for chain in self._chains
            if chain.begin >= start
            for entry in chain.earliest(entries)
        }
        return sorted(found.values(), key=by_time)


_Unsure = tuple[int, int, int, int]  # time, seq, step, begin


@lru_cache
def _places(slots: tuple[int, ...], of: int) -> tuple[int, ...]:
    """Of each slot the step it is, -1 for none; the same for all groups, which are many."""
    return tuple(slots.index(slot) if slot in slots else -1 for slot in range(of))


class Chain:
    """Events of some rules, each strictly after the one before: of all chains that reach an event
    only the latest begin is kept. Where that is outside the window, so are all.

    Attributes:
        begin: time of the first event of the whole chain that begins last; NEVER is none.
    """

    __slots__ = ("_ends", "_places", "_slots", "_unsure", "begin")

    def __init__(self, slots: tuple[int, ...], of: int) -> None:
        self._slots, self._places = slots, _places(slots, of)
        self._ends = [NEVER] * len(slots)  # begin of what an event may follow that is step n
        self._unsure: tuple[_Unsure, ...] = ()  # of the moment
        self.begin = NEVER

    def add(self, time: int, seq: int, slots: tuple[int, ...]) -> None:
        """The newest event. None of the same moment is before it, and it is no two steps itself."""
        unsure, ends = self._unsure, self._ends
        if unsure:
            if unsure[-1][0] < time:
                for one in unsure:
                    if one[3] > ends[one[2] + 1]:  # noqa: PLR1730 - twice as fast as max(…)
                        ends[one[2] + 1] = one[3]
                self._unsure = ()
            else:
                self._settle(seq)
        for slot in slots:
            step = self._places[slot]
            if step < 0:
                continue
            begin = ends[step] if step else time
            if step + 1 == len(ends):
                if begin > self.begin:  # noqa: PLR1730 - as above
                    self.begin = begin
            elif begin > ends[step + 1]:
                self._unsure = (*self._unsure, (time, seq, step, begin))

    def _settle(self, seq: int) -> None:
        """Of one time, what has a smaller sequence number is before; what has none is not."""
        ends, waiting = self._ends, []
        for one in self._unsure:
            if one[1] and one[1] < seq:
                ends[one[2] + 1] = max(ends[one[2] + 1], one[3])
            else:
                waiting.append(one)
        self._unsure = tuple(waiting)

    def earliest(self, entries: Sequence[Entry]) -> Iterable[Entry]:
        """The earliest chain in these entries, with all that is of the same instants and rules."""
        step, time, seq = 0, NEVER, 0
        # of one time, one that has a number leaves more to come after it
        for entry in sorted(entries, key=lambda entry: (entry.time, entry.seq or LAST)):
            later = entry.time > time or (entry.time == time and 0 < seq < entry.seq)
            if step and entry.instant == (time, seq) and self._slots[step - 1] in entry.slots:
                yield entry
            elif step < len(self._slots) and later and self._slots[step] in entry.slots:
                step, time, seq = step + 1, entry.time, entry.seq
                yield entry


def quick(plan: Plan) -> type[Sliding] | None:
    """The kind of group a plan can do with; None when it needs `rules.correlation.group`."""
    how = plan.correlation
    if how.window != "sliding" or plan.closing or plan.absent or how.until or how.baseline:
        return None
    if plan.first_seen or plan.paths or plan.chain_of_all:
        return None
    if plan.ordered:
        forward = not any(clause.negative for clause in plan.present)
        return InOrder if forward and not plan.full else None
    if plan.counts:
        return Together
    return Sliding if how.type == "event_count" else Folded

"""One key, opened: what its bytes (`rules.held`) mean, for as long as it stays in memory.

Its bytes are made when they are asked for. A record that stood in them, or was made once, is not
made again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence

from rules.correlation.entry import Entry
from rules.correlation.group import Group
from rules.correlation.row import NEVER
from rules.held import Seed, due_of, fresh, joined, opened, record_of, seed_for
from rules.items import Item
from rules.members import remembered

WEIGHT = 4_096  # bytes that a key takes in memory besides its messages, roughly
_ITEM = 600  # and an item besides its message
_HEAD = 256  # bytes by which judging lets a state grow besides its items, at most


class Live:
    """One key.

    Args:
        state: its bytes; None of a key that holds nothing yet.

    Attributes:
        state: its `window` is filled only while there is no `group`, and so is what `marks` say.
        group: the evaluator, once it was made.
        due: when something is next to be done (event time, ms).
        size: bytes of its state when they were last made, and of the messages that came since as
            they are: never less than its state has.
        weight: bytes in memory, roughly.
    """

    def __init__(self, state: bytes | None = None) -> None:
        self.group: Group | None = None
        self.due = NEVER
        self.size, self.weight = 0, WEIGHT
        self._kept: deque[tuple[Entry, tuple[bytes, ...]]] = deque()
        self._kept_bytes = 0
        self._seed: Seed | None = None
        self._first: Item | None = None  # what the seed is made of, when one is wanted
        self._records: dict[int, tuple[Item, bytes]] = {}
        if state is None:
            self.state = fresh()
            return
        found = opened(state)
        self.state = found.state
        if found.window or found.waiting:  # the first that comes is the seed of those that follow
            self._seed = found.seed
        self._records = _by_item(found.state.window, found.window)
        self._records |= _by_item(found.state.pending, found.waiting)
        self.size = len(state)
        self.weight += _bytes(found.state.window) + _bytes(found.state.pending)
        self.due = due_of(state)

    def wait(self, item: Item, size: int) -> None:
        """One more item, of `size` bytes, waits until event time has passed it."""
        self.due = min(self.due, item.time) if self.size else item.time
        if self._seed is None and self._first is None:
            self._first = item
        self.state.pending.append(item)
        self.size += size
        self.weight += size

    def newest(self) -> Item | None:
        """The newest item that was judged."""
        if self.group and (entry := self.group.newest()):
            return entry.data[-1]  # type: ignore[no-any-return]
        return self.state.window[-1] if self.state.window else self.state.last

    def ready(self, watermark: int) -> list[Item]:
        """The items whose time has come, in order; they wait no more."""
        pending = self.state.pending
        found = [item for item in pending if item.time <= watermark]
        if len(found) == len(pending):
            self.state.pending = []
        else:
            self.state.pending = [item for item in pending if item.time > watermark]
        return sorted(found, key=Item.order) if len(found) > 1 else found

    def settled(self) -> None:
        """All that was due has been judged. What is held does not depend on when bytes were made
        of it: a group that has no room for an item has none after a failure either."""
        self.size += _HEAD
        if not self.holds and not self.state.pending:
            self._seed = self._first = None

    def made(self, group: Group) -> None:
        """The evaluator of what is kept."""
        self.group = group
        self._kept.extend(
            (entry, tuple(self._record(item) for item in entry.data)) for entry in group.entries()
        )
        self._kept_bytes = sum(_bytes(entry.data) for entry, _ in self._kept)
        self.state.window = []

    def reread(self) -> None:
        """Let a new group be made of what is kept."""
        if self.group is None:
            return
        self._keep()
        self.state.marks = self.group.marks
        self.state.window = [item for entry, _ in self._kept for item in entry.data]
        for entry, records in self._kept:
            self._records |= _by_item(entry.data, records)
        self._kept.clear()
        self._kept_bytes = 0
        self.group = None

    def forget(self) -> None:
        """Nothing is left of what was judged."""
        self.group = None
        self._kept.clear()
        self._kept_bytes = 0
        held = self.state
        held.window, held.marks, held.alert_id, held.last = [], None, "", None

    @property
    def holds(self) -> bool:
        """Whether items of an open window are kept."""
        return bool(self.group.newest() if self.group else self.state.window)

    @property
    def empty(self) -> bool:
        """Whether there is nothing to keep."""
        held = self.state
        kept = self.group or held.window or held.pending or held.quiet
        return not kept and held.marks is None

    def written(self) -> bytes:
        """See `held.written`."""
        held = self.state
        if self.group:
            self._keep()
            held.marks = self.group.marks
        seed = self._seed
        if seed is None:
            seed = seed_for(held, self._first)
            if self.holds or held.pending:
                self._seed = seed
        inside = [self._record(item) for item in held.window]
        waiting = [self._record(item) for item in held.pending]
        self._records = _by_item((*held.window, *held.pending), (*inside, *waiting))
        kept = [record for _, records in self._kept for record in records]
        state = joined(held, self.due, seed, kept or inside, waiting)
        self.size = len(state)
        self.weight = WEIGHT + self._kept_bytes + _bytes(held.window) + _bytes(held.pending)
        return state

    def _keep(self) -> None:
        """Make the records of what the group holds now."""
        assert self.group is not None  # noqa: S101
        kept, entries = self._kept, self.group.entries()
        if self.group.plan.first_seen:  # they may leave from anywhere
            known = {id(entry): records for entry, records in kept}
            kept.clear()
            self._kept_bytes = 0
            new, record = entries, self._remembered
        else:  # the oldest leave first
            known, record = {}, self._record
            first = entries[0] if entries else None
            while kept and kept[0][0] is not first:
                self._kept_bytes -= _bytes(kept.popleft()[0].data)
            new = entries[len(kept) :]
        for entry in new:
            records = known.get(id(entry)) or tuple(map(record, entry.data))
            kept.append((entry, records))
            self._kept_bytes += _bytes(entry.data)

    def _record(self, item: Item) -> bytes:
        known = self._records.pop(id(item), None)
        if known:
            return known[1]
        if self._seed is None:
            self._seed = seed_for(self.state, self._first or item)
        return record_of(item, self._seed)

    def _remembered(self, item: Item) -> bytes:
        return self._record(remembered(item))


def _by_item(items: Sequence[Item], records: Sequence[bytes]) -> dict[int, tuple[Item, bytes]]:
    return {id(item): (item, record) for item, record in zip(items, records, strict=True)}


def _bytes(items: Iterable[Item]) -> int:
    return sum(len(item.raw) + _ITEM for item in items)

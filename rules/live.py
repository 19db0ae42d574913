"""Groups that need not be read again: what was last written of a key, with what it means.

A memory beside the state and never instead of it: a group is used again only when the bytes that
the state store gives back are those it wrote. Forgetting one costs time and changes nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from rules.correlation.entry import Entry
from rules.correlation.group import Group
from rules.held import (
    BODY,
    FULL,
    LAID_OUT,
    State,
    item_of,
    joined,
    opened,
    record_of,
    seed_for,
    seed_in,
    settled,
    waiting_in,
)
from rules.items import Item
from rules.members import remembered

MAX_ENTRIES = 20_000  # of all groups that are remembered; a message is about a kilobyte
MAX_BYTES = 8 * 1024 * 1024  # and of their states, which are denser (`rules.held`)
LEAST = 16  # entries of a group: a smaller one is read in less time than Python's collector takes


class Live:
    """One key, opened.

    Attributes:
        state: its `window` is only filled until there is a `group`.
        group: the evaluator, once it was made.
        bytes: of the state that was last written.
    """

    def __init__(self, state: bytes) -> None:
        found = opened(state)
        self.state: State = found.state
        self.group: Group | None = None
        self._seed = found.seed
        self._records = _by_item(found.state.window, found.window)
        self._waiting = dict(zip(map(id, found.state.pending), found.waiting, strict=True))
        self._kept: deque[tuple[Entry, tuple[bytes, ...]]] = deque()
        self._settled = b""
        self.bytes = 0

    @property
    def seed(self) -> bytes:
        """The seed, as it stands in the state."""
        return self._seed.deflated

    @property
    def size(self) -> int:
        """How many entries it holds."""
        return len(self._kept)

    def newest(self) -> Item | None:
        """The newest item that was judged."""
        if self._kept:
            return self._kept[-1][0].data[-1]  # type: ignore[no-any-return]
        window, last = self.state.window, self.state.last
        return window[-1] if window else last

    def reopen(self, state: bytes) -> bool:
        """Take what waits from `state`; False when it is not what was written."""
        if state[:1] not in LAID_OUT or not state.startswith(self._settled, BODY):
            return False
        records = waiting_in(state)
        self.state.truncated = self.state.truncated or state[:1] == FULL
        self.state.pending = [item_of(one, self._seed) for one in records]
        self._waiting = dict(zip(map(id, self.state.pending), records, strict=True))
        return True

    def ready(self, watermark: int) -> list[Item]:
        """The items whose time has come, in order; they wait no more."""
        pending = self.state.pending
        found = sorted((i for i in pending if i.time <= watermark), key=Item.order)
        self.state.pending = [i for i in pending if i.time > watermark]
        for item in found:
            self._records[id(item)] = (item, self._waiting[id(item)])
        return found

    def reread(self) -> None:
        """Let a new group be made of what is kept."""
        for entry, _ in self._kept:
            for item in entry.data:
                self._records[id(item)] = (item, record_of(item, self._seed))
        self.state.window = self.state.window or [i for e, _ in self._kept for i in e.data]
        self._kept.clear()
        self.group = None

    def keep(self, entries: Sequence[Entry]) -> None:
        """What the group holds now."""
        kept = self._kept
        if self.group and self.group.plan.first_seen:  # they may leave from anywhere
            known = {id(entry): record for entry, record in kept}
            kept = deque((one, known.get(id(one)) or self._record(one)) for one in entries)
        else:  # the oldest leave first
            first = entries[0] if entries else None
            while kept and kept[0][0] is not first:
                kept.popleft()
            kept.extend((one, self._record(one)) for one in entries[len(kept) :])
        self._kept = kept
        self._records.clear()
        self.state.window = []

    def forget(self) -> None:
        """Nothing is left of what was judged."""
        self.group = None
        self._kept.clear()
        self._records.clear()
        held = self.state
        held.window, held.marks, held.alert_id, held.last = [], None, "", None

    @property
    def holds(self) -> bool:
        """Whether items of an open window are kept."""
        return bool(self._kept)

    @property
    def empty(self) -> bool:
        """Whether there is nothing to keep."""
        held = self.state
        inside = self._kept or held.window or held.pending or held.quiet
        return not inside and held.marks is None

    def written(self, due: int) -> bytes:
        """See `held.written`."""
        window = [record for _, records in self._kept for record in records]
        window += [record for _, record in self._records.values()]
        waiting = [self._waiting[id(item)] for item in self.state.pending]
        if not window and not waiting:
            self._seed = seed_for(self.state)
        state = joined(self.state, due, self._seed, window, waiting)
        self._settled = settled(state)
        self.bytes = len(state)
        return state

    def _record(self, entry: Entry) -> tuple[bytes, ...]:
        found = []
        for item in entry.data:
            only = remembered(item) if self.group and self.group.plan.first_seen else item
            known = self._records.get(id(only))
            found.append(known[1] if known else record_of(only, self._seed))
        return tuple(found)


class Lives:
    """Those that are remembered, the longest unused going first. They are found by their seed,
    which is of one message, one rule and one group."""

    def __init__(self, entries: int = MAX_ENTRIES) -> None:
        self._lives: dict[bytes, Live] = {}
        self._size, self._most, self._bytes = 0, entries, 0

    def take(self, state: bytes) -> Live:
        """The state, opened."""
        live = self._lives.pop(seed_in(state), None) if self._lives else None
        if live is not None:
            self._forget(live)
            if live.reopen(state):
                return live
        return Live(state)

    def put(self, live: Live) -> None:
        """Remember what was just written."""
        if live.group is None or live.size < LEAST or live.seed in self._lives:
            return
        self._lives[live.seed] = live
        self._size += live.size
        self._bytes += live.bytes
        while self._size > self._most or self._bytes > MAX_BYTES:
            self._forget(self._lives.pop(next(iter(self._lives))))

    def _forget(self, live: Live) -> None:
        self._size -= live.size
        self._bytes -= live.bytes


def _by_item(items: Sequence[Item], records: Sequence[bytes]) -> dict[int, tuple[Item, bytes]]:
    return {id(item): (item, record) for item, record in zip(items, records, strict=True)}

"""Many groups, kept together: those in use stay open in memory, all others are bytes in a store.

What a bucket was told since a group's bytes were stored may be lost with the memory. So whoever
feeds it numbers what it tells (`number`), keeps a record of it (`rules.journal`), and tells it
again after a failure; bytes carry the number of what they know already. `write` makes the store
whole, and the record can be forgotten.
"""

from __future__ import annotations

import heapq
import struct
from collections.abc import Container, Iterable, Iterator
from typing import Protocol

from rules.behave import Behaviour, Found, Step
from rules.held import due_of, is_open
from rules.items import MEMBER, ROW, key_of, unpack
from rules.live import Live
from rules.telling import Output

MAX_WEIGHT = 8 * 1024 * 1024  # bytes in memory of the groups of one bucket

_SPARE = 1_000  # entries of the heap that may be out of date, besides as many as there are groups
_NUMBER = struct.Struct(">Q")


def state_of(value: bytes) -> bytes:
    """The state (`rules.held`) in what a store has of a key."""
    return value[_NUMBER.size :]


class Store(Protocol):
    """Where the bytes of groups are, by key."""

    def get(self, key: str) -> bytes | None:
        """None where there are none."""

    def put(self, key: str, value: bytes) -> None:
        """Instead of what is there."""

    def remove(self, key: str) -> None:
        """What is there."""


class _Closed:
    """A group that is judged by its bytes: numbers in pieces, and what is told ahead."""

    def __init__(self, state: bytes) -> None:
        self.state, self.due, self.weight = state, due_of(state), len(state)

    def written(self) -> bytes:
        """Its bytes."""
        return self.state


class _Open:
    """A place in memory.

    Attributes:
        stored: whether the store has bytes of it. weight: as it counts.
        asked: its bytes, when they were asked for and nothing has changed since: late messages of
            one group may be many.
    """

    __slots__ = ("asked", "group", "stored", "weight")

    def __init__(self, group: Live | _Closed, *, stored: bool) -> None:
        self.group, self.stored, self.weight = group, stored, 0
        self.asked: bytes | None = None


class Bucket:
    """One bucket of one stage.

    Args:
        behaviour: judges; all buckets of a stage have the same.
        stored: what is in the store already, with its keys.
        most: bytes in memory, roughly; what is over is stored and forgotten.

    Attributes:
        number: of what is told now; it never falls.
        changes: keys that began (1) and ended (-1) to hold something; whoever reads it empties it.
    """

    def __init__(
        self,
        behaviour: Behaviour,
        store: Store,
        stored: Iterable[tuple[str, bytes]] = (),
        most: int = MAX_WEIGHT,
    ) -> None:
        self._behaviour, self._store, self._most = behaviour, store, most
        self._open: dict[str, _Open] = {}  # the longest unused first
        self._weight = 0
        self._unwritten: dict[str, None] = {}
        self._gone: set[str] = set()  # over, and still in the store
        self._due: dict[str, int] = {}  # of every group
        self._known: dict[str, int] = {}  # number up to which a stored group knows everything
        self.number = 0
        self.changes: list[tuple[str, int]] = []
        for key, value in stored:
            (self._known[key],) = _NUMBER.unpack_from(value)
            self.number = max(self.number, self._known[key])
            self._due[key] = due_of(state_of(value))
        self._heap = [(due, key) for key, due in self._due.items()]
        heapq.heapify(self._heap)

    def __len__(self) -> int:
        """How many groups hold something."""
        return len(self._due)

    def __iter__(self) -> Iterator[str]:
        """The keys of the groups that hold something."""
        return iter(self._due)

    @property
    def due(self) -> int | None:
        """When something is next to be done (event time, ms)."""
        heap = self._heap
        while heap and self._due.get(heap[0][1]) != heap[0][0]:
            heapq.heappop(heap)
        return heap[0][0] if heap else None

    def add(self, packed: Iterable[bytes], watermark: int, *, again: bool = False) -> Found:
        """These items have come, while event time is at `watermark` (ms); `again`: after a failure.

        Those of a group are taken together, so that a group may be stored before the call ends.
        """
        found = Found([], [])
        left: dict[str, list[bytes]] = {}
        for one in packed:
            left.setdefault(key_of(one), []).append(one)
        for key, items in list(left.items()):
            del left[key]
            if self._known and self._known.get(key, -1) >= self.number:
                continue
            if self._take(key, items, watermark, found, again=again):
                self._put(key)  # what was told ahead must not be forgotten: it has to have an end
            self._lighten(2 * self._most, left)  # many that were only stored may be asked at once
        self._lighten(self._most)
        return found

    def _take(
        self, key: str, items: Iterable[bytes], watermark: int, found: Found, *, again: bool
    ) -> bool:
        """Items of one group have come; whether anything was told ahead of event time."""
        outputs, up = found
        behaviour, ahead = self._behaviour, False
        for one in items:
            item = unpack(one)
            if behaviour.waits(item, watermark):
                outputs += behaviour.wait(self._live(key), item, len(one))
                self._changed(key)
                continue
            place = self._place(key)
            before = self._asked(place) if place else None
            step = behaviour.add(before, one, watermark, ahead=not again)
            if step.state is not before:
                self._settle(key, step)
            outputs += step.outputs
            up += step.up
            ahead |= item.kind in (MEMBER, ROW) and any(
                kind == "alerts" for kind, _ in step.outputs
            )
        return ahead

    def advance(self, watermark: int) -> Found:
        """Event time has reached `watermark` (ms)."""
        outputs: list[Output] = []
        up: list[bytes] = []
        while (due := self.due) is not None and due <= watermark:
            key = self._heap[0][1]
            place = self._place(key)
            assert place is not None, key  # noqa: S101
            if isinstance(place.group, Live):
                found = self._behaviour.judge(place.group, watermark)
                outputs += found.outputs
                up += found.up
                if place.group.empty:
                    self._over(key)
                else:
                    self._changed(key)
            else:
                step = self._behaviour.advance(place.group.state, watermark)
                outputs += step.outputs
                up += step.up
                self._settle(key, step)
            self._lighten(2 * self._most)  # many that were only stored may be due at once
        self._lighten(self._most)
        return Found(outputs, up)

    def write(self) -> None:
        """Store what is not stored yet."""
        for key in list(self._unwritten):
            self._put(key)
        for key in self._gone:
            self._store.remove(key)
        self._gone.clear()
        self._known.clear()

    def _settle(self, key: str, step: Step) -> None:
        """The bytes of a group are these now."""
        if step.state is not None:
            self._place(key, _Closed(step.state))
            self._changed(key)
        elif key in self._due:
            self._over(key)

    def _live(self, key: str) -> Live:
        place = self._open.get(key)
        if place is not None and isinstance(place.group, Live):
            return place.group  # it is as used as it was: judging it is what counts
        place = self._place(key)
        if place is not None and isinstance(place.group, Live):
            return place.group
        live = Live(place.group.written() if place else None)
        self._place(key, live)
        return live

    def _place(self, key: str, group: Live | _Closed | None = None) -> _Open | None:
        """Where the group is, from memory or from the store, as the one that was used last; None
        when it holds nothing, unless it is to be `group` now."""
        place = self._open.pop(key, None)
        if place is None and key in self._due:
            value = self._store.get(key)
            assert value is not None, key  # noqa: S101
            state = state_of(value)
            place = _Open(Live(state) if is_open(state) else _Closed(state), stored=True)
        if group is not None:
            if place is None:
                place = _Open(group, stored=key in self._gone)
                self._gone.discard(key)
            place.group = group
        if place is not None:
            self._open[key] = place
            self._weigh(place)
        return place

    def _changed(self, key: str) -> None:
        """A group that is open holds something else than before."""
        place = self._open[key]
        place.asked = None
        self._weigh(place)
        self._unwritten[key] = None
        due, before = place.group.due, self._due.get(key)
        if before is None:
            self.changes.append((key, 1))
        if due != before:
            self._due[key] = due
            heapq.heappush(self._heap, (due, key))
            if len(self._heap) > 2 * len(self._due) + _SPARE:  # most say what is so no more
                self._heap = [(due, key) for key, due in self._due.items()]
                heapq.heapify(self._heap)

    def _over(self, key: str) -> None:
        """A group that is open holds nothing any more."""
        place = self._open.pop(key)
        self._weight -= place.weight
        if place.stored:
            self._gone.add(key)
        self._unwritten.pop(key, None)
        del self._due[key]
        self.changes.append((key, -1))

    def _put(self, key: str, before: int = 0) -> None:
        """Store a group that knows everything up to the number that is `before` this one."""
        place = self._open[key]
        self._store.put(key, _NUMBER.pack(self.number - before) + place.group.written())
        place.stored = True
        self._unwritten.pop(key, None)
        self._weigh(place)

    def _asked(self, place: _Open) -> bytes:
        if place.asked is None:
            place.asked = place.group.written()
            self._weigh(place)
        return place.asked

    def _weigh(self, place: _Open) -> None:
        weight = place.group.weight + len(place.asked or b"")
        self._weight += weight - place.weight
        place.weight = weight

    def _lighten(self, most: int, left: Container[str] = ()) -> None:
        """Forget the groups that were not used for longest; one stays in any case. Groups that are
        `left` do not know yet what is told now."""
        while self._weight > most and len(self._open) > 1:
            key = next(iter(self._open))
            if key in self._unwritten:
                self._put(key, before=key in left)
            self._weight -= self._open.pop(key).weight

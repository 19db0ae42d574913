"""The bytes that one key keeps, so laid out that adding to them costs a copy and no decoding.

    b"W"  due (8 bytes)  length (4 bytes)  State as MessagePack  { length (4 bytes)  item } …

`due` is the earliest event time (ms) at which something is to be done; before it nothing but its
first nine bytes is looked at. Behind the state stand the items that wait for event time, as they
came. Numbers are big endian, `due` with its sign. State that an earlier version wrote is an array
of MessagePack and has the waiting items in it.
"""

from __future__ import annotations

import struct

import msgspec

from rules.correlation.row import Marks
from rules.items import Item, body_of
from rules.speculation import Told
from rules.suppression import Quiet

TAG = b"W"
STATE_VERSION = 2

_HEAD = struct.Struct(">cqI")
_LENGTH = struct.Struct(">I")
_DUE = struct.Struct(">q")
_BODY = 1 + _DUE.size
_ALWAYS = -(2**62)


class State(msgspec.Struct, array_like=True):
    """What one key remembers. `truncated`: more came at once than it keeps; in states written
    before there were `marks`, also that its window was full."""

    version: int
    pending: list[Item]
    window: list[Item]
    alert_id: str = ""  # the newest alert: what continues its episode becomes its evidence
    truncated: bool = False
    marks: Marks | None = None
    quiet: Quiet | None = None  # an alert whose rule suppresses further ones
    last: Item | None = None  # whose state it is, where the window is empty
    told: list[Told] = []


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(State).decode
_item = msgspec.msgpack.Decoder(Item).decode


def fresh() -> State:
    """Of a key that remembers nothing."""
    return State(STATE_VERSION, [], [])


def due_of(state: bytes) -> int | None:
    """The earliest time at which something is to be done; None when an earlier version wrote it."""
    return int(_DUE.unpack_from(state, 1)[0]) if state[:1] == TAG else None


def with_item(state: bytes | None, packed: bytes, time: int) -> tuple[bytes, bool]:
    """(the state with one more waiting item, whether that is the first to be due)."""
    if state is None:
        state = written(fresh(), time)
    elif state[:1] != TAG:
        # an earlier version set a timer for each time at which something is to be done: look at all
        state = written(read(state), _ALWAYS)
    body = body_of(packed)
    due = int(_DUE.unpack_from(state, 1)[0])
    first = time < due or due == _ALWAYS
    head = TAG + _DUE.pack(min(due, time))
    return b"".join((head, memoryview(state)[_BODY:], _LENGTH.pack(len(body)), body)), first


def overflowed(state: bytes) -> bytes:
    """The state of a key for which an item came that it does not keep."""
    mark = _LENGTH.pack(0)  # no item is empty, and none ends in zeros
    return state if state.endswith(mark) else state + mark


def read(state: bytes) -> State:
    """The state with the items that wait, in the order in which they came."""
    if state[:1] != TAG:
        return _decode(state)
    view = memoryview(state)
    _, _, length = _HEAD.unpack_from(state)
    at = _HEAD.size + length
    found = _decode(view[_HEAD.size : at])
    while at < len(view):
        (length,) = _LENGTH.unpack_from(view, at)
        at += _LENGTH.size
        if not length:
            found.truncated = True
            continue
        found.pending.append(_item(view[at : at + length]))
        at += length
    return found


def written(state: State, due: int) -> bytes:
    """The bytes of a state that is next looked at when event time reaches `due`."""
    body = _encode(msgspec.structs.replace(state, pending=[]))
    parts = [_HEAD.pack(TAG, due, len(body)), body]
    for item in state.pending:
        one = _encode(item)
        parts += (_LENGTH.pack(len(one)), one)
    return b"".join(parts)

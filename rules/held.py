"""The bytes that one key keeps, so laid out that adding to them decodes none of them.

    b"X"  due (8)  items (4)  lengths of seed, head, window (2, 4, 4)  seed  head  records …

`due` is the earliest event time (ms) at which something is to be done; before it nothing but its
first nine bytes is looked at. `items` is how many records there are. `seed` is the first item, or
its beginning; `head` (MessagePack) is what is not an item. Of the records as many bytes as `window`
says are items of the open window; behind them stand those that wait for event time, as they came.
Numbers are big endian, `due` with its sign.

A record is its length (4 bytes) and an item as MessagePack, deflated against a dictionary: words
that most records have, and the seed. Items of one key repeat the ruleset, the rule, the group and
most of the message. An empty record is the seed itself. What is read is what was written, byte for
byte.

State that earlier versions wrote is read as well: b"W" had the items as they are, and before that
all was one array of MessagePack.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import msgspec

from rules.correlation.row import NEVER, Marks
from rules.items import Item, body_of
from rules.speculation import Told
from rules.suppression import Quiet

TAG = b"X"
FULL = b"Y"  # the same, of a key for which an item came that it did not keep
LAID_OUT = (TAG, FULL)
PIECES = b"S"  # a number in pieces: what follows `due` is read by `rules.split`
STATE_VERSION = 3

_BEFORE = b"W"
_DATED = (*LAID_OUT, _BEFORE, PIECES)
_HEAD = struct.Struct(">cqIHII")
_HEAD_BEFORE = struct.Struct(">cqI")
_LENGTH = struct.Struct(">I")
_DUE = struct.Struct(">q")
_COUNT = struct.Struct(">I")
_ITEMS = 1 + _DUE.size
BODY = _ITEMS + _COUNT.size  # where what adding an item leaves as it is begins
ALWAYS = -(2**62)
_SEED = 1_500  # bytes
_BITS, _MEMORY, _EFFORT = 12, 4, 1  # 4 KB hold the dictionary and a message
_LARGE, _DENSEST = 1_024, 16  # a larger item is deflated to a sixteenth or not at all

# Never changed: state was written against it. What is most common stands last.
_WORDS = (
    b'"subject":"","content":"approval_id":"operator":"external_userid":"wmpayload":{"source":"'
    b'callback","type":"customer_"file":{"md5sum":"","filename":".docx","fileext":"filesize":"'
    b'sdkfileid":"link":{"title":"","description":"","link_url":"https://","image_url":""revoke":{'
    b'"pre_msgid":"action":"recall","room_idwrkind":"event","id":"'
    b'\xd9 {"v":1,"kind":"archive","time":177,"received_at":177,"tenant":"demo","seq":,"payload":{'
    b'"msgid":"_177","action":"send","from":"","tolist":["wm"],"roomid":"","msgtime":177,"msgtype":'
    b'"text","text":{"content":"kafka:messages'
)


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


class _Head(msgspec.Struct, array_like=True, omit_defaults=True):
    """A state without its items. Of marks that were never set only the number is kept."""

    version: int
    alert_id: str = ""
    truncated: bool = False
    marks: Marks | None = None
    quiet: Quiet | None = None
    last: bytes = b""
    judged: int = 0
    seen: int = 0
    told: list[Told] = []


class Seed(NamedTuple):
    """What the records of a state are deflated against, and how it stands in the state."""

    plain: bytes
    deflated: bytes


class Opened(NamedTuple):
    """A state with the bytes of its items."""

    state: State
    seed: Seed
    window: list[bytes]  # the records of state.window
    waiting: list[bytes]  # and of state.pending


_encode = msgspec.msgpack.Encoder().encode
_head = msgspec.msgpack.Decoder(_Head).decode
_state = msgspec.msgpack.Decoder(State).decode
_item = msgspec.msgpack.Decoder(Item).decode


def fresh() -> State:
    """Of a key that remembers nothing."""
    return State(STATE_VERSION, [], [])


def is_open(state: bytes) -> bool:
    """Whether these are bytes of this module, and not of `rules.split`."""
    return state[:1] != PIECES


def due_of(state: bytes) -> int:
    """The earliest time at which something is to be done; of what the first version wrote, which
    does not say it: always."""
    return int(_DUE.unpack_from(state, 1)[0]) if state[:1] in _DATED else ALWAYS


def items_in(state: bytes | None) -> int:
    """How many items a key holds."""
    if not state:
        return 0
    if state[:1] in LAID_OUT:
        return int(_COUNT.unpack_from(state, _ITEMS)[0])
    before = read(state)
    return len(before.window) + len(before.pending)


def with_item(state: bytes | None, packed: bytes, time: int) -> tuple[bytes, bool]:
    """(the state with one more waiting item, whether that is the first to be due)."""
    body = body_of(packed)
    if state is None:
        seed = _seed(bytes(body[:_SEED]))
        return joined(fresh(), time, seed, (), (_record(body, seed.plain),)), True
    state = _laid_out(state)
    due = int(_DUE.unpack_from(state, 1)[0])
    head = state[:1] + _DUE.pack(min(due, time)) + _COUNT.pack(items_in(state) + 1)
    record = _record(body, seed_of(state).plain)
    return b"".join((head, memoryview(state)[BODY:], record)), time < due or due == ALWAYS


def overflowed(state: bytes) -> bytes:
    """The state of a key for which an item came that it does not keep."""
    return FULL + _laid_out(state)[1:]


def _laid_out(state: bytes) -> bytes:
    """The state in the layout of this version."""
    if state[:1] in LAID_OUT:
        return state
    # the first version set a timer for each time at which something is to be done: look at all
    return written(read(state), due_of(state))


def read(state: bytes) -> State:
    """The state with the items that wait, in the order in which they came."""
    return opened(state).state


def opened(state: bytes) -> Opened:
    """The state with the records of its items."""
    if state[:1] not in LAID_OUT:
        before = _read_before(state) if state[:1] == _BEFORE else _state(state)
        seed = seed_for(before)
        window = [record_of(item, seed) for item in before.window]
        return Opened(before, seed, window, [record_of(item, seed) for item in before.pending])
    seeds, heads, windows = _HEAD.unpack_from(state)[3:]
    at, seed = _HEAD.size + seeds, seed_of(state)
    head = _head(memoryview(state)[at : at + heads])
    at += heads
    window = list(_records(state, at, at + windows))
    waiting = list(_records(state, at + windows, len(state)))
    if head.marks:
        head.marks.judged = head.marks.judged or [NEVER] * head.judged
        head.marks.seen = head.marks.seen or [NEVER] * head.seen
    found = State(
        version=STATE_VERSION,
        pending=[item_of(one, seed) for one in waiting],
        window=[item_of(one, seed) for one in window],
        alert_id=head.alert_id,
        truncated=head.truncated or state[:1] == FULL,
        marks=head.marks,
        quiet=head.quiet,
        last=item_of(head.last, seed) if head.last else None,
        told=head.told,
    )
    return Opened(found, seed, window, waiting)


def written(state: State, due: int) -> bytes:
    """The bytes of a state that is next looked at when event time reaches `due`."""
    seed = seed_for(state)
    window = [record_of(item, seed) for item in state.window]
    return joined(state, due, seed, window, [record_of(item, seed) for item in state.pending])


def joined(
    state: State, due: int, seed: Seed, window: Sequence[bytes], waiting: Sequence[bytes]
) -> bytes:
    """The same, of records that are there already."""
    marks, judged, seen = state.marks, 0, 0
    if marks:
        judged = len(marks.judged) if _unset(marks.judged) else 0
        seen = len(marks.seen) if _unset(marks.seen) else 0
        marks = msgspec.structs.replace(
            marks, judged=[] if judged else marks.judged, seen=[] if seen else marks.seen
        )
    last = record_of(state.last, seed) if state.last else b""
    head = _encode(
        _Head(
            STATE_VERSION,
            state.alert_id,
            state.truncated,
            marks,
            state.quiet,
            last,
            judged,
            seen,
            state.told,
        )
    )
    inside = b"".join(window)
    count = len(window) + len(waiting)
    front = _HEAD.pack(TAG, due, count, len(seed.deflated), len(head), len(inside))
    return b"".join((front, seed.deflated, head, inside, *waiting))


def record_of(item: Item, seed: Seed) -> bytes:
    """An item as it stands in the state: its length, then the bytes."""
    return _record(_encode(item), seed.plain)


def item_of(record: bytes, seed: Seed) -> Item:
    """The item of a record."""
    deflated = memoryview(record)[_LENGTH.size :]
    return _item(_inflated(deflated, seed.plain) if deflated else seed.plain)


def seed_of(state: bytes) -> Seed:
    """The seed of a state of this version."""
    deflated = state[_HEAD.size : _HEAD.size + _HEAD.unpack_from(state)[3]]
    return Seed(_inflated(deflated, b""), deflated)


def _seed(plain: bytes) -> Seed:
    return Seed(plain, _deflated(plain, b""))


def seed_for(state: State, first: Item | None = None) -> Seed:
    """The seed of a state that has none yet; `first` of its window, if that stands elsewhere."""
    first = first or next(iter((*state.window[:1], *state.pending[:1])), state.last)
    return _seed(_encode(first)[:_SEED] if first else b"")


def _record(body: bytes | memoryview, seed: bytes) -> bytes:
    """Bounded in density: a key is bounded by the bytes that stand here, and has to be inflated."""
    deflated = b"" if body == seed else _deflated(body, seed)
    if len(body) > _LARGE and len(deflated) * _DENSEST < len(body) and body != seed:
        deflated = _deflated(body, seed, 0)
    return _LENGTH.pack(len(deflated)) + deflated


def _deflated(body: bytes | memoryview, seed: bytes, effort: int = _EFFORT) -> bytes:
    packer = zlib.compressobj(effort, zlib.DEFLATED, -_BITS, _MEMORY, zlib.Z_FIXED, _WORDS + seed)
    return packer.compress(body) + packer.flush()


def _inflated(body: bytes | memoryview, seed: bytes) -> bytes:
    return zlib.decompressobj(-_BITS, zdict=_WORDS + seed).decompress(body)


def _records(state: bytes, at: int, end: int) -> Iterator[bytes]:
    while at < end:
        after = at + _LENGTH.size + int(_LENGTH.unpack_from(state, at)[0])
        yield state[at:after]
        at = after


def _unset(times: Iterable[int]) -> bool:
    return all(time == NEVER for time in times)


def _read_before(state: bytes) -> State:
    """Of the second version: the items stood there as they are."""
    view = memoryview(state)
    _, _, length = _HEAD_BEFORE.unpack_from(state)
    at = _HEAD_BEFORE.size + length
    found = _state(view[_HEAD_BEFORE.size : at])
    while at < len(view):
        (length,) = _LENGTH.unpack_from(view, at)
        at += _LENGTH.size
        if not length:
            found.truncated = True
            continue
        found.pending.append(_item(view[at : at + length]))
        at += length
    return found

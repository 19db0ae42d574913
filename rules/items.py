"""What the match stage hands to the keyed stage: small, versioned, self-contained byte strings.

An item is `key length (2 bytes, big endian) + key (UTF-8) + MessagePack body`, so the key can be
read without decoding the body.
"""

from __future__ import annotations

import msgspec

from rules.alert import content_id
from rules.conditions import Span

ALERT, MEMBER, QUARANTINE, QUIETED, FRAGMENT, ROW = 0, 1, 2, 3, 4, 5
SPLIT = "split_msg"  # variant of a span that is a part of a number sent in pieces


class Item(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One hit on its way to keyed state.

    Args:
        kind: ALERT (a detection rule matched), QUIETED (the same, and its rule has `suppress`),
            MEMBER (counts for the correlation `rule`), QUARANTINE (`rule` holds the reason, `value`
            the detail), FRAGMENT (may be a piece of a number: `rules.split`), ROW (what another
            correlation found counts for the correlation `rule`: `rules.chains`).
        step: for MEMBER, the place of the matched base rule in the correlation's `rules`.
        base: name of the detection rule that matched.
        group: values of the correlation's group-by, in order.
        value: what `value_count` counts.
        time: event time (ms); items are ordered by (time, seq, msgid, partition, offset).
        raw: the record as it stood in the source; for QUARANTINE its kept head; for ROW the items
            of the messages behind it.
        size, sm3, sha256: of the whole record; filled for QUARANTINE only. Of a ROW `size` is not 0
            when messages behind it were left out.
    """

    kind: int
    ruleset: str
    rule: str
    step: int
    base: str
    group: tuple[str, ...]
    value: str
    time: int
    seq: int
    msgid: str
    source: str
    partition: int
    offset: int
    raw: bytes
    spans: tuple[Span, ...] = ()
    size: int = 0
    sm3: str = ""
    sha256: str = ""

    def order(self) -> tuple[int, int, str, int, int]:
        """Sort key: event time, then the archive's own sequence. Where that says nothing the id
        goes before the place: alerts must not depend on how events were spread over partitions."""
        return (self.time, self.seq, self.msgid, self.partition, self.offset)


# A longer key is replaced by its digest: state stores keep keys in memory, and the job's SQL reads
# its length as an ASCII character.
MAX_KEY_BYTES = 127

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Item)


def pack(key: str, item: Item) -> bytes:
    """Key and item as one byte string."""
    name = key.encode()
    if len(name) > MAX_KEY_BYTES:
        name = content_id(name).encode()
    return len(name).to_bytes(2, "big") + name + _encoder.encode(item)


def key_of(packed: bytes) -> str:
    """The key, without decoding the item."""
    return bytes(packed[2 : 2 + int.from_bytes(packed[:2], "big")]).decode()


def body_of(packed: bytes) -> memoryview:
    """The item, not decoded."""
    return memoryview(packed)[2 + int.from_bytes(packed[:2], "big") :]


def unpack(packed: bytes) -> Item:
    """The item."""
    return _decoder.decode(body_of(packed))

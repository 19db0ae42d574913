"""Items on their way to keyed state, many at a time.

The keyed stage is told of buckets, not of groups: of every group it would have to be told by
itself, and one call from Flink into Python costs more than a group takes to judge (docs/adr/0014).
A batch is the name of its bucket, then each item with its length (4 bytes, big endian) before it.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence

# Never changed: state is kept under them. Flink divides them by their hashes: so chosen, each of 1,
# 2, 4, 8 or 16 tasks has as many of them (`tests/flow/test_buckets.py`).
NAMES = (
    "0c", "22", "13", "02", "08", "07", "0b", "01", "37", "00", "05", "10", "06", "1d", "16", "3d",
)  # fmt: skip
NAME_BYTES = 2
MOST_BYTES = 256 * 1024  # of a batch, unless one item is larger

_LENGTH = 4


def bucket_of(packed: bytes) -> int:
    """Place in `NAMES` of the bucket that an item's key belongs to (CRC-32 of the key)."""
    return zlib.crc32(packed[2 : 2 + int.from_bytes(packed[:2], "big")]) % len(NAMES)


def batches(packed: Iterable[bytes]) -> Iterator[bytes]:
    """The items as batches, each bucket's in the order in which they came."""
    parts: list[list[bytes]] = [[] for _ in NAMES]
    sizes = [0] * len(NAMES)
    for one in packed:
        at = bucket_of(one)
        if sizes[at] + len(one) > MOST_BYTES and parts[at]:
            yield b"".join((NAMES[at].encode(), *parts[at]))
            parts[at], sizes[at] = [], 0
        parts[at] += (len(one).to_bytes(_LENGTH, "big"), one)
        sizes[at] += len(one)
    for name, part in zip(NAMES, parts, strict=True):
        if part:
            yield b"".join((name.encode(), *part))


def batched(found: Sequence[list[bytes] | None]) -> list[list[bytes] | None]:
    """The items of many records as batches: all stand with the first record that has any.

    Nothing comes later by that: Flink passes no time on before all of these records.
    """
    first = next((at for at, items in enumerate(found) if items), None)
    if first is None:
        return list(found)
    rows: list[list[bytes] | None] = [None] * len(found)
    rows[first] = list(batches(one for items in found for one in items or ()))
    return rows


def items_of(batch: bytes) -> Iterator[bytes]:
    """The items of a batch."""
    at = NAME_BYTES
    while at < len(batch):
        end = at + _LENGTH + int.from_bytes(batch[at : at + _LENGTH], "big")
        yield batch[at + _LENGTH : end]
        at = end

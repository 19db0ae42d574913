"""Hashes and entries of a ledger as files that never change: the layout of C2SP tlog-tiles.

    tile/<level>/<number>          256 hashes of 32 bytes, 8,192 bytes
    tile/entries/<number>          256 entries, each after its length (2 bytes, big endian)
    …/<number>.p/<width>           the same, of the first `width` only: the edge of a signed tree

A hash of level 0 is that of a leaf, a hash of a level above that of a full tile below. Numbers are
written in groups of three digits, all but the last after an "x": 1234067 is `x001/x234/067`.
The one difference from C2SP: hashes are SM3.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence

from sinks.ledger.proofs import HASH_BYTES, node_hash

WIDTH_BITS = 8
WIDTH = 1 << WIDTH_BITS
TILE_BYTES = WIDTH * HASH_BYTES
MAX_ENTRY_BYTES = 0xFFFF
ENTRIES = "entries"
PUBLIC = 0o440  # nobody writes to a tile again

_LENGTH = struct.Struct(">H")
_GROUP = 1_000


def tile_path(level: int | str, number: int, width: int = WIDTH) -> str:
    """Path of a tile below the ledger's folder; `level` may be `ENTRIES`."""
    groups = [f"{number % _GROUP:03}"]
    while number := number // _GROUP:
        groups.append(f"x{number % _GROUP:03}")
    path = f"tile/{level}/{'/'.join(reversed(groups))}"
    return path if width == WIDTH else f"{path}.p/{width}"


def bundle(entries: Iterable[bytes]) -> bytes:
    """The bytes of a bundle of entries.

    Raises:
        ValueError: an entry is empty or longer than 65,535 bytes.
    """
    parts: list[bytes] = []
    for entry in entries:
        if not 0 < len(entry) <= MAX_ENTRY_BYTES:
            raise ValueError(f"an entry has 1 to {MAX_ENTRY_BYTES} bytes, not {len(entry)}")
        parts += (_LENGTH.pack(len(entry)), entry)
    return b"".join(parts)


def unbundle(data: bytes) -> tuple[list[bytes], int]:
    """(entries, how many bytes at the end are none: cut short, or a length of 0)."""
    entries: list[bytes] = []
    at = 0
    while at + _LENGTH.size <= len(data):
        (length,) = _LENGTH.unpack_from(data, at)
        end = at + _LENGTH.size + length
        if not length or end > len(data):
            break
        entries.append(data[at + _LENGTH.size : end])
        at = end
    return entries, len(data) - at


def hashes_of(tile: bytes) -> list[bytes]:
    """The hashes of a tile."""
    return [tile[at : at + HASH_BYTES] for at in range(0, len(tile), HASH_BYTES)]


def subtrees(hashes: Sequence[bytes]) -> list[list[bytes]]:
    """The perfect subtrees over these hashes by height, the hashes themselves being height 0; of
    256 hashes the last one, at height 8, is the root."""
    rows = [list(hashes)]
    while len(rows[-1]) > 1:
        row = rows[-1]
        rows.append([node_hash(row[at], row[at + 1]) for at in range(0, len(row) - 1, 2)])
    return rows


def tile_root(hashes: Sequence[bytes]) -> bytes:
    """Root of a full tile."""
    return subtrees(hashes)[WIDTH_BITS][0]

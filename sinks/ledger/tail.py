"""The last entries of a ledger, too few for a bundle: one file that only grows.

A frame is the entry's length (2 bytes, big endian), the entry, and the first 4 bytes of its leaf
hash. A write that was cut short, by a crash or a full disk, leaves frames that do not fit: from the
first of them on the file is cut off when it is opened. Whoever was told that more was durable says
so to `Ledger.open`, which compares.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence
from pathlib import Path

from sinks.ledger.proofs import leaf_hash
from sinks.ledger.tiles import ENTRIES, WIDTH, tile_path
from sinks.ledger.trouble import unreadable
from sinks.whole_file import sync, write_at

_LENGTH = struct.Struct(">H")
_CHECK_BYTES = 4
_PREFIX = "tail-"


def tail_path(folder: Path, number: int) -> Path:
    """Where the entries of the bundle `number` are while it is not full."""
    return folder / f"{_PREFIX}{number}"


def tails(folder: Path) -> dict[int, Path]:
    """The tails in a folder by the number of their bundle: one, and after a crash perhaps two."""
    found = (one for one in folder.glob(f"{_PREFIX}*") if one.name[len(_PREFIX) :].isdecimal())
    return {int(one.name[len(_PREFIX) :]): one for one in found}


def read_tail(path: Path) -> tuple[list[bytes], int]:
    """(entries, length in bytes of the frames that fit). Raises MingjianError: it is unreadable."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise unreadable(path, error) from None
    entries: list[bytes] = []
    at = 0
    while (
        at + _LENGTH.size <= len(data) and len(entries) < WIDTH - 1
    ):  # the 256th goes into the bundle
        (length,) = _LENGTH.unpack_from(data, at)
        start, end = at + _LENGTH.size, at + _LENGTH.size + length
        entry, check = data[start:end], data[end : end + _CHECK_BYTES]
        if not length or check != leaf_hash(entry)[:_CHECK_BYTES]:
            break
        entries.append(entry)
        at = end + _CHECK_BYTES
    return entries, at


def tail_damage(folder: Path, number: int, hashes: Sequence[bytes]) -> tuple[int, str, str] | None:
    """Whether the entries that were signed of a bundle that is not full are in its tail, from which
    the writer goes on.

    Args:
        hashes: of the leaves that were signed.

    Returns:
        (which of them is the first that is wrong, what is wrong in both languages), or None.

    Raises:
        MingjianError: it is there and cannot be read.
    """
    path = tail_path(folder, number)
    if not hashes or (folder / tile_path(ENTRIES, number)).exists():
        return None  # its entries are in the full bundle
    if not path.exists():
        if (folder / tile_path(ENTRIES, number)).exists():  # it became full just now
            return None
        return 0, "the file of the last entries is gone", "末尾条目的文件不在了"
    entries, _ = read_tail(path)
    for at, hashed in enumerate(hashes):
        if at == len(entries):
            return (
                at,
                f"it is cut short or altered: {at:,} of {len(hashes):,} signed entries are there in"
                " a row",
                f"被截断或改动：已签名的 {len(hashes):,} 条中连续的有 {at:,} 条",
            )
        if leaf_hash(entries[at]) != hashed:
            return at, "the entry was altered", "该条目被改动"
    return None


def frames(entries: list[bytes], hashes: list[bytes]) -> bytes:
    """The bytes of these entries in a tail."""
    return b"".join(
        _LENGTH.pack(len(entry)) + entry + hashed[:_CHECK_BYTES]
        for entry, hashed in zip(entries, hashes, strict=True)
    )


class Tail:
    """The tail of the bundle `number`, open for writing."""

    def __init__(self, folder: Path, number: int, at: int) -> None:
        path = tail_path(folder, number)
        fresh = not path.exists()
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        self._end = at
        os.ftruncate(self._handle, at)
        if fresh:
            sync(folder)

    def add(self, data: bytes) -> None:
        """Append, and come back when it is durable."""
        write_at(self._handle, data, self._end)
        os.fdatasync(self._handle)
        self._end += len(data)

    def close(self) -> None:
        """Release the file."""
        os.close(self._handle)

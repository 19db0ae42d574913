"""Edges of a signed tree: the tiles and the bundle that are not full, as its readers find them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from sinks.ledger.hashes import edges_of
from sinks.ledger.tiles import ENTRIES, WIDTH, WIDTH_BITS, bundle, tile_path
from sinks.ledger.trouble import LedgerDamaged, unreadable


class Growing:
    """What is not full yet, by level: how many tiles are in front of it, and its hashes; and the
    entries behind the last full bundle."""

    def __init__(self) -> None:
        self.counts = [0]
        self.hashes: list[list[bytes]] = [[]]
        self.entries: list[bytes] = []

    @property
    def size(self) -> int:
        """How many entries there are."""
        return self.counts[0] * WIDTH + len(self.hashes[0])

    def files(self, size: int) -> Iterator[tuple[str, bytes]]:
        """(path below the folder, bytes) of the edges of the tree of the first `size` entries, as
        far as no full tile has taken their place; the entries first."""
        number, width = divmod(size, WIDTH)
        if width and number == self.counts[0]:
            yield tile_path(ENTRIES, number, width), bundle(self.entries[:width])
        for level, edge in enumerate(self.hashes):
            number, width = divmod(size >> (WIDTH_BITS * level), WIDTH)
            if width and number == self.counts[level]:
                yield tile_path(level, number, width), b"".join(edge[:width])


def differing(folder: Path, files: Iterator[tuple[str, bytes]]) -> Iterator[tuple[Path, bytes]]:
    """Edges that are to be written anew: they are missing, or have other hashes than the entries.

    Raises:
        LedgerDamaged: one has other entries. Those may be evidence.
    """
    for name, data in files:
        path = folder / name
        try:
            there = path.read_bytes()
        except FileNotFoundError:
            there = None
        except OSError as error:
            raise unreadable(path, error) from None
        if there == data:
            continue
        if there is not None and name.startswith(f"tile/{ENTRIES}/"):
            raise LedgerDamaged(
                folder,
                f"{name} has {len(there):,} bytes, and is not what was signed ({len(data):,}"
                " bytes): cut short or altered",
                f"{name} 现有 {len(there):,} 字节，与签名时（{len(data):,} 字节）不同："
                "被截断或改动",
            )
        yield path, data


def drop_edges(full: Path) -> None:
    """Remove the edges that belonged to a tile with this path, which is full now."""
    for path in edges_of(full):
        path.unlink()
    with contextlib.suppress(OSError):
        full.with_name(full.name + ".p").rmdir()

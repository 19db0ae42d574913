"""Perfect subtrees of a ledger, looked up in its tiles."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

from sinks.ledger.tiles import TILE_BYTES, WIDTH, WIDTH_BITS, hashes_of, subtrees, tile_path
from sinks.ledger.trouble import unreadable

_CACHED = 512  # tiles with what is above them within: 16 KiB each


class Subtrees:
    """Answers `sinks.ledger.tree.Subtree` from tiles.

    Args:
        read: (level, number, how many hashes) -> at least so many hashes of that tile.
    """

    def __init__(self, read: Callable[[int, int, int], list[bytes]]) -> None:
        self._read = read
        self._cached: OrderedDict[tuple[int, int], list[list[bytes]]] = OrderedDict()

    def __call__(self, height: int, index: int) -> bytes:
        """Hash of the perfect subtree of 2**height leaves with this index."""
        level, inside = divmod(height, WIDTH_BITS)
        number, at = divmod(index << inside, WIDTH)
        rows = self._cached.get((level, number))
        if rows is None or len(rows[0]) < at + (1 << inside):
            rows = subtrees(self._read(level, number, at + (1 << inside)))
            if len(rows[0]) == WIDTH:  # an edge still grows
                self._cached[level, number] = rows
                if len(self._cached) > _CACHED:
                    self._cached.popitem(last=False)
        else:
            self._cached.move_to_end((level, number))
        return rows[inside][at >> inside]


def read_hashes(folder: Path, level: int, number: int, count: int) -> list[bytes]:
    """The hashes of a tile, at least `count`: of the full one, or of its widest edge.

    Raises:
        FileNotFoundError: there is no such tile.
        ValueError: the file is not as long as its name says.
        MingjianError: it cannot be read.
    """
    path = folder / tile_path(level, number)
    width = WIDTH
    if not path.exists():
        edges = edges_of(path)
        width = int(edges[-1].name) if edges else 0
        if width < count:
            raise FileNotFoundError(path)
        path = folder / tile_path(level, number, width)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise unreadable(path, error) from None
    if len(data) != TILE_BYTES * width // WIDTH:
        raise ValueError(f"{path.relative_to(folder)} has {len(data)} bytes")
    return hashes_of(data)


def edges_of(path: Path) -> list[Path]:
    """Partial tiles that belong to the full tile with this path, the widest last."""
    folder = path.with_name(path.name + ".p")
    if not folder.is_dir():
        return []
    found = (one for one in folder.iterdir() if one.name.isdecimal())
    return sorted(found, key=lambda one: int(one.name))

"""The ledger's writer: appends entries durably, signs tree heads, and survives being killed.

What is durable when `append` comes back are the entries: full bundles, and the tail. Hashes can be
worked out from them, so they become durable only with the next signature; after a crash the tiles
written since are compared with the entries and written anew where they differ. A signed head is
appended to `checkpoints` before anybody is given it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Sequence
from pathlib import Path

from sinks.ledger import tree
from sinks.ledger.checkpoint import Checkpoint, Note, Signs, signed
from sinks.ledger.files import FullBundles, append_note, read_notes
from sinks.ledger.hashes import Subtrees, edges_of, read_hashes
from sinks.ledger.proofs import leaf_hash
from sinks.ledger.tail import Tail, frames, read_tail, tails
from sinks.ledger.tiles import (
    ENTRIES,
    PUBLIC,
    WIDTH,
    WIDTH_BITS,
    bundle,
    tile_path,
    tile_root,
)
from sinks.ledger.trouble import LedgerDamaged, in_use
from sinks.whole_file import sync, write_whole

CHECKPOINT = "checkpoint"


class Ledger:
    """A ledger open for writing, by one process.

    Args:
        folder: where it lies; made when it is not there.
        origin: its name in signed heads; the same for ever.
        at_least: how many entries somebody was told are durable.

    Raises:
        LedgerDamaged: fewer entries than were signed or told, or others.
        MingjianError: another process writes it.
    """

    def __init__(self, folder: Path, origin: str, *, at_least: int = 0) -> None:
        self._folder, self.origin = Path(folder), origin
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = _locked(self._folder)
        try:
            self._bundles = FullBundles(self._folder)
            self._last = read_notes(self._folder, mend=True)
            self._edges: list[list[bytes]] = [[]]  # by level: hashes of the tile that still grows
            self._counts = [0]  # by level: full tiles
            self._unsynced: list[Path] = []
            self._subtrees = Subtrees(self._hashes)
            self._failed = False
            self._recover(at_least)
        except BaseException:
            os.close(self._lock)
            raise

    @property
    def size(self) -> int:
        """How many entries are durable."""
        return self._counts[0] * WIDTH + len(self._edges[0])

    @property
    def last(self) -> Note | None:
        """The newest signed head."""
        return self._last[-1] if self._last else None

    def root(self, size: int | None = None) -> bytes:
        """Root of the first `size` entries, by default of all."""
        return tree.root(self._subtrees, self.size if size is None else size)

    def inclusion(self, index: int, size: int) -> list[bytes]:
        """See `sinks.ledger.tree.inclusion`."""
        return tree.inclusion(self._subtrees, index, size)

    def entry(self, index: int) -> bytes:
        """One entry that is durable, signed or not.

        Raises:
            LedgerDamaged: it cannot be read.
        """
        number, at = divmod(index, WIDTH)
        return (self._pending if number == self._counts[0] else self._bundles.read(number))[at]

    def append(self, entries: Sequence[bytes]) -> int:
        """Append and come back when all are durable: the number of the first.

        Raises:
            ValueError: an entry is empty or longer than 65,535 bytes; nothing was appended.
            OSError: the disk did not take it. How much was written shows when the ledger is
                opened anew, which has to be done before anything else is appended.
        """
        bundle(entries)  # refuses what is no entry before anything is written
        if self._failed:
            raise RuntimeError("a write failed before; open the ledger anew")
        first, self._failed = self.size, True
        self._append(entries, [leaf_hash(entry) for entry in entries])
        self._failed = False
        return first

    def _append(self, entries: Sequence[bytes], hashes: list[bytes]) -> None:
        at = 0
        while at < len(entries):
            count = min(WIDTH - len(self._pending), len(entries) - at)
            taken, hashed = list(entries[at : at + count]), hashes[at : at + count]
            if len(self._pending) + count == WIDTH:
                self._finish([*self._pending, *taken])
            else:
                self._tail.add(frames(taken, hashed))
                self._pending += taken
            for one in hashed:
                self._grow(0, one)
            at += count

    def checkpoint(self, signers: Sequence[Signs], at: int) -> Note:
        """Sign the head of what is there now. `at` is UTC ms.

        Raises:
            LedgerDamaged: what is there does not extend what was signed last.
            OSError: the disk did not take it; nothing was signed.
        """
        self._extends_last()
        for path in self._unsynced:
            sync(path)
        for folder in {path.parent for path in self._unsynced}:
            sync(folder)
        self._unsynced.clear()
        self._write_edges()
        note = signed(Checkpoint(self.origin, self.size, self.root(), at), signers)
        append_note(self._folder, note)
        self._last.append(note)
        self._publish()
        return note

    def _publish(self) -> None:
        """Let `checkpoint` be the newest head."""
        path = self._folder / CHECKPOINT
        if self.last and (not path.exists() or path.read_bytes() != bytes(self.last)):
            write_whole(path, bytes(self.last), mode=PUBLIC)

    def close(self) -> None:
        """Release the files; another process may write then."""
        self._tail.close()
        os.close(self._lock)

    def _recover(self, at_least: int) -> None:
        full = self._bundles.count()
        for number, path in tails(self._folder).items():
            if number < full:
                path.unlink()  # its entries are in the bundle
            elif number > full:
                raise LedgerDamaged(
                    self._folder, f"the bundle of entries {full} is missing", f"条目包 {full} 缺失"
                )
        found = tails(self._folder).get(full)
        self._pending, end = read_tail(found) if found else ([], 0)
        self._tail = Tail(self._folder, full, end)
        size = full * WIDTH + len(self._pending)
        told = max(at_least, self.last.checkpoint.size if self.last else 0)
        if size < told:
            raise LedgerDamaged(
                self._folder,
                f"it has {size:,} entries, and {told:,} were confirmed",
                f"现有 {size:,} 条，而已确认过 {told:,} 条",
            )
        self._load_tiles(full)
        for entry in self._pending:
            self._grow(0, leaf_hash(entry))
        self._extends_last()
        self._publish()

    def _load_tiles(self, full: int) -> None:
        """Edges of all levels above `full` bundles; tiles written since the last signature are
        compared with the entries."""
        signed_tiles = (self.last.checkpoint.size if self.last else 0) // WIDTH
        level, count = 0, full
        while count:
            first = count - count % WIDTH
            roots = []
            for number in range(min(first, signed_tiles), count):
                hashes = self._checked(level, number, trusted=number < signed_tiles)
                if number >= first:
                    roots.append(tile_root(hashes))
            self._counts[level] = count
            self._edges.append(roots)
            self._counts.append(0)
            level, count, signed_tiles = level + 1, count // WIDTH, signed_tiles // WIDTH

    def _checked(self, level: int, number: int, *, trusted: bool) -> list[bytes]:
        try:
            stored = read_hashes(self._folder, level, number, WIDTH)
        except (FileNotFoundError, ValueError):
            stored = []
        if trusted and stored:
            return stored
        if level == 0:
            hashes = [leaf_hash(entry) for entry in self._bundles.read(number)]
        else:
            hashes = [
                tile_root(read_hashes(self._folder, level - 1, below, WIDTH))
                for below in range(number * WIDTH, (number + 1) * WIDTH)
            ]
        if hashes != stored:
            self._put_tile(level, number, hashes)
        return hashes

    def _extends_last(self) -> None:
        if self.last and self.root(self.last.checkpoint.size) != self.last.checkpoint.root:
            size = self.last.checkpoint.size
            raise LedgerDamaged(
                self._folder,
                f"its first {size:,} entries are not those that were signed",
                f"前 {size:,} 条与签名时不同",
            )

    def _finish(self, entries: list[bytes]) -> None:
        """A bundle is full: write it, and begin the next tail."""
        number = self._bundles.write(entries)
        old, self._tail = self._tail, Tail(self._folder, number + 1, 0)
        old.close()
        tails(self._folder)[number].unlink()
        self._pending = []

    def _grow(self, level: int, hashed: bytes) -> None:
        edge = self._edges[level]
        edge.append(hashed)
        if len(edge) < WIDTH:
            return
        self._put_tile(level, self._counts[level], edge)
        self._counts[level] += 1
        self._edges[level] = []
        if level + 1 == len(self._edges):
            self._edges.append([])
            self._counts.append(0)
        self._grow(level + 1, tile_root(edge))

    def _put_tile(self, level: int, number: int, hashes: list[bytes]) -> None:
        path = self._folder / tile_path(level, number)
        write_whole(path, b"".join(hashes), mode=PUBLIC, durable=False)
        self._unsynced.append(path)

    def _write_edges(self) -> None:
        """The partial tiles of the head that is to be signed; those of full tiles go."""
        full = self._counts[0]
        if self._pending:
            path = self._folder / tile_path(ENTRIES, full, len(self._pending))
            write_whole(path, bundle(self._pending), mode=PUBLIC)
        for level, edge in enumerate(self._edges):
            if edge:
                path = self._folder / tile_path(level, self._counts[level], len(edge))
                write_whole(path, b"".join(edge), mode=PUBLIC)
        before = self.last.checkpoint.size if self.last else 0
        for level in (ENTRIES, *range(len(self._edges))):
            height = 0 if level == ENTRIES else int(level)
            number = before >> (WIDTH_BITS * (height + 1))
            if number < self._counts[height]:
                _drop_edges(self._folder / tile_path(level, number))

    def _hashes(self, level: int, number: int, count: int) -> list[bytes]:
        if level < len(self._edges) and number == self._counts[level]:
            return self._edges[level]
        try:
            return read_hashes(self._folder, level, number, count)
        except (FileNotFoundError, ValueError):
            path = tile_path(level, number)
            raise LedgerDamaged(
                self._folder, f"{path} is missing or damaged", f"{path} 缺失或损坏"
            ) from None


def _drop_edges(full: Path) -> None:
    for path in edges_of(full):
        path.unlink()
    with contextlib.suppress(OSError):
        full.with_name(full.name + ".p").rmdir()


def _locked(folder: Path) -> int:
    handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise in_use(folder) from None
    return handle

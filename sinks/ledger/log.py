"""The ledger's writer: appends entries durably, signs tree heads, and survives being killed.

What is durable when `append` comes back are the entries: full bundles, and the tail. Hashes can be
worked out from them, so they become durable only with the next signature; after a crash the tiles
written since are compared with the entries and written anew where they differ. A signed head is
appended to `checkpoints` before anybody is given it.

A ledger is looked at before it is opened: what was signed last has to be there, by its right edge
(the last bundle and tile of each level, so that it takes as long for ten million entries as for a
thousand). Only then is anything cut off, written anew or appended.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from sinks.ledger import tree
from sinks.ledger.checkpoint import Checkpoint, Note, Signs, signed
from sinks.ledger.edges import Growing, differing, drop_edges
from sinks.ledger.files import FullBundles, locked
from sinks.ledger.hashes import Subtrees, read_hashes
from sinks.ledger.heads import append_note, mend_end, publish
from sinks.ledger.known import NONE_KNOWN, Known, known_heads
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
from sinks.ledger.trouble import HeadForged, LedgerDamaged
from sinks.whole_file import sync, write_whole


class Ledger:
    """A ledger open for writing, by one process.

    Args:
        folder: where it lies; made when it is not there.
        origin: its name in signed heads; the same for ever.
        at_least: how many entries somebody was told are durable.
        known: the newest signed head that somebody else knows of.
        trusts: says of the newest head whether it is signed as it should be. The heads before it
            need no signature here: what goes on from the newest goes on from the entries that all
            of them covered.

    Raises:
        LedgerDamaged: fewer entries than were signed or told, or others; or the signed heads are
            not what was written, or not truly signed. Nothing was changed.
        MingjianError: another process writes it.
    """

    def __init__(
        self,
        folder: Path,
        origin: str,
        *,
        at_least: int = 0,
        known: Known = NONE_KNOWN,
        trusts: Callable[[Note], bool] = lambda note: True,
    ) -> None:
        self._folder, self.origin = Path(folder), origin
        if at_least and not self._folder.is_dir():
            en = f"the folder is not there, and {at_least:,} entries were confirmed"
            raise LedgerDamaged(self._folder, en, f"目录不在了，而已确认过 {at_least:,} 条")
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = locked(self._folder)
        try:
            self._last: Note | None = None
            self._growing = Growing()
            self._unsynced: list[Path] = []
            # tiles that are to be written once everything else was looked at
            self._worked_out: dict[tuple[int, int], list[bytes]] = {}
            self._subtrees = Subtrees(self._hashes)
            self._failed = False
            self._recover(at_least, known, trusts)
        except BaseException:
            os.close(self._lock)
            raise

    @property
    def size(self) -> int:
        """How many entries are durable."""
        return self._growing.size

    @property
    def last(self) -> Note | None:
        """The newest signed head."""
        return self._last

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
        if number == self._growing.counts[0]:
            return self._growing.entries[at]
        return self._bundles.read(number)[at]

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
            count = min(WIDTH - len(self._growing.entries), len(entries) - at)
            taken, hashed = list(entries[at : at + count]), hashes[at : at + count]
            if len(self._growing.entries) + count == WIDTH:
                self._finish([*self._growing.entries, *taken])
            else:
                self._tail.add(frames(taken, hashed))
                self._growing.entries += taken
            for one in hashed:
                self._grow(0, one)
            at += count

    def checkpoint(self, signers: Sequence[Signs], at: int) -> Note:
        """Sign the head of what is there now. `at` is UTC ms.

        Raises:
            LedgerDamaged: what is there does not extend what was signed last.
            OSError: the disk did not take it; nothing was signed.
        """
        self._publish()  # where the disk did not take it before
        self._extends_last()
        for path in self._unsynced:
            sync(path)
        for folder in {path.parent for path in self._unsynced}:
            sync(folder)
        self._unsynced.clear()
        self._write_edges()
        note = signed(Checkpoint(self.origin, self.size, self.root(), at), signers)
        append_note(self._folder, note)
        self._last = note
        self._publish()
        return note

    def _publish(self) -> None:
        if self.last:
            publish(self._folder, self.last)

    def close(self) -> None:
        """Release the files; another process may write then."""
        self._tail.close()
        os.close(self._lock)

    def _recover(self, at_least: int, known: Known, trusts: Callable[[Note], bool]) -> None:
        """Look at everything, and change something only then."""
        heads = known_heads(self._folder, known)
        if heads.wrong:
            raise heads.wrong
        self._last = heads.notes[-1] if heads.notes else None
        if self._last and not trusts(self._last):
            raise HeadForged(self._folder, heads.notes)
        signed_size = self._signed_size()
        self._bundles = FullBundles(self._folder, signed_size)
        full, found = self._bundles.count(), tails(self._folder)
        if any(number > full for number in found):
            raise self._bundles.missing(full)
        self._growing.entries, end = read_tail(found[full]) if full in found else ([], 0)
        size = full * WIDTH + len(self._growing.entries)
        for told, en, zh in (
            (signed_size, "signed", "签名"),
            (at_least, "confirmed", "确认"),
        ):
            if size < told:
                raise LedgerDamaged(
                    self._folder,
                    f"it has {size:,} entries, and {told:,} were {en}",
                    f"现有 {size:,} 条，而已{zh}过 {told:,} 条",
                )
        self._load_tiles(full)
        self._growing.hashes[0] += [leaf_hash(entry) for entry in self._growing.entries]
        self._extends_last()
        if known.size and not known.fits(self.root(known.size)):
            raise self._not_those(known.size)
        if signed_size >= WIDTH:  # the entries themselves, not their hashes alone
            last = signed_size // WIDTH - 1
            self._bundles.require(last, self._hashes(0, last, WIDTH))
        edges = list(differing(self._folder, self._growing.files(signed_size)))
        for (level, number), hashes in self._worked_out.items():
            self._put_tile(level, number, hashes)
        self._worked_out.clear()
        for path, data in edges:
            write_whole(path, data, mode=PUBLIC)
        mend_end(self._folder, heads.ends)
        self._tail = Tail(self._folder, full, end)
        for number, path in found.items():
            if number < full:
                path.unlink()  # its entries are in the bundle
        self._publish()

    def _signed_size(self) -> int:
        """How many entries were signed. Raises LedgerDamaged: of another ledger."""
        if not self._last:
            return 0
        head = self._last.checkpoint
        if head.origin != self.origin:
            raise LedgerDamaged(
                self._folder,
                f"its newest signed head is of the ledger {head.origin} ({head.size:,} entries),"
                f" and this is {self.origin}",
                f"最新的签名头属于账本 {head.origin}（{head.size:,} 条），而此账本为 {self.origin}",
            )
        return head.size

    def _load_tiles(self, full: int) -> None:
        """Edges of all levels above `full` bundles; tiles written since the last signature are
        compared with the entries, and those that differ noted in `_worked_out`."""
        signed_tiles = self._signed_size() // WIDTH
        level, count = 0, full
        while count:
            first = count - count % WIDTH
            roots = []
            for number in range(min(first, signed_tiles), count):
                hashes = self._checked(level, number, trusted=number < signed_tiles)
                if number >= first:
                    roots.append(tile_root(hashes))
            self._growing.counts[level] = count
            self._growing.hashes.append(roots)
            self._growing.counts.append(0)
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
                tile_root(self._hashes(level - 1, below, WIDTH))
                for below in range(number * WIDTH, (number + 1) * WIDTH)
            ]
        if hashes != stored:
            self._worked_out[level, number] = hashes
        return hashes

    def _extends_last(self) -> None:
        if self.last and self.root(self.last.checkpoint.size) != self.last.checkpoint.root:
            raise self._not_those(self.last.checkpoint.size)

    def _not_those(self, size: int) -> LedgerDamaged:
        return LedgerDamaged(
            self._folder,
            f"its first {size:,} entries are not those that were signed: an entry or a hash was"
            " altered",
            f"前 {size:,} 条与签名时不同：有条目或哈希被改动",
        )

    def _finish(self, entries: list[bytes]) -> None:
        """A bundle is full: write it, and begin the next tail."""
        number = self._bundles.write(entries)
        old, self._tail = self._tail, Tail(self._folder, number + 1, 0)
        old.close()
        tails(self._folder)[number].unlink()
        self._growing.entries = []

    def _grow(self, level: int, hashed: bytes) -> None:
        edge = self._growing.hashes[level]
        edge.append(hashed)
        if len(edge) < WIDTH:
            return
        self._put_tile(level, self._growing.counts[level], edge)
        self._growing.counts[level] += 1
        self._growing.hashes[level] = []
        if level + 1 == len(self._growing.hashes):
            self._growing.hashes.append([])
            self._growing.counts.append(0)
        self._grow(level + 1, tile_root(edge))

    def _put_tile(self, level: int, number: int, hashes: list[bytes]) -> None:
        path = self._folder / tile_path(level, number)
        write_whole(path, b"".join(hashes), mode=PUBLIC, durable=False)
        self._unsynced.append(path)

    def _write_edges(self) -> None:
        """The partial tiles of the head that is to be signed; those of full tiles go."""
        for name, data in self._growing.files(self.size):
            write_whole(self._folder / name, data, mode=PUBLIC)
        before = self._signed_size()
        for level in (ENTRIES, *range(len(self._growing.hashes))):
            height = 0 if level == ENTRIES else int(level)
            number = before >> (WIDTH_BITS * (height + 1))
            if number < self._growing.counts[height]:
                drop_edges(self._folder / tile_path(level, number))

    def _hashes(self, level: int, number: int, count: int) -> list[bytes]:
        if level < len(self._growing.hashes) and number == self._growing.counts[level]:
            return self._growing.hashes[level]
        if (level, number) in self._worked_out:
            return self._worked_out[level, number]
        try:
            return read_hashes(self._folder, level, number, count)
        except (FileNotFoundError, ValueError):
            path = tile_path(level, number)
            raise LedgerDamaged(
                self._folder, f"{path} is missing or damaged", f"{path} 缺失或损坏"
            ) from None

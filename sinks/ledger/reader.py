"""The ledger's read side: what was signed, and nothing beyond it. Any number of processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from itertools import islice
from pathlib import Path

from sinks.ledger import tree
from sinks.ledger.checkpoint import Note
from sinks.ledger.hashes import Subtrees, edges_of, read_hashes
from sinks.ledger.known import NONE_KNOWN, Known, known_heads
from sinks.ledger.proofs import extends, includes, leaf_hash
from sinks.ledger.tiles import ENTRIES, WIDTH, tile_path, unbundle
from sinks.ledger.trouble import LedgerDamaged, no_ledger, not_ours


class LedgerReader:
    """A ledger as it was signed last, when this was made.

    Args:
        folder: where it lies.
        trusts: says of each signed head whether it counts; by default all do.
        as_it_is: go on with the heads that can be read and count, although others do not. Whoever
            asks for that has said what is wrong.
        known: the newest signed head that somebody else knows of.

    Raises:
        HeadsDamaged: a signed head cannot be read, or is missing.
        MingjianError: it was never signed, or the newest head does not count.
    """

    def __init__(
        self,
        folder: str | Path,
        trusts: Callable[[Note], bool] = lambda note: True,
        *,
        as_it_is: bool = False,
        known: Known = NONE_KNOWN,
    ) -> None:
        self._folder = Path(folder)
        found = known_heads(self._folder, known)
        if found.wrong and not (as_it_is and found.usable):
            raise found.wrong
        if not found.usable:
            raise no_ledger(self._folder)
        self._heads, self._trusts = found.usable, trusts
        looked_at = self._heads if as_it_is else self._heads[-1:]
        newest = next(filter(trusts, reversed(looked_at)), None)
        if newest is None:
            raise not_ours(self._folder, len(self._heads), self._heads[-1])
        self.note = newest
        """The newest signed head."""
        self._subtrees = Subtrees(self._hashes)
        self._bundle: tuple[int, list[bytes]] = (-1, [])

    @cached_property
    def notes(self) -> list[Note]:
        """Every head that counts, oldest first. Each signature is tried, which takes milliseconds:
        whoever needs the newest alone asks for `note`."""
        return list(filter(self._trusts, self._heads))

    def newest(self, count: int) -> list[Note]:
        """So many heads that count, the newest first."""
        return list(islice(filter(self._trusts, reversed(self._heads)), count))

    @property
    def size(self) -> int:
        """How many entries that head covers."""
        return self.note.checkpoint.size

    def root(self, size: int) -> bytes:
        """Root of the first `size` entries."""
        return tree.root(self._subtrees, size)

    def inclusion(self, index: int) -> list[bytes]:
        """The audit path of an entry in the tree of the newest head.

        Raises:
            LedgerDamaged: what is stored does not lead from the entry to the signed root.
        """
        path, head = tree.inclusion(self._subtrees, index, self.size), self.note.checkpoint
        if not includes(leaf_hash(self.entry(index)), index, head.size, path, head.root):
            raise self._leads_nowhere(f"entry {index:,}", f"第 {index:,} 条")
        return path

    def consistency(self, old: int) -> list[bytes]:
        """The proof that the newest head extends the tree of `old` entries.

        Raises:
            LedgerDamaged: what is stored does not lead to the signed root.
        """
        path, head = tree.consistency(self._subtrees, old, self.size), self.note.checkpoint
        if not extends(old, self.root(old), head.size, head.root, path):
            raise self._leads_nowhere(f"the first {old:,} entries", f"前 {old:,} 条")
        return path

    def entry(self, index: int) -> bytes:
        """One entry.

        Raises:
            IndexError: no signed head covers it.
            LedgerDamaged: it cannot be read.
        """
        if not 0 <= index < self.size:
            raise IndexError(index)
        number, at = divmod(index, WIDTH)
        if self._bundle[0] != number:
            self._bundle = (number, self.bundle(number))
        return self._bundle[1][at]

    def entries(self, start: int = 0, end: int | None = None) -> Iterator[tuple[int, bytes]]:
        """(number, entry) from `start` on, at most up to `end`."""
        for index in range(start, self.size if end is None else min(end, self.size)):
            yield index, self.entry(index)

    def bundle(self, number: int) -> list[bytes]:
        """The entries of a bundle that the newest head covers.

        Raises:
            LedgerDamaged: it is missing or holds fewer.
        """
        count = min(WIDTH, self.size - number * WIDTH)
        try:
            entries, _ = unbundle(self.bundle_bytes(number))
        except OSError as error:
            raise LedgerDamaged(
                self._folder,
                f"the bundle of entries {number} cannot be read: {error.strerror}",
                f"条目包 {number} 无法读取：{error.strerror}",
            ) from None
        if len(entries) < count:
            raise LedgerDamaged(
                self._folder,
                f"the bundle of entries {number} is damaged behind its entry {len(entries)}",
                f"条目包 {number} 在第 {len(entries)} 条之后已损坏",
            )
        return entries[:count]

    def bundle_bytes(self, number: int) -> bytes:
        """The file of that bundle, or its widest edge. Raises OSError when it cannot be read."""
        path = self._folder / tile_path(ENTRIES, number)
        if not path.exists():
            path = next(reversed(edges_of(path)), path)
        return path.read_bytes()

    def _leads_nowhere(self, en: str, zh: str) -> LedgerDamaged:
        return LedgerDamaged(
            self._folder,
            f"what is stored does not lead from {en} to the signed root: an entry or a hash was"
            " altered",
            f"所存内容无法由{zh}推出签名的根哈希：有条目或哈希被改动",
        )

    def _hashes(self, level: int, number: int, count: int) -> list[bytes]:
        try:
            return read_hashes(self._folder, level, number, count)
        except (FileNotFoundError, ValueError):
            path = tile_path(level, number)
            raise LedgerDamaged(
                self._folder, f"{path} is missing or damaged", f"{path} 缺失或损坏"
            ) from None

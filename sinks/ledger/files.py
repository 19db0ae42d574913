"""Full bundles of entries as files, and the lock of who writes them."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from sinks.ledger.proofs import leaf_hash
from sinks.ledger.tiles import ENTRIES, PUBLIC, WIDTH, bundle, tile_path, unbundle
from sinks.ledger.trouble import LedgerDamaged, in_use
from sinks.whole_file import write_whole

_LEAST_BYTES = 3 * WIDTH  # of a bundle: no entry is empty


class FullBundles:
    """The bundles of 256 entries below a folder.

    Args:
        signed: how many entries were signed, for people.
    """

    def __init__(self, folder: Path, signed: int = 0) -> None:
        self._folder, self._signed = folder, signed
        self._next = 0

    def count(self) -> int:
        """How many there are, from the first on without a gap. Of each only the length is looked
        at.

        Raises:
            LedgerDamaged: one is missing and later ones are there, or is too short for 256 entries.
        """
        found = sorted(_bundles(self._folder / "tile" / ENTRIES, 0))
        for at, (number, length) in enumerate(found):
            if at != number:
                raise self.missing(at)
            if length < _LEAST_BYTES:
                raise self._cut_short(at, len(self._found(at)[0]))
        self._next = len(found)
        return self._next

    def missing(self, number: int) -> LedgerDamaged:
        """That a bundle is not there."""
        return self._damaged(number, 0, "is missing", "缺失")

    def require(self, number: int, hashes: list[bytes]) -> None:
        """Come back when the bundle has the entries of these leaf hashes.

        Raises:
            LedgerDamaged: it has not.
        """
        for at, (entry, hashed) in enumerate(zip(self.read(number), hashes, strict=True)):
            if leaf_hash(entry) != hashed:
                raise self._damaged(
                    number, at, f"and its hashes differ at entry {number * WIDTH + at:,}",
                    f"与其哈希在第 {number * WIDTH + at:,} 条处不符",
                )  # fmt: skip

    def write(self, entries: list[bytes]) -> int:
        """Store the next bundle durably: its number."""
        number = self._next
        write_whole(self._folder / tile_path(ENTRIES, number), bundle(entries), mode=PUBLIC)
        self._next += 1
        return number

    def read(self, number: int) -> list[bytes]:
        """Entries of a full bundle.

        Raises:
            LedgerDamaged: it is not there, or does not hold 256 entries.
        """
        entries, left = self._found(number)
        if left or len(entries) != WIDTH:
            raise self._cut_short(number, len(entries))
        return entries

    def _found(self, number: int) -> tuple[list[bytes], int]:
        path = self._folder / tile_path(ENTRIES, number)
        try:
            return unbundle(path.read_bytes())
        except OSError as error:
            raise LedgerDamaged(
                self._folder,
                f"the bundle of entries {number} cannot be read: {error.strerror}",
                f"条目包 {number} 无法读取：{error.strerror}",
            ) from None

    def _cut_short(self, number: int, there: int) -> LedgerDamaged:
        return self._damaged(
            number, there, f"is damaged behind entry {there} of 256",
            f"在第 {there} 条（共 256 条）之后已损坏",
        )  # fmt: skip

    def _damaged(self, number: int, there: int, en: str, zh: str) -> LedgerDamaged:
        row = number * WIDTH + there
        en = f"the bundle of entries {number} {en}: {row:,} entries are there in a row"
        zh = f"条目包 {number} {zh}：连续的条目有 {row:,} 条"
        if self._signed:
            en += f", and {self._signed:,} were signed"
            zh += f"，而已签名 {self._signed:,} 条"
        return LedgerDamaged(self._folder, en, zh)


def _bundles(folder: Path, above: int) -> list[tuple[int, int]]:
    """(number, length in bytes) of each."""
    try:
        entries = list(os.scandir(folder))
    except FileNotFoundError:
        return []
    found = []
    for entry in entries:
        digits = entry.name.removeprefix("x")
        if not digits.isdecimal():
            continue  # drafts, and partial bundles
        number = above * 1_000 + int(digits)
        if entry.name.startswith("x"):
            found += _bundles(Path(entry.path), number)
        else:
            found.append((number, entry.stat().st_size))
    return found


def locked(folder: Path) -> int:
    """The handle of a lock on the folder; closing it lets go.

    Raises:
        MingjianError: another process has it.
    """
    handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise in_use(folder) from None
    return handle

"""Full bundles of entries, and the history of signed heads, as files."""

from __future__ import annotations

import os
from pathlib import Path

from sinks.ledger.checkpoint import Note, read_note
from sinks.ledger.tiles import ENTRIES, PUBLIC, WIDTH, bundle, tile_path, unbundle
from sinks.ledger.trouble import LedgerDamaged
from sinks.whole_file import sync, write_at, write_whole

HISTORY = "checkpoints"
_GAP = b"\n\n"


class FullBundles:
    """The bundles of 256 entries below a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._next = 0

    def count(self) -> int:
        """How many there are, from the first on without a gap.

        Raises:
            LedgerDamaged: one is missing and later ones are there.
        """
        numbers = sorted(_numbers(self._folder / "tile" / ENTRIES, 0))
        for at, number in enumerate(numbers):
            if at != number:
                raise LedgerDamaged(
                    self._folder, f"the bundle of entries {at} is missing", f"条目包 {at} 缺失"
                )
        self._next = len(numbers)
        return self._next

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
        path = self._folder / tile_path(ENTRIES, number)
        try:
            entries, left = unbundle(path.read_bytes())
        except OSError as error:
            raise LedgerDamaged(
                self._folder,
                f"the bundle of entries {number} cannot be read: {error.strerror}",
                f"条目包 {number} 无法读取：{error.strerror}",
            ) from None
        if left or len(entries) != WIDTH:
            raise LedgerDamaged(
                self._folder,
                f"the bundle of entries {number} is damaged behind entry {len(entries)} of 256",
                f"条目包 {number} 在第 {len(entries)} 条（共 256 条）之后已损坏",
            )
        return entries


def _numbers(folder: Path, above: int) -> list[int]:
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
            found += _numbers(Path(entry.path), number)
        else:
            found.append(number)
    return found


def append_note(folder: Path, note: Note) -> None:
    """Add a signed head to the history, durably and whole or not at all. An empty line stands
    after each.

    Raises:
        OSError: the disk did not take it.
    """
    path = folder / HISTORY
    fresh = not path.exists()
    handle = os.open(path, os.O_WRONLY | os.O_CREAT, 0o640)
    try:
        end = os.fstat(handle).st_size
        try:
            write_at(handle, bytes(note) + b"\n", end)
            os.fsync(handle)
        except BaseException:
            os.ftruncate(handle, end)
            raise
    finally:
        os.close(handle)
    if fresh:
        sync(folder)


def read_notes(folder: Path, *, mend: bool = False) -> list[Note]:
    """The history of signed heads, oldest first.

    Args:
        mend: cut off an end that was not written whole; else it is only left out.

    Raises:
        LedgerDamaged: one cannot be read, and it is not the end that was cut short.
    """
    path = folder / HISTORY
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return []
    *parts, rest = data.split(_GAP)
    whole = parts[: len(parts) // 2 * 2]
    notes = []
    for number in range(0, len(whole), 2):
        text, signatures = whole[number : number + 2]
        try:
            notes.append(read_note(text + _GAP + signatures + b"\n"))
        except ValueError as error:
            at = number // 2 + 1
            raise LedgerDamaged(
                folder,
                f"signed head {at} in {HISTORY} cannot be read: {error}",
                f"{HISTORY} 中第 {at} 个签名头无法读取",
            ) from None
    good = sum(len(bytes(note)) + 1 for note in notes)
    if mend and (rest or good != len(data)):
        with path.open("r+b") as file:
            file.truncate(good)
            os.fsync(file.fileno())
    return notes

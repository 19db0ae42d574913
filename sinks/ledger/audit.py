"""Looks at every byte of a ledger and names each place that is not what was signed.

Three things say what an entry's hash is: the entry, the tile that has its hash, and the hash above
that tile, up to the signed root. Where the first two differ, the third says which was altered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from itertools import takewhile
from pathlib import Path

from rules.errors import MingjianError
from sinks.ledger import tree
from sinks.ledger.checkpoint import Note
from sinks.ledger.damage import (
    Damage,
    altered_both,
    altered_entry,
    altered_hashes,
    cut_off,
    leading_nowhere,
)
from sinks.ledger.hashes import Subtrees, edges_of, read_hashes
from sinks.ledger.heads import CHECKPOINT, HISTORY, Heads
from sinks.ledger.known import NONE_KNOWN, Known, known_heads
from sinks.ledger.proofs import leaf_hash
from sinks.ledger.reader import LedgerReader
from sinks.ledger.tail import tail_damage, tail_path
from sinks.ledger.tiles import ENTRIES, WIDTH, bundle, tile_path, tile_root, unbundle
from sinks.ledger.trouble import LedgerDamaged

_NO_SIGNATURE = ("its signature is not valid", "签名无效")


def audit(
    folder: str | Path,
    signature: Callable[[Note], bool],
    progress: Callable[[int, int], None] = lambda done, of: None,
    known: Known = NONE_KNOWN,
) -> Iterator[Damage]:
    """Everything that is wrong with a ledger.

    Args:
        folder: where it lies.
        signature: whether a head is signed as it should be.
        progress: told how many entries of how many have been looked at.
        known: the newest signed head that somebody else knows of, asked for before.

    Raises:
        MingjianError: there is no ledger, or no head of it can be read.
    """
    signature = cache(signature)  # milliseconds each
    found = known_heads(Path(folder), known)
    notes = found.usable
    if found.wrong and not notes:
        raise found.wrong
    newest = found.newest
    if found.split and newest is not None and not signature(newest):
        notes = found.notes  # the history is whole
        yield Damage(CHECKPOINT, -1, *_NO_SIGNATURE)
    elif found.wrong and not _said_by_signature(found, signature):
        yield Damage(HISTORY, -1, found.wrong.en, found.wrong.zh)
    forged = {number for number, note in enumerate(notes) if not signature(note)}
    for number in sorted(forged):
        yield Damage(_head(number, notes[number]), -1, *_NO_SIGNATURE)
    if len(forged) < len(notes) or not notes:
        reader = LedgerReader(folder, signature, as_it_is=True)
        yield from _Audit(folder, reader, reader.notes, progress).run()


def _said_by_signature(found: Heads, signature: Callable[[Note], bool]) -> bool:
    """Whether the history has the newest head with a signature that was altered, which is told of
    that head."""
    same = (note for note in found.notes if found.newest is not None
            and note.checkpoint == found.newest.checkpoint)  # fmt: skip
    return found.split and any(not signature(note) for note in same)


def newest_from(size: int, most: int) -> int:
    """The number of the entry from which on `audit_newest` looks: whole bundles, at least `most`
    entries of `size` or all."""
    return max(0, size - most) // WIDTH * WIDTH


def audit_newest(folder: str | Path, ledger: LedgerReader, most: int) -> Iterator[Damage]:
    """What is wrong with the newest entries of a ledger, and with the hashes that lead from them to
    the root of its newest head. Of other entries and heads nothing is said.

    Args:
        ledger: in this folder.
        most: how many entries, see `newest_from`.
    """
    first = newest_from(ledger.size, most) // WIDTH
    return _Audit(folder, ledger, [ledger.note], lambda done, of: None, first).run()


class _Audit:
    """Looks at the bundles from `first` on, and what is above them. Hashes of those in front of it
    are taken as they are stored; that they lead to the signed root is looked at in the end."""

    def __init__(
        self,
        folder: str | Path,
        reader: LedgerReader,
        notes: list[Note],
        progress: Callable[[int, int], None],
        first: int = 0,
    ) -> None:
        self._folder, self._progress = Path(folder), progress
        self._reader, self._notes, self._first = reader, notes, first
        self._size = self._reader.size
        self._root = self._reader.note.checkpoint.root
        # hashes that are believed where the tile is damaged
        self._believed: dict[tuple[int, int], list[bytes]] = {}
        self._subtrees = Subtrees(self._hashes)

    def run(self) -> Iterator[Damage]:
        below: list[bytes] = []
        first = self._first
        for number in range(first, -(-self._size // WIDTH)):
            found, problems = self._entries(number)
            yield from problems
            if not problems:
                yield from self._edges(0, number, found)
                yield from self._entry_edges(number)
            if len(found) == WIDTH:
                below.append(tile_root(found))
            self._progress(min((number + 1) * WIDTH, self._size), self._size)
        level = 1
        while below:
            above: list[bytes] = []
            first, skipped = divmod(first, WIDTH)
            below = self._in_front(level, first, skipped) + below
            if skipped and not self._leads(level, first, below[:WIDTH]):
                yield leading_nowhere(tile_path(level, first))
                return
            for at in range(0, len(below), WIDTH):
                number, counted = first + at // WIDTH, below[at : at + WIDTH]
                found, problems = self._tile(level, number, counted)
                yield from problems
                if not problems:
                    yield from self._edges(level, number, found)
                if len(found) == WIDTH:
                    above.append(tile_root(found))
            below, level = above, level + 1
        yield from self._tail()
        yield from self._heads()

    def _in_front(self, level: int, number: int, count: int) -> list[bytes]:
        """The first hashes of a tile, of what is not looked at."""
        return (self._stored(level, number, count) or []) if count else []

    def _leads(self, level: int, number: int, hashes: list[bytes]) -> bool:
        try:
            return self._fits(level, number, hashes)
        except LedgerDamaged:
            return False

    def _tail(self) -> Iterator[Damage]:
        number, count = divmod(self._size, WIDTH)
        place = tail_path(self._folder, number).name
        try:
            hashes = self._hashes(0, number, count)[:count] if count else []
            found = tail_damage(self._folder, number, hashes)
        except MingjianError as error:
            yield Damage(place, -1, error.en, error.zh)
            return
        if found:
            yield Damage(place, number * WIDTH + found[0], *found[1:])

    def _entries(self, number: int) -> tuple[list[bytes], list[Damage]]:
        """(hashes that are believed, what is wrong) of a bundle and its tile."""
        count = min(WIDTH, self._size - number * WIDTH)
        try:
            entries = self._reader.bundle(number)
            counted = [leaf_hash(entry) for entry in entries]
        except LedgerDamaged:
            counted = self._counted_until_damage(number)
        stored = self._stored(0, number, count)
        if counted == stored:
            return counted, []
        place = tile_path(0, number)
        if stored is None:
            self._believed[0, number] = counted
            return counted, [altered_hashes(place, -1)]
        if self._fits(0, number, stored) or len(counted) < count:
            bad = [at for at in range(count) if counted[at : at + 1] != stored[at : at + 1]]
            place = tile_path(ENTRIES, number)
            if len(bad) > 1 and len(counted) != count:  # a length was altered
                return stored, [cut_off(number * WIDTH + bad[0], number * WIDTH + count, place)]
            return stored, [altered_entry(number * WIDTH + at, place) for at in bad]
        self._believed[0, number] = counted
        bad = [at for at in range(count) if counted[at] != stored[at]]
        if self._fits(0, number, counted):
            return counted, [altered_hashes(place, number * WIDTH + at) for at in bad]
        return counted, [altered_both(number * WIDTH + at, place) for at in bad]

    def _counted_until_damage(self, number: int) -> list[bytes]:
        try:
            return [leaf_hash(entry) for entry in unbundle(self._reader.bundle_bytes(number))[0]]
        except OSError:
            return []

    def _tile(
        self, level: int, number: int, counted: list[bytes]
    ) -> tuple[list[bytes], list[Damage]]:
        stored = self._stored(level, number, len(counted))
        if stored == counted:
            return counted, []
        self._believed[level, number] = counted
        place = tile_path(level, number)
        return counted, [altered_hashes(place, -1)]

    def _edges(self, level: int, number: int, hashes: list[bytes]) -> Iterator[Damage]:
        """Edges that earlier heads had: beginnings of what was found good. One that is wider was
        written for a head that was not signed any more."""
        for edge in edges_of(self._folder / tile_path(level, number)):
            if int(edge.name) > len(hashes):
                continue
            if _bytes(edge) != b"".join(hashes[: int(edge.name)]):
                yield altered_hashes(str(edge.relative_to(self._folder)), -1)

    def _entry_edges(self, number: int) -> Iterator[Damage]:
        for edge in edges_of(self._folder / tile_path(ENTRIES, number)):
            entries = self._reader.bundle(number)[: int(edge.name)]
            if int(edge.name) > len(entries):
                continue
            there = _bytes(edge)
            if there != bundle(entries):
                place, first = str(edge.relative_to(self._folder)), number * WIDTH
                found = unbundle(there)[0]
                same = (mine == other for mine, other in zip(found, entries, strict=False))
                yield altered_entry(first + sum(takewhile(bool, same)), place)

    def _stored(self, level: int, number: int, count: int) -> list[bytes] | None:
        try:
            return read_hashes(self._folder, level, number, count)[:count]
        except (FileNotFoundError, ValueError, MingjianError):
            return None

    def _fits(self, level: int, number: int, hashes: list[bytes]) -> bool:
        """Whether what is above says the same of these hashes."""
        if len(hashes) == WIDTH and self._size >= WIDTH ** (level + 1):
            above = self._stored(level + 1, number // WIDTH, number % WIDTH + 1)
            if above is not None:
                return above[number % WIDTH] == tile_root(hashes)
        kept = self._believed.get((level, number))
        self._believed[level, number] = hashes
        fits = tree.root(Subtrees(self._hashes), self._size) == self._root
        if kept is None:
            del self._believed[level, number]
        else:
            self._believed[level, number] = kept
        return fits

    def _heads(self) -> Iterator[Damage]:
        before = 0
        for number, note in enumerate(self._notes):
            head = note.checkpoint
            if not before <= head.size <= self._size:
                en, zh = "it covers fewer entries than an earlier one", "条数少于更早的签名头"
                yield Damage(_head(number, note), -1, en, zh)
            elif tree.root(self._subtrees, head.size) != head.root:
                en, zh = "its root is not that of the entries", "其根哈希与条目不符"
                yield Damage(_head(number, note), -1, en, zh)
            before = max(before, head.size)

    def _hashes(self, level: int, number: int, count: int) -> list[bytes]:
        found = self._believed.get((level, number)) or self._stored(level, number, count)
        if found is None or len(found) < count:
            raise LedgerDamaged(
                self._folder, f"{tile_path(level, number)} is missing", f"{level}/{number} 缺失"
            )
        return found


def _bytes(path: Path) -> bytes:
    """Of a file; none where it cannot be read, and it is damaged by that."""
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _head(number: int, note: Note) -> str:
    return f"{HISTORY}: {number + 1} ({note.checkpoint.size:,})"

"""Looks at every file of the archive: the book's chain, the ledger, and the content of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from rules.alert import sm3_raw
from rules.errors import MingjianError
from rules.plural import plural
from sinks.archive.check import Fault
from sinks.archive.custody import BookDamaged, CustodyBook, Line
from sinks.archive.leaves import MEDIA, OtherLeaf
from sinks.archive.media import Digests, MediaStore
from sinks.archive.media_rows import FILE, MEDIA_REMOVED, MEDIA_STORED
from sinks.archive.rows import ArchiveIndex

_WRONG = MingjianError("its content is not what was entered", "内容与登记时不同")


def check_media(
    *,
    folder: str | Path,
    index: ArchiveIndex,
    store: MediaStore,
    told: Callable[[int, int], None] = lambda files, lines: None,
) -> Iterator[Fault]:
    """Every fault. The book is what counts, because its lines are in the ledger.

    Args:
        folder: of the archive.
        told: told at the end how many stored files and lines of the book were looked at.

    Raises:
        OSError: the book cannot be read, or the storage does not answer.
    """
    reached = index.positions().get(MEDIA, 0)
    count = 0
    stored: dict[str, dict[str, Any]] = {}  # by file, those that are there
    try:
        for line in CustodyBook(folder, FILE).lines():
            count += 1
            if line.number <= reached and not _entered(index, line):
                en, zh = "it is not the line that was entered", "与登记的行不同"
                yield Fault(-1, f"{FILE}:{line.number}", en, zh)
            details = line.deed.details
            if line.deed.action == MEDIA_STORED:
                stored[details["file"]] = details
            elif line.deed.action == MEDIA_REMOVED:
                stored.pop(details["file"], None)
    except BookDamaged as error:
        yield Fault(-1, FILE, error.en, error.zh)
    else:
        if reached > count:
            yield Fault(
                -1,
                FILE,
                f"the ledger has {plural(reached, 'line')} of it, and it has {count}: its end is"
                " missing",
                f"账本登记了 {reached} 行，而其中只有 {count} 行：末尾缺失",
            )
    yield from _contents(stored, store)
    told(len(stored), count)


def _entered(index: ArchiveIndex, line: Line) -> bool:
    return bool(index.entered([OtherLeaf(MEDIA, str(line.number), sm3_raw(line.raw))]))


def _contents(stored: dict[str, dict[str, Any]], store: MediaStore) -> Iterator[Fault]:
    """Files whose content is missing, damaged or another; each content is opened once."""
    seen: dict[str, MingjianError | Digests] = {}
    for details in stored.values():
        name = details["object"]
        if name not in seen:
            try:
                seen[name] = store.digests(name)
            except MingjianError as error:
                seen[name] = error
        found = seen[name]
        if isinstance(found, Digests):
            if found == Digests(details["size"], details["sm3"], details["sha256"]):
                continue
            found = _WRONG
        yield Fault(details["leaf"], name, found.en, found.zh)

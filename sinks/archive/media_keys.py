"""Which versions of the tenant's key the files of an archive need.

`media.db` has it of each file. It can be lost, and then the book says which files there are; of
those that were stored before the version was noted, the file's own head says it, which is read
once.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from pathlib import Path

from sinks.archive.custody import BookDamaged, CustodyBook, Line
from sinks.archive.media import MediaDamaged, MediaStore
from sinks.archive.media_book import MediaBook
from sinks.archive.media_rows import DATABASE, FILE, MEDIA_REMOVED, MEDIA_STORED


def media_versions(folder: str | Path, store: MediaStore) -> dict[int, tuple[int, str]]:
    """By version: how many stored files need it, and the name of the newest. A file that is missing
    or whose head is damaged needs none that could be told; `check_media` names it.

    Args:
        folder: of the archive.

    Raises:
        OSError, sqlite3.Error: the storage or the disk does not answer.
    """
    folder = Path(folder)
    if not (folder / FILE).exists():  # every file that is stored has a line
        return {}
    if (folder / DATABASE).exists():
        with closing(MediaBook(folder)) as book:
            if book.taken():
                return _of_database(book, store)
    return _counted(_of_lines(CustodyBook(folder, FILE).lines()), store)


def _of_database(book: MediaBook, store: MediaStore) -> dict[int, tuple[int, str]]:
    unnoted = []
    for name in book.without_version():
        if version := _of_head(store, name):
            try:
                book.note_version(name, version)
            except sqlite3.OperationalError:  # who cannot write it down reads it again
                unnoted.append((name, version))
    found = book.key_versions()
    found.pop(0, None)
    for name, version in unnoted:
        count, newest = found.get(version, (0, name))
        found[version] = count + 1, newest
    return found


def _of_lines(lines: Iterable[Line]) -> dict[str, int]:
    """By object of a stored file, in the order of the book: the version, 0 where it is not noted.
    Behind a damage nothing is known."""
    files: dict[str, tuple[str, int]] = {}
    with suppress(BookDamaged):
        for line in lines:
            told = line.deed.details
            if line.deed.action == MEDIA_STORED:
                files[told["file"]] = told["object"], told.get("key_version", 0)
            elif line.deed.action == MEDIA_REMOVED:
                files.pop(told["file"], None)
    return dict(files.values())


def _counted(objects: dict[str, int], store: MediaStore) -> dict[int, tuple[int, str]]:
    found: dict[int, tuple[int, str]] = {}
    for name, version in _with_versions(objects, store):
        found[version] = found.get(version, (0, ""))[0] + 1, name
    return found


def _with_versions(objects: dict[str, int], store: MediaStore) -> Iterator[tuple[str, int]]:
    for name, noted in objects.items():
        if version := noted or _of_head(store, name):
            yield name, version


def _of_head(store: MediaStore, name: str) -> int:
    """0 where it cannot be told."""
    try:
        return store.key_version(name)
    except MediaDamaged:
        return 0

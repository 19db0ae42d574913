"""A file from where it was left off, and all that there is of it."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from ingest.intake import Intake, Taken
from ingest.one_file import OneFile, Place, place_of
from rules.errors import MingjianError


class FileIntake(Intake, Protocol):
    """An intake that knows every cursor."""

    most_bytes: int

    def cursors(self) -> dict[str, str]:
        """The cursor of every part."""


def part_of(path: Path) -> str:
    """The name under which it is remembered how far a file was read: its own, where that is UTF-8.

    Others are names too, to the system, but can be stored nowhere as text. They are remembered by
    their bytes; no absolute path begins like that, so no two files share a name.
    """
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return f"bytes:{os.fsencode(path).hex()}"
    return str(path)


def shown(path: Path) -> str:
    """A file in a sentence: bytes that are no UTF-8 as escapes, such as \\xff."""
    return os.fsencode(path).decode(errors="backslashreplace")


def resumed(path: Path, intake: FileIntake, *, growing: bool) -> Iterator[OneFile]:
    """The file, placed where it was left off; before it the one that had its name when it was read
    last, should there be more of it.

    Raises:
        MingjianError: it cannot be read.
        FileNotFoundError: it is not there; of a growing one only.
    """
    stored = place_of(intake.cursor(part_of(path)))
    if stored is not None and (older := _renamed(path, stored)):
        known = place_of(intake.cursor(part_of(older)))
        yield from _opened(older, known or stored, intake, growing=growing)
    yield from _opened(path, stored, intake, growing=growing, always=growing)


def rest(
    file: OneFile, intake: Intake, stop: threading.Event, *, keep: bool = True
) -> Iterator[Taken]:
    """Take the rest of a file, batch by batch.

    Args:
        keep: remember how far it was read.
    """
    while not stop.is_set():
        bodies = file.batch()
        place, part = file.place() if keep else "", part_of(file.path)
        if bodies or (place and intake.cursor(part) != place):
            yield intake.take(bodies, cursor=place, part=part)
        if not bodies or file.damaged:
            return


def unreadable(path: Path, error: OSError) -> MingjianError:
    """One clear line for a file that cannot be read."""
    return MingjianError(
        f"cannot read {shown(path)}: {error.strerror}",
        f"读不了 {shown(path)}：{error.strerror}",
        fix_en="check the file and its rights",
        fix_zh="请检查文件及其权限",
    )


def _opened(
    path: Path, place: Place | None, intake: FileIntake, *, growing: bool, always: bool = False
) -> Iterator[OneFile]:
    try:
        file = OneFile(path, intake.most_bytes, growing=growing)
    except OSError as error:
        if growing and isinstance(error, FileNotFoundError):
            raise  # it may come back
        raise unreadable(path, error) from None
    if file.resume(place) or always:
        yield file
    else:
        file.close()


def _renamed(path: Path, place: Place) -> Path | None:
    """The file beside `path` that was read under its name, when it has another one now."""
    state = path.stat()
    if (state.st_dev, state.st_ino) == (place.dev, place.ino):
        return None
    for entry in os.scandir(path.parent):
        if entry.inode() == place.ino and entry.is_file() and entry.path != str(path):
            return Path(entry.path)
    return None

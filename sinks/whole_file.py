"""Files that are there whole or not at all, and names that are durable."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


def write_whole(path: Path, data: bytes, *, mode: int, durable: bool = True) -> None:
    """Write a file so that whoever looks finds it whole, or what was there before.

    Args:
        mode: its rights.
        durable: come back only when the bytes and the name are on the disk.

    Raises:
        OSError: the disk did not take it; nothing was changed.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _drafted(path, mode, os.replace, durable=durable) as file:
        file.write(data)


@contextmanager
def new_file(path: Path, *, mode: int) -> Iterator[BinaryIO]:
    """A file to write which has its name only when the block is over, whole and durable, and only
    where nothing has that name. Where the block fails there is none.

    Args:
        mode: its rights.

    Raises:
        FileExistsError: something has that name.
        OSError: the disk did not take it.
    """
    if os.path.lexists(path):  # before much is written
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
    with _drafted(path, mode, _name_once) as file:
        yield file


@contextmanager
def _drafted(
    path: Path, mode: int, name: Callable[[str, Path], None], *, durable: bool = True
) -> Iterator[BinaryIO]:
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=".draft-")
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            if durable:
                file.flush()
                os.fsync(file.fileno())
        os.chmod(draft, mode)
        name(draft, path)
    except BaseException:
        os.unlink(draft)
        raise
    if durable:
        sync(path.parent)


def _name_once(draft: str, path: Path) -> None:
    """Name a file, not over another, also not over one that came meanwhile."""
    try:
        os.link(draft, path)
    except FileExistsError:
        raise
    except OSError:  # a file system that has no links
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from None
        os.replace(draft, path)
    else:
        os.unlink(draft)


def write_at(handle: int, data: bytes, at: int) -> None:
    """Write all of it from a place of an open file on; the kernel may take less at once."""
    view = memoryview(data)
    while view:
        written = os.pwrite(handle, view, at)
        view, at = view[written:], at + written


def sync(path: Path) -> None:
    """Make a file's bytes, or the names in a folder, durable."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

"""Files that are there whole or not at all, and names that are durable."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def write_whole(path: Path, data: bytes, *, mode: int, durable: bool = True) -> None:
    """Write a file so that whoever looks finds it whole, or what was there before.

    Args:
        mode: its rights.
        durable: come back only when the bytes and the name are on the disk.

    Raises:
        OSError: the disk did not take it; nothing was changed.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=".draft-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        os.chmod(draft, mode)
        os.replace(draft, path)
    except BaseException:
        os.unlink(draft)
        raise
    if durable:
        sync(path.parent)


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

"""Files that are there whole or not at all, and names that are durable."""

from __future__ import annotations

import errno
import os
import secrets
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

_UP = getattr(os, "O_PATH", os.O_RDONLY)  # folders above may be closed to whoever looks into them
_Place = tuple[int, int]  # of a folder: its device, and its number there


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
                os.fsync(handle)
        os.chmod(draft, mode)
        os.replace(draft, path)
    except BaseException:
        os.unlink(draft)
        raise
    if durable:
        sync(path.parent)


class KeptFolder(OSError):
    """A file would lie in a folder, or in one below it, that is kept free of others' files."""

    def __init__(self, folder: Path) -> None:
        super().__init__(errno.EACCES, os.strerror(errno.EACCES), str(folder))
        self.folder = folder


@contextmanager
def new_file(path: Path, *, mode: int, kept: Sequence[Path] = ()) -> Iterator[BinaryIO]:
    """A file to write which has its name only when the block is over, whole and durable, and only
    where nothing has that name. Where the block fails there is none.

    Its folder is opened once, and everything is done there: a folder on the way that somebody puts
    another in the place of meanwhile leads nowhere else.

    Args:
        mode: its rights.
        kept: folders in which, and below which, it must not be.

    Raises:
        FileExistsError: something has that name.
        KeptFolder: it would lie in one of these.
        OSError: the disk did not take it.
    """
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        _require_outside(folder, path.name, kept)
        _require_free(folder, path.name)  # before much is written
        draft = f".draft-{secrets.token_hex(8)}"
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=folder)
        try:
            with os.fdopen(handle, "wb") as file:
                yield file
                file.flush()
                os.fchmod(handle, mode)
                os.fsync(handle)
            _name_once(folder, draft, path.name)
        except BaseException:
            os.unlink(draft, dir_fd=folder)
            raise
        os.fsync(folder)
    finally:
        os.close(folder)


def _require_outside(folder: int, name: str, kept: Sequence[Path]) -> None:
    """Goes up from an open folder to the root: names may lie, what they lead to does not."""
    places, names = dict[_Place, Path](), dict[tuple[_Place, str], Path]()
    for one in kept:
        whole = Path(os.path.realpath(one))
        with suppress(OSError):  # there is no such folder yet
            names[_place(os.stat(whole.parent)), whole.name] = one
            places[_place(os.stat(whole))] = one
    here = os.dup(folder)
    try:
        if taken := names.get((_place(os.fstat(here)), name)):
            raise KeptFolder(taken)
        while True:
            state = os.fstat(here)
            if inside := places.get(_place(state)):
                raise KeptFolder(inside)
            above = os.open("..", _UP | os.O_DIRECTORY, dir_fd=here)
            os.close(here)
            here = above
            if os.path.samestat(os.fstat(here), state):
                return
    finally:
        os.close(here)


def _place(state: os.stat_result) -> _Place:
    return state.st_dev, state.st_ino


def _require_free(folder: int, name: str) -> None:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return
    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), name)


def _name_once(folder: int, draft: str, name: str) -> None:
    """Name a file, not over another, also not over one that came meanwhile."""
    try:
        os.link(draft, name, src_dir_fd=folder, dst_dir_fd=folder)
    except FileExistsError:
        raise
    except OSError:  # a file system that has no links: the name is taken first, by an empty file
        os.close(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=folder))
        os.replace(draft, name, src_dir_fd=folder, dst_dir_fd=folder)
    else:
        os.unlink(draft, dir_fd=folder)


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

"""Files that are written for somebody who asked, perhaps as another account than their own.

Whoever may run a command as the account that has the keys must not get to write over what that
account keeps: nothing that is there is replaced, and nothing is put beside keys, archives and what
the engine reads. And nobody has what was said before it stands in the custody book who took it.
"""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

from config.settings import Settings
from rules.errors import EXIT_USAGE, MingjianError
from sinks.whole_file import KeptFolder, new_file

_MODE = 0o600
_PIECE = 1 << 16


class Place(NamedTuple):
    """Where a file is to be written, and the folders in and below which it must not be."""

    path: Path
    kept: Sequence[Path] = ()


def place_for(settings: Settings, path: Path) -> Place:
    """A file that is handed out, outside of what Mingjian keeps."""
    return Place(path, kept_folders(settings))


def kept_folders(settings: Settings) -> list[Path]:
    """Folders in which Mingjian has files of its own, or reads what it is given."""
    kept = [
        settings.keys_dir, settings.data_dir, settings.ingest.archive.keys_dir,
        settings.rules.path, settings.rules.registry, settings.flink.checkpoint_dir,
        *(one.path for one in settings.targets),
    ]  # fmt: skip
    kept += [one.path for one in (settings.source, settings.outputs) if one.kind == "files"]
    return [Path(one) for one in kept if one]


def folder_for_packs(settings: Settings, folder: Path | None) -> Path:
    """Where packs are written: their own folder of the data, one below it, or any that is not of
    Mingjian's.

    Raises:
        MingjianError: it is one of these.
    """
    own = Path(settings.data_dir) / "packs"
    place = Path(os.path.realpath(folder or own))
    if not place.is_relative_to(os.path.realpath(own)):
        for kept in kept_folders(settings):
            if place.is_relative_to(os.path.realpath(kept)):
                raise _inside(place, kept)
    return folder or own


def write_new(settings: Settings, path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Write a file that is not there yet, whole or not at all.

    Raises:
        MingjianError: it would lie where Mingjian keeps its own, there is such a file, or it cannot
            be written.
    """
    with begun(place_for(settings, path), mode=mode) as file:
        file.write(data)


def nothing() -> None:
    """Where there is no book, nothing is said."""


def write_noted(
    place: Place, lines: Iterable[bytes], note: Callable[[str], Callable[[], None]]
) -> str:
    """Write lines (without their feeds) to a file, for its owner alone (0600), whole or not at all:
    the SM3 of the file in hex. Until it is noted they are in memory alone, packed.

    Args:
        note: told that digest before any of it is on the disk; what it raises keeps the file from
            being there. It gives what is called when there is no file all the same.

    Raises:
        MingjianError: see `write_new`.
    """
    hashed, packer, packed = hashlib.new("sm3"), zlib.compressobj(1), list[bytes]()
    undo = nothing
    try:
        with begun(place) as file:
            for line in lines:
                hashed.update(line + b"\n")
                packed.append(packer.compress(line + b"\n"))
            packed.append(packer.flush())
            undo = note(hashed.hexdigest())
            for piece in _unpacked(packed):
                file.write(piece)
    except BaseException:
        undo()
        raise
    return hashed.hexdigest()


@contextmanager
def begun(place: Place, *, mode: int = _MODE) -> Iterator[BinaryIO]:
    """A new file, see `sinks.whole_file.new_file`; that it cannot be is said for people."""
    try:
        with new_file(place.path, mode=mode, kept=place.kept) as file:
            yield file
    except KeptFolder as error:
        raise _inside(place.path, error.folder) from None
    except FileExistsError:
        raise _refused(
            f"cannot write {place.path}: it is there already", f"无法写入 {place.path}：已存在",
            "give another name", "请另取文件名",
        ) from None  # fmt: skip
    except OSError as error:
        words = error.strerror or str(error)
        raise _refused(
            f"cannot write {place.path}: {words}", f"无法写入 {place.path}：{words}",
            "name a file that is not there yet, in a folder that is",
            "请给出已有目录中尚不存在的文件名",
        ) from None  # fmt: skip


def _unpacked(packed: Iterable[bytes]) -> Iterator[bytes]:
    opener = zlib.decompressobj()
    for part in packed:
        rest = part
        while rest:
            yield opener.decompress(rest, _PIECE)
            rest = opener.unconsumed_tail


def _inside(path: Path, folder: Path) -> MingjianError:
    return _refused(
        f"{path} would lie in {folder}, where Mingjian keeps its own files",
        f"{path} 位于明鉴自用的目录 {folder} 之内",
        "write it to another folder", "请写到其他目录",
    )  # fmt: skip


def _refused(en: str, zh: str, fix_en: str, fix_zh: str) -> MingjianError:
    return MingjianError(en, zh, fix_en=fix_en, fix_zh=fix_zh, exit_code=EXIT_USAGE)

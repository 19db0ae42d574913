"""Records in files: each file from where it was left off, once or for as long as it grows."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from ingest.intake import Intake, Taken
from ingest.one_file import PACKED, Damaged, OneFile, Place, place_of
from rules.errors import EXIT_USAGE, MingjianError

SUFFIXES = (".jsonl", ".jsonl.gz")
TRUTH = "truth.jsonl"  # what the simulator planted: no records
_POLL_S = 0.5
_DRAINED = 10  # looks at a file that lost its name, before it is let go


class FileIntake(Intake, Protocol):
    """An intake that knows every cursor."""

    most_bytes: int

    def cursors(self) -> dict[str, str]:
        """The cursor of every part."""


class Progress(NamedTuple):
    """Bytes of the files that were read, of how many, and what was taken so far."""

    done: int
    total: int
    taken: Taken


class Outcome(NamedTuple):
    """What came of reading: totals, files that were read, those that did not unpack."""

    taken: Taken
    files: int
    damaged: list[Damaged]


def find(given: Sequence[Path], reserved: Path | None, *, gone: bool = False) -> list[Path]:
    """The files that are meant: files as given, and of folders those of `SUFFIXES`.

    Args:
        reserved: the folder the job reads, which is where we write.
        gone: what is not there is passed over; it was there before.

    Raises:
        MingjianError: nothing there, or what is there is the job's own folder.
    """
    found: list[Path] = []
    for path in given:
        if not path.exists():
            if gone:
                continue
            raise MingjianError(
                f"no file or folder {path}",
                f"没有文件或目录 {path}",
                exit_code=EXIT_USAGE,
            )
        inside = path if path.is_dir() else path.parent
        if reserved is not None and inside.resolve() == reserved.resolve():
            raise MingjianError(
                f"{path} is where the job reads already (source.path)",
                f"{path} 就是作业读取的目录（source.path）",
                fix_en="start the job: mingjian detect; or keep the files you collect elsewhere",
                fix_zh="直接运行 mingjian detect 即可；或把要采集的文件放到别处",
                exit_code=EXIT_USAGE,
            )
        found += _in_folder(path) if path.is_dir() else [path]
    return list(dict.fromkeys(path.absolute() for path in found))


def _in_folder(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.iterdir()
        if path.name.endswith(SUFFIXES)
        and not path.name.startswith(".")
        and path.name != TRUTH
        and path.is_file()
    )


def take_all(
    paths: Sequence[Path],
    intake: FileIntake,
    stop: threading.Event,
    progress: Callable[[Progress], None] = lambda _: None,
) -> Outcome:
    """Take what these files have beyond what was taken before.

    Raises:
        MingjianError: a file cannot be read, or the intake cannot take.
    """
    taken, damaged, count, before = Taken(), [], 0, 0
    total = sum(path.stat().st_size for path in paths)
    for path in paths:
        for file in _files_of(path, intake, growing=False):
            try:
                for now in _rest(file, intake, stop):
                    taken = taken.plus(now)
                    progress(Progress(before + file.read_bytes(), total, taken))
                if file.damaged:
                    damaged.append(file.damaged)
                count += 1
            finally:
                file.close()
        before += path.stat().st_size
        progress(Progress(before, total, taken))
        if stop.is_set():
            break
    return Outcome(taken, count, damaged)


def follow(
    given: Sequence[Path],
    intake: FileIntake,
    stop: threading.Event,
    reserved: Path | None,
    progress: Callable[[Progress], None] = lambda _: None,
) -> Outcome:
    """Take what is there and what is added, also in new files of folders, until `stop` is set.

    A file that gets another name (rotation) is read to its end; one that is cut off or written anew
    is read from its beginning.
    """
    find(given, reserved)  # says what is not there; later it may come and go
    watch = _Watch(intake, stop)
    try:
        while not stop.is_set():
            before = watch.taken
            watch.look(find(given, reserved, gone=True))
            progress(Progress(0, 0, watch.taken))
            if watch.taken == before:
                stop.wait(_POLL_S)
    finally:
        watch.close()
    return Outcome(watch.taken, len(watch.seen), list(watch.damaged.values()))


class _Watch:
    """Files that may grow, and what was taken of them."""

    def __init__(self, intake: FileIntake, stop: threading.Event) -> None:
        self._intake, self._stop = intake, stop
        self.taken = Taken()
        self.seen: set[Path] = set()
        self.damaged: dict[Path, Damaged] = {}
        self._open: dict[Path, OneFile] = {}
        self._leaving: list[tuple[OneFile, int]] = []  # without their name, and looks left at them
        self._packed: dict[Path, tuple[int, int]] = {}

    def look(self, paths: Sequence[Path]) -> None:
        """Take what these files have now."""
        for path in paths:
            try:
                if path.suffix == PACKED:
                    self._take_packed(path)
                else:
                    self._attend(path)
            except FileNotFoundError:
                continue  # it was renamed this very moment; the next look finds it
        for file in [*(one for one, _ in self._leaving), *self._open.values()]:
            if file.grown():
                for now in _rest(file, self._intake, self._stop):
                    self.taken = self.taken.plus(now)
        for file, looks in self._leaving:
            if looks <= 1:
                file.close()
        self._leaving = [(file, looks - 1) for file, looks in self._leaving if looks > 1]

    def close(self) -> None:
        """Close all files."""
        for file in [*self._open.values(), *(one for one, _ in self._leaving)]:
            file.close()

    def _attend(self, path: Path) -> None:
        self.seen.add(path)
        if path in self._open and self._open[path].replaced():
            self._leaving.append((self._open.pop(path), _DRAINED))
        if path not in self._open:
            *older, own = _files_of(path, self._intake, growing=True)
            self._open[path] = own
            known = {one.number for one, _ in self._leaving}
            self._leaving += [(one, 1) for one in older if one.number not in known]

    def _take_packed(self, path: Path) -> None:
        """A packed file is taken whole, and again when it is another."""
        self.seen.add(path)
        state = path.stat()
        if self._packed.get(path) == (state.st_size, state.st_mtime_ns):
            return
        self._packed[path] = (state.st_size, state.st_mtime_ns)
        outcome = take_all([path], self._intake, self._stop)
        self.taken = self.taken.plus(outcome.taken)
        self.damaged.pop(path, None)
        self.damaged.update({one.path: one for one in outcome.damaged})


def _rest(file: OneFile, intake: FileIntake, stop: threading.Event) -> Iterator[Taken]:
    """Take the rest of a file, batch by batch."""
    while not stop.is_set():
        bodies = file.batch()
        place, part = file.place(), str(file.path)
        if bodies or intake.cursor(part) != place:
            yield intake.take(bodies, cursor=place, part=part)
        if not bodies or file.damaged:
            return


def _files_of(path: Path, intake: FileIntake, *, growing: bool) -> Iterator[OneFile]:
    """The file, placed where it was left off; before it the one that had its name when it was read
    last, should there be more of it."""
    stored = place_of(intake.cursor(str(path)))
    if stored is not None and (older := _renamed(path, stored)):
        known = place_of(intake.cursor(str(older)))
        yield from _opened(older, known or stored, intake, growing=growing)
    yield from _opened(path, stored, intake, growing=growing, always=growing)


def _opened(
    path: Path, place: Place | None, intake: FileIntake, *, growing: bool, always: bool = False
) -> Iterator[OneFile]:
    try:
        file = OneFile(path, intake.most_bytes, growing=growing)
    except OSError as error:
        if growing and isinstance(error, FileNotFoundError):
            raise  # it may come back
        raise MingjianError(
            f"cannot read {path}: {error.strerror}",
            f"读不了 {path}：{error.strerror}",
            fix_en="check the file and its rights",
            fix_zh="请检查文件及其权限",
        ) from None
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

"""Records in files: each file from where it was left off, once or for as long as it grows."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from ingest.followed import Watch
from ingest.intake import Taken
from ingest.one_file import Damaged
from ingest.resuming import FileIntake, rest, resumed, shown
from rules.errors import EXIT_USAGE, MingjianError

SUFFIXES = (".jsonl", ".jsonl.gz")
TRUTH = "truth.jsonl"  # what the simulator planted: no records
_POLL_S = 0.5


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
        MingjianError: nothing there, what is there is the job's own folder, or neither a folder nor
            a regular file.
    """
    found: list[Path] = []
    for path in given:
        if not path.exists():
            if gone:
                continue
            raise MingjianError(
                f"no file or folder {shown(path)}",
                f"没有文件或目录 {shown(path)}",
                exit_code=EXIT_USAGE,
            )
        if not path.is_dir() and not path.is_file():
            raise MingjianError(
                f"{shown(path)} is no regular file (a pipe, socket or device?)",
                f"{shown(path)} 不是普通文件（可能是管道、套接字或设备）",
                fix_en="what comes through a pipe is taken by: mingjian ingest stdin < PIPE",
                fix_zh="管道中的数据请用：mingjian ingest stdin < 管道",
                exit_code=EXIT_USAGE,
            )
        inside = path if path.is_dir() else path.parent
        if reserved is not None and inside.resolve() == reserved.resolve():
            raise MingjianError(
                f"{shown(path)} is where the job reads already (source.path)",
                f"{shown(path)} 就是作业读取的目录（source.path）",
                fix_en="start the job: mingjian detect; or keep the files you collect elsewhere",
                fix_zh="直接运行 mingjian detect 即可；或把要采集的文件放到别处",
                exit_code=EXIT_USAGE,
            )
        found += _in_folder(path) if path.is_dir() else [path]
    return list(dict.fromkeys(path.absolute() for path in found))


def passed_over(given: Sequence[Path]) -> list[Path]:
    """What is named like a file of records in these folders and is no regular file."""
    folders = (path for path in given if path.is_dir())
    return sorted(path for folder in folders for path in _named(folder) if not path.is_file())


def _in_folder(folder: Path) -> list[Path]:
    return sorted(path for path in _named(folder) if path.is_file())


def _named(folder: Path) -> Iterator[Path]:
    """What has the name of a file of records."""
    for path in folder.iterdir():
        hidden = path.name.startswith(".")
        if path.name.endswith(SUFFIXES) and not hidden and path.name != TRUTH:
            yield path


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
        for file in resumed(path, intake, growing=False):
            try:
                for now in rest(file, intake, stop):
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
    clock: Callable[[], float] = time.monotonic,
) -> Outcome:
    """Take what is there and what is added, also in new files of folders, until `stop` is set.

    A file that gets another name (rotation) is read until nothing has been added for a minute; one
    that is cut off or written anew is read from its beginning.
    """
    find(given, reserved)  # says what is not there; later it may come and go
    watch = Watch(intake, stop, clock)
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

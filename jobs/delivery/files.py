"""Outputs as the part files of Flink's file sink: `<path>/<kind>/**/part-…`.

A part file appears under its final name when it is finished, and never changes after that. Names
that begin with "." or "_", and those with ".inprogress", are not finished and not read.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from jobs.delivery.message_files import lines_from, message_files, opened, packed
from jobs.delivery.source import (
    BATCH_BYTES,
    BATCH_RECORDS,
    MESSAGES,
    Batch,
    read_record,
    split,
)
from rules.errors import MingjianError
from sinks.base import NoAnswer, Record, Rejected

# alerts last: who sees an alert finds its evidence there already
KINDS_IN_ORDER = ("evidence", "quarantine", "late", "incidents", "handled", "alerts")

_IDLE_S = 0.2


class FileOutputs:
    """Reads part files from where `done` says it stopped.

    Args:
        messages: folder of the messages, where they are one of the `kinds`.
    """

    def __init__(
        self,
        path: str | Path,
        done: Mapping[str, int],
        kinds: Sequence[str] = KINDS_IN_ORDER,
        messages: str | Path = "",
    ) -> None:
        self._path, self._kinds, self._messages = Path(path), kinds, Path(messages)
        self._done = dict(done)
        self._waiting: list[tuple[str, Path, str]] = []
        self._finished: set[str] = set()

    def poll(self) -> Batch | None:
        """See `Outputs`. A batch holds at most 2000 records and 8 MiB (or one larger record).

        Raises:
            MingjianError: a folder or file of the outputs cannot be read.
        """
        try:
            return self._poll()
        except OSError as error:
            place = error.filename or self._path
            raise MingjianError(
                f"cannot read the job's outputs at {place}: {error.strerror}",
                f"读不了作业输出 {place}：{error.strerror}",
                fix_en=f"check the folder {self._path} (outputs.path)",
                fix_zh=f"请检查目录 {self._path}（outputs.path）",
            ) from None

    def _poll(self) -> Batch | None:
        if not self._waiting:
            self._waiting = self._unfinished()
        if not self._waiting:
            time.sleep(_IDLE_S)
            return None
        items: list[Record | Rejected] = []
        positions: dict[str, int] = {}
        size = 0
        while self._waiting and len(items) < BATCH_RECORDS and size < BATCH_BYTES:
            kind, file, name = self._waiting[0]
            with opened(file) as lines:
                start = done = lines.seek(self._done.get(name, 0))
                for line in lines_from(lines, file) if kind == MESSAGES else lines:
                    size += len(line)
                    done += len(line)
                    if body := line.rstrip(b"\r\n"):
                        items.append(read_record(kind, body))
                    if len(items) >= BATCH_RECORDS or size >= BATCH_BYTES:
                        break
                else:
                    self._finished.add(name)
                    self._waiting.pop(0)
                if done != start:
                    positions[name] = done
        if not positions:  # half a line, whose end has not come
            time.sleep(_IDLE_S)
            return None
        self._done |= positions  # only now: an error on the way leaves everything to be read again
        return Batch(*split(items), positions)

    def commit(self, batch: Batch) -> None:
        """The target or the books keep the positions; nothing to do here."""

    def rewind(self, positions: dict[str, int]) -> None:
        """See `Outputs`."""
        self._done = dict(positions)
        self._waiting = []
        self._finished = set()

    def pause(self, seconds: float) -> None:
        """See `Outputs`."""
        time.sleep(seconds)

    def exhausted(self) -> bool:
        """See `Outputs`."""
        return not self._waiting

    def ends(self, kind: str) -> dict[str, int]:
        """See `Outputs`. Of part files, which never change."""
        folder = self._path / kind
        try:
            return {
                f"file:{kind}/{file.relative_to(folder)}": file.stat().st_size
                for file in part_files(folder)
            }
        except OSError as error:
            raise NoAnswer(f"{folder}: {error.strerror}") from None

    def passed(self, ends: Mapping[str, int]) -> bool:
        """See `Outputs`."""
        return all(self._done.get(name, 0) >= end for name, end in ends.items())

    def close(self) -> None:
        """Nothing is kept open."""

    def _unfinished(self) -> list[tuple[str, Path, str]]:
        found: list[tuple[int, str, Path, str]] = []
        for kind in self._kinds:
            of_kind = []
            folder = self._messages if kind == MESSAGES else self._path / kind
            for file in message_files(folder) if kind == MESSAGES else part_files(folder):
                name = f"file:{kind}/{file.relative_to(folder)}"
                if name in self._finished and (kind != MESSAGES or packed(file)):
                    continue
                state = file.stat()
                if state.st_size <= self._done.get(name, 0) and not packed(file):
                    self._finished.add(name)
                else:
                    of_kind.append((state.st_mtime_ns, kind, file, name))
            found += sorted(of_kind)
        return [(kind, file, name) for _, kind, file, name in found]


def part_files(folder: Path) -> Iterator[Path]:
    """The finished files of one kind of output."""
    try:
        entries = list(os.scandir(folder))
    except FileNotFoundError:
        return  # the job has not written this kind yet
    for entry in entries:
        if entry.name.startswith((".", "_")) or ".inprogress" in entry.name:
            continue
        if entry.is_dir():
            yield from part_files(Path(entry.path))
        else:
            yield Path(entry.path)

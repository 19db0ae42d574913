"""The embedded profile's ends: files of JSON lines that appear when they are complete."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Sequence
from pathlib import Path

from ingest.ends import Refused
from ingest.envelope import Envelope, one_line
from ingest.waiting import Wait
from rules.errors import MingjianError

_MENDED_BY_WAITING = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EAGAIN, errno.EMFILE)


class FolderRecords:
    """One file `messages-<source>-<time>-<n>.jsonl` for each write."""

    def __init__(self, folder: str | Path) -> None:
        self._folder = Path(folder)

    def write(self, envelopes: Sequence[Envelope], source: str, wait: Wait) -> list[Refused]:
        """See `ingest.ends.Records`. A record that cannot stand on one line is refused."""
        lines: list[bytes] = []
        refused = []
        for envelope in envelopes:
            line = one_line(envelope.value)
            if line is None:
                detail = "it has line breaks, and a file of lines cannot keep them"
                refused.append(Refused(envelope, "not_json", detail))
            else:
                lines.append(line)
        _appear(self._folder, f"messages-{source}", lines, wait)
        return refused

    def beat(self, record: bytes, time: int, wait: Wait) -> None:
        """Nothing: the readers of a folder share no partition that could be told the time."""

    def ready(self) -> str:
        """See `ingest.ends.Records`."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            return f"{self._folder}: {error.strerror}"
        return "" if os.access(self._folder, os.W_OK | os.X_OK) else f"{self._folder}: no right"

    def close(self) -> None:
        """Nothing is kept open."""


class FolderOutputs:
    """Part files in `<outputs.path>/<kind>/`, named as the job's."""

    def __init__(self, folder: str | Path) -> None:
        self._folder = Path(folder)

    def tell(self, kind: str, bodies: Sequence[bytes], source: str, wait: Wait) -> None:
        """See `ingest.ends.Outputs`."""
        _appear(self._folder / kind, f"part-ingest-{source}", list(bodies), wait)

    def close(self) -> None:
        """Nothing is kept open."""


def _appear(folder: Path, name: str, lines: list[bytes], wait: Wait) -> None:
    """A new file of these lines, durable under its name when this returns."""
    if not lines:
        return
    while True:
        try:
            _write(folder, name, lines)
        except OSError as error:
            place = error.filename or folder
            if error.errno not in _MENDED_BY_WAITING:
                raise MingjianError(
                    f"cannot write {place}: {error.strerror}",
                    f"写不了 {place}：{error.strerror}",
                    fix_en="check the folder and its rights (source.path, outputs.path)",
                    fix_zh="请检查目录及其权限（source.path、outputs.path）",
                ) from None
            wait.away(f"{place}: {error.strerror}")
        else:
            wait.back()
            return


def _write(folder: Path, name: str, lines: list[bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    number = time.time_ns() // 1_000_000
    hidden = folder / f".{name}.{os.getpid()}.part"
    try:
        with hidden.open("wb") as file:
            for line in lines:
                file.write(line)
                file.write(b"\n")
            file.flush()
            os.fsync(file.fileno())
        for count in range(1_000_000):
            try:
                # unlike a rename, a link never takes the place of a file that is there
                os.link(hidden, folder / f"{name}-{number:013d}-{count:04d}.jsonl")
                break
            except FileExistsError:
                continue
    finally:
        hidden.unlink(missing_ok=True)
    sync_folder(folder)


def sync_folder(folder: Path) -> None:
    """The names in a folder are on the disk when this returns. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

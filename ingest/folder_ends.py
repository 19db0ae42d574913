"""The embedded profile's ends: files of JSON lines that appear when they are complete."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from ingest.ends import Refused
from ingest.envelope import Envelope, one_line
from ingest.waiting import Wait
from rules.errors import MingjianError

_LEAST_ROOM = 1 << 20  # bytes that a folder has to have to be ready
_MENDED_BY_WAITING = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EAGAIN, errno.EMFILE)


class FolderRecords:
    """One file `messages-<source>-<time>-<n>.jsonl` for each write."""

    def __init__(self, folder: str | Path) -> None:
        self._folder = Path(folder)
        self._swept: set[str] = set()
        self._room = _LEAST_ROOM  # that was wanted when a write failed

    def write(self, envelopes: Sequence[Envelope], source: str, wait: Wait) -> list[Refused]:
        """See `ingest.ends.Records`. A record that cannot stand on one line is refused.

        The first write of a source, even one of nothing, removes what a killed collector of its
        name has left behind."""
        if source not in self._swept:
            _sweep(self._folder, f"messages-{source}")
            self._swept.add(source)
        lines: list[bytes] = []
        refused = []
        for envelope in envelopes:
            line = one_line(envelope.value)
            if line is None:
                detail = "it has line breaks, and a file of lines cannot keep them"
                refused.append(Refused(envelope, "not_json", detail))
            else:
                lines.append(line)
        self._room = max(_LEAST_ROOM, sum(map(len, lines)) + len(lines))
        _appear(self._folder, f"messages-{source}", lines, wait)
        self._room = _LEAST_ROOM
        return refused

    def beat(self, record: bytes, time: int, wait: Wait) -> None:
        """Nothing: the readers of a folder share no partition that could be told the time."""

    def ready(self) -> str:
        """See `ingest.ends.Records`. It takes the room of a write and gives it back."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self._folder, prefix=".ready.") as probe:
                try:
                    os.posix_fallocate(probe.fileno(), 0, self._room)
                except OSError as error:
                    if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP):
                        raise
                    os.write(probe.fileno(), bytes(self._room))  # it cannot set room aside
        except OSError as error:
            return f"{self._folder}: {error.strerror}"
        return ""

    def close(self) -> None:
        """Nothing is kept open."""


class FolderOutputs:
    """Part files in `<outputs.path>/<kind>/`, named as the job's."""

    def __init__(self, folder: str | Path) -> None:
        self._folder = Path(folder)
        self._swept: set[tuple[str, str]] = set()

    def tell(self, kind: str, bodies: Sequence[bytes], source: str, wait: Wait) -> None:
        """See `ingest.ends.Outputs`."""
        if (kind, source) not in self._swept:
            _sweep(self._folder / kind, f"part-ingest-{source}")
            self._swept.add((kind, source))
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
            with contextlib.suppress(OSError):  # see `_sweep`; not every file system has locks
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
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


def _sweep(folder: Path, name: str) -> None:
    """Remove the unfinished files that collectors of this name left when they were killed.

    The caller is the only one of its name that remembers in its data_dir. One with another data_dir
    may still write here: its file is locked while it does. What cannot be removed does no harm.
    """
    left = re.compile(rf"\.{re.escape(name)}\.\d+\.part")
    found: list[Path] = []
    with contextlib.suppress(OSError):
        found += [path for path in folder.iterdir() if left.fullmatch(path.name)]
    for path in found:
        with contextlib.suppress(OSError), path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()


def sync_folder(folder: Path) -> None:
    """The names in a folder are on the disk when this returns. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

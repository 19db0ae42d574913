"""The messages of a folder, as the archive reads them: the same files as the job's source."""

from __future__ import annotations

import gzip
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

import structlog

from jobs.ends import UNSPLITTABLE, source_files

_QUIET_S = 2.0
log = structlog.get_logger("deliver")


def message_files(folder: Path) -> list[Path]:
    """Files of messages that are there now; none where there is no folder yet."""
    return source_files(str(folder), may_be_empty=True) if folder.is_dir() else []


def packed(file: Path) -> bool:
    """Whether it is read through gzip: its size says nothing of where reading stands."""
    return file.suffix in UNSPLITTABLE


def opened(file: Path) -> IO[bytes]:
    """The file, unpacked where it is packed; positions count unpacked bytes."""
    return cast("IO[bytes]", gzip.open(file)) if packed(file) else file.open("rb")


def lines_from(lines: IO[bytes], file: Path) -> Iterator[bytes]:
    """Whole lines from where the file stands. The last one may have no end: it is taken when
    nobody has written for two seconds. A packed file that is damaged ends at the damage, and that
    is said."""
    while True:
        try:
            line = lines.readline()
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            log.warning("file_damaged", file=file.name, why=str(error))
            return
        if not line:
            return
        if not line.endswith(b"\n") and time.time() - file.stat().st_mtime < _QUIET_S:
            return
        yield line

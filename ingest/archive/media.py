"""A file of the archive: fetched in parts, resumed where it broke off, with digests of our own.

WeCom's own `md5sum` of a file may be empty or another, so evidence rests on SM3 and SHA-256 over
the bytes as they were stored.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import NamedTuple

from ingest.archive.port import PARSING, ArchiveClient, ArchiveError

_BLOCK = 1024 * 1024


class Fetched(NamedTuple):
    """A complete file. `md5` is there to compare with what the message says, no more."""

    size: int
    sm3: str
    sha256: str
    md5: str


def fetch(client: ArchiveClient, file_id: str, path: Path, *, timeout: int = 30) -> Fetched:
    """Fetch a file to `path`, which is there only once it is complete.

    What has come so far lies in `.<name>.part`, and in `.<name>.index` with what to ask for next;
    a call after a failure goes on from there.

    Raises:
        ArchiveError: as the archive refuses; call again when `again` is set.
        OSError: the disk.
    """
    part = path.with_name(f".{path.name}.part")
    place = path.with_name(f".{path.name}.index")
    size, index = _resume(part, place)
    with part.open("r+b" if size else "w+b") as file:
        file.truncate(size)  # a part of which the index was not written yet comes again
        file.seek(size)
        while True:
            chunk = client.get_media(index, file_id, timeout)
            file.write(chunk.data)
            file.flush()
            os.fsync(file.fileno())
            if chunk.finished:
                break
            if chunk.next_index == index:  # would never end
                raise ArchiveError(PARSING, "GetMediaData", "the index does not go on")
            index = chunk.next_index
            _write(place, f"{file.tell()} {index}")
    fetched = _digests(part)
    part.replace(path)
    place.unlink(missing_ok=True)
    return fetched


def _resume(part: Path, place: Path) -> tuple[int, str]:
    if not (part.is_file() and place.is_file()):
        return 0, ""
    size, _, index = place.read_text("utf-8").partition(" ")
    if not size.isdecimal() or part.stat().st_size < int(size):
        return 0, ""
    return int(size), index


def _write(place: Path, text: str) -> None:
    hidden = place.with_name(f"{place.name}.new")
    hidden.write_text(text, "utf-8")
    hidden.replace(place)


def _digests(path: Path) -> Fetched:
    digests = [hashlib.new("sm3"), hashlib.sha256(), hashlib.md5(usedforsecurity=False)]
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            for digest in digests:
                digest.update(block)
    return Fetched(path.stat().st_size, *(digest.hexdigest() for digest in digests))

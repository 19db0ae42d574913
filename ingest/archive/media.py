"""A file of the archive: fetched in parts, resumed where it broke off, with digests of our own.

It lies on the disk as it is, not sealed: whoever fetches seals it and removes it at once.

WeCom's own `md5sum` of a file may be empty or another, so evidence rests on SM3 and SHA-256 over
the bytes as they were stored.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import NamedTuple, Protocol

from ingest.archive.port import PARSING, ArchiveError, MediaChunk

_BLOCK = 1024 * 1024
_BESIDE = ("part", "index", "index.new")  # of a file that is on its way


class Fetched(NamedTuple):
    """A complete file. `md5` is there to compare with what the message says, no more."""

    size: int
    sm3: str
    sha256: str
    md5: str


class GivesMedia(Protocol):
    """As much of `ingest.archive.port.ArchiveClient` as files need."""

    def get_media(self, index: str, file_id: str, timeout: int) -> MediaChunk:
        """See there."""


class TooLarge(Exception):
    """A file has more bytes than it may. What came of it was removed."""


def fetch(
    client: GivesMedia, file_id: str, path: Path, *, timeout: int = 30, most: int | None = None
) -> Fetched:
    """Fetch a file to `path` (0600), which is there only once it is complete.

    What has come so far lies in `.<name>.part`, and in `.<name>.index` with what to ask for next;
    a call after a failure goes on from there.

    Args:
        timeout: seconds of one call.
        most: bytes that it may have.

    Raises:
        TooLarge: it has more.
        ArchiveError: as the archive refuses; call again when `again` is set.
        OSError: the disk.
    """
    part = path.with_name(f".{path.name}.part")
    place = path.with_name(f".{path.name}.index")
    size, index = _resume(part, place)
    with os.fdopen(os.open(part, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as file:
        file.truncate(size)  # a part of which the index was not written yet comes again
        file.seek(size)
        while True:
            chunk = client.get_media(index, file_id, timeout)
            if most is not None and file.tell() + len(chunk.data) > most:
                discard(path)
                raise TooLarge
            file.write(chunk.data)
            file.flush()
            os.fsync(file.fileno())
            if chunk.finished:
                break
            if chunk.next_index == index:  # would never end
                raise ArchiveError(PARSING, "GetMediaData", "the index does not go on")
            index = chunk.next_index
            _write(place, f"{file.tell()} {index}")
    complete = _digests(part)
    part.replace(path)
    place.unlink(missing_ok=True)
    return complete


def fetched(path: Path) -> Fetched | None:
    """What was fetched to `path` before; None when it was not, or not all of it."""
    return _digests(path) if path.is_file() else None


def discard(path: Path) -> None:
    """Remove a file and all that came of it."""
    for one in (path, *(path.with_name(f".{path.name}.{end}") for end in _BESIDE)):
        one.unlink(missing_ok=True)


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

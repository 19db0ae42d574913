"""Fills in where a record stands in its source file.

The job cannot know the byte offset or the line number of a record it read from a file; both are
found here by the digest of the line. Outputs come roughly in the order of the input, so the
search goes on where the last one ended, round the end of the file and back to there, and stops
when everything asked for is found: over a whole run that is about one pass over each file.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import IO, NamedTuple, cast

import msgspec
import structlog

from sinks.base import Record

_WITH_POSITION = ("evidence", "quarantine", "late")
log = structlog.get_logger("deliver")


class _Position(msgspec.Struct):
    source: str = ""
    line: int = 0


class _Placed(msgspec.Struct):
    raw_sm3: str = ""
    raw_size: int = -1
    position: _Position = msgspec.field(default_factory=_Position)


_DECODER = msgspec.json.Decoder(_Placed)


class Place(NamedTuple):
    """Byte offset of a line in the (unpacked) file, and its number counted from 1."""

    offset: int
    line: int


class Locator:
    """Completes records whose position is a file and nothing more. Kafka positions are whole."""

    def __init__(self) -> None:
        self._resume: dict[str, Place] = {}
        self._missing: set[tuple[str, str]] = set()  # looked for in the whole file, in vain

    def complete(self, records: Sequence[Record]) -> tuple[Record, ...]:
        """The same records in the same order, positions filled in where they can be found."""
        wanted: dict[str, dict[str, int]] = {}
        by_record: list[tuple[str, str] | None] = []
        for record in records:
            key = None
            if record.topic in _WITH_POSITION:
                key = self._open_position(record.body, wanted)
            by_record.append(key)
        found = {path: self._search(path, digests) for path, digests in wanted.items()}
        return tuple(
            _placed(record, found[key[0]].get(key[1])) if key else record
            for record, key in zip(records, by_record, strict=True)
        )

    def _open_position(
        self, body: bytes, wanted: dict[str, dict[str, int]]
    ) -> tuple[str, str] | None:
        item = _DECODER.decode(body)
        source = item.position.source
        if not source.startswith("file:") or item.position.line:
            return None
        path = path_of(source)
        if item.raw_size >= 0 and (path, item.raw_sm3) not in self._missing:
            wanted.setdefault(path, {})[item.raw_sm3] = item.raw_size
            return path, item.raw_sm3
        return None

    def _search(self, path: str, digests: dict[str, int]) -> dict[str, Place]:
        open_digests = dict(digests)
        found: dict[str, Place] = {}
        start = self._resume.get(path, Place(0, 1))
        try:
            with _unpacked(path) as lines:
                stopped = _scan(lines, start, None, open_digests, found)
                if open_digests and start.offset:
                    stopped = _scan(lines, Place(0, 1), start.offset, open_digests, found)
        except OSError as error:
            log.warning("source_file_unreadable", path=path, why=str(error.strerror or error))
        else:
            self._resume[path] = stopped
            if open_digests:
                log.warning("records_not_found_in_source", path=path, count=len(open_digests))
        self._missing |= {(path, digest) for digest in open_digests}
        return found


def path_of(source: str) -> str:
    """The path in a position's source, "file:…"."""
    path = source
    while path.startswith("file:"):  # Flink's own paths may be URIs already
        path = path.removeprefix("file:")
    return path.removeprefix("//")  # a URI with an empty host


def line_of(path: str, digest: str, size: int, near: int = 0) -> bytes | None:
    """The line of a file with this SM3 and size, without its end; looked for first at byte `near`.

    Raises OSError, EOFError.
    """
    with _unpacked(path) as lines:
        for start in dict.fromkeys((near, 0)):
            found: dict[str, Place] = {}
            end = start + 1 if start else None  # there, or else anywhere
            _scan(lines, Place(start, 1), end, {digest: size}, found)
            if found:
                lines.seek(found[digest].offset)
                return lines.readline()[:size]
    return None


def _scan(
    lines: IO[bytes],
    start: Place,
    end: int | None,
    open_digests: dict[str, int],
    found: dict[str, Place],
) -> Place:
    """Read lines from `start` to `end` until nothing is open; returns where it stopped."""
    lines.seek(start.offset)
    offset, number = start
    sizes = set(open_digests.values())
    while open_digests and (end is None or offset < end):
        line = lines.readline()
        if not line:
            break
        bare = line.removesuffix(b"\n")
        # Flink takes a carriage return before the line feed for part of the line's end
        for raw in {bare, bare.removesuffix(b"\r")}:
            if len(raw) in sizes:
                digest = hashlib.new("sm3", raw).hexdigest()
                if open_digests.pop(digest, None) is not None:
                    found[digest] = Place(offset, number)
                    sizes = set(open_digests.values())
        offset += len(line)
        number += 1
    return Place(offset, number)


def _unpacked(path: str) -> IO[bytes]:
    if path.endswith(".gz"):
        return cast(IO[bytes], gzip.GzipFile(path, "rb"))
    return Path(path).open("rb")


def _placed(record: Record, place: Place | None) -> Record:
    if place is None:
        return record
    body = msgspec.json.decode(record.body)
    body["position"]["offset"], body["position"]["line"] = place
    return record._replace(body=msgspec.json.encode(body))

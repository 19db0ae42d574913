"""One file of JSON lines, read from where it was left off.

Where that is, is known by content: the digest of everything that was read. Bytes are passed over
only when they are the very bytes that were taken, whatever became of the file's name since; else
the file is read again from its beginning, and what was taken before is not taken twice.
"""

from __future__ import annotations

import errno
import gzip
import os
import stat
import zlib
from hashlib import blake2b
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

import msgspec

from ingest.intake import Body
from ingest.lines import LongLine, read_line

BATCH_RECORDS, BATCH_BYTES = 2000, 8 * 1024 * 1024
PACKED = ".gz"
_PIECE = 1 << 20
_TAIL = 256  # bytes before the place that are looked at again when a file has grown


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """How far a file was read: `offset` bytes (unpacked), whose digest is `digest`.

    `size` and `changed` (ns) are of the file before that; `finished`: it was read to its end.
    """

    dev: int
    ino: int
    size: int
    changed: int
    offset: int
    digest: str
    finished: bool = False


class Damaged(NamedTuple):
    """A packed file that does not unpack to its end."""

    path: Path
    offset: int
    why: str


def place_of(stored: str) -> Place | None:
    """The place in a cursor; None when there is none, or one of another version."""
    try:
        return msgspec.json.decode(stored, type=Place) if stored else None
    except msgspec.DecodeError:
        return None


class OneFile:
    """Reads one file in batches.

    `number` is what the system knows the file by, whatever its name.

    Args:
        most: bytes of the longest line that is kept whole.
        growing: an end without a line break is waited for, not taken.
    """

    def __init__(self, path: Path, most: int, *, growing: bool = False) -> None:
        self.path = path
        self.damaged: Damaged | None = None
        self._most = most
        self._growing = growing and path.suffix != PACKED
        self._raw = _opened(path)
        self._file = self._unpacked()
        self._offset, self._digest, self._tail = 0, blake2b(digest_size=16), b""
        self._finished = self._ended = False
        self._before = os.fstat(self._raw.fileno())  # what was read last, was read after this
        self.number = _number(self._before)
        self._seen = (-1, -1)  # size and time of change when it was last asked whether it has grown

    def resume(self, place: Place | None) -> bool:
        """Go on at `place` when what lies before it is what was read then; else from the beginning.

        Returns: whether there may be anything to read.
        """
        if place is None:
            return True
        state = self._before
        same = (place.dev, place.ino, place.size, place.changed) == (
            state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns,
        )  # fmt: skip
        if same and place.finished and not self._growing:
            return False
        digest, left, tail = blake2b(digest_size=16), place.offset, b""
        try:
            while left and (piece := self._file.read(min(left, _PIECE))):
                digest.update(piece)
                left -= len(piece)
                tail = (tail + piece)[-_TAIL:]
        except (OSError, EOFError, zlib.error):
            left = -1
        if left == 0 and digest.hexdigest() == place.digest:
            self._offset, self._digest, self._tail = place.offset, digest, tail
        else:
            self._from_the_beginning()
        return True

    def batch(self) -> list[Body]:
        """The next records, [] at the end (of a growing file: for now)."""
        if self._ended:
            return []
        bodies: list[Body] = []
        size = 0
        self._finished = False
        # As it is before it is read: what is added from now on shows as a change, so that no file
        # with more in it is ever passed over as one that was read to its end.
        self._before = os.fstat(self._raw.fileno())
        try:
            while len(bodies) < BATCH_RECORDS and size < BATCH_BYTES:
                line, long = read_line(self._file, self._most)
                if not line and long is None:
                    self._finished = True
                    break
                ended = line.endswith(b"\n")
                if not ended and self._growing:
                    self._file.seek(self._offset)
                    break
                if ended:
                    self._passed(line, long is not None)
                found = _record(line, long)
                size += sum(len(one if isinstance(one, bytes) else one.head) for one in found)
                bodies += found
                if not ended:
                    # Taken, but not passed over: should it be half a line, the whole of it is read
                    # by the next run. What is added to it in this one is no record of its own.
                    self._finished = self._ended = True
                    break
        except (OSError, EOFError, zlib.error) as error:
            if self.path.suffix != PACKED:
                raise
            self.damaged = Damaged(self.path, self._offset, str(error) or type(error).__name__)
        return bodies

    def last_line(self) -> list[Body]:
        """What stands behind the last line that was passed over; it is not passed over itself."""
        self._file.seek(self._offset)
        line, long = read_line(self._file, self._most)
        self._file.seek(self._offset)
        return _record(line, long)

    def place(self) -> str:
        """Where the last batch ended, as a cursor."""
        state = self._before
        place = Place(
            dev=state.st_dev,
            ino=state.st_ino,
            size=state.st_size,
            changed=state.st_mtime_ns,
            offset=self._offset,
            digest=self._digest.hexdigest(),
            finished=self._finished,
        )
        return msgspec.json.encode(place).decode()

    def grown(self) -> bool:
        """Whether it has changed since this was asked last, and holds more than was read. A file
        that was cut off or written anew is read from its beginning; one that was shut is opened.

        Raises:
            OSError: it was shut and cannot be opened, or is another one now.
        """
        state = self.path.stat() if self.shut else os.fstat(self._raw.fileno())
        seen, self._seen = self._seen, (state.st_size, state.st_mtime_ns)
        if self.shut:
            if self._seen == seen:
                return False
            self._open_again()
        elif self._seen == seen and self._as_it_was():
            return False
        if state.st_size < self._offset or not self._as_it_was():
            self._from_the_beginning()
        return state.st_size > self._offset

    @property
    def passed(self) -> bool:
        """Whether all that it held when last asked is passed over, its last line too."""
        return self._seen[0] == self._offset

    def replaced(self) -> bool:
        """Whether another file has the name now, or none."""
        try:
            return _number(self.path.stat()) != self.number
        except OSError:
            return True

    def read_bytes(self) -> int:
        """Bytes of the file itself that were read, for a progress bar."""
        return self._raw.tell()

    @property
    def shut(self) -> bool:
        """Whether it is closed; where it was read to is known all the same."""
        return self._raw.closed

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        self._raw.close()

    def _open_again(self) -> None:
        raw = _opened(self.path)
        if _number(os.fstat(raw.fileno())) != self.number:
            raw.close()
            raise FileNotFoundError(errno.ENOENT, "it was replaced this very moment", self.path)
        self._file = self._raw = raw
        self._raw.seek(self._offset)

    def _unpacked(self) -> BinaryIO:
        if self.path.suffix != PACKED:
            return self._raw
        return cast(BinaryIO, gzip.GzipFile(fileobj=self._raw))

    def _from_the_beginning(self) -> None:
        self._raw.seek(0)
        self._file = self._unpacked()
        self._offset, self._digest, self._tail = 0, blake2b(digest_size=16), b""

    def _as_it_was(self) -> bool:
        at = self._offset - len(self._tail)
        return os.pread(self._raw.fileno(), len(self._tail), at) == self._tail

    def _passed(self, line: bytes, long: bool) -> None:
        pieces: Any = (line,)
        if long:  # it was not kept: read it once more
            end = self._file.tell()
            self._file.seek(self._offset)
            pieces = iter(lambda: self._file.read(min(_PIECE, end - self._file.tell())), b"")
        for piece in pieces:
            self._digest.update(piece)
            self._offset += len(piece)
            self._tail = (self._tail + piece)[-_TAIL:] if len(piece) < _TAIL else piece[-_TAIL:]


def _opened(path: Path) -> BinaryIO:
    """The file, for reading. To open a named pipe waits until somebody writes to it, and nothing
    could end the collector meanwhile; so what is no regular file is refused without waiting.

    Raises:
        OSError: it cannot be opened, or is no regular file.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is no regular file", str(path))
    return os.fdopen(descriptor, "rb")


def _number(state: os.stat_result) -> tuple[int, int]:
    return state.st_dev, state.st_ino


def _record(line: bytes, long: LongLine | None) -> list[Body]:
    """The record of a line as `read_line` gave it; of an empty one none."""
    if long is not None:
        return [long.body()]
    body = line.rstrip(b"\r\n")
    return [body] if body and not body.isspace() else []

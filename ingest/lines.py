"""Lines of a stream as records, in bounded memory."""

from __future__ import annotations

import hashlib
from typing import BinaryIO

from ingest.intake import Body, TooLong

_PIECE = 1 << 20


class LongLine:
    """A line that is too long to be kept: its beginning, its size and its digests."""

    def __init__(self, head: bytes) -> None:
        self._head = head
        self._size = 0
        self._digests = hashlib.new("sm3"), hashlib.sha256()
        self.add(head)

    def add(self, piece: bytes) -> None:
        """More of the line, without its end."""
        self._size += len(piece)
        for digest in self._digests:
            digest.update(piece)

    def body(self) -> TooLong:
        """What is known of it."""
        sm3, sha256 = (digest.hexdigest() for digest in self._digests)
        return TooLong(self._head, self._size, sm3, sha256)


class Lines:
    """Makes records of pieces of a stream; empty lines are none.

    Args:
        most: bytes of the longest line that is kept whole.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._rest = bytearray()
        self._long: LongLine | None = None

    def feed(self, piece: bytes) -> list[Body]:
        """The records that end in this piece."""
        found: list[Body] = []
        *ended, rest = piece.split(b"\n")
        for part in ended:
            self._add(part)
            self._end(found)
        self._add(rest)
        return found

    def end(self) -> list[Body]:
        """The stream has ended: what is left is a record too."""
        found: list[Body] = []
        self._end(found)
        return found

    def _add(self, part: bytes) -> None:
        if self._long is not None:
            self._long.add(part)
        elif len(self._rest) + len(part) > self._most + 1:  # 1: a carriage return
            self._long = LongLine(bytes(self._rest) + part[: max(0, self._most - len(self._rest))])
            self._long.add(part[max(0, self._most - len(self._rest)) :])
            self._rest.clear()
        else:
            self._rest += part

    def _end(self, found: list[Body]) -> None:
        if self._long is not None:
            found.append(self._long.body())
            self._long = None
        else:
            line = bytes(self._rest).rstrip(b"\r")
            if line and not line.isspace():
                found.append(line)
            self._rest.clear()


def read_line(file: BinaryIO, most: int) -> tuple[bytes, LongLine | None]:
    """The next line with its end, b"" at the end of the file. A line longer than `most` is read to
    its end but not kept: then the second value is known, and the first is its last piece."""
    line = file.readline(most + 2)
    if len(line) <= most + 1 or line.endswith(b"\n"):
        return line, None
    long = LongLine(line)
    while piece := file.readline(_PIECE):
        long.add(piece.removesuffix(b"\n"))
        if piece.endswith(b"\n"):
            return piece, long
    return b"", long

"""The custody book: who did what with archived messages, when and why, each line bound to the last.

A line is canonical JSON with its number `n` and `prev`, the SM3 of the line before it (64 zeros for
the first), so that taking a line out, moving or altering it shows. Every process that looks into
the archive writes here before it shows anything; the archive's writer enters each line in the
ledger.
"""

from __future__ import annotations

import fcntl
import io
import itertools
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from rules.alert import sm3_raw
from rules.errors import MingjianError
from sinks.ledger.canonical import canonical
from sinks.whole_file import write_at

FILE = "custody.jsonl"
GENESIS = "0" * 64
_TAIL_BYTES = 1 << 16


class Deed(NamedTuple):
    """What somebody did. `at` is UTC ms; `role` what they acted as; `action` one of `ACTIONS`;
    `why` the reason or ticket they gave; `details` what it was done with, never content."""

    at: int
    who: str
    role: str
    action: str
    why: str
    details: dict[str, Any]


class Line(NamedTuple):
    """A line of the book: its number from 1, its bytes, the deed."""

    number: int
    raw: bytes
    deed: Deed


class Place(NamedTuple):
    """Behind a line: its number, the bytes at which it begins and the next one does, its SM3."""

    number: int = 0
    begins: int = 0
    ends: int = 0
    sm3: str = GENESIS


START = Place()


class BookDamaged(MingjianError):
    """The book is not what was written. `en`, `zh`: how, where that can be said more closely."""

    def __init__(self, path: Path, number: int, en: str = "", zh: str = "") -> None:
        super().__init__(
            f"the custody book {path} "
            + (en or f"is damaged at line {number}: removed, moved or altered"),
            f"保管记录 {path} " + (zh or f"在第 {number} 行损坏：被删除、移动或改动"),
            fix_en="restore it from its copy; the ledger has the digest of every line",
            fix_zh="请从副本恢复；账本中有每一行的摘要",
        )
        self.number = number


class CustodyBook:
    """The book in a folder; made with its first line. `file`: of another book of this kind."""

    def __init__(self, folder: str | Path, file: str = FILE) -> None:
        self._path = Path(folder) / file

    def write(self, deed: Deed) -> Line:
        """Append a deed, and come back when it is durable. Any number of processes.

        Raises:
            BookDamaged: its last line is none.
            OSError: the disk did not take it: then what the deed is about must not be done.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            end, last = self._last(handle)
            number = self._number(handle, last) + 1 if last else 1
            previous = sm3_raw(last) if last else GENESIS
            raw = chained(number, previous, deed._asdict())
            try:
                write_at(handle, raw + b"\n", end)
                os.fsync(handle)
            except BaseException:
                os.ftruncate(handle, end)
                raise
            return Line(number, raw, deed)
        finally:
            os.close(handle)

    def state(self) -> tuple[int, int]:
        """Length of the book's file, and when it was changed (ns): whether something was written or
        mended since. That time, unlike the one of writing, `touch` does not set back."""
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return 0, 0
        return found.st_size, found.st_ctime_ns

    def lines(self, after: int = 0) -> Iterator[Line]:
        """Every line behind number `after`, in order. An end that was not written whole is none.

        Raises:
            BookDamaged: a line is not what was written; those before it were given.
        """
        with self.open() as file:
            for line, _ in self.read(file, START):
                if line.number > after:
                    yield line

    def open(self) -> BinaryIO:
        """The book's bytes; none where there is no book yet."""
        try:
            return self._path.open("rb")
        except FileNotFoundError:
            return io.BytesIO()

    def read(self, file: BinaryIO, place: Place) -> Iterator[tuple[Line, Place]]:
        """Lines of an open book behind a place, each with the place behind it. What is in front of
        the place is not looked at.

        Raises:
            BookDamaged: see `lines`.
        """
        file.seek(place.ends)
        for row in whole_rows(file):
            raw = row[:-1]
            line = self._read(place.number + 1, raw, place.sm3)
            place = Place(line.number, place.ends, place.ends + len(row), sm3_raw(raw))
            yield line, place

    def is_line(self, number: int, raw: bytes) -> bool:
        """Whether these bytes are a line of this number, whatever was in front of it."""
        try:
            self._read(number, raw, json.loads(raw)["prev"])
        except (BookDamaged, ValueError, KeyError, TypeError):
            return False
        return True

    def damaged(self, number: int, en: str, zh: str) -> BookDamaged:
        """That this book is not what was written."""
        return BookDamaged(self._path, number, en, zh)

    def _read(self, number: int, raw: bytes, previous: str) -> Line:
        try:
            told = json.loads(raw)
            if told.pop("n") != number or told.pop("prev") != previous:
                raise ValueError("out of order")
            deed = Deed(**told)
            if chained(number, previous, deed._asdict()) != raw:
                raise ValueError("not canonical")
        except (ValueError, KeyError, TypeError, AttributeError):
            raise BookDamaged(self._path, number) from None
        return Line(number, raw, deed)

    def _number(self, handle: int, line: bytes) -> int:
        try:
            return int(json.loads(line)["n"])
        except (ValueError, KeyError, TypeError):
            with os.fdopen(os.dup(handle), "rb") as file:
                file.seek(0)
                count = sum(1 for _ in whole_rows(file))
            raise BookDamaged(self._path, count) from None

    def _last(self, handle: int) -> tuple[int, bytes]:
        """(where the book's whole lines end, the last of them)."""
        size = os.fstat(handle).st_size
        span = _TAIL_BYTES
        while True:
            start = max(0, size - span)
            data = os.pread(handle, size - start, start)
            end = data.rfind(b"\n") + 1
            begin = data.rfind(b"\n", 0, end - 1) + 1 if end else 0
            if begin or not start:
                return start + end, data[begin : max(0, end - 1)]
            span *= 4


def named_leaves(details: dict[str, Any]) -> Iterator[tuple[int, int]]:
    """The messages a deed was done with, by their leaves: (first, last) of each span; a single one
    is a span of its own."""
    told = [details["leaf"]] if "leaf" in details else []
    for one in (*told, *details.get("leaves", ())):
        first, last = one if isinstance(one, list) else (one, one)
        yield first, last


def chained(number: int, previous: str, fields: dict[str, Any]) -> bytes:
    """A line of a book: `number` from 1, `previous` the SM3 in hex of the line before it."""
    return canonical({"n": number, "prev": previous, **fields})


def whole_rows(file: BinaryIO) -> Iterator[bytes]:
    """Rows with their line feeds, from where the file stands; an end that was not written whole is
    none."""
    return itertools.takewhile(lambda row: row.endswith(b"\n"), file)

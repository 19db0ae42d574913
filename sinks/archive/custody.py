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
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from rules.alert import sm3_raw
from rules.errors import MingjianError
from sinks.archive.book_end import last_row
from sinks.archive.renewed_book import Renewal, counts, renewal_of
from sinks.ledger.canonical import canonical
from sinks.whole_file import write_at

FILE = "custody.jsonl"
GENESIS = "0" * 64
_ANEW = (
    ". Where there is no copy: `mingjian archive renew-custody`",
    "。若无副本：`mingjian archive renew-custody`",
)


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
    """The book is not what was written. `en`, `zh`: how, where that can be said more closely;
    `sm3`: of line `number`, where it may as well be the one behind it that is damaged."""

    def __init__(self, path: Path, number: int, en: str = "", zh: str = "", sm3: str = "") -> None:
        which, welche = f"{number}", f"第 {number} 行"
        if sm3:
            which, welche = f"{number} or {number + 1}", f"第 {number} 或 {number + 1} 行"
        anew = _ANEW if path.name == FILE else ("", "")
        super().__init__(
            f"the custody book {path} "
            + (en or f"is damaged at line {which}: removed, moved or altered"),
            f"保管记录 {path} " + (zh or f"在{welche}损坏：被删除、移动或改动"),
            fix_en="restore it from its copy; the ledger has the digest of every line" + anew[0],
            fix_zh="请从副本恢复；账本中有每一行的摘要" + anew[1],
        )
        self.number, self._path, self._sm3 = number, path, sm3

    def sure(self, entered: int, has: Callable[[int, str], bool]) -> BookDamaged:
        """The same, of one line, where the ledger has the digest of the two that it may be.

        Args:
            entered, has: how many lines were entered in the ledger, and whether the line of this
                number was with this SM3.
        """
        if not self._sm3 or self.number > entered:
            return self
        return BookDamaged(self._path, self.number + has(self.number, self._sm3))


class CustodyBook:
    """The book in a folder; made with its first line. `file`: of another book of this kind."""

    def __init__(self, folder: str | Path, file: str = FILE) -> None:
        self._path = Path(folder) / file
        self._locked: tuple[int, int] | None = None  # by which thread, the file

    def write(self, deed: Deed) -> Line:
        """Append a deed, and come back when it is durable. Any number of processes.

        Raises:
            BookDamaged: its last line is none.
            OSError: the disk did not take it: then what the deed is about must not be done.
        """
        with self.locked() as handle:
            end, last = last_row(handle)
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

    @contextmanager
    def locked(self) -> Iterator[int]:
        """The book's file, made where there is none, while nobody else writes: what is written
        through this object by the same thread is written under the same lock. One that was put
        aside while the lock was waited for is not the book any more. Whoever has the ledger open
        for writing, too, opened it before; never the other way round.

        Raises:
            OSError: it cannot be written.
        """
        if self._locked is not None and self._locked[0] == threading.get_ident():
            yield self._locked[1]
            return
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        while True:
            handle = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX)
                if _is_at(handle, self._path):
                    self._locked = threading.get_ident(), handle
                    try:
                        yield handle
                    finally:
                        self._locked = None
                    return
            finally:
                os.close(handle)

    def last(self) -> int:
        """The number that its last line says, without reading the others; 0: there is none.

        Raises:
            BookDamaged: that is no line.
        """
        with self.open() as file:
            if isinstance(file, io.BytesIO):
                return 0
            _, line = last_row(file.fileno())
            return self._number(file.fileno(), line) if line else 0

    def state(self) -> tuple[int, int]:
        """Length of the book's file, and when it was changed (ns): whether something was written or
        mended since. That time, unlike the one of writing, `touch` does not set back."""
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return 0, 0
        return found.st_size, found.st_ctime_ns

    def lines(self, after: int = 0) -> Iterator[Line]:
        """Every line behind number `after`, in order. An end that was not written whole is none. Of
        a book that was begun anew also those of the one before that are relied on.

        Raises:
            BookDamaged: a line is not what was written; those before it were given. Or the book
                before is not there as it was put aside.
        """
        with self.open() as file:
            renewal = self.renewal(file)
            if renewal is not None:
                yield from self.before(renewal, after)
            for line, _ in self.read(file, start_of(renewal)):
                if line.number > after:
                    yield line

    def renewal(self, file: BinaryIO) -> Renewal | None:
        """That an open book was begun anew, as its first line says; None: it was not."""
        file.seek(0)
        row = next(whole_rows(file), b"")
        renewal = renewal_of(row) if self._path.name.startswith(FILE) else None
        return renewal if renewal and self.is_line(renewal.number, row[:-1]) else None

    def before(self, renewal: Renewal, after: int = 0) -> list[Line]:
        """The lines of the book that was put aside, behind number `after`, as far as they are
        relied on, in the order of their numbers.

        Raises:
            BookDamaged: it is not there as it was put aside.
        """
        told, found = renewal.told, dict[int, Line]()
        aside = CustodyBook(self._path.parent, told.aside)
        with aside.open() as file:
            data = file.read()
        if sm3_raw(data) != told.aside_sm3:
            raise self.damaged(
                renewal.number,
                f"was begun anew at line {renewal.number:,}, and the book before it, {told.aside},"
                " is not there as it was put aside",
                f"自第 {renewal.number:,} 行重新开始，而此前的 {told.aside} 已不是封存时的内容",
            )
        older = aside.renewal(io.BytesIO(data))
        if older is not None and counts(told.relied_on, 1):
            with suppress(BookDamaged):  # a line that was lost before, as this renewal says
                found.update((line.number, line) for line in aside.before(older, after))
        for row, raw in enumerate(whole_rows(io.BytesIO(data)), 1):
            if counts(told.relied_on, row) and (line := line_alone(raw[:-1])):
                found.setdefault(line.number, line)
        return [found[number] for number in sorted(found) if number > after]

    def open(self) -> BinaryIO:
        """The book's bytes; none where there is no book yet."""
        try:
            return self._path.open("rb")
        except FileNotFoundError:
            return io.BytesIO()

    def read(self, file: BinaryIO, place: Place) -> Iterator[tuple[Line, Place]]:
        """Lines of an open book behind a place, each with the place behind it. What is in front of
        the place is not looked at. A line is given when the one behind it is bound to it.

        Raises:
            BookDamaged: see `lines`.
        """
        file.seek(place.ends)
        rows, waiting = whole_rows(file), list[tuple[Line, Place]]()
        for row in rows:
            raw, number = row[:-1], place.number + 1
            try:
                previous, deed = _read(number, raw)
            except ValueError:
                yield from waiting
                raise BookDamaged(self._path, number) from None
            if previous != place.sm3:
                behind = next(rows, b"")
                if not place.number or (behind and bound_to(behind) != sm3_raw(raw)):
                    yield from waiting  # it is this line that was altered
                    raise BookDamaged(self._path, number)
                sm3 = "" if behind else place.sm3  # at the end it may be either
                raise BookDamaged(self._path, place.number, sm3=sm3)
            yield from waiting
            place = Place(number, place.ends, place.ends + len(row), sm3_raw(raw))
            waiting = [(Line(number, raw, deed), place)]
        yield from waiting

    def is_line(self, number: int, raw: bytes) -> bool:
        """Whether these bytes are a line of this number, whatever was in front of it."""
        try:
            _read(number, raw)
        except ValueError:
            return False
        return True

    def damaged(self, number: int, en: str, zh: str) -> BookDamaged:
        """That this book is not what was written."""
        return BookDamaged(self._path, number, en, zh)

    def _number(self, handle: int, line: bytes) -> int:
        try:
            return int(json.loads(line)["n"])
        except (ValueError, KeyError, TypeError):
            with os.fdopen(os.dup(handle), "rb") as file:
                file.seek(0)
                count = sum(1 for _ in whole_rows(file))
            raise BookDamaged(self._path, count) from None


def start_of(renewal: Renewal | None) -> Place:
    """Where reading begins: in front of the first line."""
    return Place(renewal.number - 1, sm3=renewal.told.aside_sm3) if renewal else START


def _read(number: int, raw: bytes) -> tuple[str, Deed]:
    """(the SM3 that a line names of the one before it, the deed). ValueError: it is no line of this
    number."""
    try:
        told = json.loads(raw)
        if told.pop("n") != number:
            raise ValueError("out of order")
        previous, deed = told.pop("prev"), Deed(**told)
        if chained(number, previous, deed._asdict()) != raw:
            raise ValueError("not canonical")
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("no line") from error
    return previous, deed


def line_alone(raw: bytes) -> Line | None:
    """A row as a line of whatever number it says; None: it is none."""
    try:
        number = int(json.loads(raw)["n"])
        return Line(number, raw, _read(number, raw)[1])
    except (ValueError, KeyError, TypeError):
        return None


def bound_to(row: bytes) -> str:
    """The SM3 that a row names of the one before it; "": none."""
    try:
        return str(json.loads(row)["prev"])
    except (ValueError, KeyError, TypeError):
        return ""


def _is_at(handle: int, path: Path) -> bool:
    """Whether a file that is open is the one of this name."""
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    return os.path.samestat(os.fstat(handle), there)


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

"""A book read on from where it was read last: the work is what was written since.

Two readers, which promise different things of what they read before. `BookReader` is for who
enters lines elsewhere: any byte that changed there is found, each time it is asked. `DeedReader` is
for who looks something up: it finds that the book was cut off, exchanged, or bound anew up to its
end; a line that was altered without that is for who checks the whole book to find.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from typing import BinaryIO

from rules.plural import plural
from sinks.archive.custody import (
    START,
    BookDamaged,
    CustodyBook,
    Deed,
    Line,
    Place,
    start_of,
    whole_rows,
)

_CHUNK = 1 << 20
Known = Callable[[int, str], bool]


class BookReader:
    """Lines of a book, each once.

    Of what was read before a digest of the bytes is kept, and compared before anything new is read:
    that takes a hundredth of reading the lines. Where it differs, the book is read from its start,
    and the first line that is not what it was is named.

    Args:
        after: so many lines were read by whoever had the book before; those are read once more, for
            the chain, and not given.
        known: says of the last of those, by its number and SM3, whether it is the one that was
            read; and with the chain all in front of it are. None: nobody knows.
    """

    def __init__(self, book: CustodyBook, after: int = 0, known: Known | None = None) -> None:
        self._book, self._known = book, known
        self._given, self._sm3 = after, ""  # the last line that was given; its SM3, where known
        self._place, self._digest = START, hashlib.sha256()  # of the bytes in front of the place

    def lines(self) -> Iterator[Line]:
        """Lines that were written since, in order.

        Raises:
            BookDamaged: the book is not what was written, or not the one that was read. Those
                before are given. Asked again, it says so again until the book is mended.
            OSError: it cannot be read.
        """
        with self._book.open() as file:
            if not self._unchanged(file):
                self._place, self._digest = START, hashlib.sha256()
            if self._place == START:
                self._place = start_of(self._book.renewal(file))
            for line, place in self._checked(file):
                if line.number == self._given and not self._same(line.number, place.sm3):
                    raise self._exchanged()
                if line.number > self._given:
                    yield line
                    self._given = line.number
                if line.number == self._given:
                    self._sm3 = place.sm3
                self._place = place
                self._digest.update(line.raw + b"\n")
            if self._place.number < self._given:
                raise self._cut_off()

    def _checked(self, file: BinaryIO) -> Iterator[tuple[Line, Place]]:
        """What is behind the place; of two lines that may be damaged the ledger tells which."""
        try:
            yield from self._book.read(file, self._place)
        except BookDamaged as error:
            raise (error.sure(self._given, self._known) if self._known else error) from None

    def _same(self, number: int, sm3: str) -> bool:
        if self._sm3 or self._known is None:
            return self._sm3 in ("", sm3)
        return self._known(number, sm3)

    def _unchanged(self, file: BinaryIO) -> bool:
        now, left = hashlib.sha256(), self._place.ends
        while left and (some := file.read(min(left, _CHUNK))):
            now.update(some)
            left -= len(some)
        return now.digest() == self._digest.digest()

    def _exchanged(self) -> BookDamaged:
        return self._book.damaged(
            self._given,
            f"is not the one that was read: of its first {plural(self._given, 'line')} some were"
            " altered, removed or put in, and the others bound to them anew",
            f"不是此前读过的那一本：前 {self._given:,} 行中有改动、删除或插入，其余行被重新串接",
        )

    def _cut_off(self) -> BookDamaged:
        there = self._place.number
        return self._book.damaged(
            there + 1,
            f"has {plural(there, 'line')}, and {plural(self._given, 'was', 'were')} read from it:"
            " its end is missing",
            f"有 {there:,} 行，而此前读过 {self._given:,} 行：末尾缺失",
        )


class DeedReader:
    """Deeds of one kind, found without reading the others; one that cannot be read is left out.

    That the last line is where it was, and what it was, is looked at each time.

    Args:
        action: which kind.
    """

    def __init__(self, book: CustodyBook, action: str) -> None:
        self._book, self._action = book, action
        self._begins = b'{"action":' + json.dumps(action, ensure_ascii=False).encode() + b","
        self._from, self._last = 0, b""  # where the last line that was read begins, and its bytes

    def deeds(self) -> list[Deed]:
        """Those that were written since, in order. When the book was begun anew since, all there
        are, those of the book before too.

        Raises:
            BookDamaged: the book is not the one that was read before.
            OSError: it cannot be read.
        """
        found = []
        with self._book.open() as file:
            file.seek(self._from)
            if file.read(len(self._last)) != self._last:
                if self._book.renewal(file) is None:
                    raise self._exchanged()
                self._from, self._last = 0, b""
            if not self._last and (renewal := self._book.renewal(file)):
                deeds = (line.deed for line in self._book.before(renewal))
                found += [deed for deed in deeds if deed.action == self._action]
            at, last = self._from, self._last
            file.seek(at + len(last))
            for row in whole_rows(file):
                at, last = at + len(last), row
                if row.startswith(self._begins) and (deed := _deed(row)):
                    found.append(deed)
        self._from, self._last = at, last
        return found

    def _exchanged(self) -> BookDamaged:
        ends = self._from + len(self._last)
        return self._book.damaged(
            0,
            f"is not the one that was read: the line that ended at byte {ends:,} is not there any"
            " more",
            f"不是此前读过的那一本：原先止于第 {ends:,} 字节的那一行已不在",
        )


def _deed(row: bytes) -> Deed | None:
    try:
        told = json.loads(row)
        del told["n"], told["prev"]
        return Deed(**told)
    except (ValueError, KeyError, TypeError):
        return None

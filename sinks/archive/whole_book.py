"""Whether a book is what was written, asked before anybody writes into it or trusts it.

The chain shows whether a line was altered, moved or removed in front of the last one, and it is a
fifth of the work of reading the lines. What the chain cannot show, that lines are missing at the
end or that all were bound anew, the archive's index can: it knows the last line that was entered in
the ledger, and by its digest all in front of it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple

from rules.alert import sm3_raw
from sinks.archive.custody import BookDamaged, CustodyBook, start_of, whole_rows
from sinks.archive.leaves import OtherLeaf
from sinks.archive.renewed_book import Renewal
from sinks.archive.rows import ArchiveIndex


class Entered(NamedTuple):
    """How many lines of a book were entered in the ledger, and whether the line of this number was
    with this SM3. `known`: whether that could be asked."""

    lines: int
    has: Callable[[int, str], bool]
    known: bool = True


NOTHING = Entered(0, lambda _number, _sm3: True, known=False)
LookUp = Callable[[], AbstractContextManager[Entered]]


def nothing_entered() -> AbstractContextManager[Entered]:
    """For where nobody knows what was entered."""
    return nullcontext(NOTHING)


def entered_of(index: ArchiveIndex, kind: str) -> Entered:
    """What the index knows of the lines of a book. `kind`: see `EnteredBook`."""
    return Entered(
        index.positions().get(kind, 0),
        lambda number, sm3: bool(index.entered([OtherLeaf(kind, str(number), sm3)])),
    )


class WholeBook:
    """A book that is looked at whenever it changed.

    Args:
        entered: what the ledger has of it; called when the book is looked at.
    """

    def __init__(self, book: CustodyBook, entered: LookUp = nothing_entered) -> None:
        self._book, self._entered = book, entered
        self._looked, self._lines = (-1, -1), 0
        self.renewal: Renewal | None = None  # where it was begun anew, known when it was looked at

    def require(self) -> int:
        """The number of its last line; all of them are what was written, from the first one on or
        from where it was begun anew.

        Raises:
            BookDamaged: one is not, or lines are missing that were entered in the ledger.
            OSError: it cannot be read.
        """
        if (state := self._book.state()) != self._looked:
            with self._entered() as entered:  # before the book: it cannot have what is not there
                self._lines = self._look(entered)
            self._looked = state
        return self._lines

    def _look(self, entered: Entered) -> int:
        last, of_entered = b"", ""
        with self._book.open() as file:
            self.renewal = self._book.renewal(file)
            if self.renewal is not None:
                self._book.before(self.renewal)  # is there as it was put aside
            begins = start_of(self.renewal)
            number, sm3 = begins.number, begins.sm3
            file.seek(0)
            for row in whole_rows(file):
                number, last = number + 1, row[:-1]
                if b'"n":%d,"prev":"%s"' % (number, sm3.encode()) not in last:
                    raise self._named(number, entered)
                sm3 = sm3_raw(last)
                if number == entered.lines:
                    of_entered = sm3
        if last and not self._book.is_line(number, last):  # no line behind it shows it
            raise self._named(number, entered)
        if number < entered.lines:
            raise self._book.damaged(
                number + 1,
                f"has {number:,} lines, and {entered.lines:,} were entered in the ledger: its end"
                f" is missing from line {number + 1:,} on",
                f"有 {number:,} 行，而账本登记了 {entered.lines:,} 行："
                f"自第 {number + 1:,} 行起缺失",
            )
        in_this = entered.lines > begins.number
        if in_this and not entered.has(entered.lines, of_entered):
            raise self._book.damaged(
                entered.lines,
                f"is not the one that was entered in the ledger: its line {entered.lines:,}, or one"
                " in front of it, was altered and the others bound to it anew",
                f"不是账本登记的那一本：第 {entered.lines:,} 行或更早的行被改动，其余行被重新串接",
            )
        return number

    def _named(self, number: int, entered: Entered) -> BookDamaged:
        """As whoever reads the lines one by one says it."""
        try:
            for _ in self._book.lines():
                pass
        except BookDamaged as error:
            return error.sure(entered.lines, entered.has)
        return self._book.damaged(number, "", "")

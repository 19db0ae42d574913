"""The custody book as deletion follows it: read on from where it was, and whether what came since
can change what goes.

Most lines cannot: somebody searched, or looked something up. Those that place or lift a hold, put
a schedule in force, or begin the book anew can.
"""

from __future__ import annotations

from rules.retention.holds import LIFTED, PLACED, Deed
from sinks.archive.book_reader import BookReader
from sinks.archive.custody import CustodyBook, Line
from sinks.archive.hold_book import SCHEDULED, deeds
from sinks.archive.renewed_book import RENEWED

DECIDES = frozenset({PLACED, LIFTED, SCHEDULED, RENEWED})


class CurrentBook:
    """A book, and its lines as they were read last.

    Attributes:
        lines: all of them, those of a book that was put aside too.
        found: the same as deeds.
    """

    def __init__(self, book: CustodyBook) -> None:
        self._book = book
        self._reader = BookReader(book)
        self.lines: list[Line] = []
        self.found: list[Deed] = []

    def read(self) -> bool:
        """Read what was written since: whether any of it can change what goes.

        Raises:
            BookDamaged: the book is not what was written, or not the one that was read.
            OSError: it cannot be read.
        """
        new = list(self._reader.lines())
        if any(line.deed.action == RENEWED for line in new):
            self.lines = list(self._book.lines())  # also of the one before what is relied on
            self.found = deeds(self.lines)
            return True
        self.lines += new
        self.found += deeds(new)
        return any(line.deed.action in DECIDES for line in new)

"""Books beside the archive whose every line is entered in its ledger."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import structlog

from rules.alert import sm3_raw
from sinks.archive.book_reader import BookReader
from sinks.archive.custody import BookDamaged, CustodyBook
from sinks.archive.leaves import OtherLeaf
from sinks.archive.rows import ArchiveIndex
from sinks.archive.whole_book import entered_of

log = structlog.get_logger("deliver")


class EnteredBook:
    """A book, and how far it was taken.

    Args:
        kind: of the entries of its lines; their ids are the lines' numbers. Also the name under
            which the archive's positions have how many were taken.
    """

    def __init__(self, book: CustodyBook, kind: str) -> None:
        self.kind, self._book = kind, book
        self._reader = BookReader(book)
        self._taken = 0  # lines
        self._looked = (0, 0)  # the book's state when it was read last
        self.damage = ""

    def stand(self, positions: Mapping[str, int], index: ArchiveIndex) -> None:
        """So many lines were taken, as the archive remembers it. The index says whether the last of
        them is the one that is in the ledger."""
        self._taken = positions.get(self.kind, 0)
        self._looked = (-1, -1) if self._taken else (0, 0)  # a book that is gone is news, too
        self._reader = BookReader(self._book, self._taken, entered_of(index, self.kind).has)

    def news(self) -> bool:
        """Whether somebody wrote into the book, or mended it."""
        return self._book.state() != self._looked

    def take(self, enter: Callable[[OtherLeaf], None], target: str) -> dict[str, int]:
        """Enter what is new, and say how far that is. What is behind a damage cannot be trusted and
        waits, visibly; messages go on being archived, or whoever can alter the book could stop the
        archive. Whatever changed in lines that were taken before is found here too; of those of an
        earlier process by their chain, and by the last of them, which has to be the one that was
        entered.

        Raises:
            OSError: the book cannot be read.
        """
        state = self._book.state()
        try:
            for line in self._reader.lines():
                enter(OtherLeaf(self.kind, str(line.number), sm3_raw(line.raw)))
                self._taken = line.number
            self.damage = ""
        except BookDamaged as error:
            if self.damage != error.en:
                log.error("custody_book_damaged", target=target, why=error.en)
            self.damage = error.en
        self._looked = state
        return {self.kind: self._taken}

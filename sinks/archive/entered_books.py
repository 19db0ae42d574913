"""Books beside the archive whose every line is entered in its ledger."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import structlog

from rules.alert import sm3_raw
from sinks.archive.book_reader import BookReader
from sinks.archive.custody import BookDamaged, CustodyBook
from sinks.archive.leaves import OtherLeaf

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

    def stand(self, positions: Mapping[str, int]) -> None:
        """So many lines were taken, as the archive remembers it."""
        self._taken, self._looked = positions.get(self.kind, 0), (0, 0)
        self._reader = BookReader(self._book, self._taken)

    def news(self) -> bool:
        """Whether somebody wrote into the book, or mended it."""
        return self._book.state() != self._looked

    def take(self, enter: Callable[[OtherLeaf], None], target: str) -> dict[str, int]:
        """Enter what is new, and say how far that is. What is behind a damage cannot be trusted and
        waits, visibly; messages go on being archived, or whoever can alter the book could stop the
        archive. Whatever changed in lines that were taken before is found here too; those of an
        earlier process were read for their chain and number alone, and it is for who checks the
        archive to compare them with the ledger.

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

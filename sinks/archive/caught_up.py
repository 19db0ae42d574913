"""Whether all alerts were taken that were there when a deletion wanted to take a step.

A hold on an alert or a rule holds what the archive knows alerts to name. So before each step it is
asked where the outputs end now, and the step waits until reading is past that. The custody book's
last line of that moment is kept: of a hold that came later nobody can say yet what it is for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from rules.errors import MingjianError
from sinks.archive.custody import CustodyBook
from sinks.base import NoAnswer
from sinks.progress import Reading

ALERTS = "alerts"
_AGAIN_S = 10.0  # after nobody could say where the outputs end


class CaughtUp:
    """For the process that writes the archive. Where nobody reads for it, nothing is waited for.

    Args:
        book: the archive's custody book.
        clock: seconds of the clock.

    Attributes:
        line: the number of the book's last line when it was asked where the outputs end.
        why: what is waited for; "" when nothing is.
    """

    def __init__(self, book: CustodyBook, clock: Callable[[], float]) -> None:
        self._book, self._clock = book, clock
        self._reading: Reading | None = None
        self._ends: Mapping[str, int] | None = None
        self._again = 0.0
        self.line, self.why = 0, ""

    def hear(self, reading: Reading) -> None:
        """Who reads the outputs for the archive."""
        self._reading, self._ends = reading, None

    def reached(self) -> bool:
        """Whether reading is past the end that was asked for last; asks where there is none."""
        if self._clock() < self._again:
            return False
        try:
            if self._ends is None:
                self.line = self._last_line()
                self._ends = self._reading.ends(ALERTS) if self._reading else {}
            done = self._reading is None or self._reading.passed(self._ends)
        except NoAnswer as error:
            self._again = self._clock() + _AGAIN_S
            self.why = f"nobody can say whether there are alerts to read: {error}"
            return False
        self.why = "" if done else "there are alerts that were not read yet"
        return done

    def used(self) -> None:
        """A step was taken: the next one asks anew."""
        self._ends = None

    def _last_line(self) -> int:
        try:
            return self._book.last()
        except (MingjianError, OSError):  # for the step to tell
            return 0

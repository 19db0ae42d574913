"""What is wrong with one file: the first error for who loads it, the first errors for who asks.

Nobody reads more than a few errors of one file, and to look for all of them in a large broken file
takes longer than to read it.
"""

from __future__ import annotations

from collections.abc import Iterable

from rules.errors import RuleError

MAX_TOLD = 20  # errors of one file


class Enough(Exception):
    """`MAX_TOLD` errors were found, or nothing more can be found behind the last."""


class Problems:
    """Takes the errors of a file as they are met.

    Args:
        found: where they are kept; without it the first error is raised.
    """

    def __init__(self, found: list[RuleError] | None = None) -> None:
        self.found = found

    def tell(self, error: RuleError) -> None:
        """Keep the error.

        Raises:
            RuleError: it, when errors are not kept.
            Enough: so many are kept.
        """
        if self.found is None:
            raise error
        self.found.append(error)
        if len(self.found) >= MAX_TOLD:
            raise Enough

    def tell_all(self, errors: Iterable[RuleError]) -> bool:
        """Keep these. Was there any?"""
        told = False
        for error in errors:
            self.tell(error)
            told = True
        return told

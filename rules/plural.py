"""English for a number of things."""

from __future__ import annotations


def plural(number: int, one: str, many: str = "") -> str:
    """ "1 file", "2 files", "1,000 files"; `many` where it is not `one` with an s."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"

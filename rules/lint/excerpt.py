"""The line of a problem with a mark below the place, as a person sees it on a screen."""

from __future__ import annotations

from functools import lru_cache

from rules.lint.metadata_said import width

_BEFORE = 30  # columns shown before the place in a line that is too long
_AROUND = 500  # characters on both sides of the place that are looked at


def excerpt(text: str, line: int, column: int, columns: int) -> tuple[str, str] | None:
    """(the line, a mark below it) in at most `columns` columns; None when there is no such line.

    Tabs are shown as blanks and control characters as dots, so that the mark stands right.
    """
    lines = _lines(text)
    if not 0 < line <= len(lines) or not text.strip():
        return None
    whole = lines[line - 1]
    skipped = max(0, min(column - 1, len(whole)) - _AROUND)
    shown = "".join(
        " " if char in "\t\r" else char if char.isprintable() else "·"
        for char in whole[skipped : column - 1 + _AROUND]
    )
    at = min(column - 1 - skipped, len(shown))
    if width(shown) > columns:
        start = at
        while start > 0 and width(shown[start - 1 : at]) <= _BEFORE:
            start -= 1
        head = "…" if start + skipped else ""
        end = start
        while end < len(shown) and width(head + shown[start : end + 1]) < columns:
            end += 1
        shown, at = (
            head + shown[start:end] + ("…" if end < len(shown) else ""),
            at - start + len(head),
        )
    shown = shown.rstrip()
    return shown, " " * width(shown[:at]) + "^"


@lru_cache(maxsize=1)
def _lines(text: str) -> list[str]:
    """Many problems of one file are shown one after the other."""
    return text.split("\n")

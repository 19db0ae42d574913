"""Which places of a YAML file are inside a text: in quotation marks, or a block behind | or >.

Works on broken files too, as far as the first place that cannot be read.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any

import yaml

from rules.yaml_nodes import is_strict

Place = tuple[int, int]
_QUOTES = ("'", '"')
_WIDE = {'"': "”＂", "'": "’＇"}  # what was to close a text, by the mark that opens it
_KEYS = re.compile(r"\n\s*+(?:- |[A-Za-z_][\w.|-]*+:)")  # what a text of several lines seldom holds
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the same, thirty times as fast


def texts(text: str) -> list[tuple[Place, Place]]:
    """(first place, first place behind) of every such text; lines and columns count from 1."""
    found: list[tuple[Place, Place]] = []
    try:
        _scan(text, _LOADER, found)
    except yaml.YAMLError as error:
        if is_strict(text, error):
            found.clear()
            with suppress(yaml.YAMLError):
                _scan(text, yaml.SafeLoader, found)
    return found


def _scan(text: str, loader: Any, found: list[tuple[Place, Place]]) -> None:
    for token in yaml.scan(text, loader):
        if isinstance(token, yaml.ScalarToken) and not token.plain:
            start, end = token.start_mark, token.end_mark
            found.append(((start.line + 1, start.column + 1), (end.line + 1, end.column + 1)))


def is_inside(places: list[tuple[Place, Place]], line: int, column: int) -> bool:
    """Does the character stand in one of the texts?"""
    return any(first <= (line, column) < behind for first, behind in places)


def opening(text: str, line: int, column: int) -> Place | None:
    """Where a quotation mark opens that is not closed in time, so that the place cannot be read: it
    is closed by the one that was to open the next text, or by none."""
    try:
        for token in yaml.scan(text, _LOADER):
            if not isinstance(token, yaml.ScalarToken) or token.style not in _QUOTES:
                continue
            start, end = token.start_mark, token.end_mark
            if (end.line + 1, end.column + 1) == (line, column):
                inside = text[start.index : end.index - 1]
                lost = closing_meant(inside) or inside.rstrip().endswith((",", "，"))
                lost = bool(lost) and text[end.index : end.index + 1] != "，"
                return (start.line + 1, start.column + 1) if lost or _KEYS.search(inside) else None
    except yaml.YAMLError as error:
        mark = getattr(error, "context_mark", None)
        of_text = "quoted scalar" in (getattr(error, "context", "") or "")
        if mark and of_text and "end of stream" in (getattr(error, "problem", "") or ""):
            return mark.line + 1, mark.column + 1
    return None


def closing_meant(rest: str) -> str:
    """The Chinese quotation mark that was to close the text `rest` begins with, in its line; ""."""
    line = rest.partition("\n")[0]
    end = line.find(line[0], 1)
    return next((one for one in line[1 : end if end > 0 else None] if one in _WIDE[line[0]]), "")

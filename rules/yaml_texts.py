"""Which places of a YAML file are inside a text: in quotation marks, or a block behind | or >.

Works on broken files too, as far as the first place that cannot be read.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import yaml

from rules.yaml_nodes import is_strict

Place = tuple[int, int]
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

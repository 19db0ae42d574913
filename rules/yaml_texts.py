"""Which places of a YAML file are inside a text: in quotation marks, or a block behind | or >.

Works on broken files too, as far as the first place that cannot be read.
"""

from __future__ import annotations

import yaml

Place = tuple[int, int]


def texts(text: str) -> list[tuple[Place, Place]]:
    """(first place, first place behind) of every such text; lines and columns count from 1."""
    found: list[tuple[Place, Place]] = []
    try:
        for token in yaml.scan(text, yaml.SafeLoader):
            if isinstance(token, yaml.ScalarToken) and not token.plain:
                start, end = token.start_mark, token.end_mark
                found.append(((start.line + 1, start.column + 1), (end.line + 1, end.column + 1)))
    except yaml.YAMLError:
        pass
    return found


def is_inside(places: list[tuple[Place, Place]], line: int, column: int) -> bool:
    """Does the character stand in one of the texts?"""
    return any(first <= (line, column) < behind for first, behind in places)

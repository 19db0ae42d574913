"""Where a character of a value stands in the file: values are quoted, folded, over many lines."""

from __future__ import annotations

import re
from typing import NamedTuple

_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")  # as YAML counts lines
_BLOCKS = ("|", ">")


class Start(NamedTuple):
    """Where a value begins: line and column from 1, and its style (as PyYAML has it: "" plain,
    ' or " quoted, | or > a block)."""

    line: int
    column: int
    style: str


def place_of(text: str, start: Start, value: str, offset: int) -> tuple[int, int]:
    """Line and column (from 1) of `value[offset]` in `text`, where `value` begins at `start`.

    Blanks and line breaks of a value are not those of the file, all other characters are: they
    are counted. A value whose characters are not (written with escapes) is told at its beginning.
    """
    if not offset and start.style not in _BLOCKS:
        return start[:2]
    sought = [*"".join(value[:offset].split()), *value[offset : offset + 1].strip()]
    behind = value[offset : offset + 1].isspace()  # a blank: behind the last character before it
    lines = _BREAK.split(text)
    line, column = start.line, start.column + bool(start.style)
    if start.style in _BLOCKS:  # behind the sign and what is remarked beside it
        line, column = line + 1, 1
    while line <= len(lines):
        for at, char in enumerate(lines[line - 1][column - 1 :], start=column):
            if char.isspace():
                continue
            if sought and char != sought[0]:
                return start[:2]
            if len(sought) <= 1:
                return line, at + behind
            del sought[0]
        line, column = line + 1, 1
    return start[:2]

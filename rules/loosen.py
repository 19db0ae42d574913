"""A regular expression -> patterns that match wherever it does and are cheap to compile.

The one scan of all rules only says which rules may hold; their own RE2 decides. A counted repeat
such as `[^。]{0,20}` makes twenty states of a pattern, of Chinese characters some hundred, so that
a catalogue of them took Hyperscan many seconds. `*` and `+` match whatever it matches, and are one.
"""

from __future__ import annotations

import re

# what is passed over as it is: escapes, classes; and a repeat with two bounds, or none above
_TOKEN = re.compile(r"\\.|\[\^?\]?(?:\\.|\[:\w+:\]|[^\]\\])*\]|\{(\d+),(\d*)\}", re.S)
_PIECE = re.compile(r"\\.|\[\^?\]?(?:\\.|\[:\w+:\]|[^\]\\])*\]|[()|]", re.S)


def loosened(source: str) -> str:
    """The looser pattern. `{0,n}` becomes `*`, `{m,n}` becomes `+`; exact counts stay."""
    return _TOKEN.sub(_looser, source)


def _looser(match: re.Match[str]) -> str:
    if match[1] is None:
        return match[0]
    return "*" if int(match[1]) == 0 else "+"


def alternatives(source: str) -> list[str]:
    """The alternatives at the top of a pattern, one by one: many rules share some of them."""
    if source.startswith("(?") and not source.startswith("(?:"):  # flags, which hold for all
        return [source]
    found, start, depth = [], 0, 0
    for match in _PIECE.finditer(source):
        piece = match[0]
        depth += (piece == "(") - (piece == ")")
        if piece == "|" and depth == 0:
            found.append(source[start : match.start()])
            start = match.end()
    return [*found, source[start:]]

"""A regular expression -> patterns that match wherever it does and are cheap to compile.

The one scan of all rules only says which rules may hold; their own RE2 decides. A counted repeat
such as `[^。]{0,20}` makes twenty states of a pattern, of Chinese characters some hundred, so that
a catalogue of them took Hyperscan many seconds. `*` and `+` match whatever it matches, and are one.
"""

from __future__ import annotations

import re

# what is passed over as it is: escapes, classes; and a repeat with two bounds, or none above; flags
# that are taken back
_TOKEN = re.compile(
    r"(?P<narrow>(?:\\d|\[[0-9A-Za-z-]+\])\{[0-9]{1,2},)(?P<most>[0-9]*)\}"
    r"|\\.|\[\^?\]?(?:\\.|\[:\w+:\]|[^\]\\])*\]"
    r"|\{(?P<least>\d+),\d*\}|\(\?(?P<on>\w*)-(?P<off>\w+)(?P<end>[:)])",
    re.S | re.A,
)
_FEW = 8  # repeats of a digit that cost nothing to compile
_PIECE = re.compile(r"\\.|\[\^?\]?(?:\\.|\[:\w+:\]|[^\]\\])*\]|[()|]", re.S)


def loosened(source: str) -> str:
    """The looser pattern. `{0,n}` becomes `*`, `{m,n}` becomes `+`, of plain digits and letters
    `{m,}`; exact counts stay. The begin and end of a text become those of a line: many texts are
    scanned behind one another."""
    return _TOKEN.sub(_looser, source)


def _looser(match: re.Match[str]) -> str:
    if match["narrow"]:
        # or a code of four digits is looked for in every price; and of six, in every account
        few = match["most"] and int(match["most"]) <= _FEW
        return match[0] if few else match["narrow"] + "}"
    if match["end"]:
        off = match["off"].replace("m", "")
        return f"(?{match['on']}{f'-{off}' if off else ''}{match['end']}"
    if match["least"] is None:
        return {r"\A": "^", r"\z": "$"}.get(match[0], match[0])
    return "*" if int(match["least"]) == 0 else "+"


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

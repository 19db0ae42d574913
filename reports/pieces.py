"""Text cut into pieces for display: what hit a rule, and characters one cannot see."""

from __future__ import annotations

import itertools
import unicodedata
from collections.abc import Iterable
from typing import Any, NamedTuple

from reports.masking import mask_hits
from rules.fold_table import DROPPED

HEAD, TAIL = 900, 300  # characters shown of a long stretch
_EMOJI = range(0x1F000, 0x1FB00)  # no print font has them; shown as code points
_NO_WIDTH = frozenset(
    chr(code)
    for first, _, last in (part.partition("-") for part in DROPPED["zero_width"].split())
    for code in range(int(first, 16), int(last or first, 16) + 1)
)
_JOINERS = {0xFE0E, 0xFE0F, 0x200D}  # part of the emoji before them


class Piece(NamedTuple):
    """A stretch of text. `hit` names the pattern that matched it; `code`: shown as U+XXXX; `cut`:
    so many characters were left out here."""

    text: str
    hit: str = ""
    code: bool = False
    cut: int = 0


class Whole(str):
    """Text that is shown however long it is."""

    __slots__ = ()


def pieces(text: str, hits: Iterable[dict[str, Any]], *, unmask: bool = False) -> list[Piece]:
    """`text` in order, hit spans apart; overlapping hits share a piece and are both named.

    What matched is always there; of longer stretches between, the beginning and the end.
    """
    spans = [hit for hit in hits if 0 <= hit["start"] < hit["end"] <= len(text)]
    shown = text if unmask else mask_hits(text, spans)
    edges = sorted({0, len(text), *(hit[end] for hit in spans for end in ("start", "end"))})
    found: list[Piece] = []
    for start, end in itertools.pairwise(edges):
        over = [h["pattern"] for h in spans if h["start"] <= start and end <= h["end"]]
        found += _stretch(shown[start:end], "、".join(dict.fromkeys(over)))
    return found


def _stretch(text: str, hit: str) -> list[Piece]:
    """A stretch without its middle when it is long: a page of the report is for reading, and the
    whole record is in the data."""
    left_out = len(text) - HEAD - TAIL
    if left_out <= TAIL:
        return _visible(text, hit)
    cut = Piece("…", cut=left_out)
    return [*_visible(text[:HEAD], hit), cut, *_visible(text[-TAIL:], hit)]


def plain(text: str, *, unmask: bool = False) -> list[Piece]:
    """Text without hits."""
    return pieces(text, (), unmask=unmask)


def _visible(text: str, hit: str) -> list[Piece]:
    """Invisible and unprintable characters become their code point, so that nothing hides."""
    found: list[Piece] = []
    buffer, after_emoji = "", False
    for character in text:
        if _hidden(character):
            if buffer:
                found.append(Piece(buffer, hit))
                buffer = ""
            if ord(character) not in _JOINERS or not after_emoji:
                found.append(Piece(f"U+{ord(character):04X}", hit, code=True))
            after_emoji = ord(character) in _EMOJI or (after_emoji and ord(character) in _JOINERS)
        else:
            buffer, after_emoji = buffer + character, False
    if buffer:
        found.append(Piece(buffer, hit))
    return found


def _hidden(character: str) -> bool:
    if character in "\n\t":
        return False
    kind = unicodedata.category(character)
    return (
        kind in ("Cf", "Cc", "Co", "Cn", "Cs", "Zl", "Zp")
        or ord(character) in _EMOJI
        or character in _NO_WIDTH
    )

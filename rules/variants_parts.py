"""Characters taken apart (拆字): 「亻言」 is 信, 「力口」 is 加, 「弓长」 is 张.

`JOINED` knows the parts of every common character (`rules.character_tables`). Parts of which one is
no everyday character (亻, 讠, 戋) never meet in ordinary text and count in every word; parts that
are words themselves (女子, 人言) count only in words of `LOOSE_FROM` characters and more.
"""

from __future__ import annotations

from rules.character_tables import PARTS
from rules.variants_sounds import is_common

LOOSE_FROM = 3


def _tables() -> tuple[dict[str, tuple[str, ...]], dict[str, tuple[str, ...]]]:
    """({parts: characters}, {character: its ways})."""
    joined: dict[str, tuple[str, ...]] = {}
    apart: dict[str, tuple[str, ...]] = {}
    for entry in PARTS.split():
        char, way = entry[0], entry[1:]
        joined[way] = (*joined.get(way, ()), char)
        apart[char] = (*apart.get(char, ()), way)
    return joined, apart


JOINED, APART = _tables()
LONGEST = max(map(len, JOINED))
RARE = frozenset(part for way in JOINED for part in way if not is_common(part))


def is_strict(way: str) -> bool:
    """Is one of the parts no everyday character?"""
    return not RARE.isdisjoint(way)


def parts(char: str, word: str) -> tuple[str, ...]:
    """The ways in which `char` of the folded `word` is taken apart."""
    ways = APART.get(char, ())
    return ways if len(word) >= LOOSE_FROM else tuple(filter(is_strict, ways))

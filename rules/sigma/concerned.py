"""Which of many plain Sigma rules an event may concern, found in one pass over what it says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import re2

from rules.scan import scanner
from rules.sigma.event import Event
from rules.sigma.needs import Needs

try:
    import hyperscan
except ImportError:  # not an x86 machine
    _HYPERSCAN = False
else:
    _HYPERSCAN = True

_SHAPES = 1_000  # sets of fields that are remembered; whoever sends events chooses the names


class Concerned:
    """Finds the rules worth asking, by their numbers, in order. Not to be shared between threads.

    Args:
        needed: of each rule what it needs.
    """

    def __init__(self, needed: Sequence[Needs]) -> None:
        words: dict[str, list[int]] = {}
        for number, one in enumerate(needed):
            for word in sorted(one.words or ()):
                words.setdefault(word, []).append(number)
        self._wakes = list(words.values())
        self._seen = seen_in(list(words))
        self._wordless = frozenset(n for n, one in enumerate(needed) if one.words is None)
        self._fields = [
            [frozenset().union(*map(_heads, one)) for one in of.fields] for of in needed
        ]
        self._shapes: dict[tuple[str, ...], tuple[frozenset[int], frozenset[int]]] = {}

    def of(self, event: Event) -> list[int]:
        """The rules that may hold for the event."""
        shape = tuple(event.fields)
        known = self._shapes.get(shape)
        if known is None:
            known = self._remembered(shape)
        able, asked = known
        woken: set[int] = set()
        for word in self._seen(event.said().encode("utf-8", "replace")):
            woken.update(self._wakes[word])
        return sorted(asked | (woken & able))

    def _remembered(self, shape: tuple[str, ...]) -> tuple[frozenset[int], frozenset[int]]:
        """(rules whose fields are there, those of them that no word wakes)."""
        if len(self._shapes) >= _SHAPES:
            self._shapes.clear()
        able = frozenset(
            number
            for number, sets in enumerate(self._fields)
            if not any(heads.isdisjoint(shape) for heads in sets)
        )
        self._shapes[shape] = able, able & self._wordless
        return self._shapes[shape]


def _heads(name: str) -> list[str]:
    """The keys under one of which the field stands: `a.b.c` is `a.b.c`, or in `a.b`, or in `a`."""
    parts = name.split(".")
    return [".".join(parts[:end]) for end in range(len(parts), 0, -1)]


def seen_in(words: Sequence[str]) -> Callable[[bytes], Iterable[int]]:
    """A function of a text (UTF-8): the numbers of the words that occur in it, each once."""
    escaped = [re2.escape(word) for word in words]
    if not words or not _HYPERSCAN:
        scan = scanner(escaped).scan
        return lambda text: scan([text]).get(0, ())
    # bytes as they are: a character of UTF-8 never begins within another. As UTF-8 and without
    # regard to case, which folding has seen to, seventeen thousand words take 11 s instead of 1
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    database.compile(
        expressions=[word.encode() for word in escaped],
        ids=list(range(len(escaped))),
        elements=len(escaped),
        flags=hyperscan.HS_FLAG_SINGLEMATCH,
    )
    found: list[int] = []

    def told(word: int, _start: int, _end: int, _flags: int, _context: object) -> None:
        found.append(word)

    def seen(text: bytes) -> list[int]:
        found.clear()
        database.scan(text, told)
        return found

    return seen

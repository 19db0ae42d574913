"""Can a regular expression match a folded text at all? Asked of the fold and of RE2 themselves.

Texts are seen as rows of kinds of characters. Which kinds a part of a pattern may be is asked of
RE2, with the characters that the fold leaves as they are. Which kinds never follow each other in a
folded text (a blank between two Chinese characters) is `_follows`; tests hold it against the fold.
The answer "it cannot" is right; a pattern of which nothing is known can.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import re2

from rules.fold import MAX_GAP, SYMBOLS, fold, is_chinese
from rules.pattern_tree import Chars, Edge, Either, Many, Part, Row

KINDS = ("newline", "chinese", "alnum", "blank", "dot", "under", "symbol", "other")
NEWLINE, CHINESE, ALNUM, BLANK, DOT, UNDER, SYMBOL, OTHER = (1 << n for n in range(len(KINDS)))
_END = 1 << len(KINDS)  # of the text
_ANY = (_END << 1) - 1
_WORDS = ALNUM | UNDER
GAPS = BLANK | DOT | UNDER | SYMBOL
_LAST = 0x3FFFF  # behind it nothing is assigned that people write
_DENSE = 0x3400  # up to here every character is a sample
_SHORT = 64
_POINT = re.compile(r"\\x\{([0-9A-Fa-f]+)\}|\\x([0-9A-Fa-f]{2})|\\[pP]\{\^?\w+\}|\\?[^-]", re.S)
MAX_STEPS = 20_000


def kind_of(char: str) -> int:
    """The kind of a character; a carriage return is taken for a line break."""
    if char in "\n\r":
        return NEWLINE
    if is_chinese(char):
        return CHINESE
    if char.isascii() and char.isalnum():
        return ALNUM
    named = {" ": BLANK, ".": DOT, "_": UNDER}.get(char)
    return named or (SYMBOL if char in SYMBOLS else OTHER)


class Before(NamedTuple):
    """What came before in a text: the last kind (0 at its beginning), and the symbols since the
    last other character: `left` is that one's kind (0: not known), `length` how many, at most one
    more than the fold reads over."""

    last: int = 0
    left: int = 0
    length: int = 0
    blanks: bool = True
    dots: int = 0  # 1: the last one is a dot, 2: there were two in a row


@lru_cache(maxsize=1_024)
def after(before: Before, kind: int) -> Before | None:
    """What came before the next character; None where the fold leaves no such text."""
    if kind & GAPS:
        if not before.left:
            return Before(kind)
        dots = 2 if before.dots == 2 or (before.dots and kind == DOT) else int(kind == DOT)  # noqa: PLR2004
        return Before(
            kind,
            before.left,
            min(MAX_GAP + 1, before.length + 1),
            before.blanks and kind == BLANK,
            dots,
        )
    if 0 < before.length <= MAX_GAP and _is_read_over(before, kind):
        return None
    return Before(kind, kind if kind & (CHINESE | ALNUM) else 0)


def _is_read_over(before: Before, right: int) -> bool:
    """Does the fold leave these symbols out? As `rules.fold` decides by both sides."""
    if before.left == right == CHINESE:
        return before.dots != 2  # noqa: PLR2004
    return {before.left, right} == {CHINESE, ALNUM} and before.blanks


@lru_cache(maxsize=2)
def _samples(folded: bool) -> tuple[tuple[int, bytes], ...]:
    """Every kind with its characters (that the fold leaves) as UTF-8: of the large planes of
    Chinese and other signs every sixteenth."""
    codes = (*range(_DENSE), *range(_DENSE, 0xD800, 16), *range(0xE000, _LAST, 16))
    return _by_kind("".join(map(chr, codes)), folded)


def _by_kind(chars: str, folded: bool) -> tuple[tuple[int, bytes], ...]:
    found: dict[int, list[str]] = {1 << n: [] for n in range(len(KINDS))}
    # one long fold is quick; a line break keeps neighbours apart
    for char in set(fold("\n".join(chars)).text) if folded else chars:
        found[kind_of(char)].append(char)
    return tuple((kind, "".join(some).encode()) for kind, some in found.items() if some)


def _written(source: str) -> str:
    """The characters that a class names, with those of short ranges between them."""
    found = []
    points = [
        int(one[1] or one[2], 16) if one[1] or one[2] else ord(one[0][-1])
        for one in _POINT.finditer(source)
    ]
    for first, last in zip(points, [*points[1:], 0], strict=True):
        stop = last if first < last <= first + _SHORT else first
        found += [chr(code) for code in range(first, stop + 1) if not 0xD800 <= code < 0xE000]  # noqa: PLR2004
    return "".join(found)


def kinds(part: Chars, *, folded: bool) -> int:
    """The kinds of characters that RE2 lets this part be; 0: none that occurs."""
    if not part.literal:
        return _of_class(part.source, part.flags, folded)
    char, found = part.literal, 0
    low, high = char.lower(), char.upper()
    for one in {char, low, high, low.upper(), high.lower()} if "i" in part.flags else {char}:
        if len(one) == 1 and (not folded or one == "\n" or fold(one).text == one):
            found |= kind_of(one)
    return found


@lru_cache(maxsize=4_096)
def _of_class(source: str, flags: str, folded: bool) -> int:
    options = re2.Options()
    options.log_errors = False
    compiled = re2.compile((f"(?{flags}){source}" if flags else source).encode(), options)
    found = 0
    for kind, chars in (*_by_kind(_written(source), folded), *_samples(folded)):
        if not found & kind and compiled.search(chars) is not None:
            found |= kind
    return found


class _State(NamedTuple):
    """Where a reader of the pattern stands: what came before, and what may come next."""

    before: Before
    next: int = _ANY


def can_match(tree: Part, *, folded: bool, usual: bool = False) -> bool:
    """May some text (folded, or any) hold what the pattern looks for? A `usual` one has no line
    break where a blank would do, and no more symbols in a row than the fold reads over."""
    if _easily(tree, folded=folded):
        return True
    starts = {_State(Before())}
    for kind in (1 << n for n in range(len(KINDS))):
        came = after(Before(), kind)
        starts |= {_State(came)} if came else set()
    walk = _Walk(folded, usual)
    try:
        return any(True for _ in walk.through(tree, frozenset(starts)))
    except _TooLong:
        return True


def _easily(part: Part, *, folded: bool) -> bool:
    """Can the part be characters that may stand beside any others? Then it can match."""
    if isinstance(part, Chars):
        return kinds(part, folded=folded) & ~(GAPS | NEWLINE) != 0
    if isinstance(part, Row):
        return all(_easily(one, folded=folded) for one in part.parts)
    if isinstance(part, Either):
        return any(_easily(one, folded=folded) for one in part.parts)
    return isinstance(part, Many) and (not part.least or _easily(part.part, folded=folded))


class _TooLong(Exception):
    """More states than are worth looking at."""


class _Walk:
    def __init__(self, folded: bool, usual: bool) -> None:
        self.folded, self.usual, self.steps = folded, usual, 0

    def through(self, part: Part, states: frozenset[_State]) -> frozenset[_State]:
        """Where the reader may stand behind the part."""
        self.steps += len(states)
        if self.steps > MAX_STEPS:
            raise _TooLong
        if not states:
            return states
        if isinstance(part, Chars):
            return frozenset(self._over(part, states))
        if isinstance(part, Edge):
            return frozenset(_between(part, states))
        if isinstance(part, Row):
            for one in part.parts:
                states = self.through(one, states)
            return states
        if isinstance(part, Either):
            return frozenset().union(*(self.through(one, states) for one in part.parts))
        return self._many(part, states)

    def _many(self, part: Many, states: frozenset[_State]) -> frozenset[_State]:
        for _ in range(part.least):
            states = self.through(part.part, states)
        found = fresh = states
        times = part.least
        while fresh and (part.most is None or times < part.most):
            fresh = self.through(part.part, fresh) - found
            found |= fresh
            times += 1
        return found

    def _over(self, part: Chars, states: frozenset[_State]) -> Iterator[_State]:
        allowed = kinds(part, folded=self.folded)
        if self.usual and allowed & BLANK:
            allowed &= ~NEWLINE
        for state in states:
            for kind in _bits(allowed & state.next):
                came = after(state.before, kind) if self.folded else Before(kind)
                if came is not None and not (self.usual and came.length > MAX_GAP):
                    yield _State(came)


def _between(part: Edge, states: frozenset[_State]) -> Iterator[_State]:
    for before, coming in states:
        was_word = bool(before.last & _WORDS)
        no_words = _ANY & ~_WORDS
        allowed = {
            "text_start": 0 if before.last else _ANY,
            "line_start": _ANY if before.last in (0, NEWLINE) else 0,
            "text_end": _END,
            "line_end": _END | NEWLINE,
            "word": no_words if was_word else _WORDS,
            "not_word": _WORDS if was_word else no_words,
        }[part.kind]
        if coming & allowed:
            yield _State(before, coming & allowed)


def _bits(mask: int) -> Iterator[int]:
    for n in range(len(KINDS)):
        if mask & (1 << n):
            yield 1 << n

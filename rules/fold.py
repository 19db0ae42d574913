"""Folds a text to the one spelling that words and detectors are written in.

`fold("加 我 Ｖ信")` is "加我v信". Every folded code point remembers where it came from, so a hit is
shown in the original, and the disguises used inside a span can be named. Folding is per code
point (NFKC would change lengths and put brackets into words). What is done:

* dropped: zero-width and control characters, variation selectors, combining marks, tone marks;
* mapped: full-width, circled, squared, styled letters and digits to ASCII; other scripts' digits
  to ASCII; traditional to simplified, one to one; everything to lower case;
* skipped: up to `MAX_GAP` symbols or spaces between two Chinese characters, and spaces between a
  Chinese character and a Latin letter or digit. Sentence punctuation and line breaks are never
  skipped: 「我先回，扣款」 holds no 回扣;
* skipped: brackets and quotation marks around one Chinese character beside another (保（本）), but
  not around more (务必确保（本周）完成) and not around a number: `rules.fold_marks`.

Words of rules must be folded too before they are compared. Folding twice is folding once.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate

from rules.fold_marks import CJK, CLOSE, ENCLOSING, OPEN, needless, without
from rules.fold_table import DROPPED, MAPPED
from rules.variants_parts import RARE
from rules.variants_read import READ

MAX_GAP = 4
VARIANTS = (
    "circled",
    "combining",
    "compat",
    "digit_form",
    "fullwidth",
    "gap",
    "math",
    "trad",
    "zero_width",
)

_SPACES = "\t\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
# Symbols that may stand inside a disguised word. Brackets and quotation marks are not among them:
# they show that words are quoted, unless they stand around one character (`rules.fold_marks`).
_SYMBOLS = (
    r" #$%&*+\-./<=>@\\^_`|~"
    "\u00a2-\u00a9\u00ac\u00ae-\u00b1\u00b4\u00b6-\u00b8\u00d7\u00f7"
    "\u2010-\u2012\u2016\u2017\u2020-\u2023\u2027\u2030-\u2038\u203b\u203e\u2043\u2044"
    "\u20a0-\u20cf\u2100-\u214f\u2190-\u245f\u2500-\u2bff"
    "\u3004\u3012\u3013\u3020\u301c\u3030\u3036\u303d\u30fb\uff5e"
    "\U0001f300-\U0001faff"
)


def _expand(ranges: str) -> str:
    """Every character of "a-b c d-e" in hex."""
    chars = []
    for part in ranges.split():
        first, _, last = part.partition("-")
        chars += [chr(c) for c in range(int(first, 16), int(last or first, 16) + 1)]
    return "".join(chars)


def _tables() -> tuple[dict[str, str], dict[str, str]]:
    """({source: target}, {source: variant}); a target of "" is dropped."""
    target: dict[str, str] = {chr(c): chr(c + 32) for c in range(ord("A"), ord("Z") + 1)}
    kind: dict[str, str] = {}
    for name, words in MAPPED.items():
        for word in words.split(" "):
            target[word[0]] = word[1:]
            if name != "case":
                kind[word[0]] = name
    for name, ranges in DROPPED.items():
        for char in _expand(ranges):
            target[char], kind[char] = "", name
    for code in range(0x3001):
        if re.match(f"[{_SPACES}]", chr(code)):
            target[chr(code)] = " "
    return target, kind


_TARGET, _KIND = _tables()
DIGIT_FORMS = frozenset(char for char, to in _TARGET.items() if to.isascii() and to.isdigit())


def class_of(chars: Iterable[str]) -> str:
    """What stands between the brackets of a regular expression for these characters, and for all
    beyond the basic plane: the engine looks others up in a bitmap, but those one by one."""
    low = "".join(re.escape(char) for char in sorted(set(chars)) if char <= "\uffff")
    return f"{low}\U00010000-\U0010ffff"


_READABLE = frozenset(READ).union(RARE)
_HARD = class_of((*_TARGET, *_READABLE))
_find_hard = re.compile(f"[{_HARD}]").search
_find_gap = re.compile(
    f"[{_SYMBOLS}{OPEN}](?:(?<=[{CJK}][{_SYMBOLS}])|(?<=[{_SYMBOLS}])(?=[{CJK}])"
    f"|(?<=[{OPEN}])(?=[{CJK}][{CLOSE}]))"
).search
# What tells that a fold does more than write A to Z small: a character it drops or maps, or a gap
# that it may skip. Searched for in many texts at once, with line breaks between them.
_MAPPED = re.sub("[A-Z]", "", _HARD)
_find_changed = re.compile(
    f"[{_MAPPED}{_SYMBOLS}{OPEN}](?:(?<=[{_MAPPED}])"
    f"|(?<=[{CJK}][{_SYMBOLS}])(?=[{_SYMBOLS}]*[{CJK}0-9A-Za-z])"
    f"|(?<=[0-9A-Za-z] )(?= *[{CJK}])|(?<=[{OPEN}])(?=[{CJK}][{CLOSE}]))"
).finditer
_find_control = re.compile(r"[^\n\r -~]").search
_runs = re.compile(f"[{_HARD}{_SYMBOLS}]+").finditer
_ALL = "".join(map(chr, (*range(0xD800), *range(0xF900, 0x10000), *range(0x1F300, 0x1FB00))))
SYMBOLS = frozenset(re.findall(f"[{_SYMBOLS}]", _ALL))
_find_read = re.compile(f"[{class_of(_READABLE)}]").finditer
_is_cjk = re.compile(f"[{CJK}]").match


def is_chinese(char: str) -> bool:
    """Is it a Chinese character (also 々 and 〇)?"""
    return "\u4e00" <= char <= "\u9fff" or _is_cjk(char) is not None


class Folded:
    """A folded text and the way back. Offsets are code points."""

    __slots__ = ("_drift", "_kept", "_original", "_starts", "is_kept", "readable", "text")

    def __init__(
        self,
        text: str,
        original: str,
        starts: list[int] | None,
        drift: list[int] | None,
        readable: bool = False,
        is_kept: bool = False,
    ) -> None:
        self.text = text
        self.readable = readable  # holds emoji, look-alikes or parts that may be read otherwise
        self.is_kept = is_kept
        self._original = original
        # text[i] came from original[i + drift[k]], k being the last with starts[k] <= i
        self._starts, self._drift = starts, drift
        self._kept: Folded | None = None

    def origin(self, start: int, end: int) -> tuple[int, int]:
        """Span of the original text that became `text[start:end]`."""
        if not self._starts or not self._drift:
            return start, end
        first = start + self._drift[bisect_right(self._starts, start) - 1]
        if end <= start:
            return first, first
        return first, end + self._drift[bisect_right(self._starts, end - 1) - 1]

    def kept(self) -> Folded:
        """The same text with the emoji and look-alike letters that `rules.variants_read` knows left
        where they stand, for `rules.variants_lattice`."""
        if not self.readable:
            return self
        if self._kept is None:
            self._kept = _fold(self._original, keep=True)
        return self._kept

    def cased(self) -> str:
        """`text` with its capitals kept: as long as `text`, and equal to it in lower case."""
        original = self._original
        if len(original) == len(self.text) and original.lower() == self.text:
            return original
        chars = []
        for at, char in enumerate(self.text):
            first, last = self.origin(at, at + 1)
            capital = unicodedata.normalize("NFKC", original[first:last])
            chars.append(capital if char.isascii() and capital.lower() == char else char)
        return "".join(chars)

    def variants(self, start: int, end: int) -> tuple[str, ...]:
        """Names (of `VARIANTS`) of the disguises inside `text[start:end]`, sorted."""
        if self.text is self._original:
            return ()
        first, last = self.origin(start, end)
        piece = self._original[first:last]
        names = {_KIND[char] for char in piece if char in _KIND}
        marks = sum(char in ENCLOSING for char in self.text[start:end])
        if _skips_a_gap(piece, self.is_kept) or marks < sum(
            _TARGET.get(char, char) in ENCLOSING for char in piece
        ):
            names.add("gap")
        return tuple(sorted(names))


def fold(text: str) -> Folded:
    """Fold `text`. A text that needs nothing costs two regex searches."""
    if text.isascii():
        if _find_control(text) is None:
            lower = text.lower()
            return Folded(text if lower == text else lower, text, None, None)
    elif _find_hard(text) is None and _find_gap(text) is None:
        return Folded(text, text, None, None)
    return _fold(text)


def changed(texts: Sequence[str]) -> set[int]:
    """Which of the texts a fold changes beyond writing A to Z small; perhaps some that it does
    not."""
    places = [found.start() for found in _find_changed("\n".join(texts))]
    if not places:
        return set()
    ends = list(accumulate(map((1).__add__, map(len, texts))))
    return {bisect_right(ends, place) for place in places}


def _fold(text: str, keep: bool = False) -> Folded:
    """Everything between the runs of special characters is copied in one piece."""
    out: list[str] = []
    starts: list[int] = [0]
    drift: list[int] = [0]
    size = done = 0  # folded length; how much of the original is dealt with
    pending: list[tuple[int, str]] = []  # a gap that is skipped or kept once its right side is seen

    def emit(piece: str, at: int) -> None:
        nonlocal size
        if at - size != drift[-1]:
            starts.append(size)
            drift.append(at - size)
        out.append(piece)
        size += len(piece)

    def settle(right: str) -> None:
        left = out[-1][-1] if out else ""
        if not _skippable(left, "".join(char for _, char in pending), right):
            for at, char in pending:
                emit(char, at)
        pending.clear()

    for run in _runs(text):
        first, last = run.span()
        if (
            not (first and is_chinese(text[first - 1]))
            and not (last < len(text) and is_chinese(text[last]))
            and _find_hard(text, first, last) is None
        ):
            continue  # symbols among letters and digits: they stay as they are
        if first > done:
            emit(text[done:first], done)
        for at in range(first, last):
            char = text[at]
            target = _TARGET.get(char, char)
            if not target:
                continue
            if target in SYMBOLS and not (keep and target in READ):
                pending.append((at, target))
                continue
            if pending:
                settle(target[0])
            if len(target) == 1 and at - size == drift[-1]:
                out.append(target)
                size += 1
                continue
            for piece in target:  # "⑩" becomes "10": both digits come from one code point
                emit(piece, at)
        if pending:
            settle(text[last : last + 1])
        done = last
    if done < len(text):
        emit(text[done:], done)
    readable = not keep and any(found[0] in _READABLE for found in _find_read(text))
    flat = "".join(out)
    if gone := needless(flat, SYMBOLS):
        flat, starts, drift = without(flat, gone, starts, drift)
    return Folded(flat, text, starts, drift, readable, keep)


def _skippable(left: str, gap: str, right: str) -> bool:
    """May these symbols be read over? Decided by what stands on both sides."""
    if len(gap) > MAX_GAP or not left or not right:
        return False
    chinese = is_chinese(left), is_chinese(right)
    if all(chinese):
        return ".." not in gap  # an ellipsis ends a sentence
    other = right if chinese[0] else left
    return any(chinese) and gap.isspace() and other.isascii() and other.isalnum()


def _skips_a_gap(piece: str, keep: bool) -> bool:
    """Was something skipped between two Chinese characters of this original text?"""
    left, gap = "", False
    for char in piece:
        target = _TARGET.get(char, char)
        if not target:
            continue
        if target in SYMBOLS and not (keep and target in READ):
            gap = True
            continue
        if gap and left and is_chinese(left) and is_chinese(target[0]):
            return True
        left, gap = target[-1], False
    return False

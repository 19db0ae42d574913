"""Brackets and quotation marks that hide a word instead of quoting one: 保（本）, 「保」「本」.

They are skipped around one Chinese character that stands right beside another one. Around more
they stay, for they show what is quoted or put in between: 「务必确保（本周）完成」 holds no 保本.
Numbers count list items: （一）. Works on folded text.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Collection

CJK = "\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff"
_OPENING, _CLOSING = "“‘「『《〈（(【〔［[｛{", "”’」』》〉）)】〕］]｝}"
_QUOTES = "\"'＂＇"  # look the same on both sides
ENCLOSING = frozenset(_OPENING + _CLOSING + _QUOTES)
OPEN, CLOSE = (re.escape(one + _QUOTES) for one in (_OPENING, _CLOSING))
_NUMBERS = "零〇一二三四五六七八九十百千万两"
_enclosed = re.compile(f"[{OPEN}](?![{_NUMBERS}])[{CJK}]([{CLOSE}]+)").search
_is_open = frozenset(_OPENING + _QUOTES).__contains__
_is_cjk = re.compile(f"[{CJK}]").match


def needless(flat: str, symbols: Collection[str]) -> list[int]:
    """Places of such marks, ascending; none beside one of `symbols`, which by itself stands between
    a character and a mark and would then stand between two characters."""
    gone: list[int] = []
    runs: list[tuple[int, int, int, list[int]]] = []  # start, end, characters, marks
    end = 0
    while (found := _enclosed(flat, end)) is not None:
        closed = found.start(1)
        depth = _depth(flat, end, closed - 1, len(found[1]))
        start = closed - 1 - depth
        marks = [*range(start, closed - 1), *range(closed, closed + depth)]
        if runs and start == end:
            begin, _, count, before = runs.pop()
            before += marks
            runs.append((begin, closed + depth, count + 1, before))
        else:
            runs.append((start, closed + depth, 1, marks))
        end = closed + depth
    for start, stop, count, marks in runs:
        left, right = flat[max(0, start - 1) : start], flat[stop : stop + 1]
        beside = count > 1 or any(char and _is_cjk(char) for char in (left, right))
        if beside and left not in symbols and right not in symbols:
            gone += marks
    return gone


def _depth(flat: str, first: int, char: int, most: int) -> int:
    """How many opening marks stand before flat[char], at most `most`, none of them before first."""
    depth = 0
    while depth < most and char - depth > first and _is_open(flat[char - depth - 1]):
        depth += 1
    return depth


def without(
    flat: str, gone: list[int], starts: list[int], drift: list[int]
) -> tuple[str, list[int], list[int]]:
    """`flat` without the places `gone`, and the way back: see `rules.fold.Folded`."""
    lost = frozenset(gone)
    pieces: list[str] = []
    new_starts, new_drift = [0], [0]
    size = at = 0
    for stop in sorted({*starts, *gone, *(place + 1 for place in gone), len(flat)}):
        if stop > at and at not in lost:
            pieces.append(flat[at:stop])
            shift = at + drift[bisect_right(starts, at) - 1] - size
            if shift != new_drift[-1]:
                new_starts.append(size)
                new_drift.append(shift)
            size += stop - at
        at = max(at, stop)
    return "".join(pieces), new_starts, new_drift

"""A regular expression -> words of which one occurs in every text that it matches.

A scan for ten thousand words costs a tenth of what it costs with 160 expressions among them
(docs/performance.md), so an expression that cannot match without one of a few words is looked for
by those words; whether it matches is settled by its own RE2, in the few texts that have one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import product
from typing import NamedTuple

from rules.pattern_tree import Chars, Edge, Either, Many, Part, Row, parse

# words of ordinary talk: each is in one message of a hundred, and wakes a rule there for nothing
COMMON = frozenset(
    ("什么", "多少", "怎么", "哪里", "这个", "那个", "可以", "没有", "我们", "你们", "他们", "咱们",
     "大家", "自己", "公司", "经理", "客户", "产品", "合同", "请您", "请你", "给我", "给您", "给你",
     "发我", "发您", "发给", "告诉", "告诉我", "一下", "今天", "明天", "现在", "马上", "已经",
     "时候", "时间", "是否", "需要", "直接", "我的", "您的", "你的", "老师", "您好", "谢谢", "在吗",
     "其他", "线上", "推荐", "账户", "资产", "收入", "业绩", "发一下", "拍一下")
)  # fmt: skip
MOST = 64  # words of one expression; more are no longer cheaper than the expression
_LONGEST = 12  # characters of a word: behind them it only gets rarer
_RARE = 4  # weight from which a word is rare enough to be looked for
_SMALL = 8  # characters of a class that is written out
_LETTERS = re.compile("[a-z]{3,}").fullmatch
_CLASS = re.compile(r"\[([^\]\[\\^-]+)\]")


class _Said(NamedTuple):
    """`exact`: all texts that a part may be, None when they are too many or unknown; `need`: words
    of which one occurs in every text that the part matches, None when there are none."""

    exact: frozenset[str] | None
    need: frozenset[str] | None


_ANYTHING = _Said(None, None)
_EMPTY = _Said(frozenset({""}), None)


@lru_cache(maxsize=4_096)
def needles(source: str) -> frozenset[str] | None:
    """The words, in lower case; None when there are no such, or none that is rare.

    Args:
        source: a pattern that RE2 takes, asked without regard to case.
    """
    tree = parse(source, "i")
    if tree is None:
        return None
    said = _said(tree)
    found = _better(said.need, _words(said.exact))
    return found if found is not None and min(map(weight, found)) >= _RARE else None


def weight(word: str) -> int:
    """How rare a word is, roughly: a Chinese character is worth two letters, and three letters are
    rare where Chinese is spoken."""
    counted = sum(1 if char.isascii() else 2 for char in word if not char.isspace())
    return _RARE if counted < _RARE and _LETTERS(word) else counted


def _said(part: Part) -> _Said:
    if isinstance(part, Chars):
        return _of_chars(part)
    if isinstance(part, Edge):
        return _EMPTY
    if isinstance(part, Many):
        return _of_many(part)
    if isinstance(part, Either):
        return _of_either([_said(one) for one in part.parts])
    return _of_row(part)


def _of_chars(part: Chars) -> _Said:
    if part.literal:
        return _Said(frozenset({part.literal.lower()}), None)
    listed = _CLASS.fullmatch(part.source)
    if listed and len(listed[1]) <= _SMALL:
        return _Said(frozenset(listed[1].lower()), None)
    return _ANYTHING


def _of_many(part: Many) -> _Said:
    inner = _said(part.part)
    if part.least == 0:
        if part.most == 1 and inner.exact is not None:
            return _Said(inner.exact | {""}, None)
        return _ANYTHING
    if part.least == 1 and part.most == 1:
        return inner
    return _Said(None, _better(inner.need, _words(inner.exact)))


def _of_either(parts: list[_Said]) -> _Said:
    exact = [one.exact for one in parts if one.exact is not None]
    every = frozenset().union(*exact)
    if len(exact) == len(parts) and len(every) <= MOST:
        return _Said(every, None)
    needs = [_better(one.need, _words(one.exact)) for one in parts]
    known = [one for one in needs if one is not None]
    union = frozenset().union(*known)
    return _Said(None, union if len(known) == len(parts) and len(union) <= MOST else None)


def _of_row(row: Row) -> _Said:
    best: frozenset[str] | None = None
    run: frozenset[str] = frozenset({""})  # what the last parts may be, one behind the other
    whole = True
    for one in map(_said, row.parts):
        exact = one.exact
        if exact is not None and len(run) * len(exact) <= MOST:
            run = frozenset(f"{left}{right}" for left, right in product(run, exact))
            continue
        whole = False
        best = _better(_better(best, _words(run)), one.need)
        run = exact if exact is not None else frozenset({""})
    if whole:
        return _Said(run, None)
    return _Said(None, _better(best, _words(run)))


def _words(exact: Iterable[str] | None) -> frozenset[str] | None:
    if exact is None:
        return None
    found = frozenset(one[:_LONGEST] for one in exact)
    return None if not found or "" in found else found


def _better(one: frozenset[str] | None, other: frozenset[str] | None) -> frozenset[str] | None:
    """Those whose most frequent word is rarer; of equally rare ones, the fewer."""
    if one is None or other is None:
        return other if one is None else one
    return max(one, other, key=_rarity)


def _rarity(words: frozenset[str]) -> tuple[bool, bool, int, int]:
    least = min(map(weight, words))
    return least >= _RARE, words.isdisjoint(COMMON), least, -len(words)

"""The text of a `condition`, checked word by word, so that what is wrong is told in plain words.

The meaning is the business of `rules.sigma.condition`. Here: every name is there, every bracket
closes, and between two selections stands `and` or `or`. Supported: names, `and`, `or`, `not`,
brackets, and `2 of`, `any of`, `all of` with a name, a pattern (`word*`) or `them`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from fnmatch import fnmatchcase
from typing import Any, NamedTuple, TypeVar

from rules.refused import Refused, UnknownName

T = TypeVar("T")
MAX_CONDITION = 10_000  # characters
OPERATORS = ("and", "or", "not")
QUANTIFIERS = ("any", "all")
SELECTION_NAME = re.compile(r"[A-Za-z0-9_-]+")
_TOKEN = re.compile(r"\s+|[()]|[A-Za-z0-9_*?-]+|[\u4e00-\u9fff]+|.", re.S)
_MEANT = {
    **dict.fromkeys(("和", "与", "且", "并且", "以及", "并", "同时", "&", "，", ","), "and"),
    **dict.fromkeys(("或", "或者", "|", "、"), "or"),
    **dict.fromkeys(("非", "不", "不是", "没有", "!", "！"), "not"),
    "（": "(",
    "）": ")",
}


class _Word(NamedTuple):
    """A word of a condition and where in the text it begins."""

    text: str
    at: int


def check_condition(text: str, selections: Iterable[str]) -> set[str]:
    """The selections a condition uses.

    Raises:
        Refused: it does not read as a condition.
        UnknownName: it names a selection that is not there. Both say at which word.
    """
    if len(text) > MAX_CONDITION:
        raise Refused(
            f"the condition has {len(text)} characters, and may have {MAX_CONDITION}",
            f"condition 有 {len(text)} 个字符，上限是 {MAX_CONDITION}",
            fix_en="join selections of one kind by '1 of name*'",
            fix_zh="同类的选择项请用 1 of 名字* 合起来写",
            code="MJ206",
        )
    names = [name for name in selections if name != "condition"]
    words = [_Word(m[0], m.start()) for m in _TOKEN.finditer(text) if not m[0].isspace()]
    used: set[str] = set()
    opened: list[int] = []  # where the brackets stand that are still open
    wants_name, before = True, ""
    for word, after in _units(words):
        _told_at(word.at, _readable, word.text)
        if not wants_name:
            wants_name = _told_at(word.at, _joins, before, word.text, bool(opened))
            if word.text == ")":
                opened.pop()
        elif word.text == "(":
            opened.append(word.at)
        elif word.text in ("and", "or", ")"):
            raise _missing_name(before, word.text, word.at)
        elif word.text != "not":
            used |= _told_at(word.at, _selected, word.text, after, names)
            wants_name = False
        before = word.text
    if wants_name:
        raise _missing_name(before, "", words[-1].at if words else 0)
    if opened:
        raise Refused(
            "the condition has a bracket that is not closed",
            "condition 里有括号没有闭合",
            code="MJ204",
            offset=opened[-1],
        )
    return used


def _told_at(offset: int, check: Callable[..., T], *given: Any) -> T:
    """What `check` gives; what it raises is about the word that begins at `offset`."""
    try:
        return check(*given)
    except (Refused, UnknownName) as error:
        if error.offset is None:
            error.offset = offset
        raise


def _units(words: list[_Word]) -> Iterator[tuple[_Word, _Word | None]]:
    """(word, what it takes): the pattern for `1 of word*`, else nothing."""
    at = 0
    while at < len(words):
        taken = words[at + 1 : at + 3]
        if taken and taken[0].text == "of" and words[at].text not in (*OPERATORS, "(", ")"):
            for word in taken[1:]:
                _told_at(word.at, _readable, word.text)
            yield words[at], taken[1] if len(taken) > 1 else _Word("?", taken[0].at)
            at += 3
        else:
            yield words[at], None
            at += 1


def _joins(before: str, word: str, is_open: bool) -> bool:
    """After a selection: does a selection have to follow `word`?"""
    if word == ")" and not is_open:
        raise Refused(
            "the condition closes a bracket that was not opened",
            "condition 里多了一个右括号",
            code="MJ205",
        )
    if word not in ("and", "or", ")"):
        raise Refused(
            f"between '{before}' and '{word}' the condition lacks 'and' or 'or'",
            f"condition 里“{before}”与“{word}”之间缺少 and 或 or",
            code="MJ206",
        )
    return word != ")"


def _readable(word: str) -> None:
    meant = _MEANT.get(word) or (word.lower() if word.lower() in OPERATORS else "")
    if meant and meant != word:
        raise Refused(
            f"the condition does not know '{word}'",
            f"condition 里不能写“{word}”",
            fix_en=f"write {meant}",
            fix_zh=f"请写 {meant}",
            code="MJ207",
        )
    if not SELECTION_NAME.fullmatch(word.translate({42: 95, 63: 95})) and word not in ("(", ")"):
        raise Refused(
            f"the condition does not know '{word}'",
            f"condition 里不能写“{word}”",
            fix_en="write names of selections, joined by and, or, not and ( )",
            fix_zh="只写选择项的名字，用 and、or、not 和英文括号 ( ) 连接",
            code="MJ207",
        )


def _selected(word: str, pattern: _Word | None, names: list[str]) -> set[str]:
    """The selections that `word`, or `word of pattern`, stands for."""
    if pattern:
        return _group(word, pattern, names)
    if word in names:
        return {word}
    if "*" in word or "?" in word:
        raise Refused(
            f"the pattern '{word}' stands alone",
            f"“{word}”不能单独使用",
            fix_en=f"write 1 of {word} or all of {word}",
            fix_zh=f"请写 1 of {word} 或 all of {word}",
            code="MJ208",
        )
    raise UnknownName("selection", word, names)


def _group(quantifier: str, taken: _Word, names: list[str]) -> set[str]:
    pattern = taken.text
    number = int(quantifier[:9]) if quantifier.isascii() and quantifier.isdigit() else 0
    if quantifier not in QUANTIFIERS and not number:
        raise Refused(
            f"'{quantifier} of' is not supported",
            f"不支持“{quantifier} of”",
            fix_en="write 1 of (or another number), any of, or all of",
            fix_zh="请写 1 of（或别的数字）、any of 或 all of",
            code="MJ209",
        )
    hidden = pattern.startswith("_")  # names with _ are for the rule itself, as Sigma has it
    shown = [name for name in names if hidden or not name.startswith("_")]
    found = {name for name in shown if pattern == "them" or fnmatchcase(name, pattern)}
    if not found:
        raise Refused(
            f"no selection fits '{quantifier} of {pattern}'",
            f"没有选择项符合“{quantifier} of {pattern}”",
            fix_en=f"there are: {', '.join(names)}",
            fix_zh=f"现有：{'、'.join(names)}",
            code="MJ210",
            offset=taken.at,
        )
    if number > len(found):
        raise Refused(
            f"'{quantifier} of {pattern}' cannot hold: {len(found)} selections fit",
            f"“{quantifier} of {pattern}”不可能成立：只有 {len(found)} 个选择项符合",
            code="MJ739",
        )
    return found


def _missing_name(before: str, word: str, at: int) -> Refused:
    if not before and not word:
        en, zh = "the condition is empty", "condition 是空的"
    elif not before:
        en, zh = f"the condition begins with '{word}'", f"condition 不能以“{word}”开头"
    elif not word:
        en = f"after '{before}' the condition ends; a selection is missing"
        zh = f"condition 在“{before}”之后没有写完，缺少选择项"
    else:
        en = f"between '{before}' and '{word}' the condition lacks a selection"
        zh = f"condition 里“{before}”与“{word}”之间缺少选择项"
    return Refused(en, zh, code="MJ211", offset=at)

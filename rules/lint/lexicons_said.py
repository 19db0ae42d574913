"""Word lists that load and are nearly always a mistake."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

from rules.errors import RuleError
from rules.fold import fold
from rules.lint.ends import days_left, is_near, is_over
from rules.lint.words_said import joined, single
from rules.yaml_source import Document

_LONG = 200  # characters of a word that is looked through for shorter ones
_LISTS = ("words", "allow", "values")


def of_lexicon(document: Document, today: date | None) -> Iterator[RuleError]:
    """Warnings about a lexicon that loads; `today` is the day its date is compared with."""
    value = document.value
    for key in _LISTS:
        if value.get(key):
            yield from joined(document, (key,), value[key])
    expires = value.get("expires")
    if expires is not None:
        yield from _ends(document, expires, today)
    words = {index: _entry(item) for index, item in enumerate(value.get("words") or ())}
    yield from _words(document, words)
    yield from _allow(document, {fold(word).text for word, _ in words.values()})


def _ends(document: Document, expires: date, today: date | None) -> Iterator[RuleError]:
    if is_over(expires, today):
        yield document.error(
            ("expires",),
            f"the list was to be reviewed by {expires}, and today is {today}",
            f"词库应在 {expires} 前复核，今天是 {today}",
            fix_en="review the words and set a later date, or null",
            fix_zh="请复核词条，再改成以后的日期或 null",
            code="MJ413",
            offset=0,
        )
    elif is_near(expires, today):
        en, zh = days_left(expires, today)
        yield document.error(
            ("expires",),
            f"the list is to be reviewed by {expires}: {en}",
            f"词库应在 {expires} 前复核：{zh}",
            fix_en="review the words and set a later date, or null",
            fix_zh="请复核词条，再改成以后的日期或 null",
            code="MJ420",
            offset=0,
        )


def _entry(item: Any) -> tuple[str, frozenset[str]]:
    """A word and its flags."""
    if isinstance(item, dict):
        return item["word"], frozenset(key for key, on in item.items() if on is True)
    return item, frozenset()


def _words(document: Document, words: dict[int, tuple[str, frozenset[str]]]) -> Iterator[RuleError]:
    plain: dict[str, str] = {fold(word).text: word for word, flags in words.values() if not flags}
    longest = max(map(len, plain), default=0)
    for index, (word, flags) in words.items():
        at = ("words", str(index))
        folded = fold(word).text
        if len(folded.strip()) == 1:
            error = single(document, at, word)
            error.code = "MJ416"
            yield error
        if flags:
            continue  # found in more spellings than the shorter word
        parts = _parts(folded, min(len(folded) - 1, longest))
        if shorter := next((part for part in parts if part in plain), ""):
            yield document.error(
                at,
                f"'{word}' is found without it: '{plain[shorter]}' of the list is in it",
                f"没有“{word}”也会命中：词库里的“{plain[shorter]}”已经包含在其中",
                fix_en="keep it only if alerts are to show the longer word",
                fix_zh="除非希望告警显示较长的词，否则请删去",
                code="MJ415",
            )


def _allow(document: Document, words: set[str]) -> Iterator[RuleError]:
    longest = max(map(len, words), default=0)
    for index, phrase in enumerate(document.value.get("allow") or ()):
        at = ("allow", str(index))
        folded = fold(phrase).text
        if folded in words:
            yield document.error(
                at,
                f"'{phrase}' is a word of the list and allowed, so it never counts",
                f"“{phrase}”既是词库里的词又在 allow 里，永远不会命中",
                fix_en="remove it from 'words', or allow longer phrases only",
                fix_zh="请从 words 中删去，或只允许更长的短语",
                code="MJ418",
            )
        elif len(folded) <= _LONG and not any(part in words for part in _parts(folded, longest)):
            yield document.error(
                at,
                f"'{phrase}' holds no word of the list, so allowing it does nothing",
                f"“{phrase}”里没有词库的词，写进 allow 没有作用",
                fix_en="remove it, or check its spelling",
                fix_zh="请删去，或检查写法",
                code="MJ417",
            )


def _parts(text: str, longest: int) -> Iterator[str]:
    """Every part of at most so many characters, the short ones first; of a very long text none."""
    for size in range(1, min(len(text), longest) + 1 if len(text) <= _LONG else 1):
        for start in range(len(text) - size + 1):
            yield text[start : start + size]

"""Lists of words and patterns that load and are nearly always a mistake."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from rules.conditions import TEXT_FIELDS
from rules.errors import RuleError
from rules.fold import fold
from rules.lint.quotes_said import bare
from rules.yaml_source import Document

Path = tuple[str, ...]
_SEPARATORS = re.compile("[，、；;]")
# of regular expressions, of SQL, and what joins words in a condition but not in a value
_FOREIGN = re.compile(
    r"\.\*|%|\\b|\||(?<=[\u4e00-\u9fff] )(?:或者?|和|or|and|OR|AND)(?= [\u4e00-\u9fff])"
)
MOST_SWALLOWED = 20  # warnings about words within words, of one list


class Asked(NamedTuple):
    """One `field|modifiers: value` of a selection and its place."""

    at: Path
    field: str
    modifiers: tuple[str, ...]
    value: Any

    def texts(self) -> Iterator[tuple[Path, str]]:
        """The texts asked for, each with its place."""
        if isinstance(self.value, list):
            for index, one in enumerate(self.value):
                if isinstance(one, str):
                    yield (*self.at, str(index)), one
        elif isinstance(self.value, str):
            yield self.at, self.value


def asked(at: Path, selection: Any) -> Iterator[Asked]:
    """Everything a selection asks."""
    if isinstance(selection, list):
        for index, one in enumerate(selection):
            yield from asked((*at, str(index)), one)
    elif isinstance(selection, dict):
        for key, value in selection.items():
            field, *modifiers = str(key).split("|")
            yield Asked((*at, str(key)), field, tuple(modifiers), value)


def of_detection(document: Document) -> Iterator[RuleError]:
    """Warnings about the values of the selections of a document."""
    section = document.value["detection"]
    # a word of one character may well narrow down what another selection finds
    alone = sum(map(_asks_words, section.values())) == 1
    for name, selection in section.items():
        if name == "condition":
            continue
        for one in asked(("detection", str(name)), selection):
            yield from _repeated(document, one)
            if "re" in one.modifiers:
                continue  # see rules.lint.patterns_said
            if one.field in TEXT_FIELDS and not {"lexicon", "detect"} & {*one.modifiers}:
                yield from _words(document, one, alone)
            elif one.field not in TEXT_FIELDS:
                yield from _unfolded(document, one)


def _asks_words(selection: Any) -> bool:
    return any(one.field in TEXT_FIELDS for one in asked((), selection))


def _words(document: Document, one: Asked, alone: bool) -> Iterator[RuleError]:
    if isinstance(one.value, list):
        yield from joined(document, one.at, one.value)
        if "contains" in one.modifiers and "all" not in one.modifiers:
            yield from _swallowed(document, one)
    for at, word in one.texts():
        inside = "*" in word.strip("*") or not word.strip("*")  # a pattern, and meant
        if "contains" in one.modifiers and inside and not _FOREIGN.search(word):
            continue
        if not inside and "contains" in one.modifiers and word != word.strip("*"):
            yield document.error(
                at,
                f"'{word}': 'contains' looks anywhere already, the * does nothing",
                f"“{word}”：contains 本来就查找任意位置，* 没有作用",
                fix_en=f"write {word.strip('*')}",
                fix_zh=f"请写 {word.strip('*')}",
                code="MJ248",
                offset=0,
            )
        elif "expand" not in one.modifiers and (found := _FOREIGN.search(word)):
            if at in document.quoted and found[0] not in (".*", "%", "\\b"):
                continue
            yield document.error(
                at,
                f"'{word}' is looked for as it stands, '{found[0]}' included",
                f"“{word}”会按原样查找，其中的“{found[0]}”也当作普通字符",
                fix_en="write the words as a list [a, b], or use |re for a regular expression",
                fix_zh="请把词写成列表 [甲, 乙]；要用正则表达式请写 |re",
                code="MJ249",
                offset=found.start(),
            )
        elif alone and "contains" in one.modifiers and len(fold(word).text.strip()) == 1:
            yield single(document, at, word)


def single(document: Document, at: Path, word: str) -> RuleError:
    """A word of one character."""
    return document.error(
        at,
        f"'{word}' is one character, which ordinary messages are full of",
        f"“{word}”只有一个字，普通消息里到处都是",
        fix_en="write a longer word, or the phrases it is meant in",
        fix_zh="请写更长的词，或写出它所在的短语",
        code="MJ250",
        offset=0,
    )


def _swallowed(document: Document, one: Asked) -> Iterator[RuleError]:
    texts = [(at, word, fold(word.strip("*")).text) for at, word in one.texts()]
    firsts: dict[str, tuple[int, str]] = {}  # of equal words the first, with its number
    for number, (_, word, folded) in enumerate(texts):
        if folded:
            firsts.setdefault(folded, (number, word))
    lengths = sorted({len(folded) for folded in firsts})
    told = 0
    for at, word, folded in texts:
        # parts of the word are looked up: asking each word of each other takes minutes
        shorter = [
            firsts[part]
            for length in lengths[: bisect_left(lengths, len(folded))]
            for start in range(len(folded) - length + 1)
            if (part := folded[start : start + length]) in firsts
        ]
        if not shorter:
            continue
        told += 1
        if told > MOST_SWALLOWED:
            break
        yield document.error(
            at,
            f"'{word}' adds nothing: '{min(shorter)[1]}' of the same list is in it",
            f"“{word}”没有作用：同一列表里的“{min(shorter)[1]}”已经包含在其中",
            fix_en="remove it, or remove the shorter word",
            fix_zh="请删去它，或删去较短的那个词",
            code="MJ247",
        )


def _repeated(document: Document, one: Asked) -> Iterator[RuleError]:
    seen: dict[str, str] = {}
    for at, word in one.texts() if isinstance(one.value, list) else ():
        text = one.field in TEXT_FIELDS and "re" not in one.modifiers
        same = fold(word).text if text else word if "re" in one.modifiers else word.casefold()
        if same in seen:
            yield document.error(
                at,
                f"'{word}' is there already, as '{seen[same]}'",
                f"“{word}”重复（已有“{seen[same]}”）",
                fix_en="remove one of them",
                fix_zh="请删去一个",
                code="MJ246",
            )
        seen.setdefault(same, word)


def _unfolded(document: Document, one: Asked) -> Iterator[RuleError]:
    """Fields that are no texts are compared as they are: nobody makes full-width letters narrow."""
    for at, word in one.texts():
        wide = [char for char in word if "\uff01" <= char <= "\uff5e"]
        narrow = "".join(chr(ord(char) - 0xFEE0) if char in wide else char for char in word)
        if narrow in (text for _, text in one.texts()) and wide:
            continue  # both are meant
        if wide and one.modifiers[:1] not in (("lexicon",), ("detect",)):
            yield document.error(
                at,
                f"'{word}' has the full-width character '{wide[0]}', and '{one.field}' is compared"
                " as it is",
                f"“{word}”里有全角字符“{wide[0]}”，而 {one.field} 是按原样比较的",
                fix_en=f"write {narrow}",
                fix_zh=f"请写 {narrow}",
                code="MJ251",
                offset=word.index(wide[0]),
            )


def joined(document: Document, at: Path, words: Sequence[Any]) -> Iterator[RuleError]:
    """Words that were to be several: a Chinese comma does not part them. Quoted ones are meant."""
    for index, word in enumerate(words):
        here = (*at, str(index))
        if not isinstance(word, str) or here in document.quoted or not _SEPARATORS.search(word):
            continue
        parts = ", ".join(bare(part.strip()) for part in _SEPARATORS.split(word) if part.strip())
        yield document.error(
            here,
            f"'{word}' is one word: only an English comma and a blank part the words of a list",
            f"“{word}”是一个词：列表里的词只能用英文逗号加空格隔开",
            fix_en=f"write [{parts}]; if it is meant as one phrase, put it in quotation marks",
            fix_zh=f"请写成 [{parts}]；如果确实是一句完整的话，请加引号",
            code="MJ254",
        )

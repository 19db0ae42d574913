"""What is allowed in a rule or lexicon file and is nearly always a mistake: warnings of `check`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from rules.conditions import TEXT_FIELDS
from rules.errors import RuleError
from rules.yaml_source import Document

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.I)
_SEPARATORS = re.compile("[，、；;]")
_WORD_LISTS = ("words", "allow", "values")
Path = tuple[str, ...]


def of_rules(documents: Sequence[Document]) -> list[RuleError]:
    """Warnings for a rule file that loads."""
    found: list[RuleError] = []
    for document in documents:
        ours = document.value.get("mingjian", {})
        if not ours.get("signal"):
            found += _identity(document)
            found += _untested(document, ours)
        for name, selection in document.value.get("detection", {}).items():
            found += _selection(document, ("detection", name), selection)
    return found


def of_lexicon(document: Document) -> list[RuleError]:
    """Warnings for a lexicon file that loads."""
    lists = (key for key in _WORD_LISTS if document.value.get(key))
    return [one for key in lists for one in _joined(document, (key,), document.value[key])]


def _identity(document: Document) -> Iterator[RuleError]:
    if not _UUID.fullmatch(document.value["id"]):
        yield document.error(
            ("id",),
            f"the id '{document.value['id']}' is not a UUID, as Sigma asks",
            f"id“{document.value['id']}”不是 UUID（Sigma 的要求）",
            fix_en="make one with: python3 -c 'import uuid; print(uuid.uuid4())'",
            fix_zh="用这条命令生成一个：python3 -c 'import uuid; print(uuid.uuid4())'",
            code="MJ601",
        )


def _untested(document: Document, ours: dict[str, Any]) -> Iterator[RuleError]:
    if not ours.get("tests"):
        yield document.error(
            ("mingjian",),
            "the rule has no test cases, so nobody knows whether it fires",
            "规则没有测试用例，无法知道它会不会报",
            fix_en="add mingjian.tests: one case that fires and one that does not",
            fix_zh="请补上 mingjian.tests：一个应该报的，一个不应该报的",
            code="MJ510",
        )


def _selection(document: Document, at: Path, selection: Any) -> Iterator[RuleError]:
    if isinstance(selection, list):
        for index, one in enumerate(selection):
            yield from _selection(document, (*at, str(index)), one)
    elif isinstance(selection, dict):
        for key, value in selection.items():
            field, *modifiers = str(key).split("|")
            if field in TEXT_FIELDS and "re" not in modifiers and isinstance(value, list):
                yield from _joined(document, (*at, str(key)), value)


def _joined(document: Document, at: Path, words: Sequence[Any]) -> Iterator[RuleError]:
    """Words that were to be several: a Chinese comma does not part them. Quoted ones are meant."""
    for index, word in enumerate(words):
        here = (*at, str(index))
        if not isinstance(word, str) or here in document.quoted or not _SEPARATORS.search(word):
            continue
        parts = ", ".join(part.strip() for part in _SEPARATORS.split(word) if part.strip())
        yield document.error(
            here,
            f"'{word}' is one word: only an English comma and a blank part the words of a list",
            f"“{word}”是一个词：列表里的词只能用英文逗号加空格隔开",
            fix_en=f"write [{parts}]; if it is meant as one phrase, put it in quotation marks",
            fix_zh=f"请写成 [{parts}]；如果确实是一句完整的话，请加引号",
            code="MJ602",
        )

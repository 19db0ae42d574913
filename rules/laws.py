"""The laws that rules cite, as they are in force (`legal/laws.yaml`), and unclear citations.

Of a law that was renumbered, "第7条" of the old and of the new text are different articles.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml

LAWS = Path(__file__).parent / "legal" / "laws.yaml"
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DIGITS = {char: value for value, char in enumerate("零一二三四五六七八九")}
_UNITS = {"十": 10, "百": 100, "千": 1000}


class Law(NamedTuple):
    """One law, regulation or notice; `articles` and `about` are empty where nothing is cited."""

    name: str
    title: str
    text: str = ""  # the text the numbers are of, such as 2025年修订
    in_force: date | None = None
    last: int = 0  # its last article
    renumbered: bool = False
    moved: Mapping[int, int] = {}
    articles: Mapping[str, str] = {}  # such as 第8条: what it is about
    about: str = ""


class Unclear(NamedTuple):
    """A citation of a renumbered law that does not say that it means the text in force.

    `now` is the number that the article of the old text has; 0 when that is not known.
    """

    cited: str
    law: Law
    article: int
    now: int


@cache
def _file() -> Mapping[str, Any]:
    loaded: dict[str, Any] = yaml.load(
        LAWS.read_text(encoding="utf-8"),
        _LOADER,  # noqa: S506 - a safe loader
    )
    return loaded


def as_of() -> date:
    """The day on which these texts were in force."""
    day: date = _file()["as_of"]
    return day


@cache
def laws() -> Mapping[str, Law]:
    """All of them by name."""
    return {row["name"]: Law(**row) for row in _file()["laws"]}


def unclear(citation: str) -> Iterator[Unclear]:
    """The articles of renumbered laws in a citation that leaves open which text it means.

    Whoever writes the year of the text in force is clear, wherever it stands.
    """
    for found in _of_renumbered().finditer(citation):
        law = laws()[found["name"]]
        if law.text[:4] not in citation:
            article = number(found["article"])
            yield Unclear(found[0], law, article, law.moved.get(article, 0))


@cache
def _of_renumbered() -> re.Pattern[str]:
    names = "|".join(re.escape(law.name) for law in laws().values() if law.renumbered)
    return re.compile(
        rf"(?<![\u4e00-\u9fff])《?(?:中华人民共和国)?(?P<name>{names})(?:[（(][^（()）]*[)）])?》?"
        r"(?:[（(][^（()）]*[)）])?\s*第\s*(?P<article>[0-9]{1,4}|[零一二三四五六七八九十百千]{1,9})\s*条"
    )


def number(written: str) -> int:
    """The number of an article, in digits or as in 一百六十三."""
    if written.isdecimal():
        return int(written)
    total, digit = 0, 0
    for char in written:
        if char in _UNITS:
            total += (digit or 1) * _UNITS[char]
            digit = 0
        else:
            digit = _DIGITS[char]
    return total + digit

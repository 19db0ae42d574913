"""The text of a plain Sigma `condition` -> a tree. Our own reading, because pySigma lacks `2 of`.

From loose to tight: or, and, not, `N of`, brackets.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import translate
from typing import Generic, TypeVar

from rules.sigma.nodes import AtLeast, Node, Not, every, some
from rules.sigma.refusal import SigmaRefused

_TOKEN = re.compile(r"[()|]|[^\s()|]+")
_WORDS = ("and", "or", "not", "of")
MAX_DEPTH = 100
T = TypeVar("T")


@dataclass(frozen=True)
class Builder(Generic[T]):
    """What a condition is made of: all hold, one holds, none holds, so many hold."""

    every: Callable[[list[T]], T]
    some: Callable[[list[T]], T]
    negated: Callable[[T], T]
    at_least: Callable[[int, list[T]], T]


PLAIN: Builder[Node] = Builder(
    every, some, Not, lambda least, children: AtLeast(least, tuple(children))
)


def parse_condition(text: str, selections: Mapping[str, T], build: Builder[T]) -> T:
    """The tree of a condition over the selections of a rule.

    Raises:
        SigmaRefused: `condition`, or `aggregation` for the form before correlations.
    """
    reader = _Reader(_TOKEN.findall(text), selections, build)
    if not reader.words:
        raise SigmaRefused("condition", "the condition is empty", "condition 是空的")
    if "|" in reader.words:
        raise SigmaRefused(
            "aggregation",
            "conditions with '|' (count, near …) were replaced by correlations in Sigma 2",
            "带“|”的 condition（count、near 等）在 Sigma 2 中已由 correlation 取代",
            fix_en="write a correlation rule",
            fix_zh="请改写为 correlation 规则",
        )
    node = reader.alternatives(0)
    if reader.at < len(reader.words):
        raise reader.wrong(reader.words[reader.at])
    return node


class _Reader(Generic[T]):
    def __init__(self, words: list[str], selections: Mapping[str, T], build: Builder[T]) -> None:
        self.words, self.selections, self.at = words, selections, 0
        self.build = build

    def peek(self, ahead: int = 0) -> str:
        """The word to come, operators in lower case; "" at the end."""
        if self.at + ahead >= len(self.words):
            return ""
        word = self.words[self.at + ahead]
        return word.lower() if word.lower() in _WORDS else word

    def wrong(self, word: str) -> SigmaRefused:
        where = f"at '{word}'" if word else "at its end"
        return SigmaRefused(
            "condition",
            f"the condition cannot be read {where}",
            f"condition 在{f'“{word}”处' if word else '末尾'}无法读懂",
            fix_en="write names of selections, joined by and, or, not and ( )",
            fix_zh="只写选择项的名字，用 and、or、not 和括号连接",
        )

    def alternatives(self, depth: int) -> T:
        found = [self.joined(depth)]
        while self.peek() == "or":
            self.at += 1
            found.append(self.joined(depth))
        return self.build.some(found)

    def joined(self, depth: int) -> T:
        found = [self.single(depth)]
        while self.peek() == "and":
            self.at += 1
            found.append(self.single(depth))
        return self.build.every(found)

    def single(self, depth: int) -> T:
        if depth > MAX_DEPTH:
            raise SigmaRefused("condition", "nested too deeply", "嵌套层数过多", code="MJ015")
        word = self.peek()
        self.at += 1
        if word == "not":
            return self.build.negated(self.single(depth + 1))
        if word == "(":
            inner = self.alternatives(depth + 1)
            if self.peek() != ")":
                raise self.wrong(self.peek())
            self.at += 1
            return inner
        if self.peek() == "of":
            pattern = self.peek(1)
            self.at += 2
            return self.several(word, pattern)
        if word in self.selections:
            return self.selections[word]
        if word in ("", ")", *_WORDS):
            raise self.wrong(word)
        raise SigmaRefused(
            "condition",
            f"there is no selection '{word}'",
            f"没有名为“{word}”的选择项",
            fix_en=f"there are: {', '.join(self.selections)}",
            fix_zh=f"现有：{'、'.join(self.selections)}",
        )

    def several(self, quantity: str, pattern: str) -> T:
        """`all of them`, `1 of sel*`, `any of sel*`, `2 of sel*`. Names that begin with `_` are
        for the rule itself: a pattern has to begin so too to mean them."""
        if pattern in ("", "(", ")"):
            raise self.wrong(pattern)
        fits = re.compile(translate("*" if pattern == "them" else pattern))
        hidden = pattern.startswith("_")
        found = [
            node
            for name, node in self.selections.items()
            if fits.match(name) and (hidden or not name.startswith("_"))
        ]
        if not found:
            raise SigmaRefused(
                "condition",
                f"no selection fits '{quantity} of {pattern}'",
                f"没有选择项符合“{quantity} of {pattern}”",
            )
        how_many = quantity.lower()
        if how_many == "all":
            return self.build.every(found)
        if how_many == "any":
            return self.build.some(found)
        if not (how_many.isascii() and how_many.isdigit() and int(how_many[:9]) > 0):
            raise self.wrong(quantity)
        if int(how_many[:9]) > len(found):
            raise SigmaRefused(
                "condition",
                f"'{quantity} of {pattern}' cannot hold: {len(found)} selections fit",
                f"“{quantity} of {pattern}”不可能成立：只有 {len(found)} 个选择项符合",
            )
        return self.build.at_least(int(how_many), found) if len(found) > 1 else found[0]

"""A condition over rules, `failed and (success or reset) and not logout` -> clauses.

From loose to tight: or, and, not, brackets.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from rules.correlation.model import Clause
from rules.correlation.refusal import WrongCorrelation

MAX_CLAUSES = 64
MAX_DEPTH = 50
_TOKEN = re.compile(r"[()]|[^\s()]+")
_Terms = frozenset[tuple[frozenset[str], frozenset[str]]]  # alternatives of (there, not there)
_NOTHING: _Terms = frozenset()


def names_of(text: str) -> tuple[str, ...]:
    """The rules a condition names, each once, in order of appearance."""
    words = (word for word in _TOKEN.findall(text) if word not in "()")
    return tuple(dict.fromkeys(w for w in words if w.lower() not in ("and", "or", "not")))


def parse_expression(text: str, rules: Sequence[str]) -> tuple[Clause, ...]:
    """The clauses of a condition; places are those in `rules`.

    Raises:
        WrongCorrelation: it cannot be read, or has a branch with nothing that starts its clock.
    """
    reader = _Reader(text, rules)
    found = reader.alternatives(0)(False)
    if reader.at < len(reader.words):
        raise reader.wrong()
    if not found:
        raise WrongCorrelation(
            ("condition",),
            "the condition can never hold: it wants a rule both there and not there",
            "condition 永远不可能成立：它要求同一条规则既出现又不出现",
            code="MJ333",
            offset=0,
        )
    place = {name: index for index, name in enumerate(rules)}
    clauses = sorted(
        Clause(tuple(sorted(place[n] for n in there)), tuple(sorted(place[n] for n in gone)))
        for there, gone in found
    )
    if not all(clause.positive for clause in clauses):
        raise WrongCorrelation(
            ("condition",),
            "a branch of the condition has only 'not': nothing starts its clock",
            "condition 有一个分支只有 not：没有事件让它开始计时",
            fix_en="join it by 'and' with a rule whose event starts the time",
            fix_zh="请用 and 与一条规则相连，由它的事件开始计时",
            code="MJ332",
            offset=0,
        )
    return tuple(clauses)


class _Reader:
    """Every part is read as a function of `negated` -> alternatives, so `not` goes inwards."""

    def __init__(self, text: str, rules: Sequence[str]) -> None:
        found = list(_TOKEN.finditer(text))
        self.words, self.places = [one[0] for one in found], [one.start() for one in found]
        self.rules, self.at = rules, 0

    def place(self) -> int:
        """Where in the text the word to come begins; at the end, the last one."""
        return self.places[min(self.at, len(self.places) - 1)] if self.places else 0

    def peek(self) -> str:
        """The word to come; operators in lower case, "" at the end."""
        if self.at >= len(self.words):
            return ""
        word = self.words[self.at]
        return word.lower() if word.lower() in ("and", "or", "not") else word

    def wrong(self) -> WrongCorrelation:
        word = self.peek()
        return WrongCorrelation(
            ("condition",),
            f"the condition cannot be read at {f'{word!r}' if word else 'its end'}",
            f"condition 在{f'“{word}”处' if word else '末尾'}无法读懂",
            fix_en="write names of rules, joined by and, or, not and ( )",
            fix_zh="只写规则的名字，用 and、or、not 和括号连接",
            code="MJ330",
            offset=self.place(),
        )

    def alternatives(self, depth: int) -> Callable[[bool], _Terms]:
        parts = [self.joined(depth)]
        while self.peek() == "or":
            self.at += 1
            parts.append(self.joined(depth))
        return lambda negated: _combined(parts, negated, conjunction=negated)

    def joined(self, depth: int) -> Callable[[bool], _Terms]:
        parts = [self.single(depth)]
        while self.peek() == "and":
            self.at += 1
            parts.append(self.single(depth))
        return lambda negated: _combined(parts, negated, conjunction=not negated)

    def single(self, depth: int) -> Callable[[bool], _Terms]:
        word = self.peek()
        if depth > MAX_DEPTH:
            raise WrongCorrelation(
                ("condition",),
                "nested too deeply",
                "嵌套层数过多",
                code="MJ330",
                offset=self.place(),
            )
        if word == "not":
            self.at += 1
            inner = self.single(depth + 1)
            return lambda negated: inner(not negated)
        if word == "(":
            self.at += 1
            inner = self.alternatives(depth + 1)
            if self.peek() != ")":
                raise self.wrong()
            self.at += 1
            return inner
        if word in ("", ")", "and", "or"):
            raise self.wrong()
        if word not in self.rules:
            raise WrongCorrelation(
                ("condition",),
                f"'{word}' is not among 'rules'",
                f"“{word}”不在 rules 里",
                fix_en=f"there are: {', '.join(self.rules)}",
                fix_zh=f"现有：{'、'.join(self.rules)}",
                code="MJ331",
                offset=self.place(),
            )
        self.at += 1
        one, none = frozenset({word}), frozenset[str]()
        return lambda negated: frozenset({(none, one) if negated else (one, none)})


def _combined(parts: list[Callable[[bool], _Terms]], negated: bool, *, conjunction: bool) -> _Terms:
    found = _NOTHING if not conjunction else frozenset({(frozenset[str](), frozenset[str]())})
    for part in parts:
        terms = part(negated)
        if not conjunction:
            found |= terms
        else:
            found = frozenset(
                (there | more, gone | less)
                for there, gone in found
                for more, less in terms
                if not (there | more) & (gone | less)
            )
        if len(found) > MAX_CLAUSES:
            raise WrongCorrelation(
                ("condition",),
                f"the condition has more than {MAX_CLAUSES} alternatives",
                f"condition 展开后超过 {MAX_CLAUSES} 种情形",
                fix_en="split it into several rules",
                fix_zh="请拆成几条规则",
                code="MJ334",
                offset=0,
            )
    return found

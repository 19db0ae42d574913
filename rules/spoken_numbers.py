"""Numbers as people write them in a condition ("3", 三次, ≥ 3, 三次以上, three) -> as rules write
them.
"""

from __future__ import annotations

import re
import unicodedata
from fractions import Fraction
from typing import Any

from rules.spoken_times import number_of

_LONGEST = 40  # characters of what somebody wrote in words
_BEFORE = {
    "gte": ">= => ≥ ⩾ 至少 最少 不少于 不低于 不小于 大于等于 大于或等于 达到 at least min",
    "gt": "> 大于 超过 多于 高于 more than over",
    "lte": "<= =< ≤ ⩽ 至多 最多 不超过 不多于 不大于 小于等于 小于或等于 at most max",
    "lt": "< 小于 少于 低于 不到 不足 less than under",
    "eq": "== = 等于 恰好 正好 exactly",
    "neq": "!= ≠ <> 不等于",
}
_PHRASES = ("at least", "at most", "more than", "less than")
_AFTER = {
    "gte": "以上 及以上 或以上 或更多 or more +",
    "lte": "以下 及以下 或以下 以内 之内 or less or fewer",
}
_ENGLISH = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
_UNITS = "次|条|个|位|倍|回|人|件|times|time|x"


def _words(table: dict[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for operator, words in table.items():
        rest = words
        for phrase in (*_PHRASES, "or more", "or less", "or fewer"):
            if phrase in rest:
                found[phrase] = operator
                rest = rest.replace(phrase, "")
        found |= dict.fromkeys(rest.split(), operator)
    return found


_OPERATOR_BEFORE, _OPERATOR_AFTER = _words(_BEFORE), _words(_AFTER)


def _one_of(words: dict[str, str]) -> str:
    return "|".join(map(re.escape, sorted(words, key=len, reverse=True)))


_AMOUNT = re.compile(
    rf"(?P<before>{_one_of(_OPERATOR_BEFORE)})?\s*"
    rf"(?P<number>-?[0-9]{{1,15}}(?:\.[0-9]{{1,9}})?|[零〇一二两三四五六七八九十百]{{1,7}}"
    rf"|{'|'.join(_ENGLISH)})"
    rf"\s*(?:{_UNITS})?\s*(?P<after>{_one_of(_OPERATOR_AFTER)})?"
)


def amount_meant(written: Any) -> tuple[str, str]:
    """(operator, number) as a condition writes them, such as ("gte", "3"); the operator is "" where
    none was written, and both are where nobody knows what was meant."""
    if not isinstance(written, str) or len(written) > _LONGEST:
        return "", ""
    text = unicodedata.normalize("NFKC", written).strip(" “”‘’\"'").casefold()
    found = _AMOUNT.fullmatch(text)
    if found is None or (found["before"] and found["after"]):
        return "", ""
    said = found["before"] or ""
    operator = _OPERATOR_BEFORE.get(said, "") or _OPERATOR_AFTER.get(found["after"] or "", "")
    number = found["number"]
    if number in _ENGLISH:
        return operator, str(_ENGLISH.index(number))
    if number.lstrip("-")[:1].isdigit():
        return operator, re.sub(r"^(-?)0+(?=[0-9])", r"\1", number)
    value: Fraction = number_of(number)
    return operator, str(value)

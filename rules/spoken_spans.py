"""Spans of time as people write them (20分钟, 20 min, 半小时, 1h30m) -> as rules write them."""

from __future__ import annotations

import re
import unicodedata
from fractions import Fraction
from typing import Any

from rules.spans import UNITS, span_text

_LONGEST = 40  # characters of what somebody wrote in words
_DIGITS = {char: value for value, char in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2}
_TENS = {"十": 10, "百": 100}
_WORDS = {
    "s": "s sec secs second seconds 秒 秒钟",
    "m": "m min mins minute minutes 分 分钟",
    "h": "h hr hrs hour hours 小时 钟头",
    "d": "d day days 天 日",
    "w": "w week weeks 周 星期 礼拜",
}
_UNIT_OF = {word: unit for unit, words in _WORDS.items() for word in words.split()}
_PART = re.compile(
    r"([0-9]{1,9}(?:\.[0-9]{1,3})?|半|[零〇一二两三四五六七八九十百]{1,6})个?(半?)"
    r"(" + "|".join(sorted(_UNIT_OF, key=len, reverse=True)) + r")(半?)(?![a-z])"
    r"|\s"
)


def meant(written: Any) -> str:
    """The span that was meant, such as 20m; "" when nobody knows."""
    if not isinstance(written, str) or len(written) > _LONGEST:
        return ""
    text = unicodedata.normalize("NFKC", written).strip()
    if re.fullmatch(r"[0-9]+\s*M", text):
        return ""  # minutes or months
    text = re.sub(r"(?<=[0-9])\s+(?=\S)", "", text).lower()
    total, end = Fraction(0), 0
    while end < len(text):
        part = _PART.match(text, end)
        if part is None:
            return ""
        end = part.end()
        if part[1]:
            half = Fraction(1 if part[2] or part[4] else 0, 2)
            total += (_number(part[1]) + half) * UNITS[_UNIT_OF[part[3]]]
    return span_text(int(total)) if total and total % 1000 == 0 else ""


def _number(text: str) -> Fraction:
    """半, 20, 1.5, 二十, 两."""
    if text == "半":
        return Fraction(1, 2)
    if text.isascii():
        return Fraction(text)
    total, last = 0, 0
    for char in text:
        if char in _TENS:
            total, last = total + (last or 1) * _TENS[char], 0
        else:
            last = _DIGITS[char]
    return Fraction(total + last)

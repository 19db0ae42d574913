"""Times as people write them (20分钟, 半小时, 1h30m; 10：00, 上午10点半, 2026/3/7 10:00) -> as
rules and their test cases write them.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from fractions import Fraction
from typing import Any

from rules.spans import UNITS, span_text

_LONGEST = 40  # characters of what somebody wrote in words
_NOON = 12
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
_DAY = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?\s*")
_CLOCK = re.compile(
    r"(上午|早上|中午|下午|晚上)?\s*(\d{1,2})(?:\s*[:.点时]\s*(半|\d{1,2})?分?(?:\s*[:.]?\s*(\d{1,2})秒?)?)"
    r"\s*(am|pm)?"
)


def moment_meant(written: Any) -> str:
    """The time of a message of a test case that was meant, such as 10:00, 2026-03-07 10:00 or +5m;
    "" when nobody knows."""
    if not isinstance(written, str) or len(written) > _LONGEST:
        return ""
    text = unicodedata.normalize("NFKC", written).strip(" “”‘’\"'").lower()
    if text.startswith("+"):
        later = meant(text[1:])
        return f"+{later}" if later else ""
    day = _DAY.match(text)
    found = _CLOCK.fullmatch(text, day.end() if day else 0)
    if found is None:
        return ""
    half, hour = found[3] == "半", int(found[2])
    minute, second = 30 if half else int(found[3] or 0), int(found[4] or 0)
    if (found[1] in ("下午", "晚上") or found[5] == "pm") and hour < _NOON:
        hour += _NOON
    if hour > 23 or minute > 59 or second > 59:  # noqa: PLR2004
        return ""
    clock = f"{hour:02d}:{minute:02d}" + (f":{second:02d}" if found[4] else "")
    if day is None:
        return clock
    try:
        return f"{date(int(day[1]), int(day[2]), int(day[3])).isoformat()} {clock}"
    except ValueError:
        return ""


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
            total += (number_of(part[1]) + half) * UNITS[_UNIT_OF[part[3]]]
    return span_text(int(total)) if total and total % 1000 == 0 else ""


def number_of(text: str) -> Fraction:
    """What 半, 20, 1.5, 二十, 两 comes to."""
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

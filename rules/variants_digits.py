"""Numbers that are written with Chinese digits, for the detectors of identifiers.

`digit_view("电话一三八零零一三八零零零")` is "电话13800138000". Ordinary prose stays:
digits are read only in runs of `SHORTEST` and more, the length of a mobile number, so 一二三,
二零二六年一月 and 一五一十 are as they were. Every digit becomes one digit, so offsets are those of
the folded text.
"""

from __future__ import annotations

import re

SHORTEST = 11  # the shortest number that is told from words by its length alone

_DIGITS = {
    "0": "零〇洞",
    "1": "一壹幺弌〡",
    "2": "二贰两弍〢",
    "3": "三叁弎〣",
    "4": "四肆〤",
    "5": "五伍〥",
    "6": "六陆〦",
    "7": "七柒拐〧",
    "8": "八捌〨",
    "9": "九玖勾〩",
}
CHINESE = "".join(_DIGITS.values())
_DIGIT = f"[0-9{CHINESE}]"
_NEXT = f"[ -]{{0,2}}{_DIGIT}"  # one more digit, after at most two separators
# For prefilters of detectors: occurs in each long number with a Chinese digit, because that digit
# has five others on one side. (A pattern of all eleven is too large for Hyperscan.)
CHINESE_NUMBER = f"[{CHINESE}](?:{_NEXT}){{5}}|{_DIGIT}(?:{_NEXT}){{4}}[ -]{{0,2}}[{CHINESE}]"
_TABLE = str.maketrans({char: digit for digit, chars in _DIGITS.items() for char in chars})
_any = re.compile(f"[{CHINESE}]")
_run = re.compile(f"{_DIGIT}(?:{_NEXT}){{{SHORTEST - 1},}}")


def digit_view(text: str) -> str:
    """The folded `text` with the Chinese digits of long numbers as ASCII, of the same length."""
    if text.isascii() or _any.search(text) is None:
        return text
    return _run.sub(lambda match: match[0].translate(_TABLE), text)


def has_chinese_digit(text: str) -> bool:
    """Is one of the digits Chinese?"""
    return _any.search(text) is not None

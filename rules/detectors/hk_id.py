"""Hong Kong identity card numbers: one or two letters, six digits, and a check digit in brackets.

One code in eleven passes the check by chance. Without the brackets, which hardly anything else has,
a word for the card must therefore be near by.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from rules.detectors.found import Detector, Found, is_other_number, near

_NUMBER = r"[a-z]{1,2} ?[0-9]{6} ?(?:\([0-9a]\)|（[0-9a]）|[0-9a])"
_numbers = re.compile(rf"(?<![0-9a-z_]){_NUMBER}(?![0-9a-z_])").finditer
_bare = re.compile(r"[^0-9a-z]")
_keyword = re.compile(r"身份证|香港|港澳|证件|hkid|identity|id ?card")
_LENGTH, _SPACE, _MODULUS = 9, 36, 11


def is_valid(number: str) -> bool:
    """Is the check digit right? Letters, six digits and check digit, lower case, no brackets."""
    values = [int(char, 36) for char in number]  # a letter counts from a = 10, as does the check
    if len(values) < _LENGTH:
        values.insert(0, _SPACE)
    return sum(v * w for v, w in zip(values, range(_LENGTH, 0, -1), strict=True)) % _MODULUS == 0


def find(text: str) -> Iterator[Found]:
    """85 with a keyword near by; 75 without one, in brackets only."""
    for match in _numbers(text):
        start, end = match.span()
        value = _bare.sub("", match[0])
        if not is_valid(value) or is_other_number(text, start, _keyword):
            continue
        if near(_keyword, text, start, end):
            yield Found(start, end, value, 85)
        elif match[0][-1] in ")）":
            yield Found(start, end, value, 75)


DETECTOR = Detector(
    name="hk_id",
    title_zh="香港身份证号",
    title_en="Hong Kong identity card number",
    find=find,
    prefilter=rf"(?:^|[^0-9a-z_]){_NUMBER}(?:$|[^0-9a-z_])",
)

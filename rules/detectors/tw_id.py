"""Taiwan identity numbers: a letter and nine digits, the last a check digit.

The second character is 1 or 2 for nationals, 8 or 9 for residents since 2021, and a letter A to D
on the resident certificates of before. One code in ten passes the check by chance.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from rules.detectors.found import Detector, Found, is_other_number, near

_SHAPE = r"[a-z][1289a-d][0-9]{8}"
_shape = re.compile(_SHAPE).fullmatch
_numbers = re.compile(rf"(?<![0-9a-z_]){_SHAPE}(?![0-9a-z_])").finditer
_keyword = re.compile(r"身份证|身分证|台湾|居留证|统一编号|统一证号|证件|identity|id ?card")
# in the order of their values, 10 to 35
_VALUE = {letter: 10 + at for at, letter in enumerate("abcdefghjklmnpqrstuvxywzio")}
_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 1, 1)


def is_valid(number: str) -> bool:
    """Is it a well-formed number? Ten lower-case characters."""
    if not _shape(number):
        return False
    first = _VALUE[number[0]]
    # a letter in the second place counts with its last digit
    second = _VALUE.get(number[1], 0) % 10 if number[1].isalpha() else int(number[1])
    digits = [second, *map(int, number[2:])]
    total = first // 10 + first % 10 * 9
    return (total + sum(d * w for d, w in zip(digits, _WEIGHTS, strict=True))) % 10 == 0


def find(text: str) -> Iterator[Found]:
    """75, or 85 with a keyword near by."""
    for match in _numbers(text):
        start, end = match.span()
        if is_valid(match[0]) and not is_other_number(text, start, _keyword):
            yield Found(start, end, match[0], 85 if near(_keyword, text, start, end) else 75)


DETECTOR = Detector(
    name="tw_id",
    title_zh="台湾身份证号",
    title_en="Taiwan identity number",
    find=find,
    prefilter=f"(?:^|[^0-9a-z_]){_SHAPE}(?:$|[^0-9a-z_])",
)

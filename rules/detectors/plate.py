"""Number plates: a province, a letter, and five characters (six on new-energy vehicles).

I and O are not used. A plain plate has at most two letters among the five. A new-energy plate has a
letter of its own, A to K, either first (small vehicles) or last (large ones) of the six; D and F
came first, the others since. There is no check digit, so a word about vehicles must be near by.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from rules.detectors.found import Detector, Found, is_other_number, near

_PROVINCES = "京津冀晋蒙辽吉黑沪苏浙皖闽赣鲁豫鄂湘粤桂琼渝川贵云藏陕甘青宁新"
_LETTER = "[a-hj-np-z]"
_ANY = "[0-9a-hj-np-z]"
_ENERGY = "[a-hjk]"
_GAP = "[ ·•.-]{0,2}"
_plates = re.compile(
    rf"([{_PROVINCES}]{_LETTER}){_GAP}"
    rf"({_ENERGY}{_ANY}[0-9]{{4}}|[0-9]{{5}}{_ENERGY}|{_ANY}{{5}}|{_ANY}{{4}}[挂学警港澳])"
    r"(?![0-9a-z_])"
).finditer
_letters = re.compile("[a-z]").findall
_keyword = re.compile(
    r"车牌|车号|车辆|车主|车险|车位|车型|车贷|号牌|牌照|行驶证|驾驶证|交强险|停车|挪车|开车|提车"
    r"|的车|辆车|违章|plate"
)
_PLAIN, _MOST_LETTERS = 5, 2


def find(text: str) -> Iterator[Found]:
    """60, and nothing without a keyword."""
    for match in _plates(text):
        start, end = match.span()
        if len(match[2]) == _PLAIN and len(_letters(match[2])) > _MOST_LETTERS:
            continue
        if near(_keyword, text, start, end) and not is_other_number(text, start, _keyword):
            yield Found(start, end, match[1] + match[2], 60)


DETECTOR = Detector(
    name="cn_plate",
    title_zh="车牌号",
    title_en="vehicle number plate",
    find=find,
    prefilter=f"[{_PROVINCES}]{_LETTER}{_GAP}{_ANY}{{4}}",
    surest=60,
)

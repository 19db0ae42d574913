"""Travel permits between the mainland and Hong Kong, Macao and Taiwan.

往来港澳通行证 (C or W, eight digits; C, a letter, seven digits), 回乡证 (H or M, eight digits, two
more for the number of issue) and 台胞证 (eight digits; ten digits and a letter). None has a check
digit, so each counts only with a word of its own kind near by; eight bare digits need that word
right before them and must not be a date.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from rules.detectors.checks import is_date
from rules.detectors.found import Detector, Found, is_other_number, just_before, near, windows

SHORTEST, LONGEST = 8, 11
_HONG_KONG = "港澳通行证|往来港澳|双程证"
_RETURN = "回乡证|返乡证|来往内地"
_TAIWAN = "台胞证|来往大陆|台湾居民"
_WORDS = f"通行证|{_HONG_KONG}|{_RETURN}|{_TAIWAN}"
_keyword = re.compile(_WORDS)
_taiwan = re.compile(_TAIWAN)
_lettered = (
    (re.compile(r"[cw][0-9]{8}|c[a-z][0-9]{7}").fullmatch, re.compile(f"通行证|{_HONG_KONG}")),
    (re.compile(r"[hm][0-9]{8}(?:[0-9]{2})?").fullmatch, re.compile(f"通行证|{_RETURN}")),
    (re.compile(r"[0-9]{10}[a-z]").fullmatch, _taiwan),
)
_digits = re.compile(r"[0-9]{8}").fullmatch


def find(text: str) -> Iterator[Found]:
    """60, and nothing without a keyword."""
    if not _keyword.search(text):
        return
    for start, end, value in windows(text, LONGEST):
        if len(value) < SHORTEST or is_other_number(text, start, _keyword):
            continue
        if any(shape(value) and near(words, text, start, end) for shape, words in _lettered) or (
            _digits(value) and not is_date(value) and just_before(_taiwan, text, start)
        ):
            yield Found(start, end, value, 60)


DETECTOR = Detector(
    name="cn_travel_permit",
    title_zh="港澳台通行证号",
    title_en="travel permit for Hong Kong, Macao or Taiwan",
    find=find,
    prefilter=_WORDS,
    surest=60,
)

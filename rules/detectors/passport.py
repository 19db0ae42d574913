"""Chinese passports: ordinary, service, official, diplomatic, and those of Hong Kong and Macao.

A passport number has no check digit, so it counts only with a word for passport near by. Numbers
of digits alone (the passports of before 2012, 14… and 15…) need that word right before them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from rules.detectors.found import Detector, Found, is_other_number, just_before, near, windows

LENGTH = 9
_lettered = re.compile(
    r"e[0-9]{8}|e[a-hj-np-z][0-9]{7}|(?:de|se|pe|ma|mb|kj)[0-9]{7}|[gdspkhm][0-9]{8}"
).fullmatch
_digits = re.compile(r"1[45][0-9]{7}").fullmatch
_WORDS = "护照|passport"
_keyword = re.compile(_WORDS)


def find(text: str) -> Iterator[Found]:
    """60, and nothing without a keyword."""
    if not _keyword.search(text):
        return
    for start, end, value in windows(text, LENGTH):
        if len(value) != LENGTH or is_other_number(text, start, _keyword):
            continue
        if (_lettered(value) and near(_keyword, text, start, end)) or (
            _digits(value) and just_before(_keyword, text, start)
        ):
            yield Found(start, end, value, 60)


DETECTOR = Detector(
    name="cn_passport",
    title_zh="护照号",
    title_en="passport number",
    find=find,
    prefilter=_WORDS,
    surest=60,
)

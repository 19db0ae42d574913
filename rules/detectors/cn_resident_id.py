"""Chinese resident identity numbers: GB 11643-1999, 18 characters.

Covers citizens, residence permits for Hong Kong, Macao and Taiwan (81, 82, 83) and the foreign
permanent resident cards of 2023 (9, province, nationality). A region needs a province that exists
or existed and a plausible city and county: libraries that want the county to exist in the birth
year refuse real people. A birth date in the future is possible here, since a detector has no clock.
The 15-digit numbers of before 1999 have no check digit and are not looked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from rules.detectors.checks import is_date, resident_id_check
from rules.detectors.found import SEPARATED, Detector, Found, is_other_number, near, windows
from rules.variants_digits import CHINESE_NUMBER, digit_view

LENGTH = 18
# first two digits, GB/T 2260; 71 is Taiwan
PROVINCES = frozenset(
    str(code)
    for first, last in ((11, 15), (21, 23), (31, 37), (41, 46), (50, 54), (61, 65), (71, 71))
    for code in range(first, last + 1)
)
_PERMITS = frozenset(("810000", "820000", "830000"))
_DIRECTLY_GOVERNED = 90  # counties directly under a province, as in 429004
_LAST_CITY = 70
_shape = re.compile(r"[1-9][0-9]{16}[0-9x]").fullmatch
_keyword = re.compile(r"身份证|证件号|证件信息|居民证|公民身份|居住证|永居|id ?card|identity")


def is_valid(number: str) -> bool:
    """Is it a well-formed resident id? 18 characters, the last may be "x"."""
    return (
        _shape(number) is not None
        and _region(number[:6])
        and is_date(number[6:14])
        and resident_id_check(number[:17]) == number[17]
    )


def _region(code: str) -> bool:
    if code[0] == "9":
        return code[1:3] in PROVINCES and code[3:6] != "000"
    if code in _PERMITS:
        return True
    city = int(code[2:4])
    return (
        code[:2] in PROVINCES
        and (1 <= city <= _LAST_CITY or city == _DIRECTLY_GOVERNED)
        and code[4:6] != "00"
    )


def find(text: str) -> Iterator[Found]:
    """Valid numbers, also when grouped by spaces or dashes."""
    text = digit_view(text)
    for start, end, value in windows(text, LENGTH):
        if len(value) == LENGTH and is_valid(value) and not is_other_number(text, start, _keyword):
            yield Found(start, end, value, 85 if near(_keyword, text, start, end) else 75)


DETECTOR = Detector(
    name="cn_resident_id",
    title_zh="居民身份证号",
    title_en="resident identity number",
    find=find,
    prefilter="[1-9]" + SEPARATED + "{16}[ -]{0,2}[0-9x]" + "|" + CHINESE_NUMBER,
)

"""Unified social credit codes of organisations: GB 32100-2015, 18 characters.

The outer check digit alone lets one random code in 31 pass; the organisation code inside (places
9 to 17) has its own check digit (GB 11714-1997), which is asked for as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from rules.detectors.checks import organisation_check, uscc_check
from rules.detectors.cn_resident_id import PROVINCES
from rules.detectors.found import Detector, Found, is_other_number, near, windows

LENGTH = 18
_ANY = "[0-9a-hj-npqrtuwxy]"
_shape = re.compile(rf"[1-9any][1-9][0-9]{{6}}{_ANY}{{10}}").fullmatch
_keyword = re.compile(r"信用代码|税号|纳税人|营业执照|机构代码|开票|抬头|uscc")
# The Ministry of Industry's own registrations carry 100000 (the country) instead of a province.
_REGIONS = PROVINCES | {"10", "81", "82"}


def is_valid(code: str) -> bool:
    """Is it a well-formed code? 18 lower-case characters."""
    return (
        _shape(code) is not None
        and code[2:4] in _REGIONS
        and uscc_check(code[:17]) == code[17]
        and organisation_check(code[8:16]) == code[16]
    )


def find(text: str) -> Iterator[Found]:
    """75, or 85 with a keyword near by."""
    for start, end, value in windows(text, LENGTH):
        if len(value) == LENGTH and is_valid(value) and not is_other_number(text, start, _keyword):
            yield Found(start, end, value, 85 if near(_keyword, text, start, end) else 75)


DETECTOR = Detector(
    name="uscc",
    title_zh="统一社会信用代码",
    title_en="unified social credit code",
    find=find,
    prefilter=r"[1-9any][ -]{0,2}[1-9](?:[ -]{0,2}[0-9]){6}(?:[ -]{0,2}[0-9a-y]){10}",
)

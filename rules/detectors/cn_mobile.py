"""Mobile numbers of mainland China: 11 digits, with or without the country code 86."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rules.detectors.found import (
    SEPARATED,
    Detector,
    Found,
    is_other_number,
    just_before,
    near,
    runs,
)
from rules.variants_digits import CHINESE_NUMBER, digit_view

# Segments in use (public numbering tables); 13-digit numbers of things are not looked for.
_mobile = re.compile(
    r"(?:\+?(?:00)?86)?(1(?:3[0-9]|4[579]|5[0-35-9]|6[2567]|7[0-8]|8[0-9]|9[0-35-9])[0-9]{8})"
).fullmatch
_keyword = re.compile(r"手机|电话|联系|致电|拨打|号码|微信|mobile|phone|tel")
# How people group the eleven digits; other groupings are parts of other numbers.
_SHAPES = frozenset(((11,), (3, 4, 4), (3, 8), (7, 4), (3, 3, 5), (4, 3, 4)))
# An amount of money has eleven digits too. Who is told to call it says otherwise.
_money_before = re.compile(
    r"(?:[¥￥$＄€£￡]|(?:金额|余额|总额|合计|共计|总计|总价|货款|本金|人民币|rmb|cny|usd)"
    r"(?:为|是)?[：:]?) ?$"
).search
_money_after = re.compile(
    r" ?(?:元(?![旦宵月素老])|人民币|美元|港元|rmb|cny)|\.[0-9]{2}(?![0-9.:：点时月日号])"
).match
_MONEY_DISTANCE = 8  # code points before
_called_up = re.compile(r"手机|电话|联系|致电|拨打|mobile|phone|tel")
_DIGITS = 11
_COUNTRY = ("86", "0086")


def is_valid(number: str) -> bool:
    """Is it a mobile number in a segment that is in use?"""
    return _mobile(number) is not None


def find(text: str) -> Iterator[Found]:
    """75, or 85 with a keyword near by. `value` is the eleven digits."""
    text = digit_view(text)
    for run in runs(text):
        words = [text[g.start : g.end] for g in run]
        at = 0
        while at < len(run):
            size = _number_at(words, at)
            if not size:
                at += 1
                continue
            start, end = run[at].start, run[at + size - 1].end
            match = _mobile("".join(words[at : at + size]))
            if (
                match
                and not is_other_number(text, start, _keyword)
                and not _is_amount(text, start, end)
            ):
                start -= text[start - 1 : start] == "+"
                yield Found(start, end, match[1], 85 if near(_keyword, text, start, end) else 75)
            at += size


def _is_amount(text: str, start: int, end: int) -> bool:
    """Does a currency or an amount word stand right before it, or 元 or decimal places behind?"""
    before = text[max(0, start - _MONEY_DISTANCE) : start]
    if _money_before(before) is None and _money_after(text, end) is None:
        return False
    return not just_before(_called_up, text, start)


def _number_at(words: list[str], at: int) -> int:
    """How many groups from `at` on make up one number; 0 for none."""
    country = words[at] in _COUNTRY
    first = at + country
    for size in (1, 2, 3, _DIGITS):
        groups = words[first : first + size]
        if len(groups) < size:
            break
        shape = tuple(map(len, groups))
        fits = shape in _SHAPES or (size == 1 and not country)
        if size == _DIGITS:  # digits one by one: eleven of them and no more
            around = words[max(0, first - 1) : first] + words[first + size : first + size + 1]
            fits = max(shape) == 1 and all(len(word) > 1 for word in around)
        if fits and _mobile("".join(groups)):
            return size + country
    return 0


DETECTOR = Detector(
    name="cn_mobile",
    title_zh="手机号",
    title_en="mobile number",
    find=find,
    prefilter="1" + SEPARATED + "{10}" + "|" + CHINESE_NUMBER,
)

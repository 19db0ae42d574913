"""Numbers written with Chinese digits are found, masked and shown in the original."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.calendar import load_calendar
from rules.conditions import Detected, View
from rules.detectors import DETECTORS
from rules.fold import fold
from rules.mask import mask
from rules.message import Message
from rules.scan import Re2Scanner, scanner
from rules.variants_digits import CHINESE, digit_view

WRITTEN = [
    ("cn_mobile", "一三八零零一三八零零零", "13800138000"),
    ("cn_mobile", "壹叁捌零零壹叁捌零零零", "13800138000"),
    ("cn_mobile", "幺三八〇〇幺三八〇〇〇", "13800138000"),
    ("cn_mobile", "一三九两两一三八两两零", "13922138220"),
    ("cn_mobile", "㊀㊂㊇零零㊀㊂㊇零零零", "13800138000"),
    ("cn_mobile", "①③⑧⓿⓪➀➂➇⓪⓪⓪", "13800138000"),
    ("cn_mobile", "一三八 零零一三 八零零零", "13800138000"),
    ("cn_mobile", "138零零一三8000", "13800138000"),
    ("cn_mobile", "138-零零一三-八零零零", "13800138000"),
    ("cn_mobile", "壹參捌零零壹參捌零零零".replace("參", "叁"), "13800138000"),
    ("cn_resident_id", "一一零一零五一九四九一二三一零零二X", "11010519491231002x"),
    ("bank_card", "六二二八四八零四零二五六四八九零零一八", "6228480402564890018"),
]


@pytest.mark.parametrize(("name", "written", "value"), WRITTEN)
def test_is_found_where_it_stands_and_wakes_the_rule(name, written, value):
    text = f"您好，我的是{written}，记一下"
    folded = fold(text)
    found = list(DETECTORS[name].find(folded.text))
    assert [one.value for one in found] == [value]
    first, last = folded.origin(found[0].start, found[0].end)
    assert text[first:last] == written
    patterns = [DETECTORS[name].prefilter]
    for one in (scanner(patterns), Re2Scanner(patterns)):
        assert one.scan([folded.text.encode()]) == {0: {0}}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("电话一三八零零一三八零零零哦", "电话138****8000哦"),
        ("电话壹叁捌零零壹叁捌零零零哦", "电话138****8000哦"),
        ("电话138零零一三8000哦", "电话138****8000哦"),
    ],
)
def test_is_masked_like_one_in_ascii(text, shown):
    assert mask(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "一二三，开始",
        "一二三四五六七八九十",
        "二零二六年一月二十二日",
        "一五一十地说，三三两两，九九八十一",
        "一是利率，二是期限，三是额度，四是还款，五是用途",
        "壹拾贰万叁仟肆佰伍拾陆元柒角捌分",
        "零一二三四五六七八九",  # ten digits
    ],
)
def test_ordinary_prose_is_untouched(text):
    assert digit_view(text) == text
    assert mask(text) == text
    assert not [one for detector in DETECTORS.values() for one in detector.find(fold(text).text)]


@pytest.mark.parametrize("text", ["二零零零零一三八零零零", "一三八零零一三八零零零零"])
def test_no_mobile_number_is_cut_out_of_another(text):
    assert list(DETECTORS["cn_mobile"].find(fold(text).text)) == []


def test_the_hit_names_the_disguise():
    text = "电话一三八 零零一三八零零零"
    message = Message(
        tenant="t", seq=1, msgid="m", kind="archive", type="text", time=0, received_at=0, text=text
    )
    view = View(message, load_calendar())
    assert Detected("text", DETECTORS["cn_mobile"]).holds(view)
    (span,) = view.spans
    assert text[span.start : span.end] == "一三八 零零一三八零零零"
    assert span.variant == ("chinese_digit", "gap")


@given(st.text("0123456789 -，x" + CHINESE, max_size=60))
def test_the_view_keeps_offsets_and_needs_no_second_look(text):
    view = digit_view(text)
    assert len(view) == len(text)
    assert digit_view(view) == view
    assert all(a == b or (a in CHINESE and b.isdigit()) for a, b in zip(text, view, strict=True))

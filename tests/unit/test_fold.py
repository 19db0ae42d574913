"""What folding does to a text, and the way back to the original."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rules.fold import VARIANTS, fold

FOLDS = [
    ("保本", "保本", ()),
    ("保\u200b本", "保本", ("zero_width",)),
    ("保\u00ad\ufeff本", "保本", ("zero_width",)),
    ("保\u0336本", "保本", ("combining",)),
    ("保️本", "保本", ("zero_width",)),
    ("保 本", "保本", ("gap",)),
    ("保　本", "保本", ("gap",)),
    ("保*本", "保本", ("gap",)),
    ("保.本", "保本", ("gap",)),
    ("保～本", "保本", ("gap",)),
    ("微❤️信", "微信", ("gap", "zero_width")),
    ("微🧧信", "微信", ("gap",)),
    ("保（本）金", "保本金", ("gap",)),
    ("保“本”金", "保本金", ("gap",)),
    ('保"本"金', "保本金", ("gap",)),
    ("保（（本））金", "保本金", ("gap",)),
    ("稳【赚】「不」赔", "稳赚不赔", ("gap",)),
    ("保（\u200b本）金", "保本金", ("gap", "zero_width")),
    ("保“證”金", "保证金", ("gap", "trad")),
    ("加我 微信", "加我微信", ("gap",)),
    ("加我 vx", "加我vx", ()),
    ("ＶＸ", "vx", ("fullwidth",)),
    ("VX", "vx", ()),
    ("🅥🅧", "vx", ("circled",)),
    ("Ⓥ⒳", "vx", ("circled",)),
    ("𝐯𝕏", "vx", ("math",)),
    ("①③⑧", "138", ("circled",)),
    ("⓿➃⑸⒋", "0454", ("circled",)),
    ("⑩个", "10个", ("circled",)),
    ("１３８", "138", ("fullwidth",)),
    ("𝟏𝟑𝟖", "138", ("math",)),
    ("١٣٨", "138", ("digit_form",)),
    ("㊄", "五", ("circled",)),
    ("穩賺", "稳赚", ("trad",)),
    ("wēi xìn", "wei xin", ("combining",)),
    ("保\x00本", "保本", ("zero_width",)),
    ("年化８％", "年化8%", ("fullwidth",)),
]


@pytest.mark.parametrize(("original", "folded", "variants"), FOLDS)
def test_folds_to_one_spelling_and_names_the_disguise(original, folded, variants):
    result = fold(original)
    assert result.text == folded
    assert result.origin(0, len(folded)) == (0, len(original))
    assert result.variants(0, len(folded)) == variants


@pytest.mark.parametrize(
    ("text", "absent"),
    [
        ("我先回，扣款明天到", "回扣"),
        ("我先回... 扣款明天到", "回扣"),
        ("我先回\n扣款明天到", "回扣"),
        ("我先回！ 扣款明天到", "回扣"),
        ("我先回、扣款明天到", "回扣"),
        ("务必确保：本周完成", "保本"),
        ("务必确保（本周）完成", "保本"),
        ("年化1.8%", "18"),
        ('什么是"保证"和本', "保证和"),
        ("步骤（一）对一沟通", "一对一"),
        ("确保（本", "保本"),
        ("他说“保”，本周不行", "保本"),
    ],
)
def test_sentence_punctuation_and_decimal_points_stay(text, absent):
    assert absent not in fold(text).text


@pytest.mark.parametrize(
    "text",
    [
        "您好，合同已经寄出，请注意查收；有问题随时联系我。",
        "please call me back at 10 am, thanks - see https://a.example/x?y=1",
        "乾坤 著名 覆盖".replace(" ", ""),
        "年化1.8%，详见https://a.example/b-c",
        "好的👌",
        "张三：您好\n李四：（收到）",
        "",
    ],
)
def test_clean_text_is_left_alone(text):
    assert fold(text).text == text
    assert fold(text).variants(0, len(text)) == ()
    assert fold(text).origin(0, len(text)) == (0, len(text))


def test_english_words_keep_their_spaces():
    assert fold("Use  Your Password 登录 系统").text == "use  your password登录系统"


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("「保「本」」", "「保本」"),
        ("「保」「本」", "保本"),
        ("“保”本", "保本"),
        ('"保""本"，好', "保本，好"),
        ("这款保（本）。", "这款保本。"),
        ("（保）", "（保）"),
        ("第（二）条", "第（二）条"),
    ],
)
def test_marks_around_one_character_beside_another_are_skipped(text, folded):
    result = fold(text)
    assert result.text == folded
    if "保本" in folded:
        start = folded.index("保本")
        first, last = result.origin(start, start + 2)
        assert (text[first], text[last - 1]) == ("保", "本")
        assert result.variants(start, start + 2) == ("gap",)


def test_marks_that_stay_are_no_disguise():
    text = "加 我说“保证”金"
    folded = fold(text)
    start = folded.text.index("“")
    assert folded.variants(start, len(folded.text)) == ()


def test_a_span_inside_is_shown_in_the_original():
    text = "请 加\u200b我 Ｖ\u200b信 好吗"
    folded = fold(text)
    assert folded.text == "请加我v信好吗"
    start = folded.text.index("v信")
    first, last = folded.origin(start, start + 2)
    assert text[first:last] == "Ｖ\u200b信"
    assert folded.variants(start, start + 2) == ("fullwidth", "zero_width")
    assert folded.variants(0, 1) == ()


def test_digits_of_one_circled_number_point_to_it():
    folded = fold("共⑩⑪个")
    assert folded.text == "共1011个"
    assert [folded.origin(i, i + 1) for i in range(6)] == [
        (0, 1), (1, 2), (1, 2), (2, 3), (2, 3), (3, 4),
    ]  # fmt: skip


CHARS = st.one_of(
    st.sampled_from('保本“”（）"「」回扣我v1X9 .*-，。\n\u200bＶ①⑩穩\u0301❤️👌\t　～…微/'),
    st.characters(exclude_categories=["Cs"]),
)
TEXTS = st.text(CHARS, max_size=40)


@given(TEXTS)
@example("微a 信")
@example("保" + " " * 5 + "本")
def test_folding_twice_is_folding_once(text):
    once = fold(text).text
    assert fold(once).text == once


@given(TEXTS)
def test_origins_are_ordered_and_inside_the_original(text):
    folded = fold(text)
    before = 0
    for i in range(len(folded.text)):
        first, last = folded.origin(i, i + 1)
        assert before <= first < last <= len(text)
        assert last - first == 1
        before = first
    assert set(folded.variants(0, len(folded.text))) <= set(VARIANTS)


@given(TEXTS, st.data())
def test_a_span_covers_its_characters(text, data):
    folded = fold(text)
    start = data.draw(st.integers(0, len(folded.text)))
    end = data.draw(st.integers(start, len(folded.text)))
    first, last = folded.origin(start, end)
    assert 0 <= first <= last <= len(text)
    # what the span's original folds to alone holds the span's own characters in their order
    alone = iter(fold(text[first:last]).text)
    assert all(char in alone for char in folded.text[start:end])


@given(st.text("保本回扣我们您好微信abcxyz0123，。：！\n", max_size=80))
def test_lower_case_latin_and_chinese_without_gaps_is_identity(text):
    assert fold(text).text == text

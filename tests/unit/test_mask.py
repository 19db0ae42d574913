"""What people may see of a message: nothing that identifies or opens."""

from __future__ import annotations

import random
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.detectors.checks import organisation_check, resident_id_check, uscc_check
from rules.fold import fold
from rules.mask import excerpt, mask, mask_id, mask_name


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("电话13800138000", "电话138****8000"),
        ("电话 +86 138-0013-8000 张三", "电话 138****8000 张三"),
        ("身份证110101199003077758，请核对", "身份证110101********7758，请核对"),
        ("身份证11010519491231002X", "身份证110105********002x"),
        ("卡号6228 4804 0256 4890 018", "卡号6228 **** 0018"),
        ("卡号６２２８４８０４０２５６４８９００１８。", "卡号6228 **** 0018。"),
        ("税号91110000600037341L", "税号9111************1l"),
        ("邮箱zhang.san@corp.example.com", "邮箱z***@corp.example.com"),
        ("密码：Abc12345!", "密码：******"),
        ("密码 letmein", "密码 letmein"),  # no sign, no digit: a plain word
        ("密码是letmein", "密码是******"),
        ("密码：13800138000", "密码：******"),
        ("token=abc123def456&x=1", "token=******"),
        ("微信号：zhangsan88", "微信号：zh****"),
        ("wxid_a1b2c3d4e5f6g7", "wxid_****"),
        ("订单号20240601123456789", "订单号202****6789"),
        ("错误的证件110101199003077757", "错误的证件110****7757"),
        ("年化1.8%，共10000元，2024-06-03 10:00", "年化1.8%，共10000元，2024-06-03 10:00"),
        ("138，1234，5678", "138****5678"),
        ("138——1234——5678", "138****5678"),
        ("138*1234*5678", "138****5678"),
        ("138、1234、5678", "138****5678"),
        ("138(1234)5678", "138****5678"),
        ("(138)12345678", "(138****5678"),
        ("138一1234一5678", "138****5678"),
        ("138\n1234\n5678", "138****5678"),
        ("电话一三八零零一三八零零零", "电话138****8000"),
        ("加我Ｖ信细聊", "加我Ｖ信细聊"),
        ("", ""),
    ],
)
def test_masks_in_place(text, masked):
    assert mask(text) == masked


def test_a_private_key_is_masked_to_its_end():
    key = "-----BEGIN RSA PRIVATE KEY-----\nMIIEabc\nQQdef==\n-----END RSA PRIVATE KEY-----"
    assert mask(f"给您：{key}\n收好") == "给您：******\n收好"
    assert mask(f"给您：{key[:45]}") == "给您：******"


def resident_id(rng):
    first = f"110105{rng.randint(1950, 2015)}{rng.randint(1, 12):02}{rng.randint(1, 28):02}"
    first += f"{rng.randint(1, 999):03}"
    return first + resident_id_check(first)


def company_code(rng):
    body = "".join(rng.choices("0123456789abcdefghjklmnpqrtuwxy", k=8))
    first = "91110000" + body + organisation_check(body)
    return first + uscc_check(first)


def digits(size):
    return lambda rng: "".join(rng.choices("0123456789", k=size))


MAKERS = {
    "resident_id": resident_id,
    "mobile": lambda rng: f"13{rng.randrange(10**9):09}",
    "card": lambda rng: "622848" + digits(13)(rng),
    "uscc": company_code,
    "any12": digits(12),
    "any16": digits(16),
    "wxid": lambda rng: "wxid_" + "".join(rng.choices("abcdef0123456789", k=14)),
}


def full_width(text):
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


def grouped(separator):
    return lambda value: separator.join(value[i : i + 4] for i in range(0, len(value), 4))


FORMS = {
    "plain": lambda value: value,
    "upper": str.upper,
    "full width": full_width,
    "zero width": "\u200b".join,
    "soft hyphens": grouped("\u00ad"),
    "variation selectors": lambda value: value[:5] + "\ufe0f" + value[5:],
}
DIGIT_FORMS = {
    "spaces": grouped(" "),
    "wide spaces": grouped("\u3000"),
    "dashes": grouped("-"),
    "spaced dashes": grouped("- "),
    "one by one": " ".join,
    "circled": lambda value: value.translate(str.maketrans("0123456789", "⓪①②③④⑤⑥⑦⑧⑨")),
}
_bare = re.compile(r"[^0-9a-z]")


@pytest.mark.parametrize("maker", MAKERS)
@given(seed=st.integers(0, 10**9), data=st.data())
def test_masked_text_never_holds_the_value_in_any_form(maker, seed, data):
    value = MAKERS[maker](random.Random(seed))
    forms = FORMS if maker in {"wxid", "uscc"} else FORMS | DIGIT_FORMS
    shape = forms[data.draw(st.sampled_from(sorted(forms)))]
    before = data.draw(
        st.sampled_from(["", "号码", "身份证：", "订单号", "x ", "是", "(", "第1行\n"])
    )
    after = data.draw(st.sampled_from(["", "。", "，请核对", " ok", "元", ")", "\n2"]))
    masked = mask(before + shape(value) + after)
    assert value not in _bare.sub("", fold(masked).text)
    if maker != "wxid":
        assert not re.search(r"[0-9]{11}", _bare.sub("", fold(masked).text.replace("*", "a")))
    if before.strip() and before != "x ":
        assert masked.startswith(before)


@given(st.text("0123456789 -xX１②密码:abc@.微信vx", max_size=50))
def test_no_eleven_digits_ever_stay_together(text):
    assert not re.search(r"[0-9]{11}", fold(mask(text)).text)


@pytest.mark.parametrize(
    "piece",
    [
        "1 ", "1-", "1", "a", "1a", "a@", "110101 ", "110101199003077758 ", "13800138000 ",
        "密码：", "密码：abc12345 ", "微信", "vx：：", "sk-", "eyjaaaaaaaaaa-", "eyjaaaaaaaaaa.",
        "-----BEGIN PRIVATE KEY-----", "保 ",
    ],
)  # fmt: skip
def test_no_text_makes_masking_slow(piece):
    text = piece * (30_000 // len(piece))
    begin = time.process_time()
    mask(text)
    assert time.process_time() - begin < 3  # linear: well under a second


@given(st.text("保本回扣我们您好，。abc 12\n", max_size=60))
def test_ordinary_text_is_left_alone(text):
    assert mask(text) == text


@pytest.mark.parametrize(
    ("name", "masked"),
    [
        ("张三", "张*"),
        ("欧阳娜娜", "欧阳**"),
        ("欧阳", "欧*"),
        ("李", "*"),
        ("John Smith", "J*** S***"),
        ("", ""),
    ],
)
def test_names(name, masked):
    assert mask_name(name) == masked


@pytest.mark.parametrize(
    ("identifier", "masked"),
    [
        ("zhangsan", "zhangsan"),
        ("LiSi_2024", "LiSi_2024"),
        ("wmErxtDgAA9AW32YyyuYRimKr7D1KWlw", "wmErxt…KWlw"),
        ("wo_short", "wo_short"),
        ("13800138000", "138****8000"),
        ("", ""),
    ],
)
def test_ids(identifier, masked):
    assert mask_id(identifier) == masked


def test_an_excerpt_shows_the_surroundings_of_the_hit():
    text = "您好，" + "甲" * 50 + "这款保本" + "乙" * 50
    start = text.index("保本")
    shown = excerpt(text, start, start + 2)
    assert len(shown) == 40
    assert "这款保本乙" in shown
    assert shown[0] == shown[-1] == "…"


def test_an_excerpt_of_a_short_text_is_the_whole_text_on_one_line():
    assert excerpt("第一行\n这款保本", 6, 8) == "第一行 这款保本"


def test_an_excerpt_masks_before_it_cuts():
    text = "证件110101199003077758" + "甲" * 30 + "保本"
    start = text.index("保本")
    for width in range(6, 60):
        assert "19900307" not in excerpt(text, start, start + 2, width)


def test_an_excerpt_of_a_masked_hit_shows_the_mask():
    text = "甲" * 60 + "卡号6228480402564890018"
    shown = excerpt(text, text.index("6228"), len(text))
    assert shown.endswith("卡号6228 **** 0018")


@given(
    st.text("保本13800138000 Ｖ\u200b\n密码:abc1", max_size=80),
    st.data(),
    st.integers(2, 50),
)
def test_excerpts_keep_to_their_width(text, data, width):
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    shown = excerpt(text, start, end, width)
    assert len(shown) <= width
    assert "\n" not in shown
    assert "13800138000" not in shown

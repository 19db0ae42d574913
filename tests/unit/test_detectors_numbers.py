"""Identity numbers, cards, mobiles and company codes: published vectors, oracles, base rates."""

from __future__ import annotations

import random
import re

import hyperscan
import pytest
import stdnum.cn.ric
import stdnum.cn.uscc
import stdnum.luhn
from hypothesis import given
from hypothesis import strategies as st

from rules.detectors import DETECTORS, bank_card, cn_mobile, cn_resident_id, uscc
from rules.detectors.checks import luhn, organisation_check, resident_id_check, uscc_check
from rules.fold import fold


def found(name, text):
    return [(f.value, f.confidence) for f in DETECTORS[name].find(fold(text).text)]


VALID_RESIDENT_IDS = [
    "11010519491231002X",
    "360426199101010071",
    "44011320141005001X",
    "412723199010050012",
    "321083197812162119",
    "33010219200403064X",
    "150102198807303035",
    "81000019980902013X",
    "820000200009100032",
    "830000200209060065",
    "932682198501010017",
    "110101199003077758",
    "110111198012010078",
    "110201199312010077",
]
INVALID_RESIDENT_IDS = [
    "36042619910102009X",
    "360426199113010079",
    "990426199112010074",
    "3301022011022000D6",
    "201511221897205960",
    "11010119900307775X",
    "110101199003077578",
    "622223199912051311",
    "12345619991205131x",
    "110101199002307758",
    "123456789012345678",
    "111111111111111111",
]


@pytest.mark.parametrize("number", VALID_RESIDENT_IDS)
def test_valid_resident_ids_are_found(number):
    assert found("cn_resident_id", f"客户资料{number}，请核对") == [(number.lower(), 75)]
    assert found("cn_resident_id", f"身份证{number}") == [(number.lower(), 85)]
    spaced = f"{number[:6]} {number[6:14]}-{number[14:]}"
    assert found("cn_resident_id", spaced) == [(number.lower(), 75)]


@pytest.mark.parametrize("number", INVALID_RESIDENT_IDS)
def test_invalid_resident_ids_are_not_found(number):
    assert found("cn_resident_id", f"身份证{number}") == []


@pytest.mark.parametrize(
    "text",
    [
        "订单号110101199003077758",
        "运单号：110101199003077758",
        "发票号 110101199003077758",
        "流水号是110101199003077758",
        "订单号码是110101199003077758",
        "1110101199003077758",
        "1101011990030777580",
        "no_110101199003077758",
        "a110101199003077758b",
    ],
)
def test_other_numbers_are_not_resident_ids(text):
    assert found("cn_resident_id", text) == []


NUMBERS = {
    "cn_resident_id": "110101199003077758",
    "bank_card": "6222020000000000000",
    "cn_mobile": "13800138000",
    "uscc": "91310110666007217T",
}
OTHER_NUMBERS = [
    "订单号", "运单号", "快递单号", "物流单号", "流水号", "单号", "工单号", "发票号", "合同编号",
    "保单号", "序列号", "设备编号", "受理号", "受理编号", "申请编号", "业务流水号", "取件号",
    "包裹号", "退款单号", "商户订单号", "项目编号", "案号", "凭证号", "条形码", "编号", "工号",
    "员工号", "学号", "票号", "会员号", "批号", "时间戳", "timestamp", "ts", "sn", "imei", "uuid",
    "order", "invoice", "ticket", "ref",
]  # fmt: skip


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("word", OTHER_NUMBERS)
def test_what_is_called_another_number_is_none_of_ours(word, name):
    for between in (
        "",
        " ",
        "：",
        ": ",
        "是",
        "为：",
        "（",
        "=",
        "#",
        " no. ",
        " number ",
    ):
        if between == "" and word.isascii():
            continue  # glued to a number it is a part of it
        assert found(name, f"{word}{between}{NUMBERS[name]}") == [], between


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("cn_resident_id", "身份证编号{}"),
        ("cn_resident_id", "证件号编号是{}"),
        ("bank_card", "银行卡编号：{}"),
        ("cn_mobile", "手机编号{}"),
        ("cn_mobile", "我工号不记得了，打{}"),
        ("cn_mobile", "订单号没问题，电话{}"),
        ("cn_mobile", "parts {}"),
        ("cn_mobile", "resn {}"),
        ("cn_mobile", "方案{}"),
        ("cn_mobile", "业务请找{}"),
        ("uscc", "税号编号{}"),
    ],
)
def test_words_that_only_look_like_one_hide_nothing(name, text):
    assert [value for value, _ in found(name, text.format(NUMBERS[name]))] == [
        NUMBERS[name].lower()
    ]


def test_a_keyword_beats_an_order_number_before_it():
    assert found("cn_resident_id", "订单号对应身份证110101199003077758") == [
        ("110101199003077758", 85)
    ]


def test_a_keyword_counts_up_to_300_code_points_away():
    number = "110101199003077758"
    assert found("cn_resident_id", "身份证" + "。" * 297 + number) == [(number, 85)]
    assert found("cn_resident_id", "身份证" + "。" * 301 + number) == [(number, 75)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("6228480402564890018", [("6228480402564890018", 75)]),
        ("卡号6228480402564890018", [("6228480402564890018", 85)]),
        ("卡号 6228 4804 0256 4890 018", [("6228480402564890018", 85)]),
        ("6228-4804-0256-4890-018", [("6228480402564890018", 75)]),
        ("６２２８４８０４０２５６４８９００１８", [("6228480402564890018", 75)]),
        ("卡号6222020200112233345", [("6222020200112233345", 60)]),
        ("6222020200112233345", []),  # no Luhn, no keyword
        ("6222026006705354217", []),
        ("卡号6228430120000000000", [("6228430120000000000", 60)]),  # no Luhn
        ("6228430120000000000", []),
        ("卡号6222021234567890", []),  # this prefix has 19 digits
        ("卡号4111111111111111", []),  # Luhn, but no known prefix
        ("运单号6228480402564890018", []),
        ("16228480402564890018", []),
    ],
)
def test_bank_cards_by_prefix_length_and_luhn(text, expected):
    assert found("bank_card", text) == expected


@pytest.mark.parametrize(
    ("number", "bank"),
    [
        ("622848" + "0" * 13, "ABC"),
        ("622309" + "0" * 12, "ICBC"),
        ("622309" + "0" * 13, "CZBANK"),
        ("622588" + "0" * 10, "CMB"),
        ("955" + "99" + "0" * 14, "ABC"),
    ],
)
def test_longest_prefix_and_exact_length_name_the_bank(number, bank):
    assert bank_card.issuer(number).bank == bank


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("13800138000", [("13800138000", 75)]),
        ("手机13800138000", [("13800138000", 85)]),
        ("138 0013 8000", [("13800138000", 75)]),
        ("138-0013-8000", [("13800138000", 75)]),
        ("+86 138 0013 8000", [("13800138000", 75)]),
        ("+8613800138000", [("13800138000", 75)]),
        ("008613800138000", [("13800138000", 75)]),
        ("1 3 8 0 0 1 3 8 0 0 0", [("13800138000", 75)]),
        ("138\u200b0013\u200b8000", [("13800138000", 75)]),
        ("①③⑧00138000", [("13800138000", 75)]),
        ("13800138000 13900139000", [("13800138000", 75), ("13900139000", 75)]),
        ("9 1 3 8 0 0 1 3 8 0 0 0", []),
        ("1 3 8 0 0 1 3 8 0 0 0 9", []),
        ("12800138000", []),
        ("15400138000", []),
        ("138001380001", []),
        ("013800138000", []),
        ("订单号13800138000", []),
        ("6228 4804 1396 4890 018", []),
    ],
)
def test_mobile_numbers(text, expected):
    assert found("cn_mobile", text) == expected


VALID_USCC = [
    "91110000600037341L",
    "91310110666007217T",
    "91310115591693856A",
    "91230184MA1BUFLT44",
    "92371000MA3MXH0E3W",
    "91340600MA2PBM9HXD",
]


@pytest.mark.parametrize("code", VALID_USCC)
def test_valid_company_codes_are_found(code):
    assert found("uscc", f"甲方{code}，乙方") == [(code.lower(), 75)]
    assert found("uscc", f"税号：{code}") == [(code.lower(), 85)]


@pytest.mark.parametrize("code", ["91110000600037341N", "9111000060003IOZSV", "123456789012345678"])
def test_invalid_company_codes_are_not_found(code):
    assert found("uscc", f"税号：{code}") == []


def random_resident_id(rng):
    area = rng.choice(("110105", "310104", "440103"))
    day = f"{rng.randint(1990, 2015)}{rng.randint(1, 12):02}{rng.randint(1, 28):02}"
    first = f"{area}{day}{rng.randint(1, 999):03}"
    return first + resident_id_check(first)


def test_generated_resident_ids_agree_with_stdnum():
    rng = random.Random(11643)
    for _ in range(300):
        number = random_resident_id(rng)
        stdnum.cn.ric.validate(number.upper())
        assert cn_resident_id.is_valid(number)
        last = rng.choice([c for c in "0123456789x" if c != number[17]])
        assert not cn_resident_id.is_valid(number[:17] + last)
        assert not stdnum.cn.ric.is_valid(number[:17] + last.upper())


@pytest.mark.parametrize(
    ("digits", "valid"),
    [
        ("49927398716", True),
        ("4992739871", False),
        ("6228480402564890018", True),
        ("4111111111111111", True),
        ("490154203237518", True),
        ("6222026006705354217", False),
        ("6222020200112233345", False),
        ("6222021234567890", False),
        ("6228430120000000000", False),
    ],
)
def test_published_luhn_samples(digits, valid):
    assert luhn(digits) is valid


@given(st.text("0123456789", min_size=2, max_size=19))
def test_luhn_agrees_with_stdnum(digits):
    assert luhn(digits) == stdnum.luhn.is_valid(digits)


def test_generated_company_codes_agree_with_stdnum():
    rng = random.Random(32100)
    alphabet = "0123456789abcdefghjklmnpqrtuwxy"
    for _ in range(300):
        body = "".join(rng.choices(alphabet, k=8))
        first = f"91{rng.choice(('110000', '440300'))}{body}"
        first += organisation_check(body)
        code = first + uscc_check(first)
        assert stdnum.cn.uscc.is_valid(code.upper())
        assert uscc.is_valid(code)
        wrong = rng.choice([c for c in alphabet if c != code[17]])
        assert not uscc.is_valid(code[:17] + wrong)


def test_random_digit_runs_are_hardly_ever_found():
    """Base rates on random digits, the seed fixed. Reference: wecom.md 4.4, 1.1e-5 and 1.7e-4."""
    rng = random.Random(20240601)
    draws = 60_000
    ids = sum(
        cn_resident_id.is_valid(f"{rng.randrange(10**17):017}{rng.choice('0123456789x')}")
        for _ in range(draws)
    )
    cards = codes = mobiles = 0
    for _ in range(draws):
        digits = f"{rng.randrange(10**19):019}"
        cards += bank_card.issuer(digits) is not None and luhn(digits)
        codes += uscc.is_valid(digits[:18])
        mobiles += cn_mobile.is_valid(digits[:11])
    assert ids / draws < 1e-4
    assert 0 < cards / draws < 3e-4
    assert codes / draws < 1e-3
    assert mobiles / draws < 0.1  # a mobile number has no check digit


SAMPLES = [
    *(("cn_resident_id", n) for n in VALID_RESIDENT_IDS),
    *(("uscc", n) for n in VALID_USCC),
    ("bank_card", "6228 4804 0256 4890 018"),
    ("cn_mobile", "+86 138-0013-8000"),
    ("cn_mobile", "1 3 8 0 0 1 3 8 0 0 0"),
    ("credential", "密码：abc12345"),
    ("credential", "api_key = 9f8e7d6c5b4a"),
    ("credential", "-----BEGIN PRIVATE KEY-----"),
    ("wechat_id", "wxid_a1b2c3d4e5f6g7"),
    ("wechat_id", "加我vx：abc_1234"),
    ("wechat_id", "微信号是zhangsan"),
    ("cn_passport", "护照 E12345678"),
    ("cn_passport", "passport: 142345678"),
    ("cn_travel_permit", "台胞证07257862"),
    ("cn_travel_permit", "通行证 C1234 5678"),
    ("cn_plate", "车牌粤B·D12345"),
    ("cn_plate", "车牌 京A·12345"),
    ("hk_id", "P174468(6)"),
    ("hk_id", "P174468（6）"),
    ("hk_id", "香港 P 174468 6"),
    ("tw_id", "B221690311"),
    ("tw_id", "FA12345689"),
    ("wallet_address", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"),
    ("wallet_address", "ＴＲ７NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"),
    ("wallet_address", "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4"),
    ("wallet_address", "BC1SW50QGDZ25J"),
    ("wallet_address", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"),
]


@pytest.mark.parametrize("name", DETECTORS)
def test_prefilters_run_in_hyperscan_and_never_hide_a_finding(name):
    detector = DETECTORS[name]
    hits = []
    database = hyperscan.Database()
    database.compile(
        expressions=[detector.prefilter.encode()], ids=[0], flags=[hyperscan.HS_FLAG_UTF8]
    )
    assert not re.search(r"\(\?<?[=!]|\\[1-9]", detector.prefilter)
    samples = [text for owner, text in SAMPLES if owner == name]
    assert samples
    for text in samples:
        folded = fold(text)
        assert list(detector.look(folded)), text
        hits.clear()
        database.scan(folded.text.encode(), match_event_handler=lambda *a: hits.append(a))
        assert hits, text


@given(st.text("0123456789x -138622848微信v密码：=abz_护照通行证台胞车牌京()（）EHT", max_size=60))
def test_where_a_detector_finds_its_prefilter_matches(text):
    folded = fold(text)
    for detector in DETECTORS.values():
        for f in detector.look(folded):
            assert 0 <= f.start < f.end <= len(folded.text)
            assert re.search(detector.prefilter, folded.text)


@pytest.mark.parametrize(
    "text",
    [
        "13800138000.00元", "13800138000.00", "13800138000元", "金额13800138000元", "¥13800138000",
        "￥ 13800138000", "余额：13800138000", "合计为13800138000", "人民币13800138000",
    ],
)  # fmt: skip
def test_an_amount_of_money_is_no_mobile_number(text):
    assert found("cn_mobile", text) == []


@pytest.mark.parametrize(
    "text",
    [
        "13800138000元旦打给我", "13800138000.10点后打", "1.13800138000.2.13900139000",
        "查余额拨打13800138000", "余额不足，13800138000", "手机13800138000元", "13800138000.",
    ],
)  # fmt: skip
def test_a_mobile_number_beside_money_is_one(text):
    assert "13800138000" in [value for value, _ in found("cn_mobile", text)]

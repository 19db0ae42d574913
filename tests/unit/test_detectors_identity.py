"""Passports, permits, plates, the ids of Hong Kong and Taiwan, wallets: published vectors."""

from __future__ import annotations

import hashlib
import random
import time

import pytest
import stdnum.bitcoin
from hypothesis import given
from hypothesis import strategies as st

from rules.conditions import Detected, View
from rules.detectors import DETECTORS, hk_id, tw_id
from rules.detectors.keccak import keccak_256
from rules.fold import fold
from rules.mask import mask
from rules.message import Message
from tests.support.rule_files import CALENDAR

NEW = ("cn_passport", "cn_travel_permit", "cn_plate", "hk_id", "tw_id", "wallet_address")


def found(name, text):
    return [(f.value, f.confidence) for f in DETECTORS[name].look(fold(text))]


# ---- no check digit: 60 with a keyword, else nothing ----

PASSPORTS = [
    "E12345678",
    "EA1234567",
    "EZ1234567",
    "DE1234567",
    "SE1234567",
    "PE1234567",
    "MA1234567",
    "MB1234567",
    "KJ1234567",
    *(f"{letter}12345678" for letter in "GDSPKHM"),
]


@pytest.mark.parametrize("number", PASSPORTS)
def test_passports_need_their_keyword(number):
    value = number.lower()
    assert found("cn_passport", f"护照号：{number}。") == [(value, 60)]
    assert found("cn_passport", f"{number} is my passport") == [(value, 60)]
    assert found("cn_passport", f"我的是{number}") == []
    assert found("cn_passport", f"护照办好了，订单号{number}") == []


@pytest.mark.parametrize(
    "text",
    [
        "护照EI1234567",  # I and O are not used
        "护照EO1234567",
        "护照E1234567",
        "护照E123456789",
        "护照XE12345678",
        "护照A12345678",
        "护照已寄出，电话是161234567",
        "护照办好了，共3本，金额142345678",  # other digits stand between
        "护照" + "。" * 301 + "E12345678",
    ],
)
def test_what_is_no_passport(text):
    assert found("cn_passport", text) == []


@pytest.mark.parametrize("number", ["141234567", "151234567"])
def test_old_passports_need_their_keyword_right_before(number):
    assert found("cn_passport", f"护照号{number}") == [(number, 60)]
    assert found("cn_passport", f"{number}是护照") == []


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("往来港澳通行证C12345678", ["c12345678"]),
        ("港澳通行证 W12345678", ["w12345678"]),
        ("往来港澳通行证：CA1234567", ["ca1234567"]),
        ("回乡证H12345678", ["h12345678"]),
        ("港澳居民来往内地通行证 M1234567801", ["m1234567801"]),
        ("台胞证07257862", ["07257862"]),
        ("台湾居民来往大陆通行证：0725786201B", ["0725786201b"]),
        ("C12345678", []),
        ("护照C12345678", []),
        ("往来港澳通行证 H12345678", ["h12345678"]),  # 通行证 fits both kinds
        ("双程证 H12345678", []),
        ("回乡证 C12345678", []),
        ("台胞证办理时间20240601", []),  # a date
        ("台胞证要2寸照片，回执07257862", []),  # another digit stands between
        ("07257862", []),
        ("通行证办好了，流水号C12345678", []),
        ("回乡证H1234567", []),
        ("回乡证H123456789", []),
        ("通行证C123456789", []),
    ],
)
def test_travel_permits_need_the_keyword_of_their_kind(text, values):
    assert found("cn_travel_permit", text) == [(value, 60) for value in values]


@pytest.mark.parametrize(
    ("plate", "value"),
    [
        ("京A12345", "京a12345"),
        ("沪A·B1234", "沪ab1234"),
        ("粤B-12AB3", "粤b12ab3"),
        ("粵B 88888", "粤b88888"),
        ("粤ZF023港", "粤zf023港"),
        ("川A1234学", "川a1234学"),
        ("粤BD12345", "粤bd12345"),
        ("京AF12345", "京af12345"),
        ("京AFA2345", "京afa2345"),
        ("沪A12345D", "沪a12345d"),
        ("沪A12345F", "沪a12345f"),
        ("苏EA12345", "苏ea12345"),  # letters given out since D and F
    ],
)
def test_plates_need_a_word_about_vehicles(plate, value):
    assert found("cn_plate", f"车牌{plate}，白色") == [(value, 60)]
    assert found("cn_plate", f"型号{plate}") == []
    assert found("cn_plate", f"车辆的订单号 {plate}") == []


@pytest.mark.parametrize(
    "plate",
    [
        "京I12345",
        "京O12345",
        "京A1234O",
        "京AI2345",
        "京A1234",
        "京A123456",
        "京AABC12",  # three letters
        "京AZ12345",  # no letter of new energy
        "京A12345Z",
        "京AD1234D",
        "英A12345",
        "京12345A",
    ],
)
def test_what_is_no_plate(plate):
    assert found("cn_plate", f"车牌{plate}") == []


# ---- a check digit: 85 with a keyword, 75 without ----


@pytest.mark.parametrize(
    ("number", "value"),
    [
        ("P174468(6)", "p1744686"),
        ("P174468（6）", "p1744686"),
        ("K034169(A)", "k034169a"),
        ("A123456(3)", "a1234563"),
        ("AB987654(3)", "ab9876543"),
    ],
)
def test_hong_kong_ids(number, value):
    assert found("hk_id", f"客户：{number}") == [(value, 75)]
    assert found("hk_id", f"香港身份证 {number}") == [(value, 85)]
    bare = value.upper()
    assert found("hk_id", f"香港身份证 {bare}") == [(value, 85)]
    assert found("hk_id", f"型号 {bare}") == []  # no brackets, no keyword
    assert found("hk_id", f"订单号：{number}") == []


@pytest.mark.parametrize(
    "number", ["K034169(1)", "P174468(5)", "P17446(6)", "PAB174468(6)", "1744686", "P1744686a"]
)
def test_what_is_no_hong_kong_id(number):
    assert found("hk_id", f"香港身份证{number}") == []


@pytest.mark.parametrize("number", ["B221690311", "A123456789", "A800000014", "FA12345689"])
def test_taiwan_ids(number):
    assert found("tw_id", f"客户：{number}") == [(number.lower(), 75)]
    assert found("tw_id", f"台湾身份证{number}") == [(number.lower(), 85)]
    assert found("tw_id", f"运单号{number}") == []


@pytest.mark.parametrize(
    "number", ["B221690312", "A323456789", "A12345678", "A1234567890", "FE12345689", "xB221690311"]
)
def test_what_is_no_taiwan_id(number):
    assert found("tw_id", f"台湾身份证{number}") == []


def test_only_one_last_digit_is_right():
    for digit in "0123456789":
        assert hk_id.is_valid(f"p174468{digit}") == (digit == "6")
        assert tw_id.is_valid(f"b22169031{digit}") == (digit == "1")


BITCOIN = [
    "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
    "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2",
    "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy",
    "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",  # BIP 173
    "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4",
    "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",  # BIP 350
    "bc1pw508d6qejxtdg4y5r3zarvary0c5xw7kw508d6qejxtdg4y5r3zarvary0c5xw7kt5nd6y",
    "BC1SW50QGDZ25J",
    "bc1zw508d6qejxtdg4y5r3zarvaryvaxxpcs",
]
OTHER_WALLETS = [
    "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t",
    "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",  # EIP-55
    "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
    "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
    "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
]


@pytest.mark.parametrize("address", BITCOIN + OTHER_WALLETS)
def test_checked_wallet_addresses(address):
    value = address.lower()
    assert found("wallet_address", f"发到{address}，谢谢") == [(value, 75)]
    assert found("wallet_address", f"钱包：{address}") == [(value, 85)]
    wide = "".join(chr(ord(char) + 0xFEE0) for char in address)
    assert found("wallet_address", f"\u200b{wide}") == [(value, 75)]


@pytest.mark.parametrize(
    "address",
    [
        "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb",
        "1a1zp1ep5qgefi2dmptftl5slmv7divfna",  # capitals count
        "11A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
        "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLz",
        "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5",
        "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kV8F3T4",  # both cases
        "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kemeawh",  # BIP 350: version 0 with Bech32m
        "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqh2y7hd",  # version 1, Bech32
        "BC1S0XLXVLHEMJA6C4DQV22UAPCTQUPFHLXM9H8Z3K2E72Q4K9HCZ7VQ54WELL",
        "bc1p38j9r5y49hruaue7wxjce0updqjuyyx0kh56v8s25huc6995vvpql3jow4",
        "BC130XLXVLHEMJA6C4DQV22UAPCTQUPFHLXM9H8Z3K2E72Q4K9HCZ7VQ7ZWS8R",
        "bc1pw5dgrnzv",
        "BC1QR508D6QEJXTDG4Y5R3ZARVARYV98GJ9P",
        "bc1zw508d6qejxtdg4y5r3zarvaryvqyzf3du",
        "bc1gmk9yu",
        "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6u",
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD",
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAe",
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed0",
    ],
)
def test_what_is_no_wallet_address(address):
    assert found("wallet_address", f"钱包地址：{address}") == []


@pytest.mark.parametrize(
    "address",
    [
        "0x52908400098527886E0F7030069857D2E4169EE7",
        "0xde709f2102306220921060314715629080e2fb77",
    ],
)
def test_ethereum_in_one_case_has_no_check_and_needs_a_keyword(address):
    assert found("wallet_address", f"USDT打到{address}") == [(address.lower(), 60)]
    assert found("wallet_address", f"看看{address}") == []
    assert found("wallet_address", f"币已到，流水号{address}") == []


@given(st.sampled_from(BITCOIN[:5]), st.data())  # stdnum knows no Bech32m
def test_bitcoin_addresses_agree_with_stdnum(address, data):
    at = data.draw(st.integers(4, len(address) - 1))
    char = data.draw(st.sampled_from("023456789acdefghjkmnpqrstuvwxyzACDEFGHJKL"))
    if address.lower().startswith("bc1"):  # stdnum takes both cases in one address
        char = char.upper() if address.isupper() else char.lower()
    other = address[:at] + char + address[at + 1 :]
    assert bool(found("wallet_address", other)) == stdnum.bitcoin.is_valid(other)


@pytest.mark.parametrize(
    ("data", "digest"),
    [
        (b"", "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"),
        (b"abc", "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45"),
        (
            b"The quick brown fox jumps over the lazy dog",
            "4d741b6f1eb29cb2a9b9911c82f56fa8d73b04959d3d9d222895df6c0b28aa15",
        ),
    ],
)
def test_keccak_256(data, digest):
    assert keccak_256(data).hex() == digest


@given(st.binary(max_size=300))
def test_the_permutation_is_that_of_sha3(data):
    assert keccak_256(data, padding=0x06) == hashlib.sha3_256(data).digest()


# ---- in rules, in alerts ----


def test_a_rule_sees_capitals_that_folding_took_off():
    address = "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"
    message = Message(
        tenant="demo", kind="archive", seq=1, msgid="m1", time=1_772_589_600_000,
        received_at=1_772_589_600_000, type="text", sender="zhangwei",
        text=f"繁體\u200b 付到{address}",
    )  # fmt: skip
    view = View(message, CALENDAR)
    assert Detected("text", DETECTORS["wallet_address"]).holds(view)
    span = view.spans[0]
    assert message.text[span.start : span.end] == address
    assert not Detected(
        "text", DETECTORS["wallet_address"], known=frozenset({address.lower()})
    ).holds(View(message, CALENDAR))


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("护照E12345678", "护照e1****78"),
        ("回乡证H12345678", "回乡证h1****78"),
        ("台胞证07257862", "台胞证07****62"),
        ("车牌京A12345，白色", "车牌京a****5，白色"),
        ("香港身份证P174468(6)", "香港身份证p1****"),
        ("身份证B221690311", "身份证b2****11"),
        ("付TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t。", "付tr7nhq******lj6t。"),
        ("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "0x5aae******eaed"),
    ],
)
def test_masks(text, masked):
    assert mask(text) == masked


@given(st.text("ABab\u200b１Ｔ繁體 x0Tİß", max_size=30))
def test_the_cased_text_is_the_folded_one_but_for_capitals(text):
    folded = fold(text)
    assert len(folded.cased()) == len(folded.text)
    assert folded.cased().lower() == folded.text.lower()


@pytest.mark.parametrize("name", NEW)
@pytest.mark.parametrize(
    "piece",
    ["护照 1 ", "护照E12345678 ", "台胞证1", "京a", "车牌京A12345", "a1", "P174468(6)",
     "0x" + "aB" * 20 + " ", "1", "T", "bc1q", "bc1qqqqqqqqqqqqqqqq ", "香港A"],
)  # fmt: skip
def test_no_text_makes_them_slow(name, piece):
    folded = fold("钱包护照台胞证车牌香港" + piece * (20_000 // len(piece)))
    begin = time.process_time()
    list(DETECTORS[name].look(folded))
    assert time.process_time() - begin < 3  # linear: well under a second


def test_random_codes_pass_the_checks_as_often_as_their_digits_say():
    rng = random.Random(4)
    draws = 20_000
    hong_kong = sum(
        hk_id.is_valid(f"{rng.choice('abcdefgh')}{rng.randrange(10**7):07}") for _ in range(draws)
    )
    taiwan = sum(
        tw_id.is_valid(f"{rng.choice('abcdefgh')}1{rng.randrange(10**8):08}") for _ in range(draws)
    )
    assert hong_kong / draws == pytest.approx(1 / 11, abs=0.01)
    assert taiwan / draws == pytest.approx(1 / 10, abs=0.01)

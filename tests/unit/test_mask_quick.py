"""Most texts are let through after a few cheap looks: none may have what a long look finds."""

from __future__ import annotations

import random

import pytest

from rules import mask as masking
from rules.mask import replaced

PIECES = (
    "13800138000", "138 0013 8000", "1 3 8 0 0 1 3 8 0 0 0", "1. 3. 8. 0. 0. 1. 3. 8. 0. 0. 0",
    "138——1234——5678", "138一1234一5678", "138丨1234丨5678", "一三八零零一三八零零零",
    "幺三八 零零幺三 八零零零", "①②③④⑤⑥⑦⑧⑨⑩①", "６２２８４８０４０２５６４８９００１８",
    "6228480402564890018", "11010519491231002X", "91110000600037341L", "密码：!!!!", "密码 12345",
    "口令是letmein", "pwd = a1b2c3", "passwd:abcd", "token=abc123def456", "secret 'abcd'",
    "access key：Zx9_", "sk--------------------a1", "sk-abcdefghij0123456789ABC",
    "AKIDz8krbsJ5yKBZQpn7",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIE", "a@b.c", "zhang.san@corp.example.com",
    "wxid_a1b2c3d4", "微信号a------", "加V zhangsan88", "v信13800138000", "粤B12345", "京A·D1234学",
    "车牌", "护照", "E12345678", "e 1234 5678", "台胞证", "12345678", "港澳通行证 C12 345 678",
    "A123456(3)", "a123456 3", "身份证", "A123456789", "0x52908400098527886E0F7030069857D2E4169EE7",
    "钱包", "5000元", "2026-03-04 10:00", "好的", "，", " ", "\u200b", "\n", "-", "x", "7", "九",
)  # fmt: skip


def looked_at_long(text, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(masking, "may_hold", lambda folded: True)
        patched.setattr(masking, "_six_digits", lambda flat: True)
        return replaced(text)


@pytest.mark.parametrize("seed", range(8))
def test_a_quick_look_hides_what_a_long_look_hides(seed, monkeypatch):
    rng = random.Random(seed)
    texts = [*PIECES] if not seed else []
    texts += ["".join(rng.choices(PIECES, k=rng.randint(1, 4))) for _ in range(400)]
    # pieces of pieces: what just falls short of a form, and what just reaches it
    texts += [text[rng.randrange(4) : len(text) - rng.randrange(4)] for text in texts]
    hidden = 0
    for text in texts:
        found = replaced(text)
        assert found == looked_at_long(text, monkeypatch), text
        hidden += bool(found)
    assert 0.3 * len(texts) < hidden < len(texts)


def test_most_talk_needs_no_long_look():
    for text in (
        "今天下午三点开会吗",
        "这款产品年化3.5%，10万起",
        "好的[OK] 明天见！",
        "九九八十一难",
    ):
        assert not masking.may_hold(text)

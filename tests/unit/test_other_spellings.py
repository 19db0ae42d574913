"""The quick look before a text is read otherwise misses nothing."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from rules.fold import fold
from rules.variants_wake import OtherSpellings

WORDS = ["朋友圈领", "腰朋可", "加我微信", "我看看卡", "专业收卡", "别问出处", "没钱看你"]
SOUNDING = ["加我微信", "我看看卡"]
SPELLINGS = OtherSpellings(sorted(WORDS), sorted(SOUNDING))
GATES = [one.replace("\\", "") for one in SPELLINGS.gates]
PIECES = [
    *GATES,
    *"朋友圈领腰可加我微信看卡专业收别问出处没钱你薇",
    "jia",
    "WO",
    "wei",
    "x",
    "，",
    "月",
    "又又",
]


@settings(max_examples=1_000, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=10).map("".join))
def test_what_may_be_meant_has_a_mark(text: str) -> None:
    folded = fold(text).text
    fired = [at for at, gate in enumerate(GATES) if gate in folded]
    if SPELLINGS.meant(folded, fired):
        assert SPELLINGS.has_mark(text, fired)


def test_most_talk_has_no_mark() -> None:
    fired = [at for at, gate in enumerate(GATES) if gate == "看看"]
    assert fired
    assert not SPELLINGS.has_mark("好的，改天去公司看看产品", fired)

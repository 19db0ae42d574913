"""The quick look before a text is read otherwise misses nothing."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from rules.fold import fold
from rules.lexicon import Lexicon
from rules.lookout import Lookout
from rules.triggers import Trigger
from rules.variants_lattice import MAX_REPEATS
from rules.variants_parts import APART
from rules.variants_read import EMOJI
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


TALK = "好的改天去公司看看产品再说谢谢您今天下午三点开会资料发到邮箱里"
LISTED = Lexicon(name="t", words=tuple(WORDS), pinyin=frozenset(SOUNDING))
TRIGGERS = [Trigger("word", word) for word in LISTED.folded]
LOOKOUT = Lookout([*TRIGGERS, *(Trigger("sound", word) for word in LISTED.sounding)])


@st.composite
def written_otherwise(draw: st.DrawFn) -> str:
    """A word whose characters are repeated, taken apart, with a symbol behind, or as they are."""
    written = ""
    for char in draw(st.sampled_from(WORDS)):
        ways = [char, char * draw(st.integers(1, MAX_REPEATS)), *APART.get(char, ())]
        written += draw(st.sampled_from(ways))
        written += draw(st.sampled_from(["", "", "", "~", " ", "....", *list(EMOJI)[:2]]))
    return written


@settings(max_examples=1_000, deadline=None)
@given(written_otherwise(), st.integers(0, 60), st.integers(0, 60))
def test_a_word_in_a_long_text_wakes_its_rule(written: str, before: int, behind: int) -> None:
    """Of a long text only what is near the odd places is looked at."""
    text = f"{TALK * before}，{written}，{TALK * behind}"
    if any(not place.why for place in LISTED.places(fold(text))):
        assert LOOKOUT.fired([text])

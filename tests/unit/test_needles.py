"""Words that stand for an expression: where it matches, one of them occurs."""

from __future__ import annotations

import pytest
import re2
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.fold import changed, fold
from rules.needles import needles

LETTERS = st.sampled_from(["保本", "微信", "转账", "vx", "a", "b", "收益", "1"])
PARTS = st.recursive(
    LETTERS | st.sampled_from([".", "[保微]", "[^a]", r"\d", r"\b", "[a-c]"]),
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3).map("".join)
        | st.lists(inner, min_size=1, max_size=3).map(lambda some: f"(?:{'|'.join(some)})")
        | inner.map(lambda one: f"({one})?")
        | inner.map(lambda one: f"({one})*")
        | inner.map(lambda one: f"({one})+")
        | inner.map(lambda one: f"({one}){{2,3}}")
    ),
    max_leaves=8,
)
TEXTS = st.lists(LETTERS | st.sampled_from(["，", "x", " ", "V"]), max_size=8).map("".join)


@settings(max_examples=500, deadline=None)
@given(PARTS, TEXTS)
def test_no_match_without_a_word(source: str, text: str) -> None:
    words = needles(source)
    if words is not None and re2.search(f"(?i){source}", text):
        assert any(word in text.lower() for word in words)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("保本", {"保本"}),
        ("(保本|保息)收益", {"保本收益", "保息收益"}),
        ("加我(微信|VX)", {"加我微信", "加我vx"}),
        ("(我|你)[^。]*(返现|返点)", {"返现", "返点"}),
        ("(api|key)+x", {"api", "key"}),
        ("(https?://|www[.])", {"http://", "https://", "www."}),
        ("[0-9]{6}", None),
        ("滚$", None),
        ("(保本)?", None),
        ("保本|[0-9]+", None),
    ],
)
def test_words_of(source: str, words: set[str] | None) -> None:
    assert needles(source) == words


@settings(max_examples=500, deadline=None)
@given(
    st.lists(
        st.text(
            st.sampled_from("保本aZ1 ~.（）“”\t😊Ｖ繁・\n-'\"\u200b") | st.characters(), max_size=12
        ),
        max_size=6,
    )
)
def test_a_text_that_is_not_changed_folds_to_itself_in_small_letters(texts: list[str]) -> None:
    some = changed(texts)
    small = {chr(n): chr(n + 32) for n in range(ord("A"), ord("Z") + 1)}
    for at, text in enumerate(texts):
        folded = fold(text)
        if at not in some:
            assert folded.text == "".join(small.get(char, char) for char in text)
            assert not folded.readable

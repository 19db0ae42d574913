"""Words are compiled as bytes where that is the same, and found as before."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.scan import Re2Scanner, scanner

WORDS = ("保本", "VX", "key", "bc", "заказ", "é", "保b", r"a\.b")
TEXTS = ("保本", "vx", "Vx", "KEY", "\u212aey", "BC", "ЗАКАЗ", "É", "保B", "a.b", "axb", "，", "\n")


@settings(max_examples=500, deadline=None)
@given(st.lists(st.lists(st.sampled_from(TEXTS), max_size=4).map("".join), max_size=4))
def test_both_scanners_find_the_same_words(texts: list[str]) -> None:
    encoded = [one.encode() for one in texts]
    assert scanner(WORDS).scan(encoded) == Re2Scanner(WORDS).scan(encoded)


@pytest.mark.parametrize(("text", "found"), [("\u212aey", {2}), ("bC заКаз", {3, 4}), ("", set())])
def test_letters_of_any_case_are_found(text: str, found: set[int]) -> None:
    assert scanner(WORDS).scan([text.encode()]).get(0, set()) == found

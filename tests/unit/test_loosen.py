"""What the scan of all rules looks for: looser than the rules, never narrower."""

from __future__ import annotations

import pytest
import re2
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.loosen import alternatives, loosened
from rules.scan import Re2Scanner, scanner


@pytest.mark.parametrize(
    ("source", "looser"),
    [
        ("a[^。]{0,20}b", "a[^。]*b"),
        ("a{2,}", "a+"),
        ("a{0,3}?b", "a*?b"),
        ("(ab){1,4}", "(ab)+"),
        ("[0-9]{4}", "[0-9]{4}"),
        ("[0-9]{4,6}", "[0-9]{4,6}"),
        ("[0-9]{4,20}", "[0-9]{4,}"),
        (r"\{0,3}", r"\{0,3}"),
        (r"[{0,3}]x{0,2}", r"[{0,3}]x*"),
        (r"[]{0,3}]", r"[]{0,3}]"),
        (r"\p{Han}{2,4}", r"\p{Han}+"),
        # many texts stand behind one another in the scan: the end of each is that of a line
        (r"\Aab\z", "^ab$"),
        ("(?s-m)^a", "(?s)^a"),
        ("(?-m:^a)", "(?:^a)"),
        ("(?-is)a", "(?-is)a"),
    ],
)
def test_counted_repeats_are_taken_off(source: str, looser: str) -> None:
    assert loosened(source) == looser


@pytest.mark.parametrize(
    ("source", "parts"),
    [
        ("a|b", ["a", "b"]),
        ("(a|b)|c", ["(a|b)", "c"]),
        (r"a\|b|[|]", [r"a\|b", "[|]"]),
        ("(?s)a|b", ["(?s)a|b"]),
        ("(?:a|b)", ["(?:a|b)"]),
        ("", [""]),
    ],
)
def test_alternatives_at_the_top_are_parted(source: str, parts: list[str]) -> None:
    assert alternatives(source) == parts


ATOMS = st.sampled_from(["a", "b", "保", ".", "[^a]", "[a保]", r"\d", "(a|b)", "(?:保|c)"])
REPEATS = st.sampled_from(["", "", "*", "+", "?", "{0,2}", "{1,3}", "{2}", "{2,}"])
PATTERNS = st.lists(
    st.lists(st.tuples(ATOMS, REPEATS).map("".join), min_size=1, max_size=4).map("".join),
    min_size=1, max_size=3,
).map("|".join)  # fmt: skip


@given(PATTERNS, st.text("ab保c1", max_size=8))
@settings(max_examples=300)
def test_where_the_rule_matches_one_of_its_patterns_does(source: str, text: str) -> None:
    if re2.search(f"(?i){source}", text):
        parts = alternatives(loosened(source))
        assert any(re2.search(f"(?i){part}", text) for part in parts)
        for kind in (scanner, Re2Scanner):
            assert kind(parts).scan([text.encode()]), (source, text)

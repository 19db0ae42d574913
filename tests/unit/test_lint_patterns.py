"""Regular expressions that never match are told, at the part that is why, and no others are."""

from __future__ import annotations

from pathlib import Path

import pytest
import re2
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.rule_checks import check_rules
from rules.fold import fold
from rules.lint.examples import RULE
from rules.lint.pattern_reach import Before, after, can_match, kind_of, kinds
from rules.lint.registry import severity
from rules.pattern_tree import Chars, leaves, parse
from tests.support.lint_examples import TODAY, written


def told(tmp_path: Path, question: str) -> list[tuple[str, str, str]]:
    """(code, what stands at the place, hint) of all errors and warnings."""
    text = RULE.replace("text|contains: 保本", question)
    written(tmp_path, {"rule.yaml": text})
    return [
        (one.code, text.splitlines()[one.line - 1][one.column - 1 :], one.fix_en)
        for one in check_rules(str(tmp_path), today=TODAY).problems
        if severity(one) != "info"
    ]


@pytest.mark.parametrize(
    ("source", "code", "at", "hint"),
    [
        ("保$本", "MJ257", "$本", r"\$"),
        ("保^本", "MJ257", "^本", r"\^"),
        (r"(?m)保$本", "MJ257", "$本", ""),
        (r"保\b本", "MJ257", r"\b本", "leave it out"),
        (r"a\bb", "MJ257", r"\bb", ""),
        (r"保本\z。", "MJ257", r"\z。", ""),
        (r"[^\s\S]", "MJ257", r"[^\s", "after folding"),
        ("保 本", "MJ257", " 本", "leave it out"),
        ("保_本", "MJ257", "_本", ""),
        ("加 v信", "MJ257", " v", ""),
        (r"\x{8CB7}", "MJ257", r"\x{8CB7}", "'买'"),
        (r"(?-i)VIP", "MJ257", "VIP", "'v'"),
        (r"(?-i:[A-Z])保", "MJ257", "[A-Z]", "small letters"),
        (r"保本|\x{8CB7}入", "MJ258", r"\x{8CB7}", "'买'"),
        ("(?:保$|稳)赚", "MJ258", "$|", r"\$"),
        ("内部(?:a$b|消息)", "MJ258", "$b", ""),
        (r"保\s+本", "MJ259", r"\s+本", "line break"),
        (r"加[ ]v", "MJ257", "[ ]v", ""),
        (r"收益\s{1,3}保本", "MJ259", r"\s{1,3}", ""),
        (r"保本吗\?", "MJ260", r"\?", "[?？]"),
        ("保本吗!+", "MJ260", "!+", "[!！]"),
        ("微信％", "MJ221", "％", "'%'"),
        (r"[买買]", "MJ221", "買]", "'买'"),
    ],
)
def test_what_never_matches_is_told_at_the_part_that_is_why(
    tmp_path: Path, source: str, code: str, at: str, hint: str
) -> None:
    found = told(tmp_path, f"text|re: '{source}'")
    assert [one[0] for one in found] == [code]
    for _, place, fix in found:
        assert place.removeprefix("'").startswith(at)
        assert hint in fix


@pytest.mark.parametrize(
    "source",
    [
        "保本$", "^保本", r"(?m)^保本$", r"(?m)保$\n本", r"保\s*本", "[A-Z]{3}", r"\p{Lu}", "保.本",
        r"(?s)甲.{1,20}乙", r"\d{3}-\d{4}", r"保本吗[?？]", r"\bvip\b", r"[\x{4e00}-\x{9fa5}]{2,4}",
        r"年化\d+(?:\.\d+)?%", "v信|微信", r"保\n本", r"a b", r"\Qa$b\E", "[^a-z]保",
        r"(?P<n>保)本", r"[买卖]入", r"【[^】]+】", "保，本", "(?U)a+?保",
    ],
)  # fmt: skip
def test_what_can_match_is_not_told(tmp_path: Path, source: str) -> None:
    assert told(tmp_path, f"text|re: '{source}'") == []


def test_one_of_a_list_and_fields_that_are_not_folded(tmp_path: Path) -> None:
    found = told(tmp_path, "text|re: [保本, '稳$赚', 包赚]")
    assert [(code, at) for code, at, _ in found] == [("MJ257", "$赚', 包赚]}")]
    assert told(tmp_path, "file.name|re: '買 賣[A-Z]'") == []
    assert [one[0] for one in told(tmp_path, "file.name|re: 'a$b'")] == ["MJ257"]


PIECES = [
    "保",
    "本",
    "a",
    "b",
    "9",
    " ",
    ".",
    "_",
    "*",
    "，",
    "\n",
    "(",
    "）",
    "一",
    "é",
    "買",
    "❤",
]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)
SINGLE = st.sampled_from(
    ["保", "本", "a", "b", r"\d", r"\s", r"\w", r"\W", ".", r"\.", "_", "[a-c本]", "[^a]", " ",
     "，", r"\n", r"\x{4fdd}", "(?-i:[A-B])", r"\p{Han}", r"\*", "一"]
)  # fmt: skip
EDGES = st.sampled_from(["^", "$", r"\b", r"\B", r"\A", r"\z"])
PATTERNS = st.recursive(
    st.one_of(SINGLE, SINGLE, EDGES),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=4).map("".join),
        st.lists(inner, min_size=2, max_size=3).map(lambda some: f"(?:{'|'.join(some)})"),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{1,3}", "{2,}", "+?"])).map(
            lambda pair: f"(?:{pair[0]}){pair[1]}"
        ),
    ),
    max_leaves=8,
)


@settings(max_examples=300, deadline=None)
@given(TEXTS)
def test_a_folded_text_has_no_row_of_characters_that_is_held_impossible(text: str) -> None:
    before: Before | None = Before()
    for char in fold(text).text:
        assert before is not None
        before = after(before, kind_of(char))
    assert before is not None


@settings(max_examples=300, deadline=None)
@given(PATTERNS, st.lists(TEXTS, min_size=1, max_size=6), st.sampled_from(["", "m", "s", "ms"]))
def test_what_matches_a_text_is_never_held_impossible(
    pattern: str, texts: list[str], flags: str
) -> None:
    tree = parse(pattern, f"i{flags}")
    assert tree is not None
    compiled = re2.compile(f"(?i{flags}){pattern}")
    for folded in (True, False):
        if any(compiled.search(fold(one).text if folded else one) for one in texts):
            assert can_match(tree, folded=folded)


@settings(max_examples=300, deadline=None)
@given(st.characters(exclude_categories=["Cs"]), st.booleans())
def test_every_character_of_a_folded_text_is_one_that_occurs(char: str, any_case: bool) -> None:
    for one in fold(char).text:
        source = f"\\x{{{ord(one):x}}}"
        for pattern in (source, f"[{source}]", f"[{source}-{source}]"):
            (leaf,) = leaves(parse(pattern, "i" if any_case else "") or Chars("", "", 0))
            assert isinstance(leaf, Chars)
            assert kinds(leaf, folded=True) & kind_of(one)


@pytest.mark.parametrize("source", ["(", "a**b)", r"\8", "(?<=a)b", "(?x)a"])
def test_what_is_not_understood_is_not_judged(source: str) -> None:
    assert parse(source, "i") is None


def test_a_pattern_of_very_many_parts_is_not_judged() -> None:
    assert parse("(?:(?:a{100}){10}){10}", "i") is None

"""Our reading of a condition and pySigma's agree on what is one."""

from __future__ import annotations

from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from rules.condition_text import check_condition
from rules.refused import Refused, UnknownName
from rules.sigma_parse import parse_detection
from tests.support.rule_files import NAMED

SELECTIONS: dict[str, Any] = {
    name: {"text|contains": name} for name in ("said", "word1", "word2", "not_mine", "and-so")
}
WORDS = [
    *SELECTIONS, "and", "or", "not", "(", ")", "1 of word*", "all of them", "any of word1",
    "1 of none*", "of", "1", "them", "word*", "nobody",
]  # fmt: skip


def reads(condition: str) -> bool:
    try:
        check_condition(condition, SELECTIONS)
    except (Refused, UnknownName):
        return False
    return True


def sigma_reads(condition: str) -> bool:
    try:
        parse_detection({**SELECTIONS, "condition": condition}, NAMED)
    except (Refused, UnknownName):
        return False
    return True


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=8))
@example(["not", "not", "(", "said", "or", "1 of word*", ")"])
@example(["said", "and", "of", "said", "said"])
def test_what_we_read_pysigma_reads_and_nothing_else(words: list[str]) -> None:
    condition = " ".join(words)
    assert reads(condition) == sigma_reads(condition)


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="ab(（)）|&和或非 and or not of 1*?-_，、", max_size=20))
def test_any_text_is_read_or_refused_in_both_languages(condition: str) -> None:
    told, used = ("fine", "好"), set[str]()
    try:
        used = check_condition(condition, ["a", "b"])
    except (Refused, UnknownName) as error:
        told = (error.en, error.zh)
    assert used <= {"a", "b"}
    assert told[0]
    assert any("\u4e00" <= char <= "\u9fff" for char in told[1])

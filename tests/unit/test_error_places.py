"""An error points at the word that is wrong, however the value is written."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.errors import RuleError
from rules.lint.examples import FILTER, RULE
from rules.lint.source import read
from rules.yaml_source import load_documents
from tests.support.rule_files import NAMED

CONDITION = "  condition: words and outbound\n"


def told(text: str) -> RuleError:
    """The one thing wrong in a rule file."""
    (problem,) = read("rule.yaml", text, NAMED).problems
    return problem


def pointed_at(text: str, problem: RuleError) -> str:
    """The rest of the line the error points at."""
    return text.splitlines()[problem.line - 1][problem.column - 1 :]


@pytest.mark.parametrize(
    "condition",
    [
        "  condition: words and wrods\n",
        "  condition: words\n    and\n      wrods\n",
        "  condition: >-\n    words\n    and wrods\n",
        "  condition: >  # why words\n    words\n\n    and wrods\n",
        "  condition: |2+\n    words and\n     wrods\n",
        '  condition: "words and wrods"\n',
        "  condition: 'words\n\n    and wrods'\n",
        "  condition: [outbound, words and wrods]\n",
        "  condition:\n    - outbound\n    - >-\n      words and\n      wrods\n",
        "  # 条件 words and wrods\n  condition:   words and wrods  # wrods\n",
    ],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("lead", ["", "\ufeff", "# 𠮷\n"])
def test_an_unknown_name_in_a_condition_is_pointed_at(
    condition: str, newline: str, lead: str
) -> None:
    text = (lead + RULE.replace(CONDITION, condition)).replace("\n", newline)
    problem = told(text)
    assert problem.code == "MJ212"
    assert pointed_at(text, problem).startswith("wrods")


def test_a_name_written_with_escapes_is_told_at_the_beginning_of_the_condition() -> None:
    text = RULE.replace(CONDITION, '  condition: "words\\tand wr\\x6fds"\n')
    assert pointed_at(text, told(text)).startswith('"words')


WRONG = ["wrods", "和", "AND", "words*", "）", "3", "|", "-x"]
STYLES = {
    "plain": "  condition: {}\n",
    "quoted": "  condition: '{}'\n",
    "folded": "  condition: >-\n    {}\n",
    "literal": "  condition: |\n    {}\n",
    "listed": "  condition:\n    - {}\n",
}


@settings(max_examples=80, deadline=None)
@given(
    st.lists(
        st.sampled_from(["words and", "not words or", "(outbound) and"]), min_size=1, max_size=5
    ),
    st.sampled_from(WRONG),
    st.sampled_from(sorted(STYLES)),
    st.sampled_from([" ", "  ", "\n    ", "\n\n      "]),
)
def test_the_wrong_word_is_where_the_error_points(
    before: list[str], wrong: str, style: str, blank: str
) -> None:
    condition = blank.join([*" ".join([*before, wrong]).split(" "), "and", "words"])
    text = RULE.replace(CONDITION, STYLES[style].format(condition.replace("\n", "\n  ")))
    problem = told(text)
    assert pointed_at(text, problem).removeprefix("'").startswith(wrong)


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        ("text|contains", "text|all|contians", "contians"),
        ("contains: 保本", 'detect: "bank_card, confidence high"', "confidence high"),
        ("contains: 保本", "re: [保本, '(稳', 稳赚]", "'(稳'"),
        ("{text|contains: 保本}", "[{text|contains: 保本}, {text|re: '微信號'}]", "號'"),
        ("direction: outbound", "direction: [outbound, inbond]", "inbond"),
        ("level: high", "level:   severe", "severe"),
        ("response: 2", "response: two", "two"),
        ("version: 1", "version: 1\n  timezone: Beijing", "Beijing"),
        ("version: 1", "version: 1\n  scope: {directions: outbound}", "outbound}"),
        ('summary: "{actor} 向', "summary: {actor} 向", "{actor} 向"),
        ("description: 员工", "description: [重要] 员工", "[重要] 员工"),
    ],
)
def test_the_wrong_word_of_a_value_is_pointed_at(old: str, new: str, word: str) -> None:
    assert old in RULE
    text = RULE.replace(old, new, 1)
    assert pointed_at(text, told(text)).startswith(word)


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        ("not service", "not servise", "servise"),
        ("{sender: service01}", "{sendr: service01}", "sendr"),
        ("{sender: service01}", "{direction: outbond}", "outbond"),
    ],
)
def test_the_wrong_word_of_a_filter_is_pointed_at(old: str, new: str, word: str) -> None:
    text = FILTER.replace(old, new, 1)
    problem = next(one for one in read("f.yaml", text, NAMED).problems)
    assert pointed_at(text, problem).startswith(word)


def test_a_place_that_is_not_there_is_that_of_the_part_around_it() -> None:
    (document,) = load_documents("x.yaml", "a:\n  b: c\n")
    error = document.error(("a", "z"), "x", "x", code="MJ101", offset=3)
    assert (error.line, error.column) == (1, 1)

"""Ends of filters, lexicons and lists are told thirty days ahead, and by the day that is given."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from jobs.rule_checks import check_rules
from rules.lint.examples import FILTER, LEXICON, LIST, RULE
from tests.support.lint_examples import written

END = date(2026, 12, 31)
FILES = {
    "filter.yaml": (FILTER.replace("2099-12-31", str(END)), "MJ434", "MJ431"),
    "lexicons/own.yaml": (LEXICON.replace("null", str(END)), "MJ420", "MJ413"),
    "lists/own.yaml": (LIST.replace("null", str(END)), "MJ427", "MJ426"),
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(
    ("days", "told", "english", "chinese"),
    [
        (31, None, "", ""),
        (30, 1, "in 30 days", "还有 30 天"),
        (1, 1, "in 1 day", "还有 1 天"),
        (0, 1, "today", "今天"),
        (-1, 2, "today is 2027-01-01", "今天是 2027-01-01"),
    ],
)
def test_an_end_is_told_ahead_and_afterwards(
    tmp_path: Path, name: str, days: int, told: int | None, english: str, chinese: str
) -> None:
    text = FILES[name][0]
    rule = RULE.replace("contains: 保本", "lexicon: own") if "lexicons" in name else RULE
    written(tmp_path, {"rule.yaml": rule, name: text})
    found = check_rules(str(tmp_path), today=END - timedelta(days=days)).problems
    ends = [one for one in found if one.code in FILES[name][1:]]
    assert [one.code for one in ends] == ([FILES[name][told]] if told else [])
    for one in ends:
        assert one.path == name
        assert english in one.said_en
        assert chinese in one.said_zh
        assert text.splitlines()[one.line - 1][one.column - 1 :].startswith(str(END))


def test_without_a_day_no_end_is_told(tmp_path: Path) -> None:
    written(tmp_path, {"rule.yaml": RULE, "filter.yaml": FILES["filter.yaml"][0]})
    assert check_rules(str(tmp_path)).warnings == []

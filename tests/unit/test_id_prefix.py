"""Ids by their first digits: what people are told when it is not exactly one."""

from __future__ import annotations

import pytest

from sinks.id_prefix import LISTED, distinct, not_one

WORDS = {"one": "alert", "many": "alerts", "zh": "告警", "see": "mingjian alerts list"}


def test_of_none_it_is_said_how_to_find_them():
    error = not_one("3f2a", [], **WORDS)
    assert (error.en, error.zh) == (
        "no alert begins with '3f2a'", "没有编号以“3f2a”开头的告警",
    )  # fmt: skip
    assert error.fix_en == "`mingjian alerts list` shows their ids"


@pytest.mark.parametrize("count", [2, LISTED, LISTED + 1])
def test_of_several_all_are_named_and_of_many_the_first(count):
    ids = [f"3f2a{number:028x}" for number in range(count)]
    error = not_one("3f2a", ids, **WORDS)
    assert error.en == "more than one alert begins with '3f2a'"
    for number, one in enumerate(ids):
        assert (one in error.fix_en) == (number < LISTED)
    assert error.fix_en.endswith("…") == (count > LISTED)
    assert error.fix_zh.endswith("…") == (count > LISTED)


@pytest.mark.parametrize(
    ("ids", "shown"),
    [
        (["a" * 32, "b" * 32], ["a" * 12, "b" * 12]),
        (["a" * 12 + "b" * 20, "a" * 13 + "b" * 19], ["a" * 12 + "b" * 4, "a" * 13 + "b" * 3]),
        (["a" * 63 + "b", "a" * 64], ["a" * 63 + "b", "a" * 64]),
        (["short"], ["short"]),
        ([], []),
    ],
)
def test_ids_are_cut_to_what_tells_them_apart(ids, shown):
    assert distinct(ids) == shown

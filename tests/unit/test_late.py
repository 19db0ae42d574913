"""What a message that came too late would have done: said as far as the state still tells.

Lines and scripts are those of `test_speculation`: `|7` is event time passing minute 7.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules import behave as behave_module
from rules.items import unpack
from rules.ruleset import RuleSet
from tests.support.rule_files import outputs, ruleset
from tests.unit.test_behave import Drive, packed
from tests.unit.test_behave_types import (
    ABSENT,
    BETWEEN,
    START,
    THRICE,
    TWICE,
    correlation,
    messages,
)
from tests.unit.test_speculation import LOWER, MINUTE, send

FILE_FIRST = "type: temporal_ordered, rules: [t_file, t_a]"
ORDERED = "type: temporal_ordered, rules: [t_a, t_b, t_c]"
MEDIAN = "type: value_median, rules: [t_file], condition: {field: file.size, gte: 4}"
SUM = "type: value_sum, rules: [t_file], condition: {field: file.size, gte: 9}"


def late(rules: RuleSet, line: str, script: str) -> list[dict[str, Any]]:
    drive = Drive(rules)
    send(drive, line, script)
    return outputs(drive.found, "late")


@pytest.mark.parametrize(
    ("section", "ours", "line", "script", "expected"),
    [
        # newer than all of its group that is settled: exact
        (THRICE, "", "aaa", "a0 a1 |3 a2", "true"),
        (THRICE, "", "aaa", "a0 a2 |1 a1", "true"),  # what waits counts
        (THRICE, "", "aa", "a0 |1 a1", "false"),
        (THRICE, "", "aaaa", "a0 a2 a3 |1 a1", "changed"),  # begins earlier
        (THRICE, "", "aaaa", "a0 a1 a2 |4 a3", "changed"),  # evidence of what goes on
        (ORDERED, "", "abc", "a0 b1 |3 c2", "true"),
        (ORDERED, "", "abb", "a0 b1 |3 b2", "false"),
        (SUM, "", "45", "40 |3 51", "true"),
        (SUM, "", "44", "40 |3 41", "false"),
        (MEDIAN, "", "911---9", "90 11 96 |2 12", "changed"),  # what goes on would have ended
        (TWICE, "until: t_b", "aba", "a0 a2 |1 b1", "changed"),  # and cancels what is to come
        # older than what is settled: what is left may be enough
        (THRICE, "", "aaa", "a0 a2 |3 a1", "true"),
        (THRICE, "", "aaaa", "a0 a1 a3 |4 a2", "changed"),
        (ORDERED, "", "abc", "a0 c2 |3 b1", "true"),
        (THRICE, "", "a---a-a", "a4 a6 |7 a0", "unknown"),  # others may have been before
        # the first step of an alert is gone, which is there without this one
        (FILE_FIRST, "", "11a11111", "11 a2 13 14 15 16 17 |7 10", "unknown"),
        (TWICE, "", "a-a", "a2 |20 a0", "unknown"),  # the group is forgotten
        (SUM, "", "494", "40 42 |3 91", "unknown"),  # numbers below zero would make it untrue
        (TWICE, "until: t_b", "aaa", "a0 a2 |3 a1", "unknown"),  # it may have been cancelled
        # by itself
        ("type: temporal, rules: [t_a, t_b], condition: t_a or t_b", "", "a", "|3 a0", "true"),
        # not decided yet
        (ABSENT, "", "ab", "a0 |2 b1", "unknown"),
        (BETWEEN, "", "aa", "a0 |2 a1", "unknown"),
        # one that is there already
        (THRICE, "", "aa", "a0 a1 |3 a1", "false"),
        # nothing is told while an alert suppresses others: it would be its evidence
        (TWICE, "suppress: {for: 1h}", "aa------aa", "a0 a1 a8 |9 a9", "changed"),
    ],
)  # fmt: skip
def test_what_it_would_have_done(
    tmp_path: Path, section: str, ours: str, line: str, script: str, expected: str
) -> None:
    (one,) = late(ruleset(tmp_path, correlation(section, ours)), line, script)
    assert one["would_have_fired"] == expected
    assert one["rule"] == "t_rule"
    assert one["group"] == {"tenant": "demo", "sender": "zhangwei"}


@pytest.mark.parametrize(
    ("line", "script", "name"),
    [
        ("aaa", "a0 a1 |3 a2", "late_would_have_fired"),
        ("aaaa", "a0 a1 a2 |4 a3", "late_would_have_changed"),
        ("aa", "a0 |1 a1", "late_without_effect"),
        ("a---a-a", "a4 a6 |7 a0", "late_unknown"),
    ],
)
def test_each_answer_is_counted(tmp_path: Path, line: str, script: str, name: str) -> None:
    drive = Drive(ruleset(tmp_path, correlation(THRICE)), keep=True)
    send(drive, line, script)
    (stage,) = (drive._kept or {}).values()
    counts = {one: count for one, count in stage.counts.items() if count}
    assert counts == {"late": 1, name: 1}


def test_a_group_that_holds_too_much_is_not_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = ruleset(tmp_path, correlation(THRICE))
    monkeypatch.setattr(behave_module, "MAX_ITEMS", 1)
    (one,) = late(rules, "aaa", "a0 a1 |3 a2")
    assert one["would_have_fired"] == "unknown"


@settings(max_examples=120, deadline=None)
@given(data=st.data())
def test_what_is_said_agrees_with_all_that_had_arrived(
    every: list[RuleSet], data: st.DataObject
) -> None:
    """Compared with a group of which nothing is forgotten, with the message and without it."""
    rules = data.draw(st.sampled_from(every))
    items = packed(rules, messages(data.draw(st.text("abc19-", min_size=2, max_size=12))))
    if len(items) < 2:
        return
    missing = data.draw(st.integers(0, len(items) - 1))
    one, rest = items[missing], items[:missing] + items[missing + 1 :]
    drive = Drive(rules)
    for item in rest:
        drive.send(item)
    mark = START + data.draw(st.integers(0, 20)) * MINUTE
    mark = max(mark, unpack(one).time)
    drive.advance(mark)
    drive.send(one)
    (told,) = outputs(drive.found, "late")
    newest = max([mark, *(unpack(item).time for item in rest)])
    without, having = Drive(rules), Drive(rules)
    for item in rest:
        without.send(item)
    for item in items:
        having.send(item)
    for each in (without, having):
        each.advance(newest)
    old, new = outputs(without.found, "alerts"), outputs(having.found, "alerts")
    same = sorted(without.found) == sorted(having.found)
    newer = all(unpack(item).time < unpack(one).time for item in rest if unpack(item).time <= mark)
    if told["would_have_fired"] == "true":
        assert not same
        assert not newer or len(new) > len(old)
    elif told["would_have_fired"] == "changed":
        assert not same
    elif told["would_have_fired"] == "false":
        assert same


@pytest.fixture(scope="module")
def every(tmp_path_factory: pytest.TempPathFactory) -> list[RuleSet]:
    folder = tmp_path_factory.mktemp("late")
    return [ruleset(folder / str(n), correlation(*one)) for n, one in enumerate(LOWER)]

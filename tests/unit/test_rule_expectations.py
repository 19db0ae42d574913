"""Test cases in rule files: relative times, orders of arrival, and what alerts must be like."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from rules.cases import later, moment, times
from rules.compiled import compile_timeline
from rules.errors import RuleError
from rules.expectations import EXPECTATION_KEYS, Found, unmet, wanted_alerts
from rules.rulecases import ALL_ORDERS, Failure, Places, _Outcome, _shuffled, orders, run_case
from rules.ruleset import RuleTimeline, assemble
from tests.support.rule_files import CALENDAR, COUNTING, NAMED, SIMPLE, load_text

HEAD = SIMPLE[: SIMPLE.index("  tests:")]
BURST = COUNTING.replace("owner: y}", "owner: y, tests: [CASE]}")
SAID = {"at": "10:00", "from": "zhangwei", "to": "c1", "text": "这款保 本"}
HELLO = {"at": "+30s", "from": "zhangwei", "to": "c1", "text": "您好"}
RECALLS = [
    {"at": "10:00", "from": "zhangwei", "to": "c1", "recall": "x1"},
    {"at": "+4m", "from": "lina", "to": "c1", "recall": "x2"},
    {"at": "+1m", "from": "zhangwei", "to": "c1", "recall": "x3"},
    {"at": "+5m", "from": "zhangwei", "to": "c1", "recall": "x4"},
]


def outcome(folder: Path, rule: str, case: dict[str, Any]) -> Failure | None:
    """The result of one case of a rule."""
    text = yaml.safe_dump({"tests": [case]}, allow_unicode=True, sort_keys=False)
    if "CASE" in rule:
        inline = yaml.safe_dump(case, allow_unicode=True, default_flow_style=True, width=10_000)
        file = load_text(folder, rule.replace("CASE", inline.strip()))
    else:
        file = load_text(folder, rule + "".join(f"  {line}\n" for line in text.splitlines()))
    timeline = RuleTimeline([(0, assemble([file], "d"))])
    (only,) = file.tests
    return run_case(timeline, compile_timeline(timeline), CALENDAR, file, only, NAMED)


# --- times


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("+90s", 90_000),
        ("+5m", 300_000),
        ("+1h30m", 5_400_000),
        ("+1d2h3m4s5ms", 93_784_005),
        ("+0s", 0),
        ("+", None),
        ("+5", None),
        ("5m", None),
        ("+5m3h", None),
        ("+５m", None),
        ("10:00", None),
    ],
)
def test_how_a_relative_time_is_written(text: str, milliseconds: int | None) -> None:
    assert later(text) == milliseconds


@given(st.lists(st.integers(0, 10**6), max_size=8))
def test_relative_times_add_up(seconds: list[int]) -> None:
    messages = [{"at": "10:00"}, *({"at": f"+{n}s"} for n in seconds)]
    assert times(messages)[-1] == moment("10:00") + 1000 * sum(seconds)


def test_a_relative_time_counts_from_the_message_before(tmp_path: Path) -> None:
    case = {"messages": RECALLS, "alerts": [{"time": "10:10", "evidence": ["m1", "m3", "m4"]}]}
    assert outcome(tmp_path, BURST, case) is None


# --- expectations that hold, and some that do not


@pytest.mark.parametrize(
    "expected",
    [
        {"matched": ["保 本"]},
        {"variant": ["gap"]},
        {"evidence": ["m1"], "time": "10:00", "count": 1},
        {"level": "high", "response": 2, "state": "post_hoc"},
        {"summary": "zhangwei 说 这款保 本"},
        {"group": {}},
    ],
)
def test_what_is_so_of_an_alert_about_one_message(tmp_path: Path, expected: dict) -> None:
    case = {"messages": [SAID, HELLO], "alerts": [expected]}
    assert outcome(tmp_path, HEAD, case) is None


@pytest.mark.parametrize(
    ("expected", "expected_text", "got"),
    [
        ({"matched": ["保本"]}, "[保本]", "[保 本]"),
        ({"variant": []}, "[]", "[gap]"),
        ({"evidence": ["m2"]}, "[m2]", "[m1]"),
        ({"time": "10:01"}, "10:01", "10:00"),
        ({"count": 2}, "2", "1"),
        ({"level": "low"}, "low", "high"),
        ({"response": 3}, "3", "2"),
        ({"state": "enforced"}, "enforced", "post_hoc"),
        ({"summary": "x"}, "x", "zhangwei 说 这款保 本"),
        ({"group": {"sender": "lina"}}, "{sender: lina}", "{}"),
    ],
)
def test_what_is_not_so_is_compared(
    tmp_path: Path, expected: dict, expected_text: str, got: str
) -> None:
    case = {"messages": [SAID, HELLO], "alerts": [expected]}
    failure = outcome(tmp_path, HEAD, case)
    assert failure is not None
    (difference,) = failure.differences
    (key,) = expected
    assert difference == (type(difference)(key, expected_text, got))
    assert failure.at == ("alerts", "0", key)
    assert "expectation 1" in failure.en


def test_every_key_of_an_expectation_can_fail() -> None:
    """The table above leaves none out."""
    rows = test_what_is_not_so_is_compared.pytestmark[0].args[1]
    assert {key for row in rows for key in row[0]} == set(EXPECTATION_KEYS)


def test_the_group_of_a_behaviour_is_masked_as_alerts_are(tmp_path: Path) -> None:
    rule = BURST.replace("group-by: [sender]", "group-by: [sender, recipients]")
    case = {"messages": RECALLS, "alerts": [{"group": {"sender": "zhangwei", "recipients": "c1"}}]}
    assert outcome(tmp_path, rule, case) is None
    case["alerts"][0]["group"]["recipients"] = "c2"
    assert outcome(tmp_path, rule, case) is not None


@pytest.mark.parametrize(
    ("never", "fails"),
    [
        ([{"evidence": ["m2"]}], False),
        ([{"matched": ["保 本"]}], True),
        ([{"matched": ["保 本"], "level": "low"}], False),
        ([{"level": "low"}, {"level": "high"}], True),
    ],
)
def test_what_must_never_be(tmp_path: Path, never: list, fails: bool) -> None:
    case = {"messages": [SAID, HELLO], "alerts": 1, "never": never}
    failure = outcome(tmp_path, HEAD, case)
    assert (failure is not None) is fails
    if failure:
        assert failure.at == ("never", str(len(never) - 1))


def alert(**facts: Any) -> Found:
    plain = {"group": {}, "evidence": (), "matched": (), "variant": (), "count": 1, "time": 0}
    plain |= {"level": "high", "response": 2, "state": "post_hoc", "summary": ""}
    return Found(**(plain | facts))


def test_each_expectation_has_an_alert_of_its_own() -> None:
    """The first expectation fits both alerts, the second only one: it must not lose it."""
    found = [alert(level="high", response=3), alert(level="high", response=2)]
    both = [{"level": "high"}, {"response": 3}]
    for expectations in (both, both[::-1]):
        for order in (found, found[::-1]):
            assert unmet({"alerts": expectations}, order) is None
    wrong = unmet({"alerts": [{"response": 3}, {"response": 3}]}, found)
    assert wrong is not None
    assert wrong.differences[0].got == "2"


def test_the_number_is_right_before_details_are() -> None:
    wrong = unmet({"alerts": [{"level": "low"}]}, [alert(), alert()])
    assert wrong is not None
    assert wrong.en == "expected 1 alert, got 2"
    assert unmet({"alerts": []}, []) is None
    assert unmet({"alerts": 0}, []) is None


def test_a_list_counts_its_expectations() -> None:
    assert [wanted_alerts({"alerts": one}) for one in (0, 2, [], [{}, {}])] == [0, 2, 0, 2]


# --- orders of arrival


@pytest.mark.parametrize("arrival", ["shuffled", ["m4", "m2", "m3", "m1"]])
def test_any_order_of_arrival_gives_the_same_alert(tmp_path: Path, arrival: Any) -> None:
    alerts = [{"evidence": ["m1", "m3", "m4"], "time": "10:10"}]
    case = {"messages": RECALLS, "arrival": arrival, "alerts": alerts}
    assert outcome(tmp_path, BURST, case) is None


def test_all_orders_of_few_messages_and_some_of_many() -> None:
    assert len(set(orders(4))) == 24
    many = list(orders(ALL_ORDERS + 3))
    assert all(sorted(one) == list(range(ALL_ORDERS + 3)) for one in many)
    assert len(set(many)) > 50
    assert many == list(orders(ALL_ORDERS + 3))


def test_an_order_that_gives_other_alerts_is_named() -> None:
    one, other = _Outcome((alert(evidence=("m1",)),), ()), _Outcome((), ())
    failure = _shuffled(["m1", "m2"], one, [((0, 1), one), ((1, 0), other)])
    assert failure is not None
    assert "m2, m1" in failure.en
    assert (failure.differences[0].expected, failure.differences[0].got) == ("[m1]", "-")
    assert _shuffled(["m1", "m2"], one, [((1, 0), one)]) is None


# --- what cannot be written


@pytest.mark.parametrize(
    ("case", "says", "code"),
    [
        ({"messages": [SAID | {"at": "+1m"}], "alerts": 1}, "first message", "MJ520"),
        ({"messages": [SAID], "alerts": [{}]}, "says nothing", "MJ521"),
        ({"messages": [SAID], "alerts": [{"levle": "high"}]}, "unknown key 'levle'", "MJ522"),
        ({"messages": [SAID], "alerts": [{"evidence": "m1"}]}, "list of texts", "MJ523"),
        ({"messages": [SAID], "never": [{"count": "1"}], "alerts": 1}, "whole number", "MJ523"),
        ({"messages": [SAID], "alerts": [{"time": "+1m"}]}, "no time", "MJ524"),
        ({"messages": [SAID], "arrival": "random", "alerts": 1}, "shuffled", "MJ525"),
        ({"messages": [SAID, HELLO], "arrival": ["m1"], "alerts": 1}, "every message", "MJ526"),
        ({"messages": [SAID, HELLO], "arrival": ["m1", "m3"], "alerts": 1}, "'m3'", "MJ527"),
        ({"messages": [SAID], "alerts": [{"evidence": ["m9"]}]}, "'m9'", "MJ527"),
    ],
)
def test_a_case_that_cannot_be_is_refused_with_its_place(
    tmp_path: Path, case: dict, says: str, code: str
) -> None:
    with pytest.raises(RuleError) as caught:
        outcome(tmp_path, HEAD, case)
    error = caught.value
    assert says in f"{error.en} {error.fix_en}"
    assert error.code == code
    assert error.line > HEAD.count("\n")


# --- why it failed


def test_a_failure_shows_the_message_as_the_rule_saw_it(tmp_path: Path) -> None:
    failure = outcome(tmp_path, HEAD, {"messages": [HELLO | {"at": "10:00"}], "alerts": 1})
    assert failure is not None
    lines = [line.en for line in failure.why]
    assert any("✗ words: text contains '保本'" in line for line in lines)
    assert lines[-1].startswith("The rule t1_words does not fire")
    assert failure.why[-1].zh.startswith("规则 t1_words 不报警")


def test_a_failure_of_a_behaviour_shows_what_counted(tmp_path: Path) -> None:
    failure = outcome(tmp_path, BURST, {"messages": RECALLS[:3], "alerts": 1})
    assert failure is not None
    text = "\n".join(line.en for line in failure.why)
    assert "group {sender: zhangwei}: at most 2 messages within 10m" in text
    assert "needed: event_count >= 3" in text
    assert "group {sender: lina}: at most 1 message " in text


def test_a_group_field_that_is_missing_is_named(tmp_path: Path) -> None:
    rule = BURST.replace("group-by: [sender]", "group-by: [sender, file.md5]")
    failure = outcome(tmp_path, rule, {"messages": RECALLS, "alerts": 1})
    assert failure is not None
    assert "the message has no file.md5" in failure.why[0].en
    assert "消息没有 file.md5" in failure.why[0].zh


def test_the_place_of_a_failure_is_that_of_the_expectation(tmp_path: Path) -> None:
    case = "  tests:\n    - messages: [{at: '10:00', from: a, to: c1, text: 保本}]\n"
    file = load_text(tmp_path, HEAD + case + "      alerts:\n        - {level: low}\n")
    head = HEAD.count("\n")
    assert Places(file).line(0) == head + 2
    assert Places(file).line(0, ("alerts", "0", "level")) == head + 4
    assert Places(file).line(0, ("alerts", "0", "nothing")) == head + 4
    assert Places(file).line(1) == 0

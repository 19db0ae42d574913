"""Bad input for behaviour: clocks that are years off, huge windows and keys, many groups."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules import behave
from rules.correlation.graph import Correlator
from rules.correlation.membership import MAX_TEXT, short
from rules.correlation.section import parse_correlation
from rules.errors import RuleError
from rules.mask import mask
from tests.support.behaviour_lines import START, printed, rules_of
from tests.support.rule_files import engine, outputs, raws
from tests.unit.test_semantics import ABSENT, COUNT, ORDER, collection, documents, gte, judged

YEAR = 365 * 86_400


# ---- windows ----


@pytest.mark.parametrize(
    "span", ["1000000000s", "999999999999s", "11y", "0s", "-1s", "1.5h", "1e3s", "5", "", "5S"]
)
def test_a_window_of_no_sensible_length_is_refused(tmp_path: Path, span: str) -> None:
    """A billion seconds are 31 years. Its place is told."""
    section = {**gte(2), "timespan": span}
    (problem,) = collection(documents(section)).problems
    assert problem.error.code == "MJ310"
    with pytest.raises(RuleError) as caught:
        rules_of(tmp_path, [section])
    assert caught.value.code == "MJ310"
    assert caught.value.column > 1


def test_conversations_take_a_year_at_most(tmp_path: Path) -> None:
    assert rules_of(tmp_path / "1", [{**gte(2), "timespan": "366d"}])
    with pytest.raises(RuleError) as caught:
        rules_of(tmp_path / "2", [{**gte(2), "timespan": "367d"}])
    assert caught.value.code == "MJ310"


# ---- clocks ----


def test_times_before_1970_and_far_ahead_are_times_as_any(tmp_path: Path) -> None:
    """Of plain events: nobody knows what their clock means. Windows do not mix them up."""
    for shift in (-3_000_000_000, -START // 1000, -START // 1000 - 7, 50_000_000_000):
        lines = [{"id": f"e{n}", "at": f"{START // 1000 + shift + n}", "k": "a", "h": "g"}
                 for n in (0, 4, 10)]  # fmt: skip
        rules = tmp_path / "r.yml"
        rules.write_text("\n---\n".join(map(json.dumps, documents(gte(2)))), "utf-8")
        (tmp_path / "e.jsonl").write_text("\n".join(map(json.dumps, lines)), "utf-8")
        found = printed(rules, tmp_path / "e.jsonl", "c1")
        assert found == [(shift + 4, "e0 e4")], shift


def test_tumbling_windows_go_on_before_1970(tmp_path: Path) -> None:
    rules = {"c1": parse_correlation({"timespan": "5s", **gte(2)}, {"window": "tumbling"})}
    correlator = Correlator(rules)
    for time in (-5_000, -1, 0, 4_999, 5_000):
        correlator.observe(str(time), time, lambda _: "g", ["a"])
    found = correlator.advance(60_000)
    assert [(one.time, one.event_ids) for one in found] == [
        (-1, ("-5000", "-1")), (4_999, ("0", "4999")),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("time", "reason"),
    [
        (-1, "time_out_of_range"),
        (1, "time_out_of_range"),
        (START - 20 * YEAR * 1000, "time_out_of_range"),
        (START + YEAR * 1000, "time_out_of_range"),
        (2**63, "time_out_of_range"),
        (1.5, "wrong_type"),
    ],
)
def test_a_message_whose_clock_is_years_off_is_set_aside(
    tmp_path: Path, time: float, reason: str
) -> None:
    """It is told, moves no time, and the others are judged as if it were not there."""
    rules = rules_of(tmp_path, [ABSENT])
    said = {"at": "10:00", "id": "m1", "from": "zhangwei", "to": "c1", "room": "r1", "text": "转账"}
    (good,) = raws([said])
    bad = json.loads(raws([{**said, "id": "m2"}])[0])
    bad["time"] = bad["payload"]["msgtime"] = time
    running = engine(rules, lateness=0)
    found = [*running.judge(json.dumps(bad).encode()), *running.judge(good), *running.finish()]
    assert [one["reason"] for one in outputs(found, "quarantine")] == [reason]
    assert [one["time"] for one in outputs(found, "alerts")] == [START + 5_000]
    assert running.states == {}


def test_a_message_without_a_time_stands_at_its_receipt(tmp_path: Path) -> None:
    record = json.loads(raws([{"at": "10:00", "from": "zhangwei", "to": "c1", "room": "r1",
                               "text": "转账"}])[0])  # fmt: skip
    record["time"] = record["payload"]["msgtime"] = 0
    found = list(engine(rules_of(tmp_path, [ABSENT])).run([json.dumps(record).encode()]))
    (alert,) = outputs(found, "alerts")
    assert alert["time"] == record["received_at"] + 5_000


# ---- keys ----


@given(st.text(max_size=3 * MAX_TEXT), st.text(max_size=3))
def test_a_long_value_is_shortened_and_stays_itself(text: str, more: str) -> None:
    kept = short(text)
    assert kept is not None
    assert len(kept) <= MAX_TEXT
    assert short(kept) == kept
    assert (kept == text) == (len(text) <= MAX_TEXT)
    assert (short(text + more) == kept) == (more == "")


@given(st.integers(0, MAX_TEXT))
def test_a_number_is_not_cut_so_that_it_is_no_longer_masked(before: int) -> None:
    kept = short("字" * before + "13812345678" * 30)
    assert kept is not None
    assert "1381234" not in mask(kept)


@pytest.mark.parametrize("length", [MAX_TEXT + 1, 1_000_000])
def test_a_group_key_of_a_megabyte_is_not_kept_nor_printed_whole(
    tmp_path: Path, length: int
) -> None:
    """And it still is another group than its neighbour."""
    rules = {"c1": parse_correlation({"timespan": "5s", "group-by": ["h"], **gte(2)})}
    correlator = Correlator(rules)
    for number, last in enumerate("xxy"):
        value = "k" * length + last
        correlator.observe(str(number), number, lambda _, value=value: value, ["a"])
    (found,) = correlator.advance(10)
    assert found.event_ids == ("0", "1")
    assert len(found.group["h"] or "") <= MAX_TEXT


def test_a_long_text_to_group_by_is_short_in_state_and_alert(tmp_path: Path) -> None:
    """The messages themselves are kept for the evidence; the group is not one more copy."""
    rules = rules_of(tmp_path, [{**gte(2), "group-by": ["text"]}])
    long = "转账" + "好" * 100_000
    said = [{"at": f"10:00:0{n}", "id": f"m{n}", "from": "zhangwei", "to": "c1", "text": text}
            for n, text in enumerate((long, long, long + "!"))]  # fmt: skip
    running = engine(rules)
    records = raws(said)
    for offset, raw in enumerate(records):
        assert running.judge(raw, offset=offset) == []
    assert sum(map(len, running.states.values())) < sum(map(len, records)) + 10_000
    found = running.finish()
    (alert,) = outputs(found, "alerts")
    assert [member["msgid"] for member in alert["members"]] == ["m0", "m1"]
    assert len(alert["group"]["text"]) <= MAX_TEXT
    assert len(json.dumps(alert)) < 20_000


@pytest.mark.parametrize("key", ["from", "to", "room", "id"])
def test_an_id_of_a_megabyte_is_none(tmp_path: Path, key: str) -> None:
    """It would stand in every output; it is set aside, and said without it."""
    rules = rules_of(tmp_path, [gte(1)])
    said: dict[str, Any] = {"at": "10:00", "from": "zhangwei", "to": "c1", "room": "r1",
                            "text": "转账"}  # fmt: skip
    found = list(engine(rules).run(raws([{**said, key: "x" * 900_000}, {**said, "id": "good"}])))
    (told,) = outputs(found, "quarantine")
    assert told["reason"] == "wrong_type"
    assert "at most 512" in told["detail"]
    assert len(json.dumps(told)) < 20_000
    (alert,) = outputs(found, "alerts")
    assert alert["members"][0]["msgid"] == "good"


def test_an_id_of_512_characters_is_one(tmp_path: Path) -> None:
    said = {"at": "10:00", "from": "z" * 512, "to": "c1", "room": "r1", "text": "转账"}
    found = list(engine(rules_of(tmp_path, [gte(1)])).run(raws([said])))
    assert len(outputs(found, "alerts")) == 1


# ---- groups ----


def test_groups_that_are_over_are_forgotten_while_others_come(tmp_path: Path) -> None:
    """As many are open as there were in the last window, however many there were in all."""
    for section in (gte(2), ORDER, ABSENT, {**COUNT, "condition": {"lt": 2}}):
        whole = {"timespan": "5s", "group-by": ["h"], **section}
        correlator = Correlator({"c1": parse_correlation(whole)})
        most = 0
        for number in range(3_000):
            group = f"g{number}"
            correlator.observe(group, number * 100, lambda _, g=group: g, ["a"])
            correlator.advance(number * 100)
            most = max(most, correlator.open_groups())
        assert 50 <= most <= 110
        correlator.advance(10**9)
        assert correlator.open_groups() == 0


def test_a_key_with_many_messages_keeps_the_newest_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(behave, "MAX_WINDOW", 20)
    said = [{"at": f"10:00:{n % 5:02d}.{n:03d}", "id": f"m{n}", "from": "zhangwei", "to": "c1",
             "room": "r1", "text": "转账"} for n in range(60)]  # fmt: skip
    rules = rules_of(tmp_path, [gte(15)], {"emit": "every"})
    running = engine(rules, lateness=0)
    held = []
    for offset, raw in enumerate(raws(sorted(said, key=lambda one: one["at"]))):
        running.judge(raw, offset=offset, time=json.loads(raw)["time"])
        held.append(max(map(len, running.states.values()), default=0))
    assert held[-1] < held[19] * 1.5


def test_a_lone_event_of_another_year_makes_others_late_and_that_is_counted() -> None:
    """Plain events have no clock to compare with; what it costs is told, not swallowed."""
    line = f"0:a {10 * YEAR}:d 1:a"
    assert judged(documents(gte(2)), line)[0] == [(1, "a0 a1")]
    found, evaluation = judged(documents(gte(2)), line, lateness=3_600_000)
    assert (found, evaluation.counts["late"]) == ([], 1)

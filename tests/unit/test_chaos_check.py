"""The checker finds each kind of harm, and nothing where there is none."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.chaos.check import Verdict, judge, recovery
from tests.chaos.cycle import Outcome
from tests.chaos.load import Case
from tests.chaos.report import memory, table

CASES = {
    "a": Case("chaos_word", (), ("m1",), 1_000),
    "b": Case("chaos_count", (), ("m2", "m3"), 2_000),
}
WHOLE = {
    "topic": ["a", "b", "b"],
    "stream": Counter({"a": 1, "b": 1}),
    "alerts": [{"alert_id": "a"}, {"alert_id": "b"}],
    "evidence": [
        {"alert_id": "a", "msgid": "m1"},
        {"alert_id": "b", "msgid": "m2"},
        {"alert_id": "b", "msgid": "m3"},
    ],
}


def test_what_is_whole_passes_and_a_repeat_in_the_topic_is_allowed():
    verdict = judge(CASES, **WHOLE)
    assert verdict.passed
    assert (verdict.expected, verdict.repeats) == (2, 1)


@pytest.mark.parametrize(
    ("change", "finds", "what"),
    [
        ({"topic": ["a"]}, "lost", ["b"]),
        ({"stream": Counter({"a": 1})}, "lost", ["b"]),
        ({"alerts": [{"alert_id": "b"}]}, "lost", ["a"]),
        ({"topic": ["a", "b", "c"]}, "phantom", ["c"]),
        ({"stream": Counter({"a": 1, "b": 1, "c": 1})}, "phantom", ["c"]),
        ({"alerts": [*WHOLE["alerts"], {"alert_id": "c"}]}, "phantom", ["c"]),
        ({"stream": Counter({"a": 2, "b": 1})}, "twice", ["a"]),
        ({"alerts": [*WHOLE["alerts"], {"alert_id": "a"}]}, "twice", ["a"]),
        ({"evidence": WHOLE["evidence"][:2]}, "without_evidence", ["b"]),
        ({"evidence": [*WHOLE["evidence"], WHOLE["evidence"][0]]}, "without_evidence", ["a"]),
        ({"refused": [("alerts", {"alert_id": "a"})]}, "twice", ["a"]),
        ({"refused": [("evidence", WHOLE["evidence"][0])]}, "without_evidence", ["a"]),
    ],
)
def test_each_harm_is_found(change, finds, what):
    verdict = judge(CASES, **{**WHOLE, **change})
    assert getattr(verdict, finds) == what
    assert not verdict.passed


def test_what_the_index_refused_counts_when_it_was_set_aside():
    verdict = judge(
        CASES,
        **{
            **WHOLE,
            "alerts": [{"alert_id": "b"}],
            "evidence": WHOLE["evidence"][1:],
            "refused": [("alerts", {"alert_id": "a"}), ("evidence", WHOLE["evidence"][0])],
        },
    )
    assert verdict.passed
    assert verdict.refused == 2


def test_more_late_records_than_planted_are_a_harm():
    assert not judge(CASES, **WHOLE, late=1).passed


def test_recovery_ends_with_the_last_alert_that_was_not_live():
    cases = {
        name: Case("chaos_word", (), (name,), at)
        for name, at in (("before", 0), ("slow", 10_000), ("slower", 15_000), ("live", 30_000))
    }
    sights = {"before": 0.5, "slow": 25.0, "slower": 26.0, "live": 30.4}
    assert recovery(cases, sights, base=0, fault_at=9.0) == 17.0
    assert recovery(cases, {**sights, "slow": 10.2, "slower": 15.1}, base=0, fault_at=9.0) == 0.0


def test_the_report_sums_up_the_cycles_of_a_row_and_shows_how_memory_grows():
    def outcome(seed: int, lost: list[str], passed: bool) -> Outcome:
        verdict = Verdict(expected=100, lost=lost, recovery_s=10.0 * seed)
        return Outcome(
            row="1", seed=str(seed), base=0, verdict=verdict, marks=[], restarts=0,
            memory={"kafka": seed << 20}, passed=passed,
        )  # fmt: skip

    outcomes = [outcome(1, [], True), outcome(2, ["a"], False), outcome(3, [], True)]
    line = table(outcomes).splitlines()[2]
    assert "| 1 | TaskManager killed (-9) | 3 | 300 | 1 | 0 |" in line
    assert "20.0 s / 30.0 s | 1 failed |" in line
    assert memory(outcomes).splitlines()[2] == "| kafka | 3 | 1 MiB | 3 MiB | 3 MiB |"

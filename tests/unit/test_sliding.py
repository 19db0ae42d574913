"""The quick evaluators of sliding windows say what the general one says."""

from __future__ import annotations

from itertools import groupby, islice, permutations
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.correlation.entry import Entry
from rules.correlation.graph import Correlator
from rules.correlation.group import Group, advance
from rules.correlation.section import parse_correlation
from rules.correlation.sliding import Folded, InOrder, Sliding, Together, quick
from tests.support.correlating import planned

KINDS: list[tuple[type[Sliding], dict[str, Any]]] = [
    (Sliding, {"type": "event_count", "rules": ["a"], "condition": {"gte": 3}}),
    (Sliding, {"type": "event_count", "rules": ["a", "b"], "condition": {"gt": 1.5}}),
    (Folded, {"type": "value_count", "rules": ["a", "b"], "condition": {"gte": 2, "field": "v"}}),
    (Folded, {"type": "value_sum", "rules": ["a"], "condition": {"gt": 4, "field": "v"}}),
    (Folded, {"type": "value_avg", "rules": ["a"], "condition": {"gte": 2.5, "field": "v"}}),
    (Folded, {"type": "value_median", "rules": ["a"], "condition": {"gte": 2, "field": "v"}}),
    (Together, {"type": "temporal", "rules": ["a", "b", "c"]}),
    (Together, {"type": "temporal", "rules": ["a", "b", "c"], "condition": {"gte": 2}}),
    (Together, {"type": "temporal", "rules": ["a", "b", "c"], "condition": "a and (b or c)"}),
    (InOrder, {"type": "temporal_ordered", "rules": ["a", "b", "c"]}),
    (InOrder, {"type": "temporal_ordered", "rules": ["a", "b", "c"], "condition": {"gte": 2}}),
    (
        InOrder,
        {"type": "temporal_ordered", "rules": ["a", "b", "c"], "condition": "a and (b or c)"},
    ),
]
MOMENTS = st.lists(
    st.tuples(
        st.integers(0, 9),  # seconds, in windows of five
        st.sampled_from((0, 0, 1, 2)),  # sequence numbers
        st.sets(st.integers(0, 2), min_size=1),
        st.sampled_from(("1", "2", "3", "4.5", "no number")),
    ),
    max_size=14,
)


def entries(plan: Any, moments: list[tuple[int, int, set[int], str]]) -> list[Entry]:
    found = [
        Entry(
            time * 1000,
            seq,
            f"e{number}",
            *plan.placed(tuple(slot % plan.slots for slot in slots), (value,)),
        )
        for number, (time, seq, slots, value) in enumerate(moments)
    ]
    return sorted(
        (msgspec.structs.replace(one, slots=tuple(sorted(set(one.slots)))) for one in found),
        key=lambda one: one.order,
    )


@pytest.mark.parametrize("every", [False, True])
@pytest.mark.parametrize(("kind", "section"), KINDS)
@settings(max_examples=60)
@given(moments=MOMENTS)
def test_the_quick_one_says_what_the_general_one_says(
    kind: type[Sliding], section: dict[str, Any], every: bool, moments: Any
) -> None:
    plan = planned({"group-by": ["h"], **section}, {}, every=every)
    if quick(plan) is not kind:
        assert (kind, every) == (InOrder, True)  # of every row the chain: the general one has it
        return
    ours, general, alone = kind(plan), Group(plan), kind(plan)
    for _, same in groupby(entries(plan, moments), key=lambda entry: entry.instant):
        instant = list(same)
        expected = general.step(instant)
        if expected and not expected.opens and not plan.full:
            expected = None
        assert ours.step(instant) == expected
        found = alone.one(instant[0]) if len(instant) == 1 else alone.step(instant)
        assert found == expected


@pytest.mark.parametrize(
    ("section", "ours"),
    [
        ({"condition": {"lt": 3}}, {}),
        ({"condition": {"gte": 3}}, {"window": "tumbling"}),
        ({"condition": {"gte": 3}}, {"until": "z"}),
        ({"condition": {"gte": 3}}, {"baseline": {"over": "50s", "ratio": 2}}),
    ],
)
def test_what_needs_deadlines_or_a_past_is_left_to_the_general_one(
    section: dict[str, Any], ours: dict[str, Any]
) -> None:
    plan = planned({"type": "event_count", "rules": ["a"], **section}, ours, every=False)
    assert quick(plan) is None


def test_a_long_life_keeps_no_more_than_its_window() -> None:
    plan = planned({"type": "event_count", "rules": ["a"], "condition": {"gte": 50}}, {})
    group = Sliding(plan)
    for second in range(1_000):
        group.one(Entry(second * 1000, 0, str(second), (0,)))
        assert len(group._entries) <= 2 * 6


def test_order_of_arrival_does_not_matter_to_what_waits_in_line_and_what_waits_behind() -> None:
    section = {
        "type": "event_count",
        "rules": ["a"],
        "group-by": ["h"],
        "timespan": "5s",
        "condition": {"gte": 3},
    }
    answers = []
    for order in ([0, 1, 2, 3, 4, 5], [5, 4, 3, 2, 1, 0], [0, 3, 1, 5, 2, 4]):
        correlator = Correlator({"c": parse_correlation(section)})
        for second in order:
            correlator.observe(f"e{second}", second * 1000, lambda _: "h", ["a"])
        answers.append(correlator.advance(60_000))
        assert correlator.open_groups() == 0
    assert answers[0]
    assert answers.count(answers[0]) == 3


def test_alerts_of_one_time_are_in_one_order_however_their_events_came() -> None:
    sections = [
        {"type": "event_count", "rules": ["a"], "group-by": ["h"], "condition": {"gte": 2}},
        {"type": "temporal", "rules": ["a", "b"], "group-by": ["h"]},
        {
            "type": "value_sum",
            "rules": ["b"],
            "group-by": ["h"],
            "condition": {"gte": 1, "field": "v"},
        },
    ]
    events = [(f"{rule}{host}", rule, host) for rule in "ab" for host in "xyz"] + [("c", "a", "x")]
    answers = []
    for order in islice(permutations(events), 0, None, 97):
        how = {
            str(n): parse_correlation({**one, "timespan": "5s"}) for n, one in enumerate(sections)
        }
        correlator = Correlator(how)
        for identity, rule, host in order:
            correlator.observe(identity, 1_000, {"h": host, "v": "1"}.get, [rule])
        answers.append(correlator.advance(1_000))
    assert [(one.rule, one.group["h"]) for one in answers[0]] == [
        ("0", "x"), *(("1", host) for host in "xyz"), *(("2", host) for host in "xyz"),
    ]  # fmt: skip
    assert answers.count(answers[0]) == len(answers)


def test_an_id_is_known_for_as_long_as_a_window_and_then_forgotten() -> None:
    section = {"type": "event_count", "rules": ["a"], "timespan": "5s", "condition": {"gte": 1}}
    correlator = Correlator({"c": parse_correlation(section)})
    given = []
    for second, identity in ((0, "x"), (3, "y"), (5, "x"), (9, "y"), (11, "x"), (12, "x")):
        correlator.observe(identity, second * 1000, lambda _: None, ["a"])
        correlator.advance(second * 1000)
        given.append((correlator.counts["conflict"], correlator.counts["repeated"]))
    assert given == [(0, 0), (0, 0), (1, 0), (2, 0), (2, 0), (3, 0)]
    correlator.observe("z", 13_000, lambda _: None, ["a"])
    correlator.observe("z", 13_000, lambda _: None, ["a"])
    assert correlator.counts["repeated"] == 1


@pytest.mark.parametrize("every", [False, True])
def test_an_event_without_a_number_does_not_hide_one_of_its_time_that_has_one(every: bool) -> None:
    section = {"type": "temporal_ordered", "rules": ["a", "b", "c"]}
    plan = planned(section, {}, every=every)
    found = advance(
        Group(plan),
        [
            Entry(0, 0, "a0", (0,)),
            Entry(0, 1, "a1", (0,)),
            Entry(0, 2, "b2", (1,)),
            Entry(1000, 0, "c", (2,)),
        ],
        1000,
    )
    assert [[entry.id for entry in row.entries] for row in found] == [["a1", "b2", "c"]]

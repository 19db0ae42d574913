"""Orders whose steps have limits of their own: `within` and `between`."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

from rules.correlation.entry import Entry
from rules.correlation.model import Correlation
from rules.correlation.plan import Plan
from rules.correlation.reach import Reach
from rules.correlation.steps import compared_text
from tests.support.correlating import SECOND, planned, reborn, straight, told
from tests.unit.test_semantics import ORDER, collection, documents, judged

THREE: dict[str, Any] = {**ORDER, "rules": ["a", "b", "c"]}


def alerts(
    section: dict[str, Any], line: str, every: bool = True, **ours: Any
) -> list[tuple[float, str]]:
    return judged(documents(section, ours=ours), line, every=every)[0]


@pytest.mark.parametrize(
    ("section", "line", "within", "expected"),
    [
        (ORDER, "0:a 2:b", {"b": "2s"}, [(2, "a0 b2")]),  # closed
        (ORDER, "0:a 2.001:b", {"b": "2s"}, []),
        (ORDER, "0:a 1:a 2.5:b", {"b": "2s"}, [(2.5, "a1 b2.5")]),
        (THREE, "0:a 1:b 4:c", {"c": "3s"}, [(4, "a0 b1 c4")]),
        (THREE, "0:a 1:b 4:c", {"c": "2s"}, []),
        (THREE, "0:a 1:b 3:b 4:c", {"c": "2s"}, [(4, "a0 b3 c4")]),
        (THREE, "0:a 1:b 3:b 4:c", {"b": "1s", "c": "2s"}, []),  # b at 3 s is no second step
        (THREE, "0:a 1:b 3:b 4:c", {"b": "1s", "c": "3s"}, [(4, "a0 b1 c4")]),
        (THREE, "0:a 3:b 6:c", {"b": "3s", "c": "3s"}, []),  # all of it is within T all the same
        ({**THREE, "condition": "a and (b or c)"}, "0:a 2:c 3:b", {"b": "3s", "c": "1s"},
         [(3, "a0 b3")]),
        # without a rule of `rules` in between, it is the step before it that counts
        ({**THREE, "condition": "(a and b) or (a and c)"}, "0:a 1:c", {"c": "1s"}, [(1, "a0 c1")]),
    ],
)  # fmt: skip
def test_a_step_comes_at_most_so_long_after_the_step_before_it(
    section: dict[str, Any], line: str, within: dict[str, str], expected: list[tuple[float, str]]
) -> None:
    assert alerts(section, line, within=within) == expected


def test_with_limits_the_evidence_is_the_chain_that_begins_last() -> None:
    assert alerts(ORDER, "0:a 1:a 2:b 3:b", within={"b": "5s"}) == [(2, "a1 b2"), (3, "a1 b2")]
    line = "0:a 1:b 2:a 3:b 4:c"
    assert alerts(THREE, line, within={"c": "5s"}) == [(4, "a2 b3 c4")]
    assert alerts(THREE, line, every=False, within={"c": "5s"}) == [(4, "a2 b3 c4")]


def test_limits_go_with_other_windows_and_with_until() -> None:
    limit = {"b": "2s"}
    assert alerts(ORDER, "4:a 5:b", within=limit, window="tumbling") == []
    assert alerts(ORDER, "5:a 7:b", within=limit, window="tumbling") == [(7, "a5 b7")]
    assert alerts(ORDER, "0:a 1:b", within=limit, window="session", gap="2s") == [(1, "a0 b1")]
    assert alerts(ORDER, "0:a 1:c 2:b", within=limit, until="c") == []


def test_limits_hold_of_what_another_correlation_found() -> None:
    burst = {"type": "event_count", "rules": ["a"], "condition": {"gte": 2}}
    then = {**ORDER, "rules": ["c1", "b"]}
    rules = documents(burst, then)
    rules[-1]["mingjian"] = {"within": {"b": "1s"}}
    assert judged(rules, "0:a 1:a 2:b")[0] == [(2, "a0 a1 b2")]
    assert judged(rules, "0:a 1:a 3:b")[0] == []


@pytest.mark.parametrize(
    ("operator", "line", "expected"),
    [
        ("gt", "0:a=9 1:b=10", [(1, "a0 b1")]),  # as numbers, not as texts
        ("gt", "0:a=9 1:b=9.0", []),
        ("gte", "0:a=9 1:b=9.0", [(1, "a0 b1")]),
        ("lt", "0:a=9 1:b=10", []),
        ("lte", "0:a=9 1:b=1e1", []),
        ("eq", "0:a=1e1 1:b=10", [(1, "a0 b1")]),
        ("neq", "0:a=1e1 1:b=10", []),
        ("gt", "0:a=9 1:b=10x", []),  # one is no number: "10x" comes before "9"
        ("lt", "0:a=9 1:b=10x", [(1, "a0 b1")]),
        ("neq", "0:a=x 1:b=X", [(1, "a0 b1")]),  # texts are compared exactly
        ("neq", "0:a=x 1:b", []),  # of a missing field nothing holds
        ("neq", "0:a 1:b=x", []),
        ("eq", "0:a 1:b", []),
        # an earlier event will do when a later one does not; the last that does is the evidence
        ("gt", "0:a=1 1:a=5 2:b=3", [(2, "a0 b2")]),
        ("gt", "0:a=1 1:a=2 2:b=3", [(2, "a1 b2")]),
    ],
)
def test_a_step_is_compared_with_the_step_before_it(
    operator: str, line: str, expected: list[tuple[float, str]]
) -> None:
    between = [{"rule": "b", "field": "v", operator: "v"}]
    assert alerts(ORDER, line, between=between) == expected


def test_long_texts_are_told_apart_as_well() -> None:
    other = [{"rule": "b", "field": "v", "neq": "v"}]
    long = "x" * 300
    assert alerts(ORDER, f"0:a={long}p 1:b={long}p", between=other) == []
    assert alerts(ORDER, f"0:a={long}p 1:b={long}q", between=other) == [(1, "a0 b1")]


def test_only_neighbours_are_compared_and_all_comparisons_hold() -> None:
    rising = [{"rule": "b", "field": "v", "gt": "v"}, {"rule": "c", "field": "v", "gt": "v"}]
    assert alerts(THREE, "0:a=1 1:b=2 2:c=3", between=rising) == [(2, "a0 b1 c2")]
    assert alerts(THREE, "0:a=1 1:b=3 2:c=2", between=rising) == []
    assert alerts(THREE, "0:a=4 1:b=5 2:a=1 3:b=2 4:c=3", between=rising) == [(4, "a2 b3 c4")]
    # c has to fit behind b, whatever a was
    assert alerts(THREE, "0:a=9 1:b=2 2:c=3", between=rising[1:]) == [(2, "a0 b1 c2")]
    two = [{"rule": "b", "field": "v", "gt": "v"}, {"rule": "b", "field": "k", "eq": "k"}]
    assert alerts(ORDER, "0:ab=1 1:b=2 2:ab=3", between=two) == [(2, "ab0 ab2")]


def test_comparisons_go_with_limits() -> None:
    between = [{"rule": "b", "field": "v", "gt": "v"}]
    line = "0:a=1 1:a=5 2.5:b=3"
    assert alerts(ORDER, line, between=between, within={"b": "3s"}) == [(2.5, "a0 b2.5")]
    assert alerts(ORDER, line, between=between, within={"b": "2s"}) == []


def test_a_row_of_another_correlation_is_compared_by_its_newest_event() -> None:
    burst = {"type": "event_count", "rules": ["a"], "condition": {"gte": 2}}
    then = {**ORDER, "rules": ["c1", "b"]}
    rules = documents(burst, then)
    rules[-1]["mingjian"] = {"between": [{"rule": "b", "field": "v", "gt": "v"}]}
    assert judged(rules, "0:a=1 1:a=5 2:b=6")[0] == [(2, "a0 a1 b2")]
    assert judged(rules, "0:a=1 1:a=5 2:b=3")[0] == []
    rules[-1]["mingjian"] = {"between": [{"rule": "b", "field": "v", "gt": "event_count"}]}
    assert judged(rules, "0:a=1 1:a=5 2:b=3")[0] == [(2, "a0 a1 b2")]  # 3 is more than two events


@pytest.mark.parametrize(
    ("section", "between", "says"),
    [
        ({**ORDER, "type": "temporal"}, [{"rule": "b", "field": "v", "gt": "v"}], "has no steps"),
        (ORDER, [{"rule": "a", "field": "v", "gt": "v"}], "nothing comes before 'a'"),
        (ORDER, [{"rule": "bb", "field": "v", "gt": "v"}], "no rule 'bb'"),
        (ORDER, [{"rule": "b", "feild": "v", "gt": "v"}], "unknown key 'feild'"),
        (ORDER, [{"rule": "b", "field": "v"}], "one operator"),
        (ORDER, [{"rule": "b", "field": "v", "gt": "v", "lt": "v"}], "one operator"),
        (ORDER, [{"rule": "b", "gt": "v"}], "one operator"),
        (ORDER, [{"rule": "b", "field": "v", "gt": 3}], "one operator"),
        (ORDER, ["b"], "one operator"),
        (ORDER, [], "one operator"),
        (ORDER, {"rule": "b", "field": "v", "gt": "v"}, "one operator"),
        (ORDER, [{"rule": "b", "field": "v", "gt": "v"}] * 17, "more than 16"),
    ],
)
def test_comparisons_that_mean_nothing_are_refused(
    section: dict[str, Any], between: Any, says: str
) -> None:
    (problem,) = collection(documents(section, ours={"between": between})).problems
    assert says in problem.error.en
    assert problem.error.zh


@pytest.mark.parametrize(
    ("section", "within", "says"),
    [
        ({**ORDER, "type": "temporal"}, {"b": "1s"}, "temporal has no steps"),
        ({"type": "event_count", "rules": ["a", "b"], "condition": {"gte": 2}}, {"b": "1s"},
         "event_count has no steps"),
        ({**ORDER, "condition": "a and not b"}, {"b": "1s"}, "with 'not' or with a number"),
        ({**THREE, "condition": {"gte": 2}}, {"b": "1s"}, "with 'not' or with a number"),
        ({**THREE, "condition": {"lt": 3}}, {"b": "1s"}, "with 'not' or with a number"),
        (ORDER, {"bb": "1s"}, "no rule 'bb'"),
        (ORDER, {"a": "1s"}, "nothing comes before 'a'"),
        ({**THREE, "condition": "(a and b) or c"}, {"c": "1s"}, "nothing comes before 'c'"),
        (ORDER, {"b": "6s"}, "6s later"),
        (ORDER, {"b": "soon"}, "'b' is like 30s"),
        (ORDER, {"b": 2}, "'b' is like 30s"),
        (ORDER, {}, "must be a mapping"),
        (ORDER, ["b"], "must be a mapping"),
    ],
)  # fmt: skip
def test_limits_that_mean_nothing_are_refused(
    section: dict[str, Any], within: Any, says: str
) -> None:
    (problem,) = collection(documents(section, ours={"within": within})).problems
    assert says in problem.error.en
    assert problem.error.zh


# ---- against a slow reading of the same words


def before(one: Entry, other: Entry) -> bool:
    return one.time < other.time or (one.time == other.time and 0 < one.seq < other.seq)


def chains(how: Correlation, window: list[Entry], slots: tuple[int, ...]) -> Iterator[list[Entry]]:
    """Every chain of these slots, however long it takes."""

    def longer(chain: list[Entry]) -> Iterator[list[Entry]]:
        if len(chain) == len(slots):
            yield chain
            return
        slot = slots[len(chain)]
        for entry in window:
            if slot in entry.slots and (not chain or fits(how, slot, chain[-1], entry)):
                yield from longer([*chain, entry])

    yield from longer([])


def fits(how: Correlation, slot: int, one: Entry, other: Entry) -> bool:
    limit = how.within.get(slot, how.span)
    near = before(one, other) and other.time - one.time <= limit
    return near and all(
        compared(test.operator, other.data.get(test.field), one.data.get(test.before))
        for test in how.between
        if test.slot == slot
    )


def compared(operator: str, one: str | None, other: str | None) -> bool:
    if one is None or other is None:
        return False
    pair: Any = (one, other)
    if re.fullmatch(r"\d+", one) and re.fullmatch(r"\d+", other):
        pair = (int(one), int(other))
    less, same = pair[0] < pair[1], pair[0] == pair[1]
    return {
        "gt": not less and not same, "gte": not less, "lt": less, "lte": less or same,
        "eq": same, "neq": not same,
    }[operator]  # fmt: skip


def check(plan: Plan, entries: list[Entry]) -> int:
    """Compares the rows with all chains of each window; says how many there are."""
    how = plan.correlation
    rows = straight(plan, entries)
    assert told(reborn(plan, entries)) == told(rows)
    assert told(straight(plan, entries, cap=4)) == told(reborn(plan, entries, cap=4))
    place = {entry.id: number for number, entry in enumerate(entries)}
    expected = []
    for key in sorted({entry.instant for entry in entries}):
        window = [e for e in entries if key[0] - how.span <= e.time and e.instant <= key]
        best = []
        for clause in plan.present:
            found = list(chains(how, window, clause.positive))
            if found:
                begin = max(place[chain[0].id] for chain in found)
                last = [chain for chain in found if place[chain[0].id] == begin]
                best.append((begin, min(chain[-1].instant for chain in last)))
        if best:
            expected.append((key[0], best))
    assert [row.time for row in rows] == [time for time, _ in expected]
    if len(plan.present) == 1:
        for row, (_, best) in zip(rows, expected, strict=True):
            first, last = row.entries[0], row.entries[-1]
            assert [(place[first.id], last.instant)] == best
            for slot, (one, other) in zip(
                plan.present[0].positive[1:], pairwise(row.entries), strict=True
            ):
                assert slot in other.slots
                assert fits(how, slot, one, other)
    return len(rows)


def events(rng: random.Random, plan: Plan, most: int = 12) -> list[Entry]:
    """Ties are common, with and without an order among them."""
    how = plan.correlation
    found = []
    for number in range(rng.randint(0, most)):
        slots = tuple(slot for slot in range(3) if rng.random() < 0.45) or (rng.randrange(3),)
        time = rng.randint(0, 20) * 500
        seq = rng.choice([0, number + 1])
        fields = {
            name: value for name in "vw" if (value := rng.choice(["2", "3", "10", "x", None]))
        }
        texts = tuple(compared_text(how, slot, fields.get) for slot in slots)
        values = texts if plan.compares else ()
        found.append(Entry(time, seq, f"e{number:02}", slots, values, fields))
    return sorted(found, key=lambda entry: entry.order)


CONDITIONS = [None, None, "a and b and c", "a and (b or c)", "(a and b) or (b and c)"]


def test_all_chains_of_every_window_agree() -> None:
    rng = random.Random(21)
    found = 0
    for _ in range(3_000):
        condition = rng.choice(CONDITIONS)
        section = {**THREE, **({"condition": condition} if condition else {})}
        spans = [f"{rng.randint(1, 5)}s" for _ in range(2)]
        within = dict(zip("bc", spans, strict=True))
        if rng.random() < 0.5:
            del within[rng.choice("bc")]
        plan = planned(section, {"within": within})
        found += check(plan, events(rng, plan))
    assert found > 3_000


def test_all_chains_with_comparisons_agree() -> None:
    rng = random.Random(22)
    found = 0
    for _ in range(3_000):
        ours: dict[str, Any] = {
            "between": [
                {"rule": rng.choice("bc"), "field": rng.choice("vw"),
                 rng.choice(["gt", "gte", "lt", "lte", "eq", "neq"]): rng.choice("vw")}
                for _ in range(rng.choice([1, 1, 2]))
            ]
        }  # fmt: skip
        if rng.random() < 0.5:
            ours["within"] = {rng.choice("bc"): f"{rng.randint(1, 5)}s"}
        plan = planned(THREE, ours)
        found += check(plan, events(rng, plan, 14))
    assert found > 1_500


def test_cost_does_not_grow_with_the_window() -> None:
    """Counted, not timed: how many ends of chains are kept for the next step."""
    plan = planned({**THREE, "timespan": "1d"}, {"within": {"c": "1h"}})
    entries = [Entry(n * SECOND, 0, str(n), (n % 2,)) for n in range(10_000)]
    assert straight(plan, entries) == []
    reach = Reach(plan.paths[0])
    for number, entry in enumerate(entries):
        reach.add(number, entry)
    assert [len(ends) for ends in reach._ends] == [1, 1]

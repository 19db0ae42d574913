"""Orders whose steps have limits of their own: `within`."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

from rules.correlation.entry import Entry
from rules.correlation.model import Correlation
from rules.correlation.plan import Plan
from rules.correlation.reach import Reach
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
    return before(one, other) and other.time - one.time <= limit


def check(plan: Plan, entries: list[Entry]) -> int:
    """Compares the rows with all chains of each window; says how many there are."""
    how = plan.correlation
    rows = straight(plan, entries)
    assert told(reborn(plan, entries)) == told(rows)
    assert told(straight(plan, entries, cap=4)) == told(reborn(plan, entries, cap=4))
    place = {entry.id: number for number, entry in enumerate(entries)}
    expected = []
    for key in sorted({entry[:2] for entry in entries}):
        window = [e for e in entries if key[0] - how.span <= e.time and e[:2] <= key]
        best = []
        for clause in plan.present:
            found = list(chains(how, window, clause.positive))
            if found:
                begin = max(place[chain[0].id] for chain in found)
                last = [chain for chain in found if place[chain[0].id] == begin]
                best.append((begin, min(chain[-1][:2] for chain in last)))
        if best:
            expected.append((key[0], best))
    assert [row.time for row in rows] == [time for time, _ in expected]
    if len(plan.present) == 1:
        for row, (_, best) in zip(rows, expected, strict=True):
            first, last = row.entries[0], row.entries[-1]
            assert [(place[first.id], last[:2])] == best
            for slot, (one, other) in zip(
                plan.present[0].positive[1:], pairwise(row.entries), strict=True
            ):
                assert slot in other.slots
                assert fits(how, slot, one, other)
    return len(rows)


def events(rng: random.Random, most: int = 12) -> list[Entry]:
    """Ties are common, with and without an order among them."""
    found = []
    for number in range(rng.randint(0, most)):
        slots = tuple(slot for slot in range(3) if rng.random() < 0.45) or (rng.randrange(3),)
        time = rng.randint(0, 20) * 500
        seq = rng.choice([0, number + 1])
        found.append(Entry(time, seq, f"e{number:02}", slots))
    return sorted(found, key=lambda entry: entry[:3])


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
        found += check(planned(section, {"within": within}), events(rng))
    assert found > 3_000


def test_cost_does_not_grow_with_the_window() -> None:
    """Counted, not timed: how many ends of chains are kept for the next step."""
    plan = planned({**THREE, "timespan": "1d"}, {"within": {"c": "1h"}})
    entries = [Entry(n * SECOND, 0, str(n), (n % 2,)) for n in range(10_000)]
    assert straight(plan, entries) == []
    reach = Reach(plan.paths[0])
    for number, entry in enumerate(entries):
        reach.add(number, entry)
    assert [len(ends) for ends in reach._ends] == [1, 1]

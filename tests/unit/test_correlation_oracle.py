"""Random correlations over random events: our every row is the SQL backend's row, and no other.

All types, with one to three rules, chains of two and three levels, two correlations under one,
groups of no, one and two fields, aliases, conditions with `not`, and bounds of each kind; events
that fit several rules, lack fields, come at one time, exactly a timespan apart and a millisecond
more, and in any order. MINGJIAN_FUZZ=20 runs twenty times as many cases. What the two mean
differently is left out of the random rules, or put right here; docs/semantics.md lists it with the
tests that show our side.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.sigma.collection import load_collection
from rules.sigma.contents import Collection
from rules.sigma.evaluate import Evaluation, Hit
from rules.sigma.event import Event
from tests.support.sql_oracle import IDENTITY, TIME, Plans, Row

WIDER = int(os.environ.get("MINGJIAN_FUZZ", "1"))
RULES, SETS = 28, 20  # in each of the parts below
NAMES = ["ra", "rb", "rc"]
FIELDS = ["k", "g", "g2", "h", "v"]
Documents = list[dict[str, Any]]
Section = dict[str, Any]
Events = list[dict[str, Any]]


# ---- random rules and events ----

_ASIDE = [0, 0, 0, 0, 0, 1, -1]  # ms: just inside a window, and just outside


def base(name: str) -> dict[str, Any]:
    detection = {"s": {"k|contains": name}, "condition": "s"}
    return {"title": name, "name": name, "logsource": {"category": "x"}, "detection": detection}


def sentence(rng: random.Random, names: list[str], depth: int) -> str:
    """A condition over rules."""
    kind = rng.random()
    if depth == 0 or kind < 0.4:
        return rng.choice(names)
    if kind < 0.55:
        return f"not {rng.choice(names)}"
    joined = rng.choice(["and", "and", "or"])
    return f"({sentence(rng, names, depth - 1)} {joined} {sentence(rng, names, depth - 1)})"


def named(condition: str) -> list[str]:
    return [name for name in NAMES if name in condition]


def grouped(rng: random.Random, section: dict[str, Any], rules: list[str]) -> None:
    group = rng.choice([[], ["g"], ["g"], ["g"], ["g", "h"]])
    if group and rng.random() < 0.3:
        section["aliases"] = {"al": {name: rng.choice(["g", "g2"]) for name in rules}}
        group = ["al", *group[1:]]
    if group:
        section["group-by"] = group


def counting(rng: random.Random) -> dict[str, Any]:
    """event_count and value_count."""
    kind = rng.choice(["event_count", "value_count"])
    operator = rng.choice(["gt", "gte", "gte", "gte", "lt", "lte", "eq", "neq"])
    section = {"type": kind, "rules": NAMES[: rng.choice([1, 2, 3])], "timespan": "3s",
               "condition": {operator: rng.choice([0, 1, 2, 3])}}  # fmt: skip
    if kind == "value_count":
        section["condition"]["field"] = rng.choice(["h", "g2"])
    return section


def numbers(rng: random.Random) -> dict[str, Any]:
    """Sums, means and percentiles."""
    kind = rng.choice(["value_sum", "value_avg", "value_percentile", "value_median"])
    operator = rng.choice(["gt", "gte", "lt", "lte", "eq", "neq"])
    condition = {operator: rng.choice([-1, 0, 1, 2.25, 3.5, 6]), "field": "v"}
    if kind == "value_percentile":
        condition["percentile"] = rng.choice([0, 25, 50, 75, 100])
    return {"type": kind, "rules": NAMES[: rng.choice([1, 2])], "timespan": "5s",
            "condition": condition}  # fmt: skip


def together(rng: random.Random) -> dict[str, Any]:
    """temporal and temporal_ordered, with a count of rules."""
    section = {"type": rng.choice(["temporal", "temporal_ordered"]),
               "rules": NAMES[: rng.choice([1, 2, 3])], "timespan": "4s"}  # fmt: skip
    if rng.random() < 0.7:
        operator = rng.choice(["gt", "gte", "gte", "lt", "lte", "eq", "neq"])
        section["condition"] = {operator: rng.choice([1, 2, 3])}
    return section


def ordered_sentences(rng: random.Random) -> dict[str, Any]:
    """temporal_ordered with a condition over rules, with and without `not`."""
    condition = sentence(rng, NAMES, 3)
    return {"type": "temporal_ordered", "timespan": rng.choice(["2s", "5s"]),
            "rules": named(condition), "condition": condition}  # fmt: skip


def sentences(rng: random.Random) -> dict[str, Any]:
    """temporal with a condition over rules, without `not`."""
    condition = sentence(rng, NAMES, 3).replace("not ", "")
    return {"type": "temporal", "timespan": rng.choice(["2s", "5s"]),
            "rules": named(condition), "condition": condition}  # fmt: skip


def simple(rng: random.Random) -> Section:
    """What another correlation refers to."""
    return rng.choice([counting, numbers, together, ordered_sentences, sentences])(rng)


def above(rng: random.Random, *below: str) -> Section:
    """A correlation that refers to these correlations, and perhaps to a rule."""
    kind = rng.choice(["event_count", "value_count", "value_sum", "value_avg", "value_median",
                       "temporal", "temporal_ordered"])  # fmt: skip
    rules = rng.choice([[*below], [*below, "ra"], ["rb", *below]])
    section: Section = {"type": kind, "rules": rules, "timespan": rng.choice(["2s", "6s"])}
    if rng.random() < 0.8:
        section["group-by"] = [rng.choice(["g", "h"])]
        if rng.random() < 0.3:
            section["aliases"] = {"al": {name: rng.choice(["g", "g2", "h"]) for name in rules}}
            section["group-by"] = ["al"]
    if not kind.startswith("temporal"):
        section["condition"] = {rng.choice(["gte", "gte", "lt"]): rng.choice([1, 2, 3])}
        if kind == "value_count":
            section["condition"]["field"] = rng.choice(["g2", "h"])
        elif kind != "event_count":
            section["condition"]["field"] = rng.choice(["v", "sigma_metric"])
    elif kind == "temporal_ordered" and len(rules) > 1 and rng.random() < 0.6:
        one, other = rng.sample(rules, 2)
        section["rules"] = [name for name in rules if name in (one, other)]
        if "aliases" in section:
            names = section["aliases"]["al"]
            section["aliases"] = {"al": {name: names[name] for name in section["rules"]}}
        section["condition"] = rng.choice([f"{one} and not {other}", f"{one} or {other}"])
    return section


def chained(rng: random.Random) -> list[Section]:
    return [simple(rng), above(rng, "c1")]


def chained_deep(rng: random.Random) -> list[Section]:
    return [simple(rng), above(rng, "c1"), above(rng, "c2")]


def two_below(rng: random.Random) -> list[Section]:
    return [simple(rng), simple(rng), above(rng, "c1", "c2")]


def beyond(rng: random.Random) -> dict[str, Any]:
    """What no other engine has: compared with itself only."""
    kind = rng.choice(["first_seen", "within", "between", "baseline"])
    if kind in ("within", "between"):
        section: dict[str, Any] = {"type": "temporal_ordered", "rules": NAMES, "timespan": "6s"}
        later = rng.choice(NAMES[1:])
        compared = {"rule": later, "field": "v", rng.choice(["gt", "lte", "neq"]): "v"}
        ours: Any = {"within": {later: "2s"}, "between": [compared]}
        return section | {"mingjian": {kind: ours[kind]}}
    counted = "event_count" if kind == "baseline" else "value_count"
    condition = {"gte": rng.choice([1, 2])} | ({"field": "h"} if counted == "value_count" else {})
    ours = {"first_seen": True, "baseline": {"over": "4s", "ratio": 1.5}}
    return {"type": counted, "rules": NAMES[: rng.choice([1, 2])], "timespan": "2s",
            "condition": condition, "mingjian": {kind: ours[kind]}}  # fmt: skip


def events(rng: random.Random) -> Events:
    """Up to 14 of them within 15 seconds, so that ties and missing fields are common."""
    found = []
    for number in range(rng.randint(0, 14)):
        one: dict[str, Any] = {
            IDENTITY: f"e{number}",
            TIME: 1_700_000_000_000 + rng.randint(0, 14_000) // 500 * 500 + rng.choice(_ASIDE),
            "k": "".join(name for name in NAMES if rng.random() < 0.45),
        }
        for field, values in (
            ("g", "xy"), ("g2", "xy"), ("h", "pq"), ("v", [0, 1, 1, 2, 2.25, 3.5, -1, "2", "z"]),
        ):  # fmt: skip
            if rng.random() < 0.9:
                one[field] = rng.choice(values)
        found.append(one)
    return found


# ---- the two engines ----


def loaded(documents: Documents) -> Collection:
    return load_collection([("r.yml", "\n---\n".join(map(json.dumps, documents)))])


def ours(collection: Collection, found: Events, *, every: bool = True, **options: Any) -> list[Hit]:
    evaluation = Evaluation(collection, every=every, **options)
    hits: list[Hit] = []
    for one in found:
        hits += evaluation.feed(one[IDENTITY], Event(one), one[TIME])
    hits += evaluation.finish()
    return hits


def rows(hits: list[Hit]) -> list[Row]:
    return sorted(
        (
            (
                hit.rule,
                tuple(sorted((name, str(value)) for name, value in hit.group.items())),
                hit.time or 0,
                None if hit.value is None else round(float(hit.value), 9),  # theirs are doubles
                tuple(sorted(hit.event_ids)),
            )
            for hit in hits
            if hit.rule.startswith("c")
        ),
        key=repr,
    )


def in_disorder(rng: random.Random, found: Events, lateness: int) -> Events:
    """In an order of arrival in which none is later than this."""
    delays = [rng.randint(0, lateness) for _ in found]
    order = sorted(zip(delays, found, strict=True), key=lambda two: two[0] + two[1][TIME])
    return [one for _, one in order]


def random_rules(part: Any, seed: int) -> Iterator[tuple[random.Random, Documents, Collection]]:
    """Those we take: we refuse conditions that nothing starts, or that can never hold."""
    rng = random.Random(seed)
    left = RULES * WIDER
    while left:
        sections = part(rng)
        sections = sections if isinstance(sections, list) else [sections]
        documents = [base(name) for name in NAMES]
        for number, section in enumerate(sections, 1):
            name = f"c{number}"
            if "aliases" not in section and not any(one[0] == "c" for one in section["rules"]):
                grouped(rng, section, section["rules"])
            if number < len(sections) and rng.random() < 0.2:
                section["generate"] = True  # of what it refers to
            one = {"title": name, "name": name, "correlation": section}
            ours = section.pop("mingjian", None)
            documents.append(one | ({"mingjian": ours} if ours else {}))
        collection = loaded(documents)
        assert {one.error.code for one in collection.problems} <= {"MJ332", "MJ333", ""}
        if not collection.problems:
            left -= 1
            yield rng, documents, collection


PARTS = [counting, numbers, together, ordered_sentences, sentences, chained, chained_deep,
         two_below]  # fmt: skip


@pytest.mark.parametrize(
    ("seed", "part"), list(enumerate(PARTS, 1)), ids=lambda value: getattr(value, "__name__", "")
)
def test_every_row_is_a_row_of_the_sql_backend(part: Any, seed: int) -> None:
    compared = 0
    for rng, documents, collection in random_rules(part, seed):
        plans = Plans(documents, FIELDS)
        for _ in range(SETS):
            found = events(rng)
            expected = plans.rows(found)
            compared += len(expected)
            assert rows(ours(collection, found)) == expected, (documents[3:], found)
            lateness = rng.choice([0, 1_000, 9_000])
            arrived = in_disorder(rng, found, lateness)
            late = rows(ours(collection, arrived, lateness=lateness))
            assert late == expected, (documents[3:], arrived, lateness)
    assert compared > RULES  # the random rules do fire


def test_absence_around_an_event_is_the_backends_without_what_came_before() -> None:
    """`temporal` looks to both sides, the backend only forward: rows with an event of the negated
    rule less than the timespan before their window are its own."""
    rng = random.Random(7)
    fewer = 0
    for _ in range(RULES * WIDER):
        condition = rng.choice(["ra and not rb", "ra and rc and not rb"])
        names = [name for name in NAMES if name in condition]
        section = {"type": "temporal", "rules": names, "timespan": "3s", "condition": condition,
                   "group-by": ["g"]}  # fmt: skip
        documents = [*map(base, NAMES), {"title": "c1", "name": "c1", "correlation": section}]
        plans, collection = Plans(documents, FIELDS), loaded(documents)
        for _ in range(SETS):
            found = events(rng)
            theirs = plans.rows(found)
            expected = [
                row
                for row in theirs
                if not any(
                    "rb" in one["k"]
                    and one.get("g") == dict(row[1])["g"]
                    and row[2] - 6_000 <= one[TIME] < row[2] - 3_000
                    for one in found
                )
            ]
            fewer += len(theirs) - len(expected)
            assert rows(ours(collection, found)) == expected, (section, found)
    assert fewer > 0


def test_absence_before_an_event_is_what_its_window_lacks() -> None:
    """The backend has no such thing; the window that ends at each event says it all."""
    section = {"type": "temporal", "rules": ["ra", "rb"], "timespan": "3s", "group-by": ["g"],
               "condition": "ra and not rb"}  # fmt: skip
    correlation = {"title": "c1", "name": "c1", "correlation": section}
    collection = loaded([*map(base, NAMES), correlation | {"mingjian": {"absent": "before"}}])
    rng = random.Random(9)
    compared = 0
    for _ in range(RULES * SETS * WIDER):
        found = events(rng)
        expected = []
        for group, time in {(one.get("g"), one[TIME]) for one in found}:
            window = [one for one in found
                      if one.get("g") == group and time - 3_000 <= one[TIME] <= time]  # fmt: skip
            ids = tuple(sorted(one[IDENTITY] for one in window if "ra" in one["k"]))
            judged = any(one[TIME] == time and "ra" in one["k"] for one in window)
            if group and ids and judged and not any("rb" in one["k"] for one in window):
                expected.append(("c1", (("g", group),), time, 1.0, ids))
        compared += len(expected)
        assert rows(ours(collection, found)) == sorted(expected, key=repr), found
    assert compared > RULES


def test_a_range_is_what_both_of_its_ends_say() -> None:
    """The backend takes one comparison a condition."""
    rng = random.Random(8)
    kept = 0
    for _ in range(RULES * WIDER):
        kind = rng.choice(["event_count", "value_count", "value_sum"])
        field = {} if kind == "event_count" else {"field": "v" if kind == "value_sum" else "h"}
        low = {rng.choice(["gt", "gte"]): rng.choice([0, 1])}
        high = {rng.choice(["lt", "lte"]): rng.choice([2, 3])}
        three = []
        for bounds in (low, high, low | high):
            section = {"type": kind, "rules": ["ra", "rb"], "timespan": "4s", "group-by": ["g"],
                       "condition": bounds | field}  # fmt: skip
            correlation = {"title": "c1", "name": "c1", "correlation": section}
            three.append([*map(base, NAMES), correlation])
        plans = [Plans(documents, FIELDS) for documents in three[:2]]
        collection = loaded(three[2])
        for _ in range(SETS):
            found = events(rng)
            one, other = (plan.rows(found) for plan in plans)
            expected = [row for row in one if row in other]
            kept += len(expected)
            assert rows(ours(collection, found)) == expected, (three[2][3:], found)
    assert kept > RULES


# ---- laws of our own ----


@settings(max_examples=120, deadline=None)
@given(seed=st.integers(0, 2**32), data=st.data())
def test_any_order_within_the_lateness_gives_the_same_lines(seed: int, data: st.DataObject) -> None:
    rng = random.Random(seed)
    _, _, collection = next(random_rules(data.draw(st.sampled_from([*PARTS, beyond])), seed))
    found = sorted(events(rng), key=lambda one: one[TIME])
    lateness = data.draw(st.integers(0, 8_000))
    # whoever comes is at most so late: sort by time and a delay of at most the lateness
    delays = [data.draw(st.integers(0, lateness)) for _ in found]
    shuffled = [
        one
        for _, one in sorted(zip(delays, found, strict=True), key=lambda two: two[0] + two[1][TIME])
    ]
    for every in (True, False):
        expected = [hit for hit in ours(collection, found, every=every) if hit.rule[0] == "c"]
        hits = ours(collection, shuffled, every=every, lateness=lateness)
        assert [hit for hit in hits if hit.rule[0] == "c"] == expected


@settings(max_examples=120, deadline=None)
@given(seed=st.integers(0, 2**32), data=st.data())
def test_the_first_rows_of_episodes_are_among_every_row(seed: int, data: st.DataObject) -> None:
    """Where no window has to close first, `first` only leaves rows out, and never the first."""
    rng = random.Random(seed)
    part = data.draw(st.sampled_from([ordered_sentences, sentences]))
    _, _, collection = next(random_rules(part, seed))
    found = events(rng)
    every, first = (ours(collection, found, every=each) for each in (True, False))
    everywhere, kept = rows(every), rows(first)
    assert [row for row in kept if row not in everywhere] == []
    assert {(row[0], row[1]) for row in kept} == {(row[0], row[1]) for row in everywhere}

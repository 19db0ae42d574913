"""Where we answer differently from pySigma and its SQLite backend: both answers, side by side.

docs/semantics.md lists them with the reasons. A case that no longer differs has to leave the list.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from sigma.exceptions import SigmaError

from rules.sigma.collection import load_collection
from rules.sigma.evaluate import Evaluation
from rules.sigma.event import Event
from tests.support.sql_oracle import IDENTITY, TEXT, TIME, Plans, Selector

FIELDS = ["k", "g", "v", "w"]
Ids = list[tuple[str, ...]]


def documents(section: Mapping[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"title": name, "name": name, "logsource": {"category": "x"},
         "detection": {"s": {"k|contains": name}, "condition": "s"}}
        for name in ("ra", "rb")
    ]  # fmt: skip
    return [*found, {"title": "c1", "name": "c1", "correlation": {"timespan": "5s", **section}}]


def events(*given: tuple[int, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Events `e0`, `e1` … at these seconds."""
    return [
        {IDENTITY: f"e{number}", TIME: 1_700_000_000_000 + second * 1000, "k": "ra", **fields}
        for number, (second, fields) in enumerate(given)
    ]


def theirs(section: Mapping[str, Any], given: list[dict[str, Any]]) -> Ids:
    return [row[-1] for row in Plans(documents(section), FIELDS).rows(given)]


def ours(section: Mapping[str, Any], given: list[dict[str, Any]]) -> Ids:
    found = load_collection([("r.yml", "\n---\n".join(map(json.dumps, documents(section))))])
    assert found.problems == ()
    evaluation = Evaluation(found, every=True)
    hits = []
    for one in given:
        hits += evaluation.feed(one[IDENTITY], Event(one), one[TIME], one.get("seq", 0))
    hits += evaluation.finish()
    return [tuple(sorted(hit.event_ids)) for hit in hits]


COUNT = {"type": "event_count", "rules": ["ra"], "condition": {"gte": 2}}
DISTINCT = {"type": "value_count", "rules": ["ra"], "condition": {"gte": 2, "field": "v"}}
SUM = {"type": "value_sum", "rules": ["ra"], "condition": {"gt": 0.3, "field": "v"}}
ORDER = {"type": "temporal_ordered", "rules": ["ra", "rb"]}
ABSENT = {"type": "temporal", "rules": ["ra", "rb"], "condition": "ra and not rb"}


@pytest.mark.parametrize(
    ("section", "given", "backend", "mine"),
    [
        (ABSENT, events((0, {"k": "rb"}), (2, {}), (9, {"k": ""})), [("e1",)], []),
        ({**COUNT, "group-by": ["g"]}, events((0, {"g": "x"}), (1, {"g": "X"})),
         [("e0", "e1")], []),
        (DISTINCT, events((0, {"v": "x"}), (1, {"v": "X"})), [], [("e0", "e1")]),
        (DISTINCT, events((0, {"v": 2}), (1, {"v": "2"})), [("e0", "e1")], []),
        (SUM, events(*[(n, {"v": 0.1}) for n in range(3)]), [("e0", "e1", "e2")], []),
        (ORDER, events((0, {"seq": 1}), (0, {"k": "rb", "seq": 2})), [], [("e0", "e1")]),
    ],
    ids=["both sides", "groups", "values", "numbers", "decimals", "sequence"],
)  # fmt: skip
def test_rows_that_differ(
    section: Mapping[str, Any], given: list[dict[str, Any]], backend: Ids, mine: Ids
) -> None:
    assert theirs(section, given) == backend
    assert ours(section, given) == mine


@pytest.mark.parametrize(
    ("section", "given", "backend", "code"),
    [
        ({**ABSENT, "condition": "not ra and not rb"}, events((0, {"k": ""}), (9, {"k": ""})),
         [("e0",)], "MJ332"),
        ({**COUNT, "group_by": ["g"]}, events((0, {"g": "x"}), (1, {"g": "y"})),
         [("e0", "e1")], "MJ101"),
    ],
    ids=["negations only", "unknown key"],
)  # fmt: skip
def test_what_we_refuse(
    section: Mapping[str, Any], given: list[dict[str, Any]], backend: Ids, code: str
) -> None:
    assert theirs(section, given) == backend
    found = load_collection([("r.yml", "\n---\n".join(map(json.dumps, documents(section))))])
    assert [problem.error.code for problem in found.problems] == [code]


@pytest.mark.parametrize(
    ("section", "given", "mine"),
    [
        ({**COUNT, "condition": {"gt": 1, "lte": 2}}, events((0, {}), (1, {}), (2, {})),
         [("e0", "e1")]),
        ({**DISTINCT, "condition": {"gte": 2, "field": ["v", "w"]}},
         events((0, {"v": 1, "w": 2}), (1, {"v": 1, "w": 3})), [("e0", "e1")]),
        # how common the newest value is, as the specification's example asks
        ({"type": "value_percentile", "rules": ["ra"], "condition": {"lte": 25, "field": "v"}},
         events(*[(n, {"v": n // 3}) for n in range(4)]), [("e0", "e1", "e2", "e3")]),
    ],
    ids=["range", "list of fields", "percentile of what"],
)  # fmt: skip
def test_what_they_refuse(
    section: Mapping[str, Any], given: list[dict[str, Any]], mine: Ids
) -> None:
    with pytest.raises(SigmaError):
        theirs(section, given)
    assert ours(section, given) == mine


@pytest.mark.parametrize(
    ("selection", "fields", "backend", "mine"),
    [
        ({"k": "straße"}, {"k": "STRASSE"}, False, True),
        ({"k|contains": "É"}, {"k": "café"}, False, True),
        ({"v|exists": True}, {"v": None}, False, True),
    ],
)
def test_events_that_differ(
    selection: dict[str, Any], fields: dict[str, Any], backend: bool, mine: bool
) -> None:
    rule = {"title": "r", "logsource": {"category": "x"},
            "detection": {"s": selection, "condition": "s"}}  # fmt: skip
    one = {IDENTITY: "e0", TIME: 0, **fields}
    assert (Selector([one], [*FIELDS, TEXT]).ids(rule) == ["e0"]) == backend
    found = load_collection([("r.yml", json.dumps(rule))])
    assert bool(list(Evaluation(found).feed("e0", Event(fields), None))) == mine

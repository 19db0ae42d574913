"""Random rules about one event, against pySigma's SQLite backend: the same events are selected.

MINGJIAN_FUZZ=20 runs twenty times as many. The values are such that the backend can tell what the
language means: ASCII (its case folding knows no more), numbers only where numbers are compared (to
SQL 1 and "1" differ), and no nulls (to SQL they are absent fields). docs/semantics.md lists these.
"""

from __future__ import annotations

import json
import os
import random
from typing import Any

import pytest

from rules.sigma.collection import load_collection
from rules.sigma.event import Event
from tests.support.sql_oracle import IDENTITY, TEXT, TIME, Selector

WIDER = int(os.environ.get("MINGJIAN_FUZZ", "1"))
ROUNDS, RULES = 10, 60  # events of a round are selected by so many rules
LETTERS = "aAbB-_%*?\\[.x"
COLUMNS = ["f", "g", "n", "ip"]


def text(rng: random.Random, most: int = 5) -> str:
    return "".join(rng.choice(LETTERS) for _ in range(rng.randint(1, most)))


def event(rng: random.Random, number: int) -> dict[str, Any]:
    found: dict[str, Any] = {IDENTITY: f"e{number:02d}", TIME: 0}
    for field in ("f", "g"):
        if rng.random() < 0.85:
            found[field] = text(rng, 6)
    if rng.random() < 0.85:
        found["n"] = rng.choice([0, 1, 2, 3, 1.5, -1, 10])
    if rng.random() < 0.85:
        found["ip"] = rng.choice(["10.1.2.3", "10.9.0.1", "192.168.7.7", "8.8.8.8"])
    found[TEXT] = "\n".join(str(found[name]) for name in COLUMNS if name in found)
    return found


def item(rng: random.Random) -> tuple[str, Any]:
    """One line of a selection."""
    field = rng.choice(["f", "g"])
    kind = rng.choice(["text", "text", "text", "number", "order", "other", "re", "cidr"])
    if kind == "number":
        return "n", rng.choice([0, 1, 1.5, [1, 2]])
    if kind == "order":
        return f"n|{rng.choice(['lt', 'lte', 'gt', 'gte'])}", rng.choice([0, 1, 1.5, 2])
    if kind == "re":
        flag = rng.choice(["", "|i"])
        return f"{field}|re{flag}", rng.choice(["a.b", "^[ab]+$", "x$", "a*b", "(ab|b-)", "A"])
    if kind == "cidr":
        return "ip|cidr", rng.choice(["10.0.0.0/8", "192.168.7.0/24", "10.1.0.0/16"])
    if kind == "other":
        return rng.choice(
            [(f"{field}|exists", True), (f"{field}|exists", False), (field, None),
             ("f|fieldref", "g"), ("f|neq", text(rng, 2)), (field, "*a*"), (field, "?b*")]
        )  # fmt: skip
    modifiers = rng.choice(["", "|contains", "|startswith", "|endswith"])
    values: Any = [text(rng, 3) for _ in range(rng.randint(1, 3))]
    if modifiers and len(values) > 1 and rng.random() < 0.3:
        modifiers += "|all"
    if rng.random() < 0.2:
        modifiers += "|cased"
    return field + modifiers, values if len(values) > 1 else values[0]


def selection(rng: random.Random) -> Any:
    kind = rng.random()
    if kind < 0.1:
        # keywords, without wildcards: those would reach over the joints between values
        return ["".join(rng.choice("aAbB-_.x") for _ in range(2)) for _ in range(2)]
    if kind < 0.25:
        return [dict([item(rng)]) for _ in range(2)]
    return dict(item(rng) for _ in range(rng.randint(1, 3)))


def condition(rng: random.Random, depth: int = 2) -> str:
    if depth == 0 or rng.random() < 0.3:
        return rng.choice(["s1", "s2", "x1", "1 of s*", "all of s*", "1 of them", "all of them"])
    if rng.random() < 0.3:
        return f"not ({condition(rng, depth - 1)})"
    return f"({condition(rng, depth - 1)} {rng.choice(['and', 'or'])} {condition(rng, depth - 1)})"


@pytest.mark.parametrize("seed", range(ROUNDS * WIDER))
def test_the_same_events_are_selected(seed: int) -> None:
    rng = random.Random(seed)
    events = [event(rng, number) for number in range(25)]
    selector = Selector(events, COLUMNS)
    selected = 0
    for _ in range(RULES):
        detection = {name: selection(rng) for name in ("s1", "s2", "x1")}
        rule = {"title": "t", "logsource": {"category": "x"},
                "detection": detection | {"condition": condition(rng)}}  # fmt: skip
        collection = load_collection([("r.yml", json.dumps(rule))])
        assert collection.problems == ()
        expected = selector.ids(rule)
        selected += 0 < len(expected) < len(events)
        found = [
            one[IDENTITY]
            for one in events
            if collection.rules[0].matches(
                Event({name: value for name, value in one.items() if name in COLUMNS})
            )
        ]
        assert found == expected, rule["detection"]
    assert selected > RULES / 6  # not all rules take all events or none

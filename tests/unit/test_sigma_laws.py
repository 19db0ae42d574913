"""Random Sigma rules on random events, against a second evaluator that is as naive as possible."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from rules.sigma.collection import load_collection
from rules.sigma.compiled import compiled
from rules.sigma.event import Event

TEXTS = st.text("aAbB1*?\\-/ß", max_size=5)
NUMBERS = st.sampled_from([0, 1, 11, 1.5, -1])
VALUES = st.one_of(TEXTS, NUMBERS, st.booleans())
PLAIN = st.one_of(VALUES, st.none())
FIELDS = st.sampled_from(["f", "g", "h.i"])
EVENTS = st.fixed_dictionaries(
    {},
    optional={
        "f": st.one_of(PLAIN, st.lists(PLAIN, max_size=3)),
        "g": PLAIN,
        "h": st.one_of(PLAIN, st.fixed_dictionaries({"i": PLAIN})),
    },
)
PLACES = st.sampled_from(["", "|contains", "|startswith", "|endswith"])
SHORT = st.text("a1?*", max_size=3)
ITEMS = st.one_of(
    st.tuples(FIELDS, st.lists(NUMBERS, min_size=1, max_size=2)),
    st.tuples(FIELDS, st.lists(SHORT, min_size=1, max_size=2)),
    st.tuples(
        FIELDS,
        PLACES,
        st.sampled_from(["", "|cased"]),
        st.sampled_from(["", "|all"]),
        st.sampled_from(["", "|neq"]),
        st.lists(VALUES, min_size=1, max_size=3),
    ).map(lambda row: ("".join(row[:5]), row[5])),
    st.tuples(FIELDS, st.sampled_from(["|lt", "|lte", "|gt", "|gte"]), NUMBERS).map(
        lambda row: (row[0] + row[1], row[2])
    ),
    st.tuples(FIELDS, st.booleans()).map(lambda row: (f"{row[0]}|exists", row[1])),
    FIELDS.map(lambda name: (name, None)),
)
MAPS = st.lists(ITEMS, min_size=1, max_size=3).map(dict)
SELECTIONS = st.one_of(
    MAPS, st.lists(MAPS, min_size=1, max_size=2), st.lists(VALUES, min_size=1, max_size=3)
)
NAMES = ("s1", "s2", "x1")
CONDITIONS = st.recursive(
    st.sampled_from([*NAMES, "1 of s*", "all of them", "2 of them", "2 of *1", "any of x*"]),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda two: f"({two[0]}) and ({two[1]})"),
        st.tuples(inner, inner).map(lambda two: f"({two[0]}) or {two[1]}"),
        inner.map(lambda one: f"not ({one})"),
    ),
    max_leaves=5,
)


# ---- the naive evaluator ----


def spelled(value: Any) -> str | None:
    if value is None or isinstance(value, dict | list):
        return None
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)


def tokens(text: str) -> list[tuple[str, bool]]:
    """(character, is it a wildcard), escapes resolved."""
    found, at = [], 0
    while at < len(text):
        if text[at] == "\\" and text[at + 1 : at + 2] in ("*", "?", "\\"):
            found.append((text[at + 1], False))
            at += 2
        else:
            found.append((text[at], text[at] in "*?"))
            at += 1
    return found


def glob(pattern: list[tuple[str, bool]], text: str) -> bool:
    if not pattern:
        return not text
    (char, wild), rest = pattern[0], pattern[1:]
    if wild and char == "*":
        return any(glob(rest, text[n:]) for n in range(len(text) + 1))
    return bool(text) and (wild or char == text[0]) and glob(rest, text[1:])


def alike(wanted: Any, value: Any, place: str, cased: bool) -> bool:
    text = spelled(value)
    if text is None:
        return False
    pattern = tokens(spelled(wanted) or "")
    if not cased:
        text = text.casefold()
        pattern = [(c, w) for char, w in pattern for c in ([char] if w else char.casefold())]
    star = [("*", True)]
    if place in ("contains", "endswith"):
        pattern = star + pattern
    if place in ("contains", "startswith"):
        pattern = pattern + star
    return glob(pattern, text)


def fields_of(event: dict[str, Any], name: str) -> list[Any]:
    value: Any = event
    for step in name.split("."):
        if not isinstance(value, dict) or step not in value:
            return []
        value = value[step]
    return value if isinstance(value, list) and value else [value]


def item_holds(event: dict[str, Any], key: str, wanted: Any) -> bool:
    name, *modifiers = key.split("|")
    values = fields_of(event, name)
    if "exists" in modifiers:
        return bool(values) == wanted
    if wanted is None:
        return not values or None in values
    order = [one for one in modifiers if one in ("lt", "lte", "gt", "gte")]
    if order:
        return any(in_order(order[0], one, wanted) for one in values)
    place = next((m for m in modifiers if m in ("contains", "startswith", "endswith")), "")
    results = [
        any(alike(one, value, place, "cased" in modifiers) for value in values) for one in wanted
    ]
    held = all(results) if "all" in modifiers else any(results)
    return held != ("neq" in modifiers)


def in_order(how: str, value: Any, limit: float) -> bool:
    if isinstance(value, bool):
        return False
    if isinstance(value, str):
        digits = value.removeprefix("-")  # of the alphabet above, only these write numbers
        if not digits or set(digits) != {"1"}:
            return False
        value = int(value)
    if value is None or isinstance(value, dict | list):
        return False
    return {
        "lt": value < limit, "lte": value <= limit, "gt": value > limit, "gte": value >= limit
    }[how]  # fmt: skip


def everything(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [one for inner in value.values() for one in everything(inner)]
    if isinstance(value, list):
        return [one for inner in value for one in everything(inner)]
    return [value]


def selection_holds(event: dict[str, Any], selection: Any) -> bool:
    if isinstance(selection, dict):
        return all(item_holds(event, key, wanted) for key, wanted in selection.items())
    if isinstance(selection[0], dict):
        return any(selection_holds(event, one) for one in selection)
    return any(alike(w, v, "contains", False) for w in selection for v in everything(event))


def condition_holds(condition: str, held: dict[str, bool]) -> bool:
    """As a sentence of Python, whose and, or, not and brackets bind as Sigma's do."""
    s1, s2, x1 = (held[name] for name in NAMES)
    for written, meant in {
        "1 of s*": s1 or s2,
        "all of them": s1 and s2 and x1,
        "2 of them": s1 + s2 + x1 >= 2,
        "2 of *1": s1 and x1,
        "any of x*": x1,
    }.items():
        condition = condition.replace(written, str(meant))
    return bool(eval(condition, {}, held))  # noqa: S307


@settings(max_examples=400, deadline=None)
@given(
    st.tuples(SELECTIONS, SELECTIONS, SELECTIONS),
    CONDITIONS,
    st.lists(EVENTS, min_size=1, max_size=4),
)
def test_rules_mean_what_the_naive_evaluator_says(
    selections: tuple[Any, Any, Any], condition: str, events: list[dict[str, Any]]
) -> None:
    named = dict(zip(NAMES, selections, strict=True))
    text = json.dumps({"title": "t", "detection": {**named, "condition": condition}})
    found = load_collection([("r.yml", text)])
    assert found.problems == ()
    for event in events:
        held = {name: selection_holds(event, one) for name, one in named.items()}
        assert found.rules[0].matches(Event(event)) is condition_holds(condition, held)
        assert compiled(found.rules[0].condition)(Event(event)) is condition_holds(condition, held)


@settings(max_examples=1000, deadline=None)
@given(ITEMS, st.lists(st.one_of(PLAIN, st.sampled_from(["a", "1", "11", "a1"])), max_size=3))
def test_one_item_means_what_the_naive_evaluator_says(item: tuple[str, Any], values: Any) -> None:
    key = "f" + item[0].removeprefix("h.i").lstrip("fg")
    text = json.dumps({"detection": {"s": {key: item[1]}, "condition": "s"}})
    rule = load_collection([("r.yml", text)]).rules[0]
    for event in ({}, {"f": values}, *({"f": one} for one in values)):
        assert rule.matches(Event(event)) is item_holds(event, key, item[1]), event
        assert compiled(rule.condition)(Event(event)) is item_holds(event, key, item[1]), event


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=60))
def test_no_text_of_a_condition_ends_in_anything_but_a_rule_or_a_reason(condition: str) -> None:
    detection = {"a": {"f": 1}, "b": {"f": 2}, "condition": condition}
    text = json.dumps({"title": "t", "detection": detection})
    found = load_collection([("r.yml", text)])
    assert len(found.rules) + len(found.problems) == 1

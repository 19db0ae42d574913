"""Which items of a window breach a rule. Time runs to the right, one column a second."""

from __future__ import annotations

import pytest

from rules.alert import RuleRef
from rules.items import MEMBER, Item
from rules.model import CorrelationRule
from rules.windows import BREACH

REF = RuleRef(id="r", name="r", title="", version=1, digest="", item="", level="low", response=2)


def rule(kind: str, threshold: int = 0, steps: tuple[str, ...] = ("a",)) -> CorrelationRule:
    return CorrelationRule(REF, kind, steps, ("sender",), 10_000, threshold)


def item(
    msgid: str, time: int, *, step: int = 0, seq: int = 0, value: str = "", offset: int = 0
) -> Item:
    return Item(
        MEMBER, "d", "r", step, "b", ("demo",), value, time, seq, msgid, "s", 0, offset, b"{}"
    )


def drawn(line: str) -> list[Item]:
    """Every letter is an item: its column is the second, a=step 0, b=step 1, ...

    Capitals repeat the id of the small letter (the source told it twice).
    """
    return [
        item(f"{letter.lower()}{0 if letter.isupper() else column}", column * 1000,
             step=ord(letter.lower()) - ord("a"), seq=column + 1)
        for column, letter in enumerate(line)
        if letter != "-"
    ]  # fmt: skip


def ids(found: tuple[Item, ...]) -> list[str]:
    return [one.msgid for one in found]


@pytest.mark.parametrize(
    ("line", "threshold", "expected"),
    [
        ("", 1, []),
        ("a-a-", 3, []),
        ("a-a-a", 3, ["a0", "a2", "a4"]),
        ("aaaaa", 3, ["a0", "a1", "a2", "a3", "a4"]),
        # one physical event that is told twice counts once
        ("a-A-a", 3, []),
    ],
)
def test_event_count(line: str, threshold: int, expected: list[str]) -> None:
    assert ids(BREACH["event_count"](rule("event_count", threshold), drawn(line))) == expected


def test_one_event_that_fits_two_base_rules_counts_once() -> None:
    window = [item("m1", 1, step=0), item("m1", 1, step=1), item("m2", 2, step=0)]
    assert BREACH["event_count"](rule("event_count", 3), window) == ()
    assert len(BREACH["event_count"](rule("event_count", 2), window)) == 2


@pytest.mark.parametrize(
    ("values", "threshold", "count"),
    [("xyz", 3, 3), ("xxyyz", 3, 5), ("xxxx", 2, 0), ("xy", 3, 0)],
)
def test_value_count(values: str, threshold: int, count: int) -> None:
    window = [item(f"m{n}", n, value=value) for n, value in enumerate(values)]
    found = BREACH["value_count"](rule("value_count", threshold), window)
    assert ids(found) == [f"m{n}" for n in range(count)]


@pytest.mark.parametrize(
    ("line", "steps", "expected"),
    [
        ("a---b", 2, ["a0", "b4"]),
        ("b---a", 2, []),
        # the earliest chain
        ("a-a-b-b", 2, ["a0", "b4"]),
        # a b before the first a is no second step
        ("b-a-b", 2, ["a2", "b4"]),
        ("a-c-b-c", 3, ["a0", "b4", "c6"]),
        ("a-c-b--", 3, []),
    ],
)
def test_temporal_ordered(line: str, steps: int, expected: list[str]) -> None:
    names = tuple("abc"[:steps])
    found = BREACH["temporal_ordered"](rule("temporal_ordered", steps, names), drawn(line))
    assert ids(found) == expected


@pytest.mark.parametrize(
    ("first", "second", "fires"),
    [
        ({"time": 5, "seq": 1}, {"time": 5, "seq": 2}, True),
        ({"time": 5, "seq": 2}, {"time": 5, "seq": 1}, False),
        ({"time": 5, "seq": 0}, {"time": 5, "seq": 2}, False),  # no order is known
        ({"time": 5, "seq": 9}, {"time": 6, "seq": 1}, True),  # time counts before seq
    ],
)
def test_ties_are_broken_by_seq(first: dict, second: dict, fires: bool) -> None:
    window = sorted([item("m1", **first, step=0), item("m2", **second, step=1)], key=Item.order)
    found = BREACH["temporal_ordered"](rule("temporal_ordered", 2, ("a", "b")), window)
    assert bool(found) is fires


def test_one_event_is_never_two_steps() -> None:
    window = [item("m1", 1, step=0, seq=1), item("m1", 1, step=1, seq=1)]
    assert BREACH["temporal_ordered"](rule("temporal_ordered", 2, ("a", "b")), window) == ()

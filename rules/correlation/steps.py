"""The steps of an order that have limits of their own: how long after the step before, and what is
compared with it.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from rules.correlation.folds import as_number
from rules.correlation.model import Clause, Correlation

Fact = tuple[str, Decimal | None] | None  # a value, and the number that it writes
Facts = tuple[Fact, ...]
COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "gte": operator.ge,
    "gt": operator.gt,
    "lte": operator.le,
    "lt": operator.lt,
    "eq": operator.eq,
    "neq": operator.ne,
}
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(tuple[str | None, ...]).decode


class Test(NamedTuple):
    """A comparison of a step with the one before it; `mine` and `theirs` are places in their
    facts."""

    mine: int
    compare: Callable[[Any, Any], bool]
    theirs: int


class Step(NamedTuple):
    """One step of a chain.

    Args:
        slot: place of its rule in the correlation.
        limit: it comes at most so many ms after the step before it.
        tests: what must hold of it and the step before it.
    """

    slot: int
    limit: int
    tests: tuple[Test, ...]


def steps_of(how: Correlation, clause: Clause) -> tuple[Step, ...]:
    """The chain of one way in which the condition holds. The first step has nothing before it, so
    no limit of its own."""
    found: list[Step] = []
    for slot in clause.positive:
        limit, tests = how.span, []
        if found:
            limit = min(limit, how.within.get(slot, limit))
            mine, theirs = how.compared(slot), how.compared(found[-1].slot)
            tests = [
                Test(mine.index(one.field), COMPARE[one.operator], theirs.index(one.before))
                for one in how.between
                if one.slot == slot
            ]
        found.append(Step(slot, limit, tuple(tests)))
    return tuple(found)


def compared_text(how: Correlation, slot: int, read: Callable[[str], str | None]) -> str:
    """What an event is compared by, as one text."""
    return _encode([read(name) for name in how.compared(slot)]).decode()


def facts_of(text: str) -> Facts:
    """What `compared_text` wrote."""
    if not text:
        return ()
    return tuple(None if one is None else (one, as_number(one)) for one in _decode(text))


def all_hold(tests: tuple[Test, ...], mine: Facts, theirs: Facts) -> bool:
    """Whether a step fits behind another: numbers are compared as numbers where both are, else
    texts; of a missing field nothing holds."""
    for test in tests:
        one, other = mine[test.mine], theirs[test.theirs]
        if one is None or other is None:
            return False
        place = 0 if one[1] is None or other[1] is None else 1
        if not test.compare(one[place], other[place]):
            return False
    return True

"""What a correlation asks of a window, worked out once for all groups."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from itertools import combinations
from typing import Any

from rules.correlation.folds import Value, as_number, is_whole
from rules.correlation.model import NUMERIC, TEMPORAL, Bound, Clause, Correlation
from rules.correlation.refusal import WrongCorrelation
from rules.correlation.steps import COMPARE, steps_of

MAX_CHOICES = 1_000


class Plan:
    """A correlation made ready.

    Args:
        every: rows of every event are wanted, not one an episode; what the correlation says itself
            goes before it.
        read: another correlation reads its rows, and so sees all of them with their evidence.

    Attributes:
        full: every row carries its evidence.
        closing: judged when the window closes, because later events can make it untrue.
        present, absent: clauses that are judged at events, and at deadlines.
        first_seen: a row is of one value, and the entries kept only say which are known.
        counts: the value is the number of rules of which there is an event.
        paths: the steps of `present`, where they have limits of their own.
        compares: entries carry what is compared, a text for each slot.
        floor: a whole number below which the value satisfies no lower bound.
        wants_all: there has to be an event of every rule.
        chain_of_all: `temporal_ordered` with an upper bound: those that came must be in order.
    """

    def __init__(self, correlation: Correlation, *, every: bool, read: bool = False) -> None:
        self.correlation = correlation
        self.every = correlation.emit == "every" if correlation.emit else every
        self.full = self.every or read
        self.span = correlation.span
        self.ordered = correlation.ordered
        self.counts = correlation.type in TEMPORAL
        self._tests = tuple(_test(bound) for bound in correlation.bounds)
        # how common a value is belongs to the event that has it: nothing to wait for
        share = correlation.type == "value_percentile" and correlation.percentile is None
        # whether a value is new is known at its event
        self.first_seen = correlation.first_seen
        at_event = share or self.first_seen
        self.closing = correlation.upper and not self.every and not at_event
        self.numeric = correlation.type in NUMERIC and not share
        clauses = correlation.clauses
        where = correlation.absent or ("after" if self.ordered else "around")
        # what must be missing before an event is known at the event: nothing to wait for
        at_once = where == "before"
        self.present = tuple(c for c in clauses if at_once or not c.negative)
        self.absent = tuple(c for c in clauses if c.negative and not at_once)
        self.numeric_condition = not clauses
        self.chain_of_all = False
        lower = [_least(b) for b in correlation.bounds if b.operator in ("gt", "gte")]
        self.floor = max(lower, default=0)
        if self.ordered and not clauses:
            self._chains()
        limited = correlation.within or correlation.between
        self.paths = tuple(steps_of(correlation, one) for one in self.present if limited)
        self.compares = bool(correlation.between)
        self.until = len(correlation.rules) if correlation.until else -1
        self.slots = len(correlation.sources())
        self.back = self.span if where == "around" else 0
        self.wants_all = self.numeric_condition and self.floor >= len(correlation.rules)

    def _chains(self) -> None:
        """`gte 2` of three rules in order: any two of them, the third does not matter."""
        rules = len(self.correlation.rules)
        least = self.floor
        if not any(b.operator in ("gt", "gte") for b in self.correlation.bounds):
            self.chain_of_all = True
            return
        if math.comb(rules, max(0, min(least, rules))) > MAX_CHOICES:
            raise WrongCorrelation(
                ("rules",),
                f"more than {MAX_CHOICES} ways to choose {least} of {rules} rules in order",
                f"从 {rules} 条规则中按序选 {least} 条，超过 {MAX_CHOICES} 种可能",
                code="MJ334",
            )
        self.present = tuple(Clause(chosen) for chosen in combinations(range(rules), max(0, least)))
        self.numeric_condition = False

    def values(self, texts: Iterable[str]) -> tuple[str, ...]:
        """What an entry counts: each value once; of numbers only what is one."""
        distinct = tuple(dict.fromkeys(texts))
        if not self.numeric or (len(distinct) == 1 and is_whole(distinct[0])):
            return distinct
        return tuple(text for text in distinct if as_number(text) is not None)

    def placed(
        self, slots: Sequence[int], values: Sequence[str]
    ) -> tuple[tuple[int, ...], tuple[str, ...]]:
        """Slots and values of an entry: those it counts, or what each of its steps is compared
        by."""
        if self.compares:
            texts = dict(zip(slots, values, strict=True))
            return tuple(sorted(texts)), tuple(texts[slot] for slot in sorted(texts))
        places = tuple(sorted(slots)) if len(slots) > 1 else tuple(slots)
        return places, self.values(values) if values else ()

    def holds(self, value: Value) -> bool:
        """Whether all bounds hold of the value; no value satisfies none."""
        if value is None:
            return not self._tests
        for compare, limit in self._tests:  # noqa: SIM110 - three times as fast as all(…)
            if not compare(value, limit):
                return False
        return True


def _test(bound: Bound) -> tuple[Callable[[Any, Any], bool], int | Fraction]:
    """A bound as a function and a limit; whole limits as `int`, which compare many times faster."""
    limit = bound.limit
    return COMPARE[bound.operator], int(limit) if limit.denominator == 1 else limit


def _least(bound: Bound) -> int:
    return math.floor(bound.limit) + 1 if bound.operator == "gt" else math.ceil(bound.limit)

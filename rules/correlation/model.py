"""A correlation as it is judged: frozen data. Times and spans are milliseconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as data_field
from fractions import Fraction
from typing import NamedTuple

TEMPORAL = ("temporal", "temporal_ordered")
NUMERIC = ("value_sum", "value_avg", "value_percentile", "value_median")
VALUED = ("value_count", *NUMERIC)
TYPES = ("event_count", *VALUED, *TEMPORAL)
OPERATORS = ("gt", "gte", "lt", "lte", "eq", "neq")
UPPER = ("lt", "lte", "eq", "neq")  # what another event can still make untrue
WINDOWS = ("sliding", "tumbling", "session")
EMITS = ("first", "every")
MISSING = ("exclude", "group")
ABSENT = ("before", "after", "around")
UNKNOWN = ("ignore", "alert")


class Clause(NamedTuple):
    """One way in which a condition over rules holds: these rules are there, those are not.

    Numbers are places in `Correlation.rules`, ascending.
    """

    positive: tuple[int, ...]
    negative: tuple[int, ...] = ()


class Bound(NamedTuple):
    """One comparison of the value of a window, such as `gte 3`."""

    operator: str  # one of OPERATORS
    limit: Fraction


class Comparison(NamedTuple):
    """A comparison of a step of an order with the step before it: `field` of this one, by the
    operator, with `before` of that one. `slot` is the place of its rule."""

    slot: int
    field: str
    operator: str  # one of OPERATORS
    before: str


class Usually(NamedTuple):
    """The value of a window is at least `ratio` times the mean of the slices of `over` ms before
    it; `unknown` is one of UNKNOWN, for a group that is not known for so long."""

    over: int
    ratio: Fraction
    unknown: str = "ignore"


@dataclass(frozen=True)
class Correlation:
    """Which events belong together, and when they mean something.

    Args:
        type: one of TYPES.
        rules: what it refers to, in order (`temporal_ordered` means this order).
        group_by: fields or aliases whose values make a group.
        span: length of the window; windows are closed, [t - span, t].
        bounds: all of them must hold of the window's value.
        clauses: of a condition over rules, in disjunctive form; () when it is numeric.
        fields: what is counted, added or ranked; several make one value together.
        percentile: 0 to 100, for value_percentile; None there means the share of the value.
        aliases: alias -> {rule: field}.
        window: one of WINDOWS. `gap` is the longest silence inside a session.
        until: the rule whose event cancels what came before it; "" is none.
        emit: "every" row, the "first" of an episode, or "" when the caller decides.
        missing: what becomes of events without a group field.
        absent: where, seen from an event, what `not` names must be missing: one of ABSENT; "" is
            after it for `temporal_ordered`, around it for `temporal`.
        generate: whether the rules it refers to raise alerts of their own.
        first_seen: it holds at events whose value was not in the window before them.
        within: of `temporal_ordered`: place of a rule -> ms since the step before it, at most.
        baseline: what is asked of the value besides its bounds.
        between: of `temporal_ordered`: comparisons of steps with those before them.
    """

    type: str
    rules: tuple[str, ...]
    group_by: tuple[str, ...]
    span: int
    bounds: tuple[Bound, ...] = ()
    clauses: tuple[Clause, ...] = ()
    fields: tuple[str, ...] = ()
    percentile: Fraction | None = None
    aliases: Mapping[str, Mapping[str, str]] = data_field(default_factory=dict)
    window: str = "sliding"
    gap: int = 0
    until: str = ""
    emit: str = ""
    missing: str = "exclude"
    absent: str = ""
    generate: bool = False
    first_seen: bool = False
    within: Mapping[int, int] = data_field(default_factory=dict)
    between: tuple[Comparison, ...] = ()
    baseline: Usually | None = None

    def field_of(self, name: str, rule: str) -> str:
        """The field of an event of `rule` that `name`, a field or an alias, means."""
        return self.aliases.get(name, {}).get(rule, name)

    def group_fields(self, rule: str) -> tuple[str, ...]:
        """The fields of an event of `rule` that make up the group."""
        return tuple(self.field_of(name, rule) for name in self.group_by)

    def sources(self) -> tuple[str, ...]:
        """All rules it listens to: `rules`, and the cancelling one at the end."""
        return (*self.rules, self.until) if self.until else self.rules

    def compared(self, slot: int) -> tuple[str, ...]:
        """The fields of an event of a rule that it is compared by, as a step or as the one before
        a step."""
        names = {one.field: None for one in self.between if one.slot == slot}
        names |= {one.before: None for one in self.between if one.slot > slot}
        return tuple(names) if slot < len(self.rules) else ()

    @property
    def ordered(self) -> bool:
        """Whether the order of events matters."""
        return self.type == "temporal_ordered"

    @property
    def absence(self) -> bool:
        """Whether it waits for something that must not come."""
        return any(clause.negative for clause in self.clauses)

    @property
    def upper(self) -> bool:
        """Whether one more event can make the condition untrue."""
        return any(bound.operator in UPPER for bound in self.bounds)

"""Conditions prepared for judging a stream: the same answers in less time.

A condition becomes one function of the view, made of the functions of its parts, so that nothing
about the rule is looked up while a message waits. What costs little and shows nothing is asked
first; what looks for something in the text is not asked at all when the one scan of all rules has
not seen any of its triggers. A list of forty values of one field is one question. What a rule says,
`explain` shows and the linter reads are the conditions as parsed; only the matcher asks these.
Measured in docs/performance.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from rules.conditions import (
    TEXT_OPERATORS,
    And,
    AtLeast,
    Compare,
    Concerns,
    InList,
    Node,
    Not,
    Or,
    Until,
    Words,
)
from rules.time_conditions import DayOfWeek, OfficeTime, PublicHoliday, TimeRange, WorkingDay
from rules.triggers import Trigger, of_leaf
from rules.view import View, plain_text

Places = Mapping[Trigger, int]  # what the scan looks for -> its number in `View.fired`
Holds = Callable[[View], bool]
_NOWHERE: Places = {}
# what adds no span to the view and asks little
_SILENT = (Compare, InList, Concerns, OfficeTime, WorkingDay, TimeRange, DayOfWeek, PublicHoliday)


class Quick(NamedTuple):
    """A condition as one function; `silent`: it never adds a span; `needs`: of each of these sets
    of triggers one has fired wherever it holds; `says`: the same answer without any span, where
    that costs less; `dear`: it asks a text more than whether a word is there."""

    holds: Holds
    silent: bool = False
    needs: tuple[frozenset[int], ...] = ()
    says: Holds | None = None
    dear: bool = True


def quick(node: Node, places: Places = _NOWHERE) -> Quick:
    """The same condition, quicker. `places` are the triggers that the scan looks for; a part all of
    whose triggers are among them is asked only where one of them was seen."""
    if isinstance(node, And):
        return _all_of([quick(child, places) for child in _flat(node)])
    if isinstance(node, Or):
        return _some_of([*_grouped(node, places)])
    if isinstance(node, AtLeast):
        return _so_many_of(node.least, [quick(child, places) for child in node.children])
    if isinstance(node, Not):
        return _not(quick(node.child, places))
    if isinstance(node, Until):
        return _until(quick(node.child, places), node.end)
    if _is_text(node):
        return _any_of([node], places)
    if isinstance(node, _SILENT):
        return Quick(node.holds, silent=True)
    says, dear = getattr(node, "says", None), not isinstance(node, Words)
    looked_for = of_leaf(node) if places else None
    if looked_for is None or any(one not in places for one in looked_for):
        return Quick(node.holds, says=says, dear=dear)
    needs = frozenset(places[one] for one in looked_for)
    quiet = _if_seen(says, needs).holds if says else None
    return _if_seen(node.holds, needs)._replace(says=quiet, dear=dear)


def _flat(node: And) -> Iterable[Node]:
    for child in node.children:
        if isinstance(child, And):
            yield from _flat(child)
        else:
            yield child


def _if_seen(holds: Holds, needs: frozenset[int]) -> Quick:
    def seen(view: View) -> bool:
        fired = view.fired
        return (fired is None or not needs.isdisjoint(fired)) and holds(view)

    return Quick(seen, needs=(needs,))


def _all_of(parts: list[Quick]) -> Quick:
    needed = tuple({one: None for part in parts for one in part.needs})
    silent = [one.holds for one in parts if one.silent]
    loud = [one for one in parts if not one.silent]
    if not loud:
        return Quick(_each_of(silent), silent=True, needs=needed)
    # what holds is rare: first what can be asked without a record of where, words before the rest
    quiet = sorted((one for one in loud if one.says), key=lambda one: one.dear)
    first = _each_of([*silent, *(one.says for one in quiet if one.says)])
    rest = [one.holds for one in loud if one.holds is not one.says]

    def may(view: View) -> bool:
        fired = view.fired
        if fired is not None:
            for needs in needed:
                if needs.isdisjoint(fired):
                    return False
        return first(view)

    def holds(view: View) -> bool:
        if not may(view):
            return False
        before = len(view.spans)
        for one in rest:
            if not one(view):
                del view.spans[before:]
                return False
        return True

    dear = any(one.dear for one in loud)
    return Quick(holds, needs=needed, says=may if len(quiet) == len(loud) else None, dear=dear)


def _each_of(holds: list[Holds]) -> Holds:
    if len(holds) == 1:
        return holds[0]

    def each(view: View) -> bool:
        for one in holds:  # noqa: SIM110 - a generator takes twice as long
            if not one(view):
                return False
        return True

    return each


def _some_of(parts: list[Quick]) -> Quick:
    if len(parts) == 1:
        return parts[0]
    holds = [one.holds for one in parts]
    some = _any(holds)
    rarest = [min(one.needs, key=len) for one in parts if one.needs]
    needs = (frozenset().union(*rarest),) if len(rarest) == len(parts) else ()

    def every_reason(view: View) -> bool:
        held = False
        for one in holds:
            if one(view):
                held = True
        return held

    if all(one.silent for one in parts):
        return Quick(some, silent=True, needs=needs)
    dear = any(one.dear for one in parts)
    asked = [one.holds if one.silent else one.says for one in parts]
    quiet = [one for one in asked if one]
    says = _any(quiet) if len(quiet) == len(parts) else None
    return Quick(every_reason, needs=needs, says=says, dear=dear)


def _any(holds: list[Holds]) -> Holds:
    def some(view: View) -> bool:
        for one in holds:  # noqa: SIM110 - as above
            if one(view):
                return True
        return False

    return some


def _so_many_of(least: int, parts: list[Quick]) -> Quick:
    holds = [one.holds for one in parts]

    def so_many(view: View) -> bool:
        before = len(view.spans)
        if sum(one(view) for one in holds) >= least:
            return True
        del view.spans[before:]
        return False

    return Quick(so_many, all(one.silent for one in parts))


def _not(part: Quick) -> Quick:
    holds = part.holds if part.silent else part.says
    if holds:
        asked = holds
        denies: Holds = lambda view: not asked(view)  # noqa: E731 - it stands for a method
        return Quick(denies, part.silent, says=denies, dear=part.dear)
    loud = part.holds

    def denied(view: View) -> bool:
        before = len(view.spans)
        held = loud(view)
        del view.spans[before:]
        return not held

    # it adds no span, but asks a text: after what asks less
    return Quick(denied)


def _until(part: Quick, end: int) -> Quick:
    holds, says = part.holds, part.says
    quiet: Holds | None = None
    if says:
        asked = says
        quiet = lambda view: view.message.time >= end or asked(view)  # noqa: E731 - as above
    return Quick(lambda view: view.message.time >= end or holds(view), part.silent, (), quiet)


def _grouped(node: Or, places: Places) -> Iterable[Quick]:
    """What a list of values of one field asks, as one question; then the rest."""
    rest: list[Node] = []
    groups: dict[tuple[str, str], list[Node]] = {}
    for child in node.children:
        if isinstance(child, Compare) and _is_text(child):
            groups.setdefault((child.field, child.operator), []).append(child)
        else:
            rest.append(child)
    yield from (_any_of(same, places) for same in groups.values())
    yield from (quick(child, places) for child in rest)


def _is_text(node: Node) -> bool:
    return isinstance(node, Compare) and node.operator in TEXT_OPERATORS and not node.asks_hits


def _any_of(same: list[Node], places: Places) -> Quick:
    """A field equals (contains, begins or ends with) one of these texts, without regard to case."""
    asked = [one for one in same if isinstance(one, Compare)]
    words = tuple(dict.fromkeys(plain_text(one.wanted) for one in asked))
    holds = _ASK[asked[0].operator](asked[0].field, words)
    looked_for = {trigger for one in asked for trigger in of_leaf(one) or ()} if places else set()
    if len(looked_for) < len(words) or not looked_for <= places.keys():
        return Quick(holds, silent=True)
    return _if_seen(holds, frozenset(places[one] for one in looked_for))._replace(silent=True)


def _equals(field: str, words: tuple[str, ...]) -> Holds:
    known = frozenset(words)
    return lambda view: not known.isdisjoint(view.lowered(field))


def _contains(field: str, words: tuple[str, ...]) -> Holds:
    def holds(view: View) -> bool:
        for text in view.lowered(field):
            for word in words:
                if word in text:
                    return True
        return False

    return holds


def _startswith(field: str, words: tuple[str, ...]) -> Holds:
    return lambda view: any(text.startswith(words) for text in view.lowered(field))


def _endswith(field: str, words: tuple[str, ...]) -> Holds:
    return lambda view: any(text.endswith(words) for text in view.lowered(field))


_ASK: Mapping[str, Callable[[str, tuple[str, ...]], Holds]] = {
    "equals": _equals,
    "contains": _contains,
    "startswith": _startswith,
    "endswith": _endswith,
}
assert set(_ASK) == set(TEXT_OPERATORS)  # noqa: S101

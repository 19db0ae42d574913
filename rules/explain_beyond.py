"""What the keys of `mingjian` ask of a correlation besides its condition, and how far it came."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from rules.correlation.entry import Entry
from rules.correlation.group import Group, advance
from rules.correlation.model import Clause, Correlation
from rules.correlation.plan import Plan
from rules.explain_words import Said
from rules.spans import span_text

SIGNS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<=", "eq": "=", "neq": "!="}


def asked(how: Correlation) -> Iterator[Said]:
    """What is asked beyond the condition."""
    if how.first_seen:
        span = span_text(how.span)
        yield Said(
            f"with a value that was not seen in the {span} before",
            f"且取值在此前 {span} 内没有出现过",
        )
    if how.baseline:
        over, ratio = span_text(how.baseline.over), f"{float(how.baseline.ratio):g}"
        yield Said(
            f"and at least {ratio} times the group's own mean of the {over} before",
            f"且至少是该组此前 {over} 平均值的 {ratio} 倍",
        )
    for slot, limit in how.within.items():
        rule, span = how.rules[slot], span_text(limit)
        yield Said(
            f"{rule} at most {span} after the step before it",
            f"{rule} 距前一步不超过 {span}",
        )
    for one in how.between:
        rule, sign = how.rules[one.slot], SIGNS[one.operator]
        yield Said(
            f"{rule}: {one.field} {sign} {one.before} of the step before it",
            f"{rule}：{one.field} {sign} 前一步的 {one.before}",
        )


def told_ahead() -> Said:
    """What a rule whose alerts are speculative does."""
    return Said(
        "an alert is told at once (speculative); when event time has passed it, the same alert is"
        " final, or retracted if what came late undid it",
        "告警立即发出（待定）；事件时间过去之后，同一条告警变为已定；若后到的消息使它不成立，则撤回",
    )


def steps_taken(how: Correlation, entries: Sequence[Entry]) -> int:
    """How many steps of an order with limits some chain of these entries has: what the engine says
    of ever fewer steps of each way in which the condition holds."""
    ways = [one.positive for one in how.clauses] or [tuple(range(len(how.rules)))]
    for most in range(max(map(len, ways)), 0, -1):
        begun = {way[:most] for way in ways if len(way) >= most}
        clauses = tuple(Clause(way) for way in sorted(begun))
        shorter = replace(how, clauses=clauses, bounds=(), until="")
        if advance(Group(Plan(shorter, every=True)), entries, entries[-1].time):
            return most
    return 0

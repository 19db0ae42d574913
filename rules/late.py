"""What a message that came too late would have done, as far as the state of its group still tells.

`true`: with it there is an alert that is not there without it. `changed`: an alert is there either
way, but begins elsewhere or has other evidence; or one would not be there. `false`:
with what had arrived by then it makes no difference, or the group has the message already.
`unknown`: what it would have met is forgotten.

The answer is exact where the message is newer than all of its group that is settled: then its
window is whole. Where it is older, some of its window is gone. Then `true` and `changed` are said
only of conditions that further messages cannot make untrue, and judged by what is left: an alert
that began with what is gone may have had it as evidence.

A hit of a rule that looks at single messages and has `suppress` is told however late it comes; what
may differ then is which alerts are silent (`out_of_order`).
"""

from __future__ import annotations

from collections.abc import Callable

from rules.correlation.entry import Entry
from rules.correlation.group import Group, advance
from rules.correlation.plan import Plan
from rules.correlation.row import Row
from rules.held import State
from rules.items import QUIETED, Item
from rules.members import entries_of
from rules.model import MAX_WINDOW, CorrelationRule, Suppress
from rules.speculation import openings

FIRED, CHANGED, NOTHING, UNKNOWN = "true", "changed", "false", "unknown"
# a group whose state is larger is not asked: it would take more than about 2 ms a message, and a
# flood of late messages must not stop the rest
MAX_ITEMS = 64

_LASTING = ("event_count", "value_count", "temporal", "temporal_ordered")


def would_have_fired(
    rule: CorrelationRule,
    plan: Plan,
    late: Item,
    watermark: int,
    held: State,
    group: Callable[[], Group],
) -> str:
    """One of the four answers.

    Args:
        held: what the key remembers; it is left as it is.
        group: a new evaluator of what is settled, each time it is called.
    """
    if any(one.msgid == late.msgid for one in (*held.window, *held.pending)):
        return NOTHING
    waiting = sorted(held.pending, key=Item.order)
    horizon = max([watermark, *(item.time for item in waiting)])
    whole = _whole(plan, held, late)
    if whole:
        before, after = group(), group()
    elif _lasting(plan):
        waiting = sorted([*held.window, *waiting], key=Item.order)
        before, after = Group(plan, cap=MAX_WINDOW), Group(plan, cap=MAX_WINDOW)
    else:
        return UNKNOWN
    without = advance(before, entries_of(plan, waiting), horizon)
    both = sorted([late, *waiting], key=Item.order)
    having = advance(after, entries_of(plan, both), horizon)
    old = {alert_id for alert_id, _ in openings(rule, plan, without, held.quiet)}
    new = {alert_id for alert_id, _ in openings(rule, plan, having, held.quiet)}
    if len(new) > len(old):
        # of an alert that was told some may be gone, and this be no other one
        return UNKNOWN if held.alert_id and not whole else FIRED
    shown, otherwise = (
        {e.id for row in rows for e in _evidence(row)} for rows in (having, without)
    )
    if new != old or late.msgid in shown or (whole and shown != otherwise):
        return CHANGED
    decided = not ((plan.absent and horizon < late.time + plan.span) or plan.closing)
    return NOTHING if whole and decided else UNKNOWN


def out_of_order(suppress: Suppress, late: Item, held: State) -> str:
    """What would be otherwise, had a hit of a rule with `suppress` come in time: CHANGED, UNKNOWN,
    or "" when nothing would.

    Nothing would where the silence that is held covers it: it is evidence of the alert that opened
    that silence, in time and too late. Else it is an alert by itself and opens no silence. In order
    it would either have opened one, so that an alert which follows within its time would be its
    evidence, or have been silent itself under a silence that is forgotten: with an alert that
    follows so soon one of the two is too much, and `changed` is right either way. Without one
    nobody can tell: it may still come, and what was before is gone.

    Args:
        held: what the key remembers; it is left as it is.
    """
    quiet = held.quiet
    if quiet and quiet.covers(late.time):
        return ""
    follow = [one.time for one in held.pending if one.kind == QUIETED]
    if quiet:
        follow.append(quiet.since)
    ends = late.time + suppress.duration
    return CHANGED if any(late.time <= time <= ends for time in follow) else UNKNOWN


def _evidence(row: Row) -> tuple[Entry, ...]:
    return (*row.entries, *row.fresh)


def _whole(plan: Plan, held: State, late: Item) -> bool:
    """Is all there that the message would have met?"""
    marks = held.marks
    if marks is None or marks.truncated or held.truncated or plan.correlation.baseline:
        return False
    if plan.closing and marks.since < 0:
        return False  # a window it belongs to may be closed
    return marks.last < late.time and all(judged < late.time for judged in marks.judged)


def _lasting(plan: Plan) -> bool:
    """Can no further message make the condition untrue?"""
    how = plan.correlation
    negative = any(clause.negative for clause in how.clauses)
    return (
        how.type in _LASTING
        and how.window != "session"
        and not (how.upper or negative or how.until or how.baseline or how.first_seen)
    )

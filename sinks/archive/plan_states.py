"""How far each plan of deletion is, by the custody book."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from rules.errors import EXIT_USAGE, MingjianError
from rules.retention.holds import Deed
from sinks.archive.disposable import within
from sinks.archive.hold_book import (
    FINISHED,
    PLANNED,
    approved,
    removals,
    schedule,
    schedule_digest,
)
from sinks.archive.plans import Plans

MADE, APPROVED, WORKING, DONE, STALE = "made", "approved", "working", "done", "stale"
_SHORT = re.compile(r"[0-9a-f]{6,64}")


class PlanState(NamedTuple):
    """A plan: its id, its state (`STALE`: the schedule is another now, so it is not carried out),
    the deeds that made and approved it, how many messages it names, how many went so far, and of
    one that is done how many stayed, by the reason."""

    plan: str
    state: str
    made: Deed
    approval: Deed | None
    messages: int
    gone: int
    stayed: dict[str, int]


def plan_states(found: Sequence[Deed], plans: Plans) -> list[PlanState]:
    """Every plan, the one made last first.

    Args:
        found: deeds of the custody book.

    Raises:
        MingjianError: a schedule in the book cannot be read.
    """
    states: dict[str, PlanState] = {}
    for number, deed in enumerate(found):
        plan = deed.details.get("plan")
        if deed.action == PLANNED and isinstance(plan, str) and plan not in states:
            states[plan] = _state(found, number, plan, plans)
    return list(states.values())[::-1]


def named_plan(plans: Plans, given: str) -> str:
    """The id of a plan by its first digits.

    Raises:
        MingjianError: there is none, or more than one begins so.
    """
    wanted = given.strip().lower()
    whole = plans.ids() if _SHORT.fullmatch(wanted) else []
    fits = [one for one in whole if one.startswith(wanted)]
    if len(fits) == 1:
        return fits[0]
    many = len(fits) > 1
    raise MingjianError(
        f"more than one plan begins with {given[:64]}" if many
        else f"there is no plan '{given[:64]}'",
        f"不止一个删除计划以 {given[:64]} 开头" if many else f"没有删除计划“{given[:64]}”",
        fix_en="give more digits" if many else "`mingjian retention plans` lists them",
        fix_zh="请多给几位" if many else "`mingjian retention plans` 会列出全部",
        exit_code=EXIT_USAGE,
    )  # fmt: skip


def _state(found: Sequence[Deed], made: int, plan: str, plans: Plans) -> PlanState:
    deed = found[made]
    approval = approved(found, plan)
    gone = len({leaf for one in removals(found, plan) for leaf in within(one.leaves)})
    count = deed.details.get("messages")
    messages = count if isinstance(count, int) else 0
    stayed: dict[str, int] = {}
    if any(one.action == FINISHED and one.details.get("plan") == plan for one in found):
        state = DONE
        result = plans.result(plan)
        if result is not None:
            gone, stayed = result.deleted, result.counts()
    elif schedule_digest(schedule(found[:made])) != schedule_digest(schedule(found)):
        state = STALE
    elif approval is None:
        state = MADE
    else:
        state = WORKING if gone else APPROVED
    return PlanState(plan, state, deed, approval, messages, gone, stayed)

"""How far each plan of deletion is, by the custody book."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from rules.errors import EXIT_USAGE, MingjianError
from rules.retention.holds import Deed
from sinks.archive.disposable import counted, within
from sinks.archive.hold_book import PLANNED, approved, finished, removals, superseded
from sinks.archive.plans import Plans
from sinks.id_prefix import LISTED, distinct

MADE, APPROVED, WORKING, DONE, STALE = "made", "approved", "working", "done", "stale"
LOST = "lost"
_VOID = "void"  # why messages stay of a plan that ended because it is void
_SHORT = 16  # digits by which plans are told everywhere
LEAST_DIGITS = 6  # of a plan's id: fewer are too easily those of another plan
_DIGITS = re.compile(r"[0-9a-f]{1,64}")


class PlanState(NamedTuple):
    """A plan: its id, its state (`STALE`: a schedule was put in force since, so it is not carried
    out; `LOST`: its file is not there, or is not what was made), the deeds that made and approved
    it, how many messages it names, how many went so far; and of one that ended how many stayed, by
    the reason, how many had gone by another plan before, and whether the file that says so is not
    there, or is not what was written."""

    plan: str
    state: str
    made: Deed
    approval: Deed | None
    messages: int
    gone: int
    stayed: dict[str, int]
    before: int = 0
    damaged: bool = False


def plan_states(found: Sequence[Deed], plans: Plans) -> list[PlanState]:
    """Every plan, the one made last first.

    Args:
        found: deeds of the custody book.

    Raises:
        OSError: the disk does not answer.
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
        MingjianError: too few digits, none begins so, or more than one; it lists those that are
            there.
    """
    wanted, whole = given.strip().lower(), plans.ids()
    fits = [one for one in whole if _DIGITS.fullmatch(wanted) and one.startswith(wanted)]
    if len(fits) == 1 and len(wanted) >= LEAST_DIGITS:
        return fits[0]
    shown = given[:64]
    if _DIGITS.fullmatch(wanted) and len(wanted) < LEAST_DIGITS:
        en = f"'{shown}' is too short for a plan: at least {LEAST_DIGITS} digits are needed"
        zh = f"计划编号“{shown}”太短：至少要写 {LEAST_DIGITS} 位"
    elif fits:
        en, zh = f"more than one plan begins with '{shown}'", f"不止一个删除计划以“{shown}”开头"
    else:
        en, zh = f"there is no plan '{shown}'", f"没有删除计划“{shown}”"
    raise MingjianError(
        en, zh, fix_en=_listed(whole, fits, "en"), fix_zh=_listed(whole, fits, "zh"),
        exit_code=EXIT_USAGE,
    )  # fmt: skip


def _listed(whole: Sequence[str], fits: Sequence[str], language: str) -> str:
    """Which plans could be meant, or that there is none."""
    if not whole:
        return (
            "there is no plan yet; `mingjian retention plan --keep` makes one"
            if language == "en"
            else "还没有删除计划；`mingjian retention plan --keep` 可制定"
        )
    meant = fits or whole
    shown = distinct(meant, _SHORT)[:LISTED]
    more = len(meant) - len(shown)
    if language == "en":
        words = "these begin so: " if fits else "these are there: "
        rest = f" and {more} more" if more else ""
        return f"{words}{', '.join(shown)}{rest}; `mingjian retention plans` says what they are"
    words = "以此开头的有：" if fits else "现有："
    rest = f"，另有 {more} 个" if more else ""
    return f"{words}{'、'.join(shown)}{rest}；`mingjian retention plans` 可查看详情"


def _state(found: Sequence[Deed], made: int, plan: str, plans: Plans) -> PlanState:
    deed = found[made]
    count = deed.details.get("messages")
    told = PlanState(
        plan,
        MADE,
        deed,
        approved(found, plan),
        count if isinstance(count, int) else 0,
        len({leaf for one in removals(found, plan) for leaf in within(one.leaves)}),
        {},
    )
    if sm3 := finished(found, plan):
        result = plans.result(plan, sm3)
        if result is None:
            return told._replace(state=DONE, damaged=True)
        stayed = result.counts()
        return told._replace(
            state=STALE if _VOID in stayed else DONE,
            gone=result.deleted,
            stayed=stayed,
            before=counted(result.before),
        )
    try:
        book = plans.read(plan).book
    except MingjianError:
        return told._replace(state=LOST)
    if superseded(found, book) is not None:
        return told._replace(state=STALE)
    if told.approval is None:
        return told
    return told._replace(state=WORKING if told.gone else APPROVED)

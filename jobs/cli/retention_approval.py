"""`mingjian retention approve`: the second pair of eyes in front of a deletion."""

from __future__ import annotations

import typer
from rich.markup import escape

from desk.roles import DISPOSE, OPEN
from jobs.archive import archive_target, desk_of
from jobs.cli.app import (
    ConfigOption,
    ProfileOption,
    SetOption,
    out,
    say,
    settings_from,
    with_options,
)
from jobs.cli.archive_options import TargetOption, WhyOption
from jobs.cli.retention_plans import PlanArgument, state_of
from jobs.cli.retention_text import SHORT
from jobs.cli.words import plural
from jobs.retention import plans_of
from rules.errors import EXIT_USAGE, MingjianError
from sinks.archive.hold_book import approve as approved_by
from sinks.archive.plan_states import STALE, PlanState, named_plan


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "approve",
        help="批准他人制定的删除计划；随后由 mingjian deliver 执行。\n\n"
        "Approve a plan that somebody else made; `mingjian deliver` carries it out then.\n\n"
        "例 · example:\n\n  mingjian retention approve 8f3e21 --why 已复核",
    )(approve)


def approve(
    *,
    which: PlanArgument,
    why: WhyOption = "",
    target: TargetOption = "",
    profile: ProfileOption = "embedded",
    config: ConfigOption = "",
    overrides: SetOption = [],  # noqa: B006 - Typer's way of saying "none"
) -> None:
    """Approve one."""
    settings = settings_from(profile, config, overrides)
    archive = archive_target(settings, target)
    desk = desk_of(settings, archive)
    by = desk.by(DISPOSE, why, plan=which[:64])
    plans = plans_of(archive)
    plan_id = named_plan(plans, which)
    made = plans.read(plan_id)  # what is approved is what was made
    state = state_of(desk, plan_id, plans)
    _refuse(state)
    if state.made.who == by.who and OPEN in desk.actor.roles:
        raise _one_person(by.who)
    with desk.writing():
        approved_by(desk.book, plan_id, by)
    deliver = escape(with_options("`mingjian deliver`"))
    out.print(
        say(
            f"[green]✓[/] plan {plan_id[:SHORT]} is approved; {deliver} deletes"
            f" {plural(len(made.messages), 'message')} that nothing holds then",
            f"[green]✓[/] 计划 {plan_id[:SHORT]} 已批准；{deliver} 将删除届时无保全的"
            f" {len(made.messages):,} 条消息",
        ),
        soft_wrap=True,
    )


def _refuse(state: PlanState) -> None:
    short = state.plan[:SHORT]
    if state.approval is not None:
        raise MingjianError(
            f"the plan {short} was approved by {state.approval.who} already",
            f"计划 {short} 已由 {state.approval.who} 批准",
            exit_code=EXIT_USAGE,
        )
    if state.state == STALE:
        raise MingjianError(
            f"the retention schedule has changed since the plan {short} was made",
            f"制定计划 {short} 之后留存策略已变更",
            fix_en="make a new plan",
            fix_zh="请重新制定计划",
            exit_code=EXIT_USAGE,
        )


def _one_person(who: str) -> MingjianError:
    return MingjianError(
        f"{who} made the plan; somebody else has to approve it, and with access.open: true nobody"
        " is told apart but by their account",
        f"删除计划由 {who} 制定，须由他人批准；access.open: true 时只按账号区分人员",
        fix_en="name two people in access.people, who makes plans (officer) and who approves them"
        " (officer or administrator), and run this under the other's account",
        fix_zh="请在 access.people 中写明两人：制定者（officer）与批准者（officer 或 "
        "administrator），并以后者的账号运行",
        exit_code=EXIT_USAGE,
    )

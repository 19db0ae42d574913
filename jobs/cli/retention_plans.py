"""`mingjian retention plan, plans, show, approve, status`: what is due, and deleting it."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer

from desk.desk import Desk
from desk.roles import RETENTION, SEE_RETENTION
from jobs.archive import archive_target, desk_of
from jobs.cli.alert_list import when
from jobs.cli.app import (
    ConfigOption,
    Output,
    OutputOption,
    ProfileOption,
    SetOption,
    emit,
    out,
    say,
    settings_from,
    with_options,
)
from jobs.cli.archive_options import TargetOption, WhyOption
from jobs.cli.retention_text import SHORT, print_lacking, print_plan, print_state
from jobs.cli.words import plural, visible
from jobs.clock import now_ms
from jobs.retention import open_kept, plans_of
from rules.errors import EXIT_USAGE, MingjianError
from rules.retention.holds import in_force, replay
from sinks.archive.disposal_plan import Plan
from sinks.archive.disposal_plan import plan as planned
from sinks.archive.hold_book import deeds, note_plan, schedule
from sinks.archive.known_alerts import KnownAlerts
from sinks.archive.plan_states import (
    DONE,
    STALE,
    PlanState,
    named_plan,
    plan_states,
)
from sinks.archive.plans import Plans

_OVER = (DONE, STALE)
PlanArgument = Annotated[
    str, typer.Argument(metavar="PLAN", help="计划编号的前几位 · first digits of its id")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(
        "plan",
        help="哪些消息到期可删、哪些到期却受保全；默认只看，加 --keep 留存待批准。\n\n"
        "What is due and may go, and what is due but held. It changes nothing; with --keep it is"
        " kept for approval.\n\n例 · examples:\n\n  mingjian retention plan\n\n"
        "  mingjian retention plan --keep --why 季度清理2026Q4",
    )(plan)
    app.command(
        "plans",
        help="删除计划及其状态，最新的在前。\n\nPlans and how far they are, the newest first.\n\n"
        "例 · example:\n\n  mingjian retention plans",
    )(list_plans)
    app.command(
        "show",
        help="一个删除计划：按策略、月份、保全统计，谁制定、谁批准。\n\n"
        "One plan: counts by policy, month and hold, who made and who approved it.\n\n"
        "例 · example:\n\n  mingjian retention show 8f3e21",
    )(show)
    app.command(
        "status",
        help="现行策略、保全与删除进展。\n\nThe schedule, the holds, and how far deletions are.\n\n"
        "例 · example:\n\n  mingjian retention status",
    )(status)


def plan(
    *,
    keep: Annotated[
        bool, typer.Option("--keep", help="留存待批准，需写明事由 · keep it; needs --why")
    ] = False,
    why: WhyOption = "",
    target: TargetOption = "",
    profile: ProfileOption = "embedded",
    config: ConfigOption = "",
    overrides: SetOption = [],  # noqa: B006 - Typer's way of saying "none"
    output: OutputOption = Output.text,
) -> None:
    """Make a plan."""
    settings = settings_from(profile, config, overrides)
    archive = archive_target(settings, target)
    desk = desk_of(settings, archive)
    by = desk.by(RETENTION, why) if keep else None
    if by is None:
        desk.allow(RETENTION)
    kept = open_kept(settings, archive)
    unknown: list[int] = []
    made = planned(
        kept.source,
        at=now_ms(),
        by=desk.actor.account,
        why=by.why if by else " ".join(why.split()),
        ledger=kept.index.leaves(),
        unknown=lambda: unknown.append(1),
    )
    name = ""
    if by is not None and made.messages:
        with desk.writing():
            name = plans_of(archive).keep(made)
            note_plan(desk.book, name, len(made.messages), by)
    if output is Output.json:
        emit({"plan": name, **_counts(made), "department_unknown": len(unknown)})
        return
    if not made.policies:
        out.print(say("no schedule is in force: everything is kept", "尚无留存策略：全部保留"))
        return
    print_plan(out, made)
    if unknown:
        count = len(unknown)
        out.print(
            say(f"{plural(count, 'message')} kept by a policy of a department only because nobody"
                " knows in which one their people are: no staff list names them",
                f"{count:,} 条因无从得知相关人员所属部门（员工名单中没有），按部门策略继续保存"),
            style="yellow", soft_wrap=True,
        )  # fmt: skip
    if name:
        print_next(name)
    elif keep:
        out.print(say("nothing to keep", "没有可删除的内容，未留存"), style="dim")
    else:
        out.print(say("nothing was changed; with --keep --why it is kept for approval",
                      "未作改动；加 --keep --why 留存待批准"), style="dim")  # fmt: skip


def print_next(plan_id: str) -> None:
    """Say that a plan was kept, and what comes next."""
    short = plan_id[:SHORT]
    out.print(
        say(f"[green]✓[/] plan {short} is kept; somebody else approves it:",
            f"[green]✓[/] 计划 {short} 已留存；请由他人批准："),
    )  # fmt: skip
    command = with_options(f"`mingjian retention approve {short} --why …`").strip("`")
    out.print(f"    {command}", style="dim", soft_wrap=True, markup=False)


def list_plans(
    *,
    target: TargetOption = "",
    profile: ProfileOption = "embedded",
    config: ConfigOption = "",
    overrides: SetOption = [],  # noqa: B006 - Typer's way of saying "none"
    output: OutputOption = Output.text,
) -> None:
    """List plans."""
    settings = settings_from(profile, config, overrides)
    archive = archive_target(settings, target)
    desk = desk_of(settings, archive)
    desk.allow(SEE_RETENTION)
    found = deeds(desk.book.lines())
    states = plan_states(found, plans_of(archive))
    lacking = KnownAlerts(archive.path).lacking(in_force(replay(found)))
    for state in states:
        if output is Output.json:
            waits = sorted(lacking) if state.state not in _OVER else []
            emit({**_state(state), "waits_for_alerts": waits})
        else:
            print_state(out, state)
    if output is Output.text and any(one.state not in _OVER for one in states):
        print_lacking(out, lacking)
    if not states and output is Output.text:
        out.print(say("no plan", "没有删除计划"))


def show(
    *,
    which: PlanArgument,
    target: TargetOption = "",
    profile: ProfileOption = "embedded",
    config: ConfigOption = "",
    overrides: SetOption = [],  # noqa: B006 - Typer's way of saying "none"
    output: OutputOption = Output.text,
) -> None:
    """Show one."""
    settings = settings_from(profile, config, overrides)
    archive = archive_target(settings, target)
    desk = desk_of(settings, archive)
    desk.allow(SEE_RETENTION)
    plans = plans_of(archive)
    plan_id = named_plan(plans, which)
    made, state = plans.read(plan_id), state_of(desk, plan_id, plans)
    if output is Output.json:
        emit({**_state(state), **_counts(made), "plan": plan_id})
        return
    print_state(out, state)
    if state.approval is not None:
        words = f"{when(state.approval.at)}  {visible(state.approval.who)}"
        why = say(f"because: {visible(state.approval.why)}", f"事由：{visible(state.approval.why)}")
        out.print(say("approved", "批准") + f"  {words}  {why}", style="dim", markup=False)
    print_plan(out, made)


def status(
    *,
    target: TargetOption = "",
    profile: ProfileOption = "embedded",
    config: ConfigOption = "",
    overrides: SetOption = [],  # noqa: B006 - Typer's way of saying "none"
    output: OutputOption = Output.text,
) -> None:
    """Show how far everything is."""
    settings = settings_from(profile, config, overrides)
    archive = archive_target(settings, target)
    desk = desk_of(settings, archive)
    desk.allow(SEE_RETENTION)
    found = deeds(desk.book.lines())
    policies, holds = schedule(found), in_force(replay(found))
    states = plan_states(found, plans_of(archive))
    open_ones = [one for one in states if one.state not in _OVER]
    done = [one for one in states if one.state == DONE]
    gone = sum(one.gone for one in states)
    if output is Output.json:
        emit({"policies": len(policies), "holds": len(holds), "deleted": gone,
              "plans_done": len(done), "open": [_state(one) for one in open_ones]})  # fmt: skip
        return
    out.print(
        say(
            f"{plural(len(policies), 'policy', 'policies')} and {plural(len(holds), 'hold')} in"
            f" force; {plural(gone, 'message')} deleted by {plural(len(done), 'finished plan')}",
            f"生效中：策略 {len(policies)} 条、法律保全 {len(holds)} 个；已删除 {gone:,} 条消息，"
            f"完成计划 {len(done)} 个",
        )
    )
    for one in open_ones:
        print_state(out, one)
    print_lacking(out, KnownAlerts(archive.path).lacking(holds))


def state_of(desk: Desk, plan_id: str, plans: Plans) -> PlanState:
    """How far a plan is.

    Raises:
        MingjianError: nobody made it, by the custody book.
    """
    for state in plan_states(deeds(desk.book.lines()), plans):
        if state.plan == plan_id:
            return state
    raise MingjianError(
        f"the plan {plan_id[:SHORT]} is in no line of the custody book: nobody made it",
        f"保管记录中没有计划 {plan_id[:SHORT]}：无人制定过它",
        exit_code=EXIT_USAGE,
    )


def _state(state: PlanState) -> dict[str, object]:
    approval = state.approval
    return {
        "plan": state.plan,
        "state": state.state,
        "made_at": state.made.at,
        "made_by": state.made.who,
        "why": state.made.why,
        "approved_at": approval.at if approval else 0,
        "approved_by": approval.who if approval else "",
        "messages": state.messages,
        "gone": state.gone,
        "stayed": state.stayed,
        "before": state.before,
        "damaged": state.damaged,
    }


def _counts(made: Plan) -> dict[str, object]:
    return {
        "basis": made.basis,
        "going": len(made.messages),
        "held": sum(count.held for count in made.by_month.values()),
        "by_policy": msgspec.to_builtins(made.by_policy),
        "by_month": msgspec.to_builtins(made.by_month),
        "by_hold": made.by_hold,
        "unreadable": made.unreadable,
        "more": made.more,
    }

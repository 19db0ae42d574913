"""`mingjian retention …`: how long what is kept, what keeps it longer, and deletion."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from config.settings import Settings, Target
from desk.desk import CHECKED
from desk.roles import CHECK, RETENTION, SEE_RETENTION
from jobs.archive import archive_target, desk_of, open_ledger
from jobs.cli import (
    retention_approval,
    retention_confirm,
    retention_holds,
    retention_plans,
    retention_subjects,
)
from jobs.cli.alert_list import when
from jobs.cli.app import (
    ConfigOption,
    Output,
    OutputOption,
    ProfileOption,
    SetOption,
    emit,
    err,
    language,
    out,
    report,
    say,
    settings_from,
)
from jobs.cli.archive_options import TargetOption, WhyOption
from jobs.cli.retention_text import counting, period, print_policies, print_uncounted
from jobs.cli.words import plural, visible
from jobs.clock import now_ms
from jobs.retention import open_kept, open_to_count, plans_of
from rules.errors import EXIT_FINDINGS, EXIT_USAGE, MingjianError
from rules.nearest import nearest
from rules.retention.periods import Period
from rules.retention.policies import Policy
from rules.retention.policy_file import read_policies
from rules.retention.presets import PRESETS
from sinks.archive.covered import Change, change
from sinks.archive.disposal_check import Proved, check_disposals
from sinks.archive.hold_book import SCHEDULED, deeds, schedule, schedule_digest, set_policies
from sinks.archive.staff import known_departments

retention_app = typer.Typer(
    name="retention",
    no_args_is_help=True,
    help="留存期限、法律保全、删除与个人请求。到期、无保全、经他人批准，才会删除。\n\n"
    "Retention, legal holds, deletion, requests of persons. A message goes when its time is over,"
    " nothing holds it, and somebody else approved it.\n\n例 · examples:\n\n"
    "  mingjian retention policies retention.yaml\n\n"
    "  mingjian retention plan\n\n"
    "  mingjian retention status",
)


def register(app: typer.Typer) -> None:
    """Add the sub-application."""
    retention_holds.register(retention_app)
    retention_plans.register(retention_app)
    retention_approval.register(retention_app)
    retention_confirm.register(retention_app)
    retention_subjects.register(retention_app)
    app.add_typer(retention_app)


@retention_app.command(
    "policies",
    help="生效的留存策略；给出文件则核对它，并统计会改变什么；加 --apply 启用。\n\n"
    "The schedule in force; of a file, whether it is right and what it would change; with --apply"
    " it is put in force.\n\n例 · examples:\n\n"
    "  mingjian retention policies\n\n"
    "  mingjian retention policies retention.yaml\n\n"
    "  mingjian retention policies retention.yaml --apply --why 合规会2026-11",
)
def policies(
    *,
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="策略文件 · a schedule")
    ] = None,
    apply: Annotated[
        bool, typer.Option("--apply", help="启用，需写明事由 · put it in force; needs --why")
    ] = False,
    why: WhyOption = "",
    target: TargetOption = "",
    profile: ProfileOption = "embedded",
    config: ConfigOption = "",
    overrides: SetOption = [],  # noqa: B006 - Typer's way of saying "none"
    output: OutputOption = Output.text,
) -> None:
    """Show the schedule, check one, or put it in force."""
    settings = settings_from(profile, config, overrides)
    archive = archive_target(settings, target)
    desk = desk_of(settings, archive)
    if file is None:
        if apply:
            raise MingjianError(
                "--apply needs a file",
                "--apply 须与策略文件合用",
                fix_en="give the file of the schedule",
                fix_zh="请给出策略文件",
                exit_code=EXIT_USAGE,
            )
        desk.allow(SEE_RETENTION)
        found = deeds(desk.book.lines())
        last = next((one for one in reversed(found) if one.action == SCHEDULED), None)
        _in_force(schedule(found), last and (last.at, last.who, last.why, last.number), output)
        return
    by = desk.by(RETENTION, why) if apply else None
    if by is None:
        desk.allow(RETENTION)
    new = read_policies(file)
    old = schedule(deeds(desk.book.lines()))
    if output is Output.text:
        print_policies(out, new)
    nowhere = _nowhere(settings, new)
    for policy, department, near in nowhere if output is Output.text else ():
        meant = say(f"; is {near} meant?", f"；是否指“{near}”？") if near else ""
        err.print(
            say(f"! policy {policy}: no staff list has the department {department}{meant}",
                f"! 策略 {policy}：员工名单中没有部门“{department}”{meant}"),
            style="yellow", soft_wrap=True, markup=False,
        )  # fmt: skip
    changes = _changes(settings, archive, old, new)
    if by is not None:
        with desk.writing():
            set_policies(desk.book, new, by)
    _changed(
        changes, output, nowhere, same=schedule_digest(old) == schedule_digest(new), applied=apply
    )


@retention_app.command(
    "presets",
    help="按法律规定的期限预设：期限、起算、法律与条款。\n\n"
    "Periods of law by name: how long, from when, which law and article.\n\n"
    "例 · example:\n\n  mingjian retention presets",
)
def presets(*, output: OutputOption = Output.text) -> None:
    """List the presets."""
    for one in PRESETS.values():
        if output is Output.json:
            emit({"preset": one.name, "title_en": one.title_en, "title_zh": one.title_zh,
                  "keep": str(one.keep) if one.keep else "", "from": one.from_en or "the message",
                  "law": one.source, "duty": one.duty, "kinds": list(one.kinds)})  # fmt: skip
            continue
        keep = period(one.keep) if one.keep else say("say 'keep'", "须写 keep")
        begins = say(one.from_en or "the message", one.from_zh or "消息之日")
        duty = say("duty", "法定义务") if one.duty else say("no duty", "非义务")
        out.print(f"[bold]{one.name}[/]  {say(one.title_en, one.title_zh)}")
        words = say(f"{keep} from {begins}", f"{keep}，自{begins}起")
        out.print(f"    {words}  {one.source}  {duty}", style="dim", soft_wrap=True)


@retention_app.command(
    "check",
    help="独立证明：删除的每一条都已到期、无保全、经批准；逐一指出矛盾之处。\n\n"
    "The independent proof that whatever went was due, not held, and approved; every contradiction"
    " is named.\n\n例 · example:\n\n  mingjian retention check",
)
def check(
    *,
    target: TargetOption = "",
    profile: ProfileOption = "embedded",
    config: ConfigOption = "",
    overrides: SetOption = [],  # noqa: B006 - Typer's way of saying "none"
    output: OutputOption = Output.text,
) -> None:
    """Check deletions."""
    settings = settings_from(profile, config, overrides)
    archive = archive_target(settings, target)
    desk = desk_of(settings, archive)
    role = desk.allow(CHECK)
    ledger = open_ledger(settings, archive)
    kept = open_kept(settings, archive)
    proved: list[Proved] = []
    faults, told = 0, set()
    for fault in check_disposals(
        ledger=ledger,
        book=desk.book,
        plans=plans_of(archive),
        index=kept.disposals,
        objects=kept.objects,
        told=proved.append,
    ):
        faults += 1
        told.add(fault.en)
        if output is Output.json:
            emit(fault._asdict())
            continue
        which = say(f"entry {fault.leaf}", f"第 {fault.leaf} 条") if fault.leaf >= 0 else ""
        plan = say(f"plan {fault.plan[:16]}", f"计划 {fault.plan[:16]}") if fault.plan else ""
        words = fault.zh if language() == "zh" else fault.en
        place = say(", ", "，").join(filter(None, (which, plan))) or say("the book", "保管记录")
        out.print(f"[red]✗[/] {place}: {escape(visible(words))}", soft_wrap=True)
    seen = proved[0]
    damage = desk.note_found(CHECKED, role, disposals=seen.tombstones, faults=faults)
    if damage is not None and damage.en not in told:
        report(damage)
        faults += 1
    if output is Output.json:
        emit({"faults": faults, **seen._asdict()})
    elif faults:
        words = say(plural(faults, "contradiction"), f"{faults} 处矛盾")
        out.print(words, style="bold red")
    elif not seen.tombstones:
        out.print(say("[green]✓[/] nothing was deleted", "[green]✓[/] 没有删除过消息"))
    else:
        out.print(
            say(
                f"[green]✓[/] {plural(seen.tombstones, 'message')} deleted by"
                f" {plural(seen.plans, 'plan')}: each was due, held by nothing, and approved",
                f"[green]✓[/] {seen.plans} 个计划删除了 {seen.tombstones:,} 条消息："
                "均已到期、无保全、经批准",
            )
        )
        if seen.unsigned:
            out.print(
                say(f"{plural(seen.unsigned, 'line')} of the custody book under no signed head yet",
                    f"保管记录有 {seen.unsigned} 行尚未被签名头覆盖"),
                style="dim",
            )  # fmt: skip
    if faults:
        raise typer.Exit(EXIT_FINDINGS)


def _in_force(
    found: tuple[Policy, ...], since: tuple[int, str, str, int] | None, output: Output
) -> None:
    if output is Output.json:
        at, who, why, line = since or (0, "", "", 0)
        emit({"since": at, "by": who, "why": why, "line": line,
              "policies": [_told(one) for one in found]})  # fmt: skip
        return
    if since is None:
        out.print(say("no schedule is in force: everything is kept", "尚无留存策略：全部保留"))
        return
    at, who, why, line = since
    print_policies(out, found)
    out.print(
        say(f"in force since {when(at)} by {visible(who)} (line {line} of the custody book),"
            f" because: {visible(why)}",
            f"自 {when(at)} 起生效，由 {visible(who)} 启用（保管记录第 {line} 行），"
            f"事由：{visible(why)}"),
        style="dim", soft_wrap=True, markup=False,
    )  # fmt: skip


def _changes(
    settings: Settings, archive: Target, old: tuple[Policy, ...], new: tuple[Policy, ...]
) -> Change | MingjianError:
    """What the file would change; where nothing can be counted, why not."""
    kept = open_to_count(settings, archive)
    if isinstance(kept, MingjianError):
        return kept
    with counting(say("messages", "消息"), kept.index.leaves()) as progress:
        return change(kept.source, old, new, now_ms(), progress)


def _nowhere(settings: Settings, new: tuple[Policy, ...]) -> list[tuple[str, str, str]]:
    """Departments of a schedule that no staff list has: (policy, department, the nearest one that
    is known, "" when none is like it). Without staff lists nobody can say."""
    named = [(one.name, name) for one in new for name in one.scope.departments]
    known = known_departments(settings.rules.path) if named else set()
    if not known:
        return []
    return [
        (visible(policy), visible(name), nearest(name, sorted(known)))
        for policy, name in named
        if name not in known
    ]


def _changed(
    changes: Change | MingjianError,
    output: Output,
    nowhere: list[tuple[str, str, str]],
    *,
    same: bool,
    applied: bool,
) -> None:
    if output is Output.json:
        counts = {} if isinstance(changes, MingjianError) else changes._asdict()
        emit({"applied": applied, "same": same, **counts,
              "no_such_department": [list(one) for one in nowhere]})  # fmt: skip
        return
    if isinstance(changes, MingjianError):
        print_uncounted(out, changes)
    else:
        out.print(
            say(f"kept shorter {changes.shorter:,}, longer {changes.longer:,}, as before"
                f" {changes.same:,}; due {changes.due_now:,} by the schedule in force,"
                f" {changes.due_then:,} by this one",
                f"缩短 {changes.shorter:,} 条，延长 {changes.longer:,} 条，不变"
                f" {changes.same:,} 条；按现行策略到期 {changes.due_now:,} 条，"
                f"按此策略 {changes.due_then:,} 条"),
            soft_wrap=True,
        )  # fmt: skip
    if applied:
        out.print(say("[green]✓[/] in force from now on; plans made before are void",
                      "[green]✓[/] 已生效；此前的删除计划作废"))  # fmt: skip
    elif same:
        out.print(say("it is the schedule in force", "与现行策略相同"), style="dim")
    else:
        out.print(say("nothing was changed; with --apply --why it is put in force",
                      "未作改动；加 --apply --why 启用"), style="dim")  # fmt: skip


def _told(one: Policy) -> dict[str, object]:
    lists = {name: list(getattr(one.scope, name)) for name in one.scope.__struct_fields__}
    return {
        "name": one.name,
        "keep": str(one.keep),
        "business": str(one.business) if one.business != Period() else "",
        "law": one.law,
        "duty": one.duty,
        "preset": one.preset,
        **lists,
    }

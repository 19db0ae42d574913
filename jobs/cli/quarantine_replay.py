"""`mingjian quarantine replay`: back to be judged, or to the target that refused."""

from __future__ import annotations

import typer

from jobs.cli.app import (
    ConfigOption,
    Output,
    OutputOption,
    ProfileOption,
    SetOption,
    emit,
    language,
    out,
    report,
    say,
    settings_from,
)
from jobs.cli.quarantine_choice import (
    AllOption,
    ByOption,
    DryOption,
    ReasonOption,
    SomeId,
    TargetOption,
    YesOption,
    chosen,
    chosen_refusals,
    confirm,
    one_or_all,
)
from jobs.cli.quarantine_view import say_before, say_next
from jobs.cli.words import plural
from jobs.quarantine.desk import Desk
from jobs.quarantine.verdict import Fit, Unfit, judge_replay, lateness
from rules.errors import EXIT_FINDINGS
from rules.operations import REPLAYED
from sinks.base import Rejected


def register(quarantine_app: typer.Typer) -> None:
    """Add the command."""
    quarantine_app.command(
        "replay",
        help="把原始字节放回来源，由作业重新判定；告警编号与当初判定时相同，重复放回不会重复告警。\n\n"
        "Put the original bytes back to the source, to be judged. Alerts have the ids they would"
        " have had; done twice nothing appears twice.\n\n例 · examples:\n\n"
        "  mingjian quarantine replay 77ab01\n\n"
        "  mingjian quarantine replay --all --reason too_large\n\n"
        "  mingjian quarantine replay --all --target elasticsearch",
    )(replay)


def replay(
    quarantine_id: SomeId = "",
    *,
    every: AllOption = False,
    reason: ReasonOption = "",
    target: TargetOption = "",
    dry_run: DryOption = False,
    yes: YesOption = False,
    by: ByOption = "",
    profile: ProfileOption = "embedded",
    config: ConfigOption = "",
    overrides: SetOption = [],  # noqa: B006 - Typer copies it
    output: OutputOption = Output.text,
) -> None:
    """Replay. Its help is given above."""
    one_or_all(quarantine_id, every=every, reason=reason)
    desk = Desk(settings_from(profile, config, overrides), by)
    if target:
        items = chosen_refusals(desk, target, quarantine_id, every=every)
        if items:
            desk.sent_again_to(target)  # said before anybody is asked, and in a dry run
        confirm(len(items), every=every, yes=yes or dry_run)
        _send_again(desk, target, [] if dry_run else items, output, of=len(items))
        return
    rows = chosen(desk, quarantine_id, reason)
    original, failures = desk.originals.of, desk.trial.failures
    verdicts = [judge_replay(desk.settings, row, original, failures) for row in rows]
    fits = [one for one in verdicts if isinstance(one, Fit)]
    unfits = [one for one in verdicts if isinstance(one, Unfit)]
    if unfits and not every:
        raise unfits[0].why
    late = [lateness(desk.settings, fit) for fit in fits]
    if output is Output.text:
        say_before(late)
    confirm(len(fits), every=every, yes=yes or dry_run)
    if not dry_run:
        desk.put_back(REPLAYED, fits)
    if output is Output.json:
        emit(
            {
                "replayed": [] if dry_run else [fit.row["quarantine_id"] for fit in fits],
                "would_replay": [fit.row["quarantine_id"] for fit in fits] if dry_run else [],
                "not_replayed": [
                    {"quarantine_id": one.row["quarantine_id"], "why": one.why.text(language())[0]}
                    for one in unfits
                ],
                "late": sum(1 for one in late if one),
            }
        )
    else:
        _say_replayed(desk, fits, unfits, dry_run=dry_run)
    if unfits:
        raise typer.Exit(EXIT_FINDINGS)


def _say_replayed(desk: Desk, fits: list[Fit], unfits: list[Unfit], *, dry_run: bool) -> None:
    number = len(fits)
    if dry_run:
        en, zh = f"{plural(number, 'record')} would be put back", f"可放回 {number:,} 条"
    else:
        en, zh = (
            f"{plural(number, 'record')} put back to be judged",
            f"已放回 {number:,} 条，等待判定",
        )
    out.print(say(en, zh))
    for one in unfits:
        report(one.why)
    large = any(fit.row["reason"] == "too_large" for fit in fits)
    if large and dry_run:
        limit = desk.settings.limits.record_bytes
        out.print(
            say(
                "this was judged with limits.record_bytes ="
                f" {limit}: a running job has its own limit until it is started with that one",
                f"此处按 limits.record_bytes = {limit} 判断：正在运行的作业仍用它自己的限制，"
                "以此值重新启动后才生效",
            ),
            style="yellow",
            soft_wrap=True,
        )
    if number and not dry_run:
        seen = sum(1 for fit in fits if not fit.row.get("held", True))
        if seen:
            out.print(
                say(
                    f"{plural(seen, 'record')} of them had been read before: a job that has run"
                    " since then ignores what it has seen; restart it first",
                    f"其中 {seen:,} 条作业已读过：一直在运行的作业会忽略见过的消息，请先重启作业",
                ),
                style="yellow",
                soft_wrap=True,
            )
        if large:
            out.print(
                say(
                    "a job judges by the limits it was started with: restart one that has run since"
                    " before limits.record_bytes was raised, else it sets them aside again",
                    "作业按启动时的限制判定：若作业在调大 limits.record_bytes 之前就已运行，"
                    "请先重启，否则这些记录会再次被隔离",
                ),
                style="yellow",
                soft_wrap=True,
            )
        say_next(desk.settings)


def _send_again(desk: Desk, target: str, items: list[Rejected], output: Output, *, of: int) -> None:
    outcome = desk.send_again(target, items) if items else None
    stored = len(outcome.stored) if outcome else 0
    refused = outcome.refused if outcome else ()
    if output is Output.json:
        emit(
            {
                "stored": [one.id for one in outcome.stored] if outcome else [],
                "refused": [{"id": one.record.id, "reason": one.reason} for one in refused],
                "waiting": of,
            }
        )
    elif not items and of:
        out.print(say(f"{plural(of, 'record')} would be sent again", f"可重新投递 {of:,} 条"))
    else:
        en = f"target '{target}' has {plural(stored, 'record')} more that it had refused"
        out.print(say(en, f"投递目标“{target}”已接收 {stored:,} 条曾被拒收的记录"), markup=False)
        for one in refused:
            again = f"{one.record.id[:12]}: refused again: {one.reason}"
            zh = f"{one.record.id[:12]}：再次被拒收：{one.reason}"
            out.print(say(again, zh), style="red", markup=False, soft_wrap=True)
    if refused:
        raise typer.Exit(EXIT_FINDINGS)

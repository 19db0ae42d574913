"""`mingjian quarantine fix` and `drop`: a corrected record, and one that needs no more work."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from jobs.alert_desk import before_opening
from jobs.cli.app import (
    ConfigOption,
    Output,
    OutputOption,
    ProfileOption,
    SetOption,
    emit,
    err,
    out,
    say,
    settings_from,
)
from jobs.cli.quarantine_choice import (
    AllOption,
    ByOption,
    DryOption,
    IdArgument,
    SomeId,
    TargetOption,
    YesOption,
    chosen,
    chosen_refusals,
    confirm,
    one_or_all,
)
from jobs.cli.quarantine_edit import edited, read_fixed
from jobs.cli.quarantine_view import say_before, say_dropped, say_next, will_be_judged
from jobs.cli.words import plural
from jobs.quarantine.deeds import dropped_by
from jobs.quarantine.desk import Desk
from jobs.quarantine.verdict import Fit, judge_fixed, lateness, refuse_handled
from rules.errors import EXIT_USAGE, MingjianError
from rules.operations import FIXED, OPENED


def register(quarantine_app: typer.Typer) -> None:
    """Add the commands."""
    quarantine_app.command(
        "fix",
        help="放回改正后的记录：先解码，仍会被隔离的不接受；编号须与原来相同，除非用 --new-id。\n\n"
        "Put a corrected record back. It is decoded first, and refused when it would be set aside"
        " again; it keeps its id unless --new-id is given.\n\n例 · examples:\n\n"
        "  mingjian quarantine fix 77ab01 --edit\n\n"
        "  mingjian quarantine fix 77ab01 --file fixed.json",
    )(fix)
    quarantine_app.command(
        "drop",
        help="写明原因后不再处理；记录本身保留。\n\n"
        "Say why a record needs no more work; the record itself stays.\n\n例 · example:\n\n"
        '  mingjian quarantine drop 77ab01 --reason "test traffic of the vendor"',
    )(drop)


def fix(
    quarantine_id: IdArgument,
    *,
    file: Annotated[
        str,
        typer.Option(
            "--file",
            "-f",
            help="改正后的记录，- 为标准输入 · the corrected record, - for standard input",
        ),
    ] = "",
    edit: Annotated[
        bool,
        typer.Option(
            "--edit",
            help="在 $EDITOR 中修改原文；打开会被记录"
            " · edit the original in $EDITOR; that it was opened is recorded",
        ),
    ] = False,
    new_id: Annotated[
        bool,
        typer.Option(
            "--new-id", help="改正后的记录有另一个编号 · the corrected record has another id"
        ),
    ] = False,
    again: Annotated[
        bool,
        typer.Option(
            "--again",
            help="记录已处理过也再次放回 · put it back although it was handled already",
        ),
    ] = False,
    reason: Annotated[
        str, typer.Option("--reason", help="改了什么、为何 · what was changed, and why")
    ] = "",
    dry_run: DryOption = False,
    by: ByOption = "",
    profile: ProfileOption = "embedded",
    config: ConfigOption = "",
    overrides: SetOption = [],  # noqa: B006
    output: OutputOption = Output.text,
) -> None:
    """Fix one record. Its help is given above."""
    if bool(file) == edit:
        raise MingjianError(
            "say either --file or --edit",
            "请给出 --file 或 --edit 之一",
            exit_code=EXIT_USAGE,
        )
    desk = Desk(settings_from(profile, config, overrides), by)
    row = desk.shelf.one(quarantine_id)
    if not again:
        refuse_handled(row)  # before anybody opens an editor for nothing

    def judged(new: bytes, original: bytes | None) -> Fit:
        return judge_fixed(desk.settings, row, new, original, new_id=new_id, earlier=desk.earlier)

    if edit:
        before_opening(desk.settings, row["quarantine_id"], reason, "--reason")
        content = desk.originals.kept(row)
        desk.note(OPENED, row)
        # a record of which only the beginning was kept has no whole original to compare with
        fit = edited(content, lambda new: judged(new, content))
    else:
        fit = judged(read_fixed(file), _original(desk, row))
    late = lateness(desk.settings, fit)
    if output is Output.text:
        out.print(will_be_judged(row, fit.message))
        say_before([late])
    if not dry_run:
        desk.put_back(FIXED, [fit], reason)
    if output is Output.json:
        emit(
            {
                "fixed": "" if dry_run else row["quarantine_id"],
                "msgid": fit.message.msgid,
                "time": fit.message.time,
                "type": fit.message.type,
                "late_ms": late,
            }
        )
    elif dry_run:
        out.print(say("it would be judged; nothing was changed", "可以判定；未做任何改动"))
    else:
        out.print(say("put back to be judged", "已放回，等待判定"), style="green")
        say_next(desk.settings)


def drop(
    quarantine_id: SomeId = "",
    *,
    every: AllOption = False,
    reason: Annotated[
        str,
        typer.Option(
            "--reason", help="为何不再处理（必填） · why it needs no more work (required)"
        ),
    ] = "",
    only: Annotated[
        str,
        typer.Option(
            "--only",
            help="与 --all 合用：仅限这种隔离原因 · with --all: only those set aside for this",
        ),
    ] = "",
    target: TargetOption = "",
    yes: YesOption = False,
    by: ByOption = "",
    profile: ProfileOption = "embedded",
    config: ConfigOption = "",
    overrides: SetOption = [],  # noqa: B006
    output: OutputOption = Output.text,
) -> None:
    """Drop. Its help is given above."""
    one_or_all(quarantine_id, every=every, reason=only)
    if not reason.strip():
        raise MingjianError(
            "a record is dropped only with a reason",
            "丢弃记录必须写明原因",
            fix_en="say why: --reason TEXT",
            fix_zh="请写明原因：--reason 文字",
            exit_code=EXIT_USAGE,
        )
    desk = Desk(settings_from(profile, config, overrides), by)
    if target:
        items = chosen_refusals(desk, target, quarantine_id, every=every)
        before = desk.dropped_before(items, target)
        items = [item for item in items if item.record.id not in before]
        confirm(len(items), every=every, yes=yes)
        desk.drop_refused(target, items, reason)
        ids = [item.record.id for item in items]
    else:
        rows = chosen(desk, quarantine_id, only)
        deeds = {row["quarantine_id"]: dropped_by(row["handled"]) for row in rows}
        before = {one: deed for one, deed in deeds.items() if deed is not None}
        rows = [row for row in rows if row["quarantine_id"] not in before]
        confirm(len(rows), every=every, yes=yes)
        desk.drop(rows, reason)
        ids = [row["quarantine_id"] for row in rows]
    if output is Output.json:
        emit({"dropped": ids, "dropped_before": list(before)})
        return
    for one, deed in before.items():
        say_dropped(one, deed)
    if before and not ids:
        return
    number = len(ids)
    out.print(
        say(f"{plural(number, 'record')} dropped; they stay in the index and in the source",
            f"已丢弃 {number:,} 条；记录仍保留在索引和来源中"),
    )  # fmt: skip


def _original(desk: Desk, row: dict[str, Any]) -> bytes | None:
    """What it was, to compare the ids; None when that cannot be read any more."""
    try:
        return desk.originals.of(row)
    except MingjianError as error:
        err.print(
            say(
                f"the id cannot be compared with the original's: {error.en}",
                f"无法与原编号核对：{error.zh}",
            ),
            style="yellow",
            markup=False,
            soft_wrap=True,
        )
        return None

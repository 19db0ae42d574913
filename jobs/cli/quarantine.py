"""`mingjian quarantine …`: records that could not be judged, or that a target refused."""

from __future__ import annotations

import base64
from typing import Annotated

import typer

from jobs.alert_desk import before_opening
from jobs.cli import quarantine_replay, quarantine_settle
from jobs.cli.alert_list import print_quarantine
from jobs.cli.app import (
    ConfigOption,
    CursorOption,
    LimitOption,
    Output,
    OutputOption,
    ProfileOption,
    SetOption,
    emit,
    out,
    say,
    settings_from,
)
from jobs.cli.archive_options import WhyOption
from jobs.cli.quarantine_choice import (
    ByOption,
    IdArgument,
    ReasonOption,
    TargetOption,
    check_reason,
)
from jobs.cli.quarantine_view import facts, print_refusals, refusal_facts, show_bytes
from jobs.quarantine.desk import Desk
from jobs.quarantine.shelf import ALL, HANDLED, OPEN
from rules.errors import EXIT_USAGE, MingjianError
from rules.operations import OPENED

quarantine_app = typer.Typer(
    name="quarantine",
    no_args_is_help=True,
    help="无法判定而隔离的记录，以及投递目标拒收的记录：查看、修复、重放、丢弃。\n\n"
    "Records that could not be judged, and those a target refused: look, fix, replay, drop.\n\n"
    "例 · examples:\n\n  mingjian quarantine list\n\n  mingjian quarantine show 77ab01\n\n"
    "  mingjian quarantine fix 77ab01 --edit\n\n  mingjian quarantine replay --all",
)


def register(app: typer.Typer) -> None:
    """Add the sub-application."""
    quarantine_replay.register(quarantine_app)
    quarantine_settle.register(quarantine_app)
    app.add_typer(quarantine_app)


@quarantine_app.command(
    "list",
    help="待处理的隔离记录，最近的在前。\n\n"
    "Quarantined records that wait for somebody, the last stored first.\n\n例 · example:\n\n"
    "  mingjian quarantine list --reason not_json --all",
)
def list_quarantine(
    *,
    reason: ReasonOption = "",
    source: Annotated[
        str, typer.Option("--source", help="来源中的一段 · a part of where they came from")
    ] = "",
    open_: Annotated[
        bool, typer.Option("--open", help="待处理的（默认） · those that wait (default)")
    ] = False,
    handled: Annotated[
        bool, typer.Option("--handled", help="已处理的 · those somebody has dealt with")
    ] = False,
    every: Annotated[bool, typer.Option("--all", help="全部 · all of them")] = False,
    target: TargetOption = "",
    limit: LimitOption = 50,
    cursor: CursorOption = "",
    profile: ProfileOption = "embedded",
    config: ConfigOption = "",
    overrides: SetOption = [],  # noqa: B006
    output: OutputOption = Output.text,
) -> None:
    """List quarantined records."""
    if open_ + handled + every > 1:
        raise MingjianError(
            "--open, --handled and --all exclude each other",
            "--open、--handled 和 --all 只能给出一个",
            exit_code=EXIT_USAGE,
        )
    state = HANDLED if handled else ALL if every else OPEN
    desk = Desk(settings_from(profile, config, overrides))
    if target:
        _list_refused(desk, target, state, limit, output)
        return
    check_reason(reason)
    rows, following = desk.shelf.page(
        state, limit=limit, cursor=cursor, reason=reason, source=source
    )
    if output is Output.json:
        emit({"quarantine": rows, "cursor": following})
        return
    if rows:
        print_quarantine(out, rows)
    else:
        out.print(_nothing(state, filtered=bool(reason or source or cursor)))
    if following:
        out.print(
            say(f"more: --cursor {following}", f"还有更多：--cursor {following}"), style="dim"
        )


def _list_refused(desk: Desk, target: str, state: str, limit: int, output: Output) -> None:
    items = desk.refused(target, state)
    if output is Output.json:
        rows = [
            {"kind": one.record.topic, "id": one.record.id, "reason": one.reason}
            for one in items[:limit]
        ]
        emit({"refused": rows, "target": target, "total": len(items)})
        return
    print_refusals(out, items[:limit])
    if not items:
        en = f"target '{target}' has refused no record that waits"
        out.print(say(en, f"投递目标“{target}”没有待处理的拒收记录"), markup=False)
    elif len(items) > limit:
        rest = len(items) - limit
        out.print(say(f"{rest:,} more: --limit", f"还有 {rest:,} 条：--limit"), style="dim")


def _nothing(state: str, *, filtered: bool) -> str:
    if filtered:
        return say("no record fits these options", "没有符合条件的记录")
    if state == OPEN:
        return say(
            "nothing waits in quarantine; with --all also what was handled",
            "没有待处理的隔离记录；--all 可同时列出已处理的",
        )
    return say("nothing is quarantined", "没有被隔离的记录")


@quarantine_app.command(
    "show",
    help="一条隔离记录：原因、位置、摘要值，以及谁对它做过什么。\n\n"
    "One quarantined record: reason, position, digests, and what was done with it.\n\n"
    "例 · example:\n\n  mingjian quarantine show 77ab01 --raw > record.json",
)
def show_quarantine(
    quarantine_id: IdArgument,
    *,
    raw: Annotated[
        bool,
        typer.Option(
            "--raw",
            help="用证据密钥打开封存的原始字节；谁看过会被记录"
            " · open the sealed bytes with the evidence key; who looked is recorded",
        ),
    ] = False,
    why: WhyOption = "",
    target: TargetOption = "",
    by: ByOption = "",
    profile: ProfileOption = "embedded",
    config: ConfigOption = "",
    overrides: SetOption = [],  # noqa: B006
    output: OutputOption = Output.text,
) -> None:
    """Show one quarantined record."""
    settings = settings_from(profile, config, overrides)
    desk = Desk(settings, by)
    if target:
        item = desk.refused_one(target, quarantine_id)
        if raw:
            before_opening(settings, item.record.id, why)
            show_bytes(item.record.body)
        elif output is Output.json:
            record = item.record
            emit({"kind": record.topic, "id": record.id, "reason": item.reason})
        else:
            out.print(refusal_facts(item))
        return
    row = desk.shelf.one(quarantine_id)
    if raw:
        before_opening(settings, row["quarantine_id"], why)
    content = desk.originals.kept(row) if raw else b""
    if raw:
        desk.note(OPENED, row)  # before anybody sees it
    if output is Output.json:
        more = {"raw_base64": base64.b64encode(content).decode()} if raw else {}
        emit({**row, **more})
    elif raw:
        show_bytes(content)
    else:
        out.print(facts(row))

"""`mingjian incidents …`: what may make the record of conversations incomplete, or late."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.text import Text

from jobs.account import account
from jobs.cli.alert_list import SHORT_ID, milliseconds, when
from jobs.cli.app import (
    ConfigOption,
    CursorOption,
    LimitOption,
    Output,
    OutputOption,
    ProfileOption,
    SetOption,
    SinceOption,
    UntilOption,
    emit,
    out,
    say,
    settings_from,
)
from jobs.cli.quarantine_choice import ByOption, IdArgument
from jobs.cli.words import severity, visible
from jobs.incidents import close
from rules.errors import EXIT_USAGE, MingjianError
from rules.operations import INCIDENTS, OPEN
from sinks.readers import open_reader

incidents_app = typer.Typer(
    name="incidents",
    no_args_is_help=True,
    help="可能使会话记录不完整或迟到的事件：缺号、采集落后、消息过期等。\n\n"
    "What may make the record of conversations incomplete or late: gaps, a collector that is"
    " behind, messages that expired.\n\n例 · example:\n\n  mingjian incidents list --open",
)
_STYLES = {"critical": "bold red", "warning": "yellow"}


def register(app: typer.Typer) -> None:
    """Add the sub-application."""
    app.add_typer(incidents_app)


@incidents_app.command(
    "list",
    help="最新的在前。\n\nIncidents, newest first.\n\n例 · example:\n\n"
    "  mingjian incidents list --open",
)
def list_incidents(
    *,
    open_: Annotated[
        bool, typer.Option("--open", help="只列未结束的 · only those that are not over")
    ] = False,
    since: SinceOption = "",
    until: UntilOption = "",
    limit: LimitOption = 50,
    cursor: CursorOption = "",
    profile: ProfileOption = "embedded",
    config: ConfigOption = "",
    overrides: SetOption = [],  # noqa: B006 - Typer copies it
    output: OutputOption = Output.text,
) -> None:
    """List incidents. Its help is given above."""
    reader = open_reader(settings_from(profile, config, overrides))
    rows, following = reader.incidents(
        status=OPEN if open_ else "",
        since=milliseconds(since),
        until=milliseconds(until, end=True),
        limit=limit,
        cursor=cursor,
    )
    if output is Output.json:
        emit({"incidents": rows, "cursor": following})
        return
    print_incidents(out, rows)
    if not rows:
        out.print(
            say("no incident is open", "没有未结束的事件")
            if open_
            else say("no incidents", "没有事件")
        )
    if following:
        out.print(
            say(f"more: --cursor {following}", f"还有更多：--cursor {following}"), style="dim"
        )


@incidents_app.command(
    "close",
    help="写明原因，结束一个不会自行结束的事件；是谁、为何，写入事件的说明。"
    "\n\nEnd an incident that does not end by itself, with a reason; who and why stand in its"
    " detail.\n\n例 · example:\n\n"
    '  mingjian incidents close 5d1e --reason "the archive has confirmed the gap"',
)
def close_incident(
    incident_id: IdArgument,
    *,
    reason: Annotated[
        str, typer.Option("--reason", help="为何结束（必填） · why it is over (required)")
    ] = "",
    by: ByOption = "",
    profile: ProfileOption = "embedded",
    config: ConfigOption = "",
    overrides: SetOption = [],  # noqa: B006 - Typer copies it
    output: OutputOption = Output.text,
) -> None:
    """Close one. Its help is given above."""
    if not reason.strip():
        raise MingjianError(
            "an incident is closed only with a reason",
            "结束事件必须写明原因",
            fix_en="say why: --reason TEXT",
            fix_zh="请写明原因：--reason 文字",
            exit_code=EXIT_USAGE,
        )
    settings = settings_from(profile, config, overrides)
    found = close(settings, incident_id, by or account(), reason.strip())
    if output is Output.json:
        emit({"closed": found.incident_id, "incident": msgspec.to_builtins(found)})
        return
    out.print(
        say(
            f"closed: {found.incident_id[:SHORT_ID]} {found.kind}, {visible(found.source)}",
            f"已结束：{found.incident_id[:SHORT_ID]} {found.kind}，{visible(found.source)}",
        ),
        markup=False,
        soft_wrap=True,
    )
    out.print(
        say(
            "the list shows it as over once `mingjian deliver` has delivered that",
            "`mingjian deliver` 投递之后，列表中即显示为已结束",
        ),
        style="dim",
        markup=False,
        soft_wrap=True,
    )


def print_incidents(console: Console, rows: Sequence[dict[str, Any]]) -> None:
    """One incident in two lines: which and when, then what it means here."""
    for row in rows:
        ended = row["status"] != OPEN
        line = Text(row["incident_id"][:SHORT_ID], "dim")
        line.append(f"  {when(row['time'])}  ")
        style = "dim" if ended else _STYLES.get(row["severity"], "yellow")
        line.append(say("over", "已结束") if ended else severity(row["severity"]), style)
        line.append(f"  {visible(row['kind'])}", "blue")
        line.append(f"  {visible(row['source'])}")
        if row.get("count", 1) > 1:
            line.append(f"  × {row['count']:,}")
        console.print(line, soft_wrap=True)
        known = INCIDENTS.get(row["kind"])
        meaning = say(known.en, known.zh) if known else ""
        detail = visible(row.get("detail", ""))
        told = "  ".join(part for part in (meaning, f"({detail})" if detail else "") if part)
        if told:
            console.print(Text(f"    {told}", "dim" if ended else ""), soft_wrap=True)

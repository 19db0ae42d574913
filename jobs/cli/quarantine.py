"""`mingjian quarantine …`: the records that could not be judged."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from jobs.cli.alert_list import position, print_quarantine, reason
from jobs.cli.app import (
    ConfigOption,
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
from jobs.cli.words import plural, visible
from rules.errors import EXIT_USAGE, MingjianError
from sinks.readers import open_reader

quarantine_app = typer.Typer(
    name="quarantine",
    no_args_is_help=True,
    help="查看无法判定而隔离的记录。\n\nRecords that could not be judged and were set aside.\n\n"
    "例 · examples:\n\n  mingjian quarantine list\n\n  mingjian quarantine show 77ab01",
)
_SEARCHED = 10_000


def register(app: typer.Typer) -> None:
    """Add the sub-application."""
    app.add_typer(quarantine_app)


@quarantine_app.command("list", help="最近隔离的在前。\n\nQuarantined records, newest first.")
def list_quarantine(
    limit: LimitOption = 50,
    profile: ProfileOption = "embedded",
    config: ConfigOption = "",
    overrides: SetOption = [],  # noqa: B006
    output: OutputOption = Output.text,
) -> None:
    """List quarantined records."""
    rows = open_reader(settings_from(profile, config, overrides)).quarantine(limit=limit)
    if output is Output.json:
        emit({"quarantine": rows})
    elif rows:
        print_quarantine(out, rows)
    else:
        out.print(say("nothing is quarantined", "没有被隔离的记录"))


@quarantine_app.command(
    "show",
    help="一条隔离记录：原因、位置、摘要值。\n\nOne quarantined record: reason, position, digests.",
)
def show_quarantine(
    quarantine_id: Annotated[str, typer.Argument(metavar="ID", help="编号或其开头 · id or prefix")],
    profile: ProfileOption = "embedded",
    config: ConfigOption = "",
    overrides: SetOption = [],  # noqa: B006
    output: OutputOption = Output.text,
) -> None:
    """Show one quarantined record."""
    reader = open_reader(settings_from(profile, config, overrides))
    rows = [
        row
        for row in reader.quarantine(limit=_SEARCHED)
        if row["quarantine_id"].startswith(quarantine_id)
    ]
    if len(rows) != 1:
        raise MingjianError(
            f"{plural(len(rows), 'quarantined record')} begin with '{quarantine_id}'",
            f"以“{quarantine_id}”开头的隔离记录有 {len(rows)} 条",
            fix_en="see `mingjian quarantine list`",
            fix_zh="可用 `mingjian quarantine list` 查看",
            exit_code=EXIT_USAGE,
        )
    row = rows[0]
    if output is Output.json:
        emit(row)
        return
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    judged = say("not judged", "未判定") if row.get("held", True) else say("judged", "已判定")
    facts: list[tuple[str, Any]] = [
        (say("id", "编号"), row["quarantine_id"]),
        (
            say("reason", "原因"),
            say(
                f"{reason(row['reason'])} ({row['reason']}, {judged})",
                f"{reason(row['reason'])}（{row['reason']}，{judged}）",
            ),
        ),
        (say("detail", "说明"), row.get("detail", "-")),
        (say("position", "位置"), position(row)),
        (say("size", "大小"), say(plural(row["raw_size"], "byte"), f"{row['raw_size']:,} 字节")),
        ("SM3", row["raw_sm3"]),
        ("SHA-256", row["raw_sha256"]),
    ]
    for title, value in facts:
        table.add_row(title, Text(visible(str(value))))
    out.print(table)

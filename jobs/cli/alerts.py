"""`mingjian alerts …` and `mingjian quarantine …`: what was found, and what could not be judged."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.table import Table

from jobs.cli.alert_view import (
    ZONE,
    alert_line,
    alert_page,
    alert_table,
    level,
    position,
    quarantine_table,
    reason,
)
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
)
from rules.errors import EXIT_USAGE, MingjianError
from sinks.readers import open_reader

alerts_app = typer.Typer(
    name="alerts",
    no_args_is_help=True,
    help="查看告警：列表、详情、实时跟踪、统计。\n\nAlerts: list, show, follow live, count.\n\n"
    "例 · examples:\n\n  mingjian alerts list --text 保本 --response 2\n\n"
    "  mingjian alerts show 3f2a9c41\n\n  mingjian alerts tail",
)
quarantine_app = typer.Typer(
    name="quarantine",
    no_args_is_help=True,
    help="查看无法判定而隔离的记录。\n\nRecords that could not be judged and were set aside.\n\n"
    "例 · examples:\n\n  mingjian quarantine list\n\n  mingjian quarantine show 77ab01",
)
LimitOption = Annotated[
    int, typer.Option("--limit", "-n", min=1, help="最多几条 · at most so many")
]
_QUARANTINE_SEARCHED = 10_000


def register(app: typer.Typer) -> None:
    """Add both sub-applications."""
    app.add_typer(alerts_app)
    app.add_typer(quarantine_app)


@alerts_app.command(
    "list",
    help="最新的告警在前。\n\nAlerts, newest first.\n\n例 · example:\n\n"
    "  mingjian alerts list --actor zhangsan --since 2026-11-20 --output json",
)
def list_alerts(
    *,
    rule: Annotated[str, typer.Option("--rule", help="规则名 · rule name")] = "",
    response: Annotated[
        int, typer.Option("--response", min=0, max=3, help="最低响应级别 · at least this level")
    ] = 0,
    actor: Annotated[str, typer.Option("--actor", help="当事人账号 · account of the actor")] = "",
    since: Annotated[
        str, typer.Option("--since", help="从何时起（北京时间） · from, e.g. 2026-11-20T09:00")
    ] = "",
    until: Annotated[str, typer.Option("--until", help="到何时止 · to, inclusive")] = "",
    text: Annotated[
        str, typer.Option("--text", "-t", help="摘要或证据中的文字 · words in summary or evidence")
    ] = "",
    limit: LimitOption = 50,
    cursor: Annotated[str, typer.Option("--cursor", help="上一页给出的游标 · next page")] = "",
    profile: ProfileOption = "embedded",
    config: ConfigOption = "",
    overrides: SetOption = [],  # noqa: B006 - Typer copies it
    output: OutputOption = Output.text,
) -> None:
    """List alerts. Its help is given above."""
    reader = open_reader(settings_from(profile, config, overrides))
    rows, following = reader.alerts(
        rule=rule,
        response=response,
        actor=actor,
        since=_milliseconds(since),
        until=_milliseconds(until, end=True),
        text=text,
        limit=limit,
        cursor=cursor,
    )
    if output is Output.json:
        emit({"alerts": rows, "cursor": following})
        return
    if not rows:
        out.print(say("no alerts", "没有告警"))
        return
    out.print(alert_table(rows))
    if following:
        out.print(
            say(f"more: --cursor {following}", f"还有更多：--cursor {following}"), style="dim"
        )


@alerts_app.command(
    "show",
    help="一条告警的全部：谁、做了什么、依据和证据。编号可只写开头几位。\n\n"
    "One alert in full: who, what, why. The first digits of the id are enough.",
)
def show_alert(
    alert_id: Annotated[str, typer.Argument(metavar="ID", help="告警编号 · alert id")],
    profile: ProfileOption = "embedded",
    config: ConfigOption = "",
    overrides: SetOption = [],  # noqa: B006
    output: OutputOption = Output.text,
) -> None:
    """Show one alert."""
    reader = open_reader(settings_from(profile, config, overrides))
    row = reader.alert(alert_id)
    if row is None:
        raise MingjianError(
            f"no alert '{alert_id}'",
            f"没有编号为“{alert_id}”的告警",
            fix_en="see `mingjian alerts list`",
            fix_zh="可用 `mingjian alerts list` 查看",
            exit_code=EXIT_USAGE,
        )
    evidence = reader.evidence(row["alert_id"])
    if output is Output.json:
        emit({"alert": row, "evidence": evidence})
        return
    out.print(alert_page(row, evidence))


@alerts_app.command(
    "tail",
    help="先显示最近几条，然后实时跟踪；Ctrl-C 结束。\n\n"
    "Show the last ones, then follow live; end with Ctrl-C.\n\n例 · example:\n\n"
    "  mingjian alerts tail -n 20 --config var/stack/cluster.yaml",
)
def tail(
    *,
    limit: LimitOption = 10,
    for_seconds: Annotated[
        float, typer.Option("--for", min=0, help="跟踪多少秒，0 为一直 · seconds, 0 = for ever")
    ] = 0,
    profile: ProfileOption = "embedded",
    config: ConfigOption = "",
    overrides: SetOption = [],  # noqa: B006
    output: OutputOption = Output.text,
) -> None:
    """Follow alerts."""
    reader = open_reader(settings_from(profile, config, overrides))
    end = time.monotonic() + for_seconds
    _, cursor = reader.follow("now", timeout=0)  # first, so that nothing falls between
    rows = list(reversed(reader.alerts(limit=limit)[0]))
    shown = {row["alert_id"] for row in rows}
    while True:
        for row in rows:
            if output is Output.json:
                emit(row)
            else:
                out.print(alert_line(row), soft_wrap=True)
        left = end - time.monotonic() if for_seconds else 1.0
        if left <= 0:
            return
        fresh, cursor = reader.follow(cursor, timeout=min(1.0, left))
        rows = [row for row in fresh if row["alert_id"] not in shown]


@alerts_app.command("stats", help="按规则和级别统计。\n\nCounts by rule and level.")
def stats(
    profile: ProfileOption = "embedded",
    config: ConfigOption = "",
    overrides: SetOption = [],  # noqa: B006
    output: OutputOption = Output.text,
) -> None:
    """Count."""
    counts = open_reader(settings_from(profile, config, overrides)).counts()
    if output is Output.json:
        emit(counts)
        return
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column()
    table.add_column(justify="right")
    table.add_row(f"[bold]{say('alerts', '告警')}[/]", str(counts["alerts"]))
    for key, number in counts["by_response"].items():
        table.add_row(level(int(key)), str(number))
    for key, number in sorted(counts["by_rule"].items(), key=lambda item: -item[1]):
        table.add_row(f"  {key}", str(number))
    table.add_row(f"[bold]{say('evidence', '证据')}[/]", str(counts["evidence"]))
    table.add_row(f"[bold]{say('late', '迟到')}[/]", str(counts["late"]))
    table.add_row(f"[bold]{say('quarantined', '隔离')}[/]", str(sum(counts["quarantine"].values())))
    for key, number in counts["quarantine"].items():
        table.add_row(f"  {reason(key)}", str(number))
    out.print(table)


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
        out.print(quarantine_table(rows))
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
        for row in reader.quarantine(limit=_QUARANTINE_SEARCHED)
        if row["quarantine_id"].startswith(quarantine_id)
    ]
    if len(rows) != 1:
        raise MingjianError(
            f"{len(rows)} quarantined records begin with '{quarantine_id}'",
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
        (say("reason", "原因"), f"{reason(row['reason'])} ({row['reason']}, {judged})"),
        (say("detail", "说明"), row.get("detail", "-")),
        (say("position", "位置"), position(row)),
        (say("size", "大小"), say(f"{row['raw_size']} bytes", f"{row['raw_size']} 字节")),
        ("SM3", row["raw_sm3"]),
        ("SHA-256", row["raw_sha256"]),
    ]
    for title, value in facts:
        table.add_row(title, str(value))
    out.print(table)


def _milliseconds(text: str, *, end: bool = False) -> int:
    """UTC milliseconds of a local date or time; a date alone as `end` means its last moment."""
    if not text:
        return 0
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise MingjianError(
            f"'{text}' is not a time",
            f"“{text}”不是有效的时间",
            fix_en="write 2026-11-20 or 2026-11-20T09:00",
            fix_zh="请写成 2026-11-20 或 2026-11-20T09:00",
            exit_code=EXIT_USAGE,
        ) from None
    if end and len(text) == len("2026-11-20"):
        moment = moment.replace(hour=23, minute=59, second=59, microsecond=999_000)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=ZONE)
    return int(moment.timestamp() * 1000)

"""`mingjian alerts late`: what came too late to count, and what it would have done in time."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer

from jobs.alert_desk import listing
from jobs.cli.alert_list import milliseconds, print_late
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
from jobs.cli.words import plural
from rules import late as answers
from sinks.base import AlertReader
from sinks.readers import open_reader


class Would(StrEnum):
    """What a late record would have done."""

    fired = answers.FIRED
    changed = answers.CHANGED
    nothing = answers.NOTHING
    unknown = answers.UNKNOWN


def register(alerts_app: typer.Typer) -> None:
    """Add the command."""
    alerts_app.command(
        "late",
        help="迟到而未计入的记录：哪条规则、迟到多久、准时会怎样。最新的在前。\n\n"
        "Records that came too late to count: of which rule, how late, and what they would have"
        " done. Newest first.\n\n例 · example:\n\n"
        "  mingjian alerts late --would true --since 2026-11-20",
    )(list_late)


def list_late(
    *,
    rule: Annotated[str, typer.Option("--rule", help="规则名 · rule name")] = "",
    would: Annotated[
        Would | None,
        typer.Option(
            "--would",
            help="准时会怎样：true 会告警，changed 会改变告警，false 无影响，unknown 无从判断"
            " · in time it would have: true fired, changed alerts, false done nothing,"
            " unknown cannot be told",
        ),
    ] = None,
    since: SinceOption = "",
    until: UntilOption = "",
    canaries: Annotated[
        bool,
        typer.Option(
            "--canaries", help="也列出探测消息（mingjian canary） · also planted messages"
        ),
    ] = False,
    limit: LimitOption = 50,
    cursor: CursorOption = "",
    profile: ProfileOption = "embedded",
    config: ConfigOption = "",
    overrides: SetOption = [],  # noqa: B006 - Typer copies it
    output: OutputOption = Output.text,
) -> None:
    """List late records. Its help is given above."""
    settings = settings_from(profile, config, overrides)
    asked: dict[str, Any] = {
        "rule": rule, "would": would.value if would else "", "since": milliseconds(since),
        "until": milliseconds(until, end=True),
    }  # fmt: skip
    note = listing(settings, "late", **asked)
    reader = open_reader(settings)
    rows, following = reader.late(**asked, canaries=canaries, limit=limit, cursor=cursor)
    rows = note(rows)
    if output is Output.json:
        told = [{**row, "late_ms": row["watermark"] - row["time"]} for row in rows]
        emit({"late": told, "cursor": following})
        return
    if not rows:
        out.print(_nothing(reader))
        return
    print_late(out, rows)
    if following:
        out.print(
            say(f"more: --cursor {following}", f"还有更多：--cursor {following}"), style="dim"
        )
    out.print(
        say(
            "how late: by how much beyond flink.allowed_lateness_ms",
            "迟到多久：超出 flink.allowed_lateness_ms 的时间",
        ),
        style="dim",
    )


def _nothing(reader: AlertReader) -> str:
    """What to say when the list is empty: that there is none is good news, a filter is not."""
    number = reader.counts()["late"]
    if not number:
        return say(
            "no late record: nothing that rules count over time came too late",
            "没有迟到的记录：规则按时间统计的消息都没有来得太晚",
        )
    return say(
        f"{plural(number, 'late record')}, none of which fits these options",
        f"共有 {number:,} 条迟到记录，没有一条符合所给的条件",
    )

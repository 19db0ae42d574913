"""`mingjian retention confirm`: the second pair of eyes in front of what holds hold being only
stored."""

from __future__ import annotations

from typing import Annotated

import typer

from desk.roles import DISPOSE
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
from jobs.cli.retention_text import SHORT
from jobs.cli.words import plural
from sinks.archive.disposable import counted
from sinks.archive.subjects import confirm as confirmed_by

RequestArgument = Annotated[
    str,
    typer.Argument(metavar="REQUEST", help="答复的编号，至少前六位 · id of the answer, six digits"),
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "confirm",
        help="确认他人答复的删除请求：其中有法律保全的消息自此只存储。\n\n"
        "Confirm a request for erasure that somebody else answered: what holds hold of it is only"
        " stored from then on.\n\n例 · example:\n\n"
        "  mingjian retention confirm 5b21c0 --why 已复核",
    )(confirm)


def confirm(
    *,
    which: RequestArgument,
    why: WhyOption = "",
    target: TargetOption = "",
    profile: ProfileOption = "embedded",
    config: ConfigOption = "",
    overrides: SetOption = [],  # noqa: B006 - Typer's way of saying "none"
) -> None:
    """Confirm one."""
    settings = settings_from(profile, config, overrides)
    archive = archive_target(settings, target)
    desk = desk_of(settings, archive)
    by = desk.by(DISPOSE, why, request=which[:64])
    with desk.writing():
        line = confirmed_by(desk.book, which, by)
    count = counted(line.deed.details["leaves"])
    out.print(
        say(f"[green]✓[/] {plural(count, 'message')} only stored from now on",
            f"[green]✓[/] {count:,} 条消息自此只存储，不作他用"),
        soft_wrap=True,
    )  # fmt: skip


def print_to_confirm(request: str, count: int) -> None:
    """Say that a hold holds messages of a request, and what comes next."""
    out.print(
        say(f"{plural(count, 'message')} that a hold holds stay as they are until somebody else"
            " confirms that they are only stored:",
            f"有法律保全的 {count:,} 条维持原状，须由他人确认后只存储："),
        soft_wrap=True,
    )  # fmt: skip
    command = with_options(f"`mingjian retention confirm {request[:SHORT]} --why …`").strip("`")
    out.print(f"    {command}", style="dim", soft_wrap=True, markup=False)

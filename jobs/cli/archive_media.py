"""`mingjian archive media`: the files of a message, and taking one out."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.text import Text

from desk.media import UNKNOWN, Exported, Known, MediaDesk
from desk.written_files import place_for
from jobs.archive import archive_target, desk_of, open_parts
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
)
from jobs.cli.archive_options import TargetOption, WhyOption
from jobs.cli.words import plural, visible
from rules.errors import MingjianError
from sinks.archive.media import MediaStore
from sinks.archive.media_book import MediaBook
from sinks.archive.media_rows import LOST, REFUSED, REMOVED, STORED, WANTED

_STATES = {
    STORED: ("stored", "已归档", "green"),
    WANTED: ("wanted", "待取回", "yellow"),
    LOST: ("lost", "已丢失", "bold red"),
    REFUSED: ("refused", "未取回", "red"),
    REMOVED: ("removed", "已删除", "dim"),
    UNKNOWN: ("not looked for yet", "尚未查找", "yellow"),
}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "media",
        help="消息中的文件：列出已知情况；合规官可用 --out 取出其中一个，需写明事由。\n\n"
        "The files of a message: what is known of them; an officer takes one out with --out and a"
        " reason.\n\n例 · examples:\n\n"
        "  mingjian archive media 1042\n\n"
        "  mingjian archive media 1042 --out contract.pdf --why 内审2026-017",
    )(media)


def media(
    *,
    which: Annotated[
        str, typer.Argument(metavar="MESSAGE", help="编号或消息编号 · its number or id")
    ],
    target_file: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FILE",
            help="把文件原文写到这里，需写明事由 · write it here in the clear; needs --why",
        ),
    ] = None,
    number: Annotated[
        int,
        typer.Option(
            "--file",
            min=0,
            help="第几个文件，0 为仅有的一个 · which of its files, 0: the only one",
        ),
    ] = 0,
    why: WhyOption = "",
    target: TargetOption = "",
    profile: ProfileOption = "embedded",
    config: ConfigOption = "",
    overrides: SetOption = [],  # noqa: B006 - Typer's way of saying "none"
    output: OutputOption = Output.text,
) -> None:
    """List or take out. The help is given above."""
    settings = settings_from(profile, config, overrides)
    archive = archive_target(settings, target)
    desk = desk_of(settings, archive)
    parts = open_parts(settings, archive)
    try:
        with closing(MediaBook(archive.path)) as book:
            at = MediaDesk(desk, book, MediaStore(parts.objects, parts.keys))
            if target_file is None:
                _list(at.known(which, why), output)
            else:
                _told(at.export(which, number, place_for(settings, target_file), why), output)
    except (OSError, sqlite3.Error) as error:
        words = getattr(error, "strerror", None) or str(error)
        raise MingjianError(
            f"the archive {archive.path} does not answer: {words}",
            f"归档 {archive.path} 没有应答：{words}",
        ) from None


def _list(files: list[Known], output: Output) -> None:
    if output is Output.json:
        emit({"files": [msgspec.to_builtins(one) for one in files]})
        return
    if not files:
        out.print(say("the message carries no file", "该消息不含文件"))
    for one in files:
        en, zh, style = _STATES[one.state]
        line = Text(f"{one.number:>3}  ", "dim")
        line.append(f"{visible(one.type)}  ")
        line.append(visible(one.name) or "-", "bold")
        size = one.size or one.wecom_size
        line.append(say(f"  {plural(size, 'byte')}  ", f"  {size:,} 字节  "))
        line.append(say(en, zh), style)
        if one.at:
            line.append(f"  {when(one.at)}", "dim")
        if one.reason:
            line.append(f"  {visible(one.reason)}", "dim")
        out.print(line, soft_wrap=True)
        if one.state == STORED:
            out.print(Text(f"     SM3 {one.sm3}", "dim"), soft_wrap=True)


def _told(done: Exported, output: Output) -> None:
    if output is Output.json:
        emit(msgspec.to_builtins(done))
        return
    words = say(
        f"file {done.number} of message {done.leaf}, {plural(done.size, 'byte')}, is in"
        f" {done.path}",
        f"消息 {done.leaf} 的第 {done.number} 个文件（{done.size:,} 字节）已写入 {done.path}",
    )
    out.print(Text(words), soft_wrap=True)
    out.print(Text(f"SM3 {done.sm3}\nSHA-256 {done.sha256}", "dim"), soft_wrap=True)

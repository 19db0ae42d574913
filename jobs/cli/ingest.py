"""`mingjian ingest`: take records from files, standard input or HTTP to where the job reads."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from ingest import files as in_files
from ingest.intake import Taken
from ingest.resuming import shown
from ingest.stream import take_stream
from ingest.waiting import Told
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
from jobs.cli.ingest_http import http
from jobs.cli.words import how_long, plural
from jobs.collecting import collector, ends
from rules.errors import EXIT_FINDINGS, EXIT_USAGE, MingjianError

ingest_app = typer.Typer(
    name="ingest",
    help="采集：把文件、标准输入或 HTTP 送来的记录持久地写到作业读取的地方，重复的只写一次。\n\n"
    "Collect: write records from files, standard input or HTTP durably to where the job reads; what"
    " comes again is written once.",
    no_args_is_help=True,
)
NameOption = Annotated[
    str,
    typer.Option(
        "--name",
        help="采集器的名字：已采集的编号和进度按名字分别记住"
        " · name of the collector; what it has taken is remembered under it",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the sub-application."""
    app.add_typer(ingest_app)


@ingest_app.command(
    "files",
    help="读取 .jsonl、.jsonl.gz 文件或目录；中断后从停下的地方继续。\n\n"
    "Take .jsonl and .jsonl.gz files, or folders of them; goes on where it stopped.\n\n"
    "例 · examples:\n\n"
    "  mingjian ingest files export/\n\n"
    "  mingjian ingest files /var/log/wecom/messages.jsonl --follow --profile cluster",
)
def files(
    paths: Annotated[
        list[Path], typer.Argument(help="文件或目录 · files or folders", show_default=False)
    ],
    *,
    follow: Annotated[
        bool,
        typer.Option(
            "--follow",
            help="一直读新增的内容和新文件，直到中止 · stay, and take what is added, until stopped",
        ),
    ] = False,
    name: NameOption = "files",
    profile: ProfileOption = "embedded",
    config: ConfigOption = "",
    overrides: SetOption = [],  # noqa: B006 - Typer copies it
    output: OutputOption = Output.text,
) -> None:
    """Take files. The help is given above."""
    settings = settings_from(profile, config, overrides)
    stop = stopping()
    began = time.monotonic()
    reserved = Path(settings.source.path) if settings.source.kind == "files" else None
    found = in_files.find(paths, reserved)
    for path in in_files.passed_over(paths):
        _complain(
            f"{shown(path)} is passed over: it is no regular file",
            f"跳过 {shown(path)}：不是普通文件",
            "yellow",
        )
    if not found and not follow:
        raise MingjianError(
            "no .jsonl or .jsonl.gz files there",
            "那里没有 .jsonl 或 .jsonl.gz 文件",
            exit_code=EXIT_USAGE,
        )
    with (
        ends(settings, stop, tell=tell) as where,
        collector(settings, name, where) as intake,
        _drawn() as progress,
    ):
        if follow:
            outcome = in_files.follow(paths, intake, stop, reserved, progress)
        else:
            outcome = in_files.take_all(found, intake, stop, progress)
    more: dict[str, Any] = {
        "files": outcome.files,
        "damaged": [{"path": str(one.path), "offset": one.offset} for one in outcome.damaged],
    }
    conclude(name, outcome.taken, time.monotonic() - began, output, more)
    for one in outcome.damaged:
        _complain(
            f"{shown(one.path)} is damaged behind byte {one.offset:,} of its content ({one.why});"
            " what stands before was taken",
            f"{shown(one.path)} 解压到第 {one.offset:,} 字节后已损坏（{one.why}）；之前的已采集",
            "red",
        )
    if outcome.damaged:
        raise typer.Exit(EXIT_FINDINGS)


@ingest_app.command(
    "stdin",
    help="从标准输入读取，一行一条；写入方过快时让其等待。\n\n"
    "Take standard input, a record a line; who writes faster than it can be kept has to wait.\n\n"
    "例 · examples:\n\n"
    "  mingjian simulate --format stdout | mingjian ingest stdin --profile cluster",
)
def stdin(
    name: NameOption = "stdin",
    profile: ProfileOption = "embedded",
    config: ConfigOption = "",
    overrides: SetOption = [],  # noqa: B006 - Typer copies it
    output: OutputOption = Output.text,
) -> None:
    """Take standard input. The help is given above."""
    settings = settings_from(profile, config, overrides)
    if sys.stdin is None:  # so Python finds it when whoever started this has closed it
        raise MingjianError(
            "standard input is closed, so there is nothing to take",
            "标准输入已关闭，没有可采集的内容",
            fix_en="pipe records into it, or take files: mingjian ingest files PATH",
            fix_zh="请用管道把记录送入，或采集文件：mingjian ingest files 路径",
            exit_code=EXIT_USAGE,
        )
    stop = stopping()
    began = time.monotonic()
    with (
        ends(settings, stop, tell=tell) as where,
        collector(settings, name, where) as intake,
        _counted() as progress,
    ):
        taken = take_stream(sys.stdin.fileno(), intake, intake.most_bytes, stop, progress)
    conclude(name, taken, time.monotonic() - began, output, {})


ingest_app.command(
    "http",
    help="HTTP 接口：POST /v1/records，写入成功后才应答。令牌来自 MINGJIAN_INGEST_TOKEN。\n\n"
    "An HTTP endpoint: POST /v1/records, answered when the records are durable. Tokens come from"
    " MINGJIAN_INGEST_TOKEN.\n\n"
    "例 · examples:\n\n"
    "  mingjian ingest http --port 8600 --profile cluster",
)(http)


def stopping() -> threading.Event:
    """Set by Ctrl-C and SIGTERM: what is in hand is finished, then the collector ends."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def tell(told: Told) -> None:
    """Say on standard error what is waited for."""
    if told.state == "back":
        long = how_long(round(told.seconds * 1000))
        err.print(say(f"there again after {long}", f"已恢复，中断 {long}"), style="green")
        return
    long = how_long(round(told.seconds * 1000))
    since = say(f" ({long} so far)", f"（已等待 {long}）") if told.state == "waiting" else ""
    err.print(
        say(f"waiting: {told.reason}{since}", f"等待中：{told.reason}{since}"),
        style="yellow",
        soft_wrap=True,
        markup=False,
    )


def conclude(
    source: str, taken: Taken, seconds: float, output: Output, more: dict[str, Any]
) -> None:
    """The summary: for people a line or two, for programs one JSON value."""
    if output is Output.json:
        emit({"source": source, **taken._asdict(), "seconds": round(seconds, 3), **more})
        return
    out.print(
        say(
            f"{plural(taken.new, 'new record')}, {taken.duplicates:,} already there,"
            f" {taken.set_aside:,} set aside, in {seconds:.1f} s",
            f"新记录 {taken.new:,} 条，已有 {taken.duplicates:,} 条，"
            f"隔离 {taken.set_aside:,} 条，用时 {seconds:.1f} 秒",
        )
    )
    if taken.undecoded or taken.conflicts:
        out.print(
            say(
                f"of the new ones {taken.undecoded:,} cannot be read, and {taken.conflicts:,}"
                " have an id that had other content before; the job sets them aside"
                " (mingjian quarantine list)",
                f"其中 {taken.undecoded:,} 条无法识别，{taken.conflicts:,} 条的编号曾有不同内容；"
                "作业会将其隔离（mingjian quarantine list）",
            ),
            style="yellow",
            soft_wrap=True,
        )


def _complain(en: str, zh: str, style: str) -> None:
    """A sentence about a file, whose name may look like Rich's markup and is none."""
    err.print(Text(say(en, zh), style), soft_wrap=True)


@contextmanager
def _drawn() -> Iterator[Any]:
    """A bar of bytes, on a terminal."""
    if not err.is_terminal:
        yield lambda _: None
        return
    columns = (
        TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeElapsedColumn(),
    )  # fmt: skip
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task(say("reading", "读取中"), total=None)

        def draw(at: in_files.Progress) -> None:
            new = f"{at.taken.new:,}"
            bar.update(
                task,
                total=at.total or None,
                completed=at.done,
                description=say(f"{new} new", f"新记录 {new}"),
            )

        yield draw


@contextmanager
def _counted() -> Iterator[Any]:
    """The number of records so far, on a terminal."""
    if not err.is_terminal:
        yield lambda _: None
        return
    with err.status(say("waiting for lines", "等待输入")) as status:

        def draw(taken: Taken) -> None:
            status.update(say(f"{taken.new:,} new", f"新记录 {taken.new:,}"))

        yield draw

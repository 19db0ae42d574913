"""`mingjian completeness`: do the counts of each step agree with those of the next?"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Annotated, Any

import typer

from config.settings import Settings
from jobs.cli.alert_list import milliseconds
from jobs.cli.app import (
    ConfigOption,
    Output,
    OutputOption,
    ProfileOption,
    SetOption,
    emit,
    err,
    out,
    report,
    say,
    settings_from,
)
from jobs.cli.completeness_view import as_json, show
from jobs.cli.ingest import stopping
from jobs.completeness.check import Completeness, check, keep, last_hours
from jobs.completeness.collected import Span
from jobs.completeness.lines import DIFFERS, UNKNOWN
from jobs.completeness.telling import again, tell
from rules.errors import EXIT_FINDINGS, EXIT_USAGE, MingjianError


class By(StrEnum):
    """What lines are added up by."""

    source = "source"
    hour = "hour"
    actor = "actor"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "completeness",
        help="核对每一步的数量：采集器账本、消息主题、作业进度、各投递目标（逐条编号）。"
        "对不上时记一条事件，退出码为 1。\n\n"
        "Compare the counts of each step with those of the next: the collectors' books, the topic"
        " or folder of messages, what the job has confirmed, and, id by id, what every target"
        " holds. Where they differ, an incident is told and the exit code is 1.\n\n"
        "例 · examples:\n\n"
        "  mingjian completeness\n\n"
        "  mingjian completeness --from 2026-11-20 --to 2026-11-20 --by hour\n\n"
        "  mingjian completeness --every 3600 --profile cluster",
    )(run)


def run(
    *,
    begin: Annotated[
        str,
        typer.Option(
            "--from",
            help="从何时起（北京时间，事件时间）；缺省为最近一个整点小时"
            " · from (event time, Beijing); the last whole hour by default",
        ),
    ] = "",
    end: Annotated[str, typer.Option("--to", help="到何时止 · until; now by default")] = "",
    by: Annotated[
        By, typer.Option("--by", help="按什么汇总 · what lines are added up by")
    ] = By.source,
    every: Annotated[
        float,
        typer.Option(
            "--every", min=0, help="每隔多少秒核对一次，直到中止 · again every so many seconds"
        ),
    ] = 0.0,
    tells: Annotated[
        bool,
        typer.Option("--tell/--no-tell", help="对不上时是否记为事件 · whether to tell an incident"),
    ] = True,
    profile: ProfileOption = "embedded",
    config: ConfigOption = "",
    overrides: SetOption = [],  # noqa: B006 - Typer copies it
    output: OutputOption = Output.text,
) -> None:
    """Compare. The help is given above."""
    settings = settings_from(profile, config, overrides)
    stop = stopping() if every else threading.Event()
    found: Completeness | None = None
    while not stop.is_set():
        began = time.monotonic()
        span = _span(begin, end)
        with _drawn() as progress:
            found = check(settings, span, progress)
        if not begin and not end:
            keep(settings, found)
        if output is Output.json:
            emit(as_json(found, by))
        else:
            show(found, by)
        if tells:
            _tell(settings, found, stop, output, goes_on=bool(every))
        if tells and every:
            _look_again(settings, span, stop, output)
        if not every:
            break
        stop.wait(max(1.0, every - (time.monotonic() - began)))
    if found is not None and not every and found.state in (DIFFERS, UNKNOWN):
        raise typer.Exit(EXIT_FINDINGS)


def _tell(
    settings: Settings, found: Completeness, stop: threading.Event, output: Output, *, goes_on: bool
) -> None:
    """Tell incidents, and say so. Where more checks come, one of them tells what this cannot."""
    try:
        told = tell(settings, found, stop)
    except MingjianError as error:
        if not goes_on:
            raise
        report(error)
        return
    if output is Output.text:
        for one in told:
            words = f"{one.kind}, {one.status}"
            out.print(say(f"told: incident {words}", f"已记事件：{words}"), style="dim")


def _look_again(settings: Settings, but: Span, stop: threading.Event, output: Output) -> None:
    """Check the hours of incidents that are open once more, so that they end when it is over."""
    try:
        spans = again(settings, but)
    except MingjianError as error:
        report(error)
        return
    for span in spans:
        if stop.is_set():
            return
        with _drawn() as progress:
            found = check(settings, span, progress)
        _tell(settings, found, stop, output, goes_on=True)


def _span(begin: str, end: str) -> Span:
    now = time.time_ns() // 1_000_000
    if not begin and not end:
        return last_hours(1, now)
    last = milliseconds(end, end=True)
    span = Span(milliseconds(begin), (last + 1) if last else now)
    if span.begin >= span.end:
        raise MingjianError(
            "the end is before the beginning",
            "结束时间早于开始时间",
            exit_code=EXIT_USAGE,
        )
    return span


@contextmanager
def _drawn() -> Iterator[Any]:
    """How far reading is, on a terminal."""
    if not err.is_terminal:
        yield lambda *_: None
        return
    words = {"messages": ("messages", "消息"), "outputs": ("outputs", "输出")}
    with err.status(say("counting", "统计中")) as status:

        def draw(what: str, done: int, total: int) -> None:
            of = f"/{total:,}" if total else ""
            status.update(f"{say(*words[what])} {done:,}{of}")

        yield draw

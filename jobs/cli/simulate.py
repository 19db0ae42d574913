"""`mingjian simulate`: a generated day of WeCom traffic with planted violations."""

from __future__ import annotations

import json
import sys
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.columns import Columns
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from ingest.simulate.clock import local_stamp
from ingest.simulate.run import Parameters, Run
from ingest.simulate.write import Files, Stdout, Summary, Target, Topic, write
from jobs.cli.app import (
    ConfigOption,
    Output,
    OutputOption,
    SetOption,
    emit,
    err,
    say,
    settings_from,
)
from jobs.cli.words import plural
from jobs.kafka_client import connection
from jobs.topics import ensure_topics
from rules.errors import EXIT_USAGE, MingjianError

_DEFAULTS = Parameters()


class Format(StrEnum):
    """Where the records go."""

    files = "files"
    stdout = "stdout"
    kafka = "kafka"


def simulate(
    out: Annotated[
        Path, typer.Option("--out", help="写文件时的目录 · directory, when files are written")
    ] = Path("var/messages"),
    messages: Annotated[
        int, typer.Option("--messages", "-n", help="每个工作日的消息数 · messages a working day")
    ] = _DEFAULTS.messages,
    seed: Annotated[
        int,
        typer.Option(
            "--seed", help="随机种子，相同则逐字节相同 · seed; equal seeds give equal bytes"
        ),
    ] = _DEFAULTS.seed,
    day: Annotated[
        str, typer.Option("--date", help="第一天，YYYY-MM-DD · first day, YYYY-MM-DD")
    ] = _DEFAULTS.first_day.isoformat(),
    days: Annotated[int, typer.Option("--days", help="天数 · number of days")] = 1,
    violations: Annotated[
        int,
        typer.Option(
            "--violations", help="每工作日每条规则的预埋案例数 · planted cases a rule and day"
        ),
    ] = _DEFAULTS.violations,
    rate: Annotated[
        float,
        typer.Option("--rate", min=0, help="每秒条数，0 为不限 · records a second, 0 = no limit"),
    ] = 0,
    fmt: Annotated[
        Format, typer.Option("--format", help="输出到哪里 · where to write")
    ] = Format.files,
    partitions: Annotated[
        int, typer.Option("--partitions", min=1, max=256, help="文件分区数 · partition files")
    ] = 2,
    compress: Annotated[bool, typer.Option("--gzip", help="压缩文件 · compress the files")] = False,
    truth: Annotated[
        Path | None,
        typer.Option(
            "--truth",
            help="预埋清单写到哪里；写文件时缺省为 OUT/truth.jsonl"
            " · where the list of planted cases goes; with files by default OUT/truth.jsonl",
        ),
    ] = None,
    bootstrap: Annotated[
        str,
        typer.Option(
            "--bootstrap",
            help="Kafka 地址，代替 kafka.bootstrap · Kafka address instead of kafka.bootstrap",
        ),
    ] = "",
    topic: Annotated[
        str,
        typer.Option(
            "--topic", help="Kafka 主题，代替 source.topic · Kafka topic instead of source.topic"
        ),
    ] = "",
    config: ConfigOption = "",
    overrides: SetOption = [],  # noqa: B006 - Typer copies it
    output: OutputOption = Output.text,
) -> None:
    """生成一天的企业微信会话与事件，并附预埋违规清单。

    Generate a day of WeCom conversations and events, with a list of the planted violations.

    例 · examples:

    mingjian simulate --out var/messages

    mingjian simulate -n 1000000 --gzip

    mingjian simulate --date 2026-02-27 --days 3

    mingjian simulate --format stdout | head

    mingjian simulate --format kafka --rate 2000
    """
    settings = settings_from("cluster", config, overrides)
    run = Run(
        Parameters(
            seed=seed, messages=messages, first_day=_day(day), days=days, violations=violations,
            tenant=settings.tenant,
        )
    )  # fmt: skip
    target: Target
    if fmt is Format.files:
        target = Files(out, partitions, compress, truth)
    elif fmt is Format.stdout:
        target = Stdout(truth)
    else:
        kafka = settings.kafka
        if bootstrap:
            kafka = msgspec.structs.replace(kafka, bootstrap=bootstrap)
        source = msgspec.structs.replace(settings.source, topic=topic or settings.source.topic)
        ensure_topics(msgspec.structs.replace(settings, kafka=kafka, source=source))
        target = Topic(connection(kafka), source.topic, truth)
    summary = _write(run, target, rate)
    if output is Output.json:
        if fmt is Format.stdout:  # standard output carries the records
            sys.stderr.write(json.dumps(summary.as_json(), ensure_ascii=False) + "\n")
        else:
            emit(summary.as_json())
    else:
        _show(summary, listed=truth is not None or fmt is Format.files)


def _day(text: str) -> date:
    try:
        return datetime.strptime(text, "%Y-%m-%d").date()  # noqa: DTZ007 - a calendar day
    except ValueError:
        raise MingjianError(
            f"--date {text}: not a date like 2026-03-04",
            f"--date {text}：不是 2026-03-04 这样的日期",
            exit_code=EXIT_USAGE,
        ) from None


def _write(run: Run, target: Target, rate: float) -> Summary:
    if not err.is_terminal:
        return write(run, target, rate)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,}/{task.total:,}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task(say("generating", "生成中"), total=run.parameters.total)

        def report(done: int, at: int) -> None:
            bar.update(task, completed=done, description=local_stamp(at)[:16])

        return write(run, target, rate, report)


def _show(summary: Summary, *, listed: bool) -> None:
    table = Table(title=say("Planted cases", "预埋案例"), title_justify="left")
    table.add_column(say("rule", "规则"))
    table.add_column(say("cases", "数量"), justify="right")
    for rule, count in summary.planted.items():
        table.add_row(rule, str(count))
    table.add_row(say("decoys (must not alert)", "干扰项（不得告警）"), str(summary.decoys))
    err.print(table)
    pairs = [Text.assemble(f"{name} ", (f"{n:,}", "bold")) for name, n in summary.by_type.items()]
    err.print(Columns(pairs, padding=(0, 3)), style="dim")
    err.print(
        say(
            f"{plural(summary.messages, 'message')}, {plural(summary.events, 'event')}, "
            f"{summary.bytes / 1e6:,.1f} MB in {summary.seconds:.1f} s",
            f"消息 {summary.messages:,} 条，事件 {summary.events:,} 条，"
            f"{summary.bytes / 1e6:,.1f} MB，用时 {summary.seconds:.1f} 秒",
        )
    )
    for name in summary.files:
        err.print(f"  {name}", soft_wrap=True)
    if not listed:
        err.print(
            say(
                "the list of planted cases was not written; --truth FILE writes it",
                "未写预埋清单；可用 --truth 文件名 写出",
            ),
            style="dim",
        )


def register(app: typer.Typer) -> None:
    """Add the command to `mingjian`."""
    app.command("simulate")(simulate)

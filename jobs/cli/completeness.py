"""`mingjian completeness`: do the counts of each step agree with those of the next?"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from typing import Annotated, Any

import msgspec
import typer
from rich.cells import cell_len
from rich.text import Text

from config.settings import Settings
from jobs.cli.alert_list import milliseconds, when
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
from jobs.cli.ingest import stopping
from jobs.cli.words import plural, visible
from jobs.completeness.check import Completeness, check, keep, last_hours, tell
from jobs.completeness.collected import Span
from jobs.completeness.lines import DIFFERS, OK, ON_THE_WAY, UNKNOWN, Line, summed
from rules.errors import EXIT_FINDINGS, EXIT_USAGE, MingjianError
from rules.mask import mask_id
from rules.operations import INCIDENTS

STEPS = {
    "collected": (
        "collectors' books → where the job reads",
        "采集器账本 → 作业读取处",
    ),
    "read": ("where the job reads → confirmed by the job", "作业读取处 → 作业已确认"),
    "delivered": ("told by the job → held by the target", "作业输出 → 投递目标"),
}
MARKS = {
    OK: ("✓", "green"),
    ON_THE_WAY: ("…", "cyan"),
    UNKNOWN: ("?", "yellow"),
    DIFFERS: ("✗", "bold red"),
}
_NUMBER = 11
_LABEL = 40
_SHOWN_IDS = 3


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


def as_json(found: Completeness, by: str) -> dict[str, Any]:
    """For programs: lines added up, actors masked."""
    told: dict[str, Any] = msgspec.to_builtins(found)
    lines = [msgspec.to_builtins(_masked(line)) for line in summed(found.lines, by)]
    return {**told, "state": found.state, "lines": lines}


def show(found: Completeness, by: str) -> None:
    """For people."""
    out.print(
        Text(
            say(
                f"Completeness of {when(found.begin)[:16]} to {when(found.end)[:16]}, Beijing time",
                f"完整性核对：{when(found.begin)[:16]} 至 {when(found.end)[:16]}（北京时间）",
            ),
            "bold",
        )
    )
    lines = summed(found.lines, by)
    for step, words in STEPS.items():
        some = [line for line in lines if line.step == step]
        if step == "read" and len(some) > 1:
            some = _one(some)
        why = found.unreadable.get(step, "")
        if some or why:
            out.print(Text(say(*words), "bold"))
        for line in some:
            out.print(_text(line), soft_wrap=True)
        if why:
            out.print(Text(f"  ? {why}", "yellow"), soft_wrap=True)
    for name, why in found.unreadable.items():
        if name not in STEPS:
            out.print(
                Text(f"  ? {name.removeprefix('delivered ')}: {why}", "yellow"), soft_wrap=True
            )
    _print_rest(found)


def _one(some: Sequence[Line]) -> list[Line]:
    """All partitions as one."""
    whole = summed([msgspec.structs.replace(line, of="") for line in some], "source")
    name = say(f"{len(some)} partitions", f"{len(some)} 个分区")
    return [msgspec.structs.replace(line, of=name) for line in whole]


def _text(line: Line) -> Text:
    mark, style = MARKS[line.state]
    parts = [line.of]
    if line.hour:
        parts.append(when(line.hour)[5:16])
    if line.actor:
        parts.append(visible(mask_id(line.actor)))
    label = "  ".join(parts)
    text = Text("  ").append(mark, style).append(f" {label}")
    text.append(" " * max(1, _LABEL - cell_len(label)))
    text.append(f"{line.before:>{_NUMBER},}{line.after:>{_NUMBER},}")
    notes = []
    if line.missing:
        notes.append(say(f"{line.missing:,} missing", f"缺 {line.missing:,}"))
    if line.on_the_way:
        notes.append(say(f"{line.on_the_way:,} to come", f"待处理 {line.on_the_way:,}"))
    if line.refused:
        notes.append(say(f"{line.refused:,} refused", f"被拒 {line.refused:,}"))
    if line.more:
        notes.append(say(f"{line.more:,} more", f"多 {line.more:,}"))
    if line.why:
        notes.append(line.why)
    if line.ids:
        more = " …" if len(line.ids) > _SHOWN_IDS else ""
        notes.append(", ".join(one[:12] for one in line.ids[:_SHOWN_IDS]) + more)
    return text.append(
        "  " + "; ".join(notes) if notes else "", style if line.state != OK else "dim"
    )


def _masked(line: Line) -> Line:
    return msgspec.structs.replace(line, actor=mask_id(line.actor)) if line.actor else line


def _print_rest(found: Completeness) -> None:
    notes = []
    if found.others:
        notes.append(
            say(
                f"{plural(found.others, 'record')} that no collector wrote",
                f"另有 {found.others:,} 条不是采集器写入的记录",
            )
        )
    if found.unplaced:
        notes.append(
            say(
                f"{plural(found.unplaced, 'record')} without a time of their own, in no line",
                f"{found.unplaced:,} 条记录没有自己的时间，未列入",
            )
        )
    for kind, count in sorted(found.open_incidents.items()):
        known = INCIDENTS.get(kind)
        meaning = say(known.en, known.zh) if known else ""
        notes.append(
            say(f"open: {count} {kind} ({meaning})", f"未结束：{kind} {count} 条（{meaning}）")
        )
    for note in notes:
        out.print(Text(f"  – {note}", "dim"), soft_wrap=True)


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

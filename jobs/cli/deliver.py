"""`mingjian deliver`: take the job's outputs to every target."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable
from typing import Annotated, Any

import msgspec
import typer
from rich.live import Live
from rich.table import Table

from jobs import deliver as delivery
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
from jobs.delivery.lane import LaneState
from jobs.logs import configure

_STATES = {
    "starting": ("starting", "启动中"),
    "delivering": ("delivering", "投递中"),
    "idle": ("up to date", "已跟上"),
    "waiting": ("waiting for it", "等待恢复"),
    "done": ("done", "完成"),
    "failed": ("failed", "失败"),
}


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(
        "deliver",
        help="把告警、证据、隔离和迟到记录投递到各目标（SQLite、Redis、Elasticsearch），"
        "重复的自动忽略。\n\n"
        "Deliver alerts, evidence, quarantined and late records to every target; repeats are "
        "ignored.\n\n"
        "例 · examples:\n\n"
        "  mingjian deliver --once\n\n"
        "  mingjian deliver --follow --config var/stack/cluster.yaml",
    )(deliver)


def deliver(
    *,
    once: Annotated[
        bool,
        typer.Option(
            "--once/--follow",
            help="投完现有的就结束，或一直投递 · end when all is delivered, or stay",
        ),
    ] = True,
    json_logs: Annotated[
        bool, typer.Option("--json-logs", help="日志用 JSON · logs as JSON")
    ] = False,
    profile: ProfileOption = "embedded",
    config: ConfigOption = "",
    overrides: SetOption = [],  # noqa: B006 - Typer copies it
    output: OutputOption = Output.text,
) -> None:
    """Run the deliverer. Its help is given in `register`."""
    settings = settings_from(profile, config, overrides)
    configure(as_json=json_logs or output is Output.json)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())  # finish the batch in hand, then end

    def work(on_progress: Callable[[tuple[LaneState, ...]], None] | None) -> Any:
        return delivery.run(settings, once=once, on_progress=on_progress, stop=stop)

    if output is Output.json:
        report = work(None)
        emit({"targets": msgspec.to_builtins(report.targets), "seconds": report.seconds})
        return
    if sys.stderr.isatty() and not json_logs:
        with Live(console=err, refresh_per_second=4) as live:
            report = work(lambda states: live.update(_table(states)))
    else:
        report = work(None)
        out.print(_table(report.targets))
    out.print(say(f"delivered in {report.seconds:.1f} s", f"投递用时 {report.seconds:.1f} 秒"))


def _table(states: tuple[LaneState, ...]) -> Table:
    table = Table(box=None, pad_edge=False)
    for title in (
        say("target", "目标"),
        say("state", "状态"),
        say("new", "新写入"),
        say("already there", "已存在"),
        say("refused", "被拒"),
        "",
    ):
        table.add_column(title)
    for state in states:
        refused = f"[red]{state.rejected}[/]" if state.rejected else "0"
        table.add_row(
            state.target,
            say(*_STATES[state.state]),
            str(state.written),
            str(state.duplicates),
            refused,
            state.why,
        )
    return table

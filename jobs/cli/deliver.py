"""`mingjian deliver`: take the job's outputs to every target."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import msgspec
import typer
from rich.constrain import Constrain
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

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
from jobs.cli.retention_text import print_state
from jobs.delivery.lane import LaneState
from jobs.logs import configure
from jobs.retention import Taken, lines_entered, taken_since
from rules.errors import EXIT_FINDINGS

_STATES = {
    "starting": ("starting", "启动中"),
    "delivering": ("delivering", "投递中"),
    "idle": ("up to date", "已跟上"),
    "waiting": ("waiting for it", "等待恢复"),
    "done": ("done", "完成"),
    "faulty": ("taken, see why", "已投递，有问题"),
    "failed": ("failed", "失败"),
    "stopped": ("stopped", "已中止"),
}
_REMIND_S = 5.0
_REPEATS = (
    "already there: records that the outputs repeat, or that the target had. The job writes a"
    " record again when it runs over the same messages again, or goes on after a failure; the"
    " target keeps each id once.",
    "已存在：输出中重复的记录，或目标中已有的记录。作业再次处理同一批消息、或失败后继续运行时会重复"
    "写出；目标对每个编号只保留一条。",
)


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(
        "deliver",
        help="把告警、证据、隔离和迟到记录投递到各目标（SQLite、Redis、Elasticsearch），"
        "重复的自动忽略；并通知各渠道（Webhook、群机器人、邮件、syslog）。\n\n"
        "Deliver alerts, evidence, quarantined and late records to every target; repeats are "
        "ignored. Tell every channel of alerts.\n\n"
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

    seen = _Seen()

    def work(on_progress: Callable[[tuple[LaneState, ...]], None] | None) -> Any:
        return delivery.run(settings, once=once, on_progress=on_progress, stop=stop)

    if output is Output.json:
        report = work(None)
        emit({"targets": msgspec.to_builtins(report.targets), "seconds": report.seconds})
        if any(state.state in ("stopped", "faulty") for state in report.targets):
            raise typer.Exit(EXIT_FINDINGS)
        return
    before = lines_entered(settings)
    if sys.stderr.isatty() and not json_logs:
        # drawn when something changed, so that a recorded session is not one table after another
        with Live(console=err, auto_refresh=False) as live:

            def draw(states: tuple[LaneState, ...]) -> None:
                if seen.news(states):
                    # room for the ^C a terminal echoes, which would push the drawing down a line
                    live.update(Constrain(_table(states), err.width - 3), refresh=True)

            report = work(draw)
    else:
        try:
            # while it stays, the log says once when a target is away and once when it is back
            report = work(None if json_logs else seen.waiting if once else seen.noted)
        finally:
            if seen.states:
                out.print(_table(seen.states))
        if json_logs:
            out.print(_table(report.targets))
    taken = taken_since(settings, before)
    _of_books(taken)
    conclude(report, {name: one.lines for name, one in taken.items() if one.plans})


def conclude(report: delivery.DeliverReport, of_books: Mapping[str, int] | None = None) -> None:
    """What is to be said below the table. Raises typer.Exit(1) when a target was given up, or
    something is wrong with one.

    Args:
        of_books: how many of what was there already may be lines of its custody book, by target.
    """
    of_books = of_books or {}
    if any(state.duplicates > of_books.get(state.target, 0) for state in report.targets):
        out.print(say(*_REPEATS), style="dim")
    faulty = [state for state in report.targets if state.state == "faulty"]
    for state in faulty:  # whole: the table cuts it where the line ends
        err.print(f"[bold red]✗[/] {escape(state.target)}: {escape(state.why)}", soft_wrap=True)
    left_out = [state.target for state in report.targets if state.state == "stopped"]
    if left_out:
        en = f"stopped while waiting for {', '.join(left_out)}; run it again to deliver the rest"
        zh = f"在等待 {'、'.join(left_out)} 恢复时中止；再次运行即可投递其余记录"
        out.print(say(en, zh), style="yellow", soft_wrap=True)
        raise typer.Exit(EXIT_FINDINGS)
    if faulty:
        out.print(
            say(
                "every record was delivered, and something is wrong: see `mingjian doctor`",
                "记录均已投递，但有问题：见 `mingjian doctor`",
            ),
            style="yellow",
        )
        raise typer.Exit(EXIT_FINDINGS)
    out.print(say(f"delivered in {report.seconds:.1f} s", f"投递用时 {report.seconds:.1f} 秒"))


def _of_books(taken: Mapping[str, Taken]) -> None:
    """What of the counts are lines of a custody book, and what deletions did: they enter lines by
    themselves, which are there already when the book is read."""
    for name, one in taken.items():
        en, zh = "", ""
        if one.plans:
            en = "; what a deletion had entered by itself was already there"
            zh = "；删除时自行登记过的计入“已存在”"
        lines = "is a line" if one.lines == 1 else "are lines"
        words = say(
            f"{name}: {one.lines:,} of these {lines} of its custody book{en}",
            f"{name}：其中 {one.lines:,} 条是保管记录的行{zh}",
        )
        out.print(words, style="dim", soft_wrap=True, markup=False)
        for state in one.plans:
            print_state(out, state)


class _Seen:
    """What was shown of the states last, and when the waiting was last spoken of."""

    def __init__(self) -> None:
        self.states: tuple[LaneState, ...] = ()
        self._shown: object = None
        self._said = time.monotonic()

    def news(self, states: tuple[LaneState, ...]) -> bool:
        """Whether these states differ from those of the last call."""
        before, self._shown = self._shown, msgspec.to_builtins(states)
        return before != self._shown

    def noted(self, states: tuple[LaneState, ...]) -> None:
        """Keep them for the table at the end."""
        self.states = states

    def waiting(self, states: tuple[LaneState, ...]) -> None:
        """Where no table is drawn: say every few seconds who is waited for, and how long yet."""
        self.states = states
        away = [state for state in states if state.state == "waiting"]
        if not away or time.monotonic() - self._said < _REMIND_S:
            return
        self._said = time.monotonic()
        en = ", ".join(_named(state, " ({} s left)") for state in away)
        zh = "、".join(_named(state, "（还剩 {} 秒）") for state in away)
        err.print(say(f"waiting for {en}", f"等待恢复：{zh}"), soft_wrap=True)


def _named(state: LaneState, left: str) -> str:
    return state.target + (left.format(state.left_s) if state.left_s else "")


def _table(states: tuple[LaneState, ...]) -> Table:
    table = Table(box=None, pad_edge=False)
    for title in (
        say("target", "目标"),
        say("state", "状态"),
        say("new", "新写入"),
        say("already there", "已存在"),
        say("refused", "被拒"),
    ):
        table.add_column(title, no_wrap=True)
    table.add_column("")  # why: one line, cut where it does not fit; the log says all of it
    for state in states:
        refused = f"[red]{state.rejected}[/]" if state.rejected else "0"
        table.add_row(
            state.target,
            _state(state),
            str(state.written),
            str(state.duplicates),
            refused,
            Text(state.why, no_wrap=True, overflow="ellipsis"),
        )
    return table


def _state(state: LaneState) -> str:
    words = say(*_STATES[state.state])
    if not state.left_s:
        return words
    return words + say(f", {state.left_s} s left", f"，还剩 {state.left_s} 秒")

"""`mingjian detect`: run the detection job."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import hashlib
import logging
import os
import signal
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.live import Live
from rich.text import Text

from config.checks import writable
from config.settings import Limits, Settings
from jobs.cli.alert_list import when
from jobs.cli.app import (
    EXIT_INTERRUPTED,
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
from jobs.cli.words import plural
from jobs.health import troubles
from jobs.logs import configure
from jobs.progress import Snapshot
from jobs.servers.process import remember, running
from rules.zone import SHANGHAI

if TYPE_CHECKING:
    from jobs.beginning import Beginning

_RATE_LOOKS = 8  # of half a second each


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "detect",
        help="用规则判定消息（PyFlink 作业） · judge messages by the rules (the PyFlink job)",
        epilog="例 · examples:  mingjian detect  |  mingjian detect --set source.path=DIR  |  "
        "mingjian detect --profile cluster --detach  |  mingjian detect --profile cluster --stop",
    )(detect)


def detect(
    profile: ProfileOption = "embedded",
    config: ConfigOption = "",
    overrides: SetOption = [],  # noqa: B006  Typer wants a list and never changes it
    detach: bool = typer.Option(
        False, "--detach", help="提交后即返回 · return as soon as the job runs on the cluster"
    ),
    keep: bool = typer.Option(
        False,
        "--keep",
        help="一直看护集群上的作业：没有时提交，从最近可读的检查点继续 · stay, and submit the job"
        " wherever the cluster has none, from the newest checkpoint that can be read",
    ),
    end: bool = typer.Option(
        False,
        "--stop",
        help="停止集群上的检测作业；有 --keep 看护时会被重新提交，请先结束看护进程"
        " · end the job that runs on the cluster; its keeper (--keep) would submit it again, so"
        " end that first",
    ),
    savepoint: bool = typer.Option(
        False,
        "--savepoint",
        help="与 --stop 合用：先保存状态和位置 · with --stop: save state and positions first",
    ),
    start: str = typer.Option(
        "",
        "--from",
        metavar="PATH|latest",
        help="从检查点或保存点继续 · go on from a checkpoint or savepoint",
    ),
    output: OutputOption = Output.text,
) -> None:
    """Run the job until its input ends, or submit it to a cluster and leave it running."""
    from jobs.detect import run  # noqa: PLC0415  starting Java must not cost every command

    if start:
        overrides = [*overrides, f"flink.restore={start}"]
    settings = settings_from(profile, config, overrides)
    if keep:
        _keep(settings)
        return
    if end:
        _end(settings, output, savepoint=savepoint)
        return
    try:
        with (
            interrupts() as interrupted,
            ProgressLine(settings.limits, quiet=output is Output.json) as line,
        ):
            report = run(
                settings,
                on_progress=line.show,
                detached=detach,
                interrupted=interrupted,
                on_beginning=_tell_beginning,
            )
    except KeyboardInterrupt:
        if after := after_interrupt(settings):
            err.print(after, soft_wrap=True)
        raise
    if output is Output.json:
        warned = [one.kind for one in troubles(report.last.counters, settings.limits)]
        emit(dataclasses.asdict(report) | {"rate": report.rate, "warnings": warned})
        return
    if detach:
        out.print(
            say(f"job {report.job_id} is running", f"作业 {report.job_id} 已在运行"), soft_wrap=True
        )
        return
    counts, short = report.last.counters, "" if report.exact else "≥ "
    hits, aside = counts.get("hits", 0), counts.get("quarantined", 0)
    out.print(
        say(
            f"done: {short}{plural(report.last.records, 'record')} in {report.run_seconds:.1f} s"
            f" (Flink up after {report.start_seconds:.1f} s); {short}{plural(hits, 'hit')} in"
            f" single messages, {short}{aside:,} quarantined",
            f"完成：{short}{report.last.records:,} 条记录，用时 {report.run_seconds:.1f} 秒"
            f"（Flink 启动 {report.start_seconds:.1f} 秒）；单条命中 {short}{hits:,}，"
            f"隔离 {short}{aside:,}",
        )
    )
    out.print(
        say("to bring the results to the index: ", "把结果送入索引：") + "mingjian deliver --once",
        style="dim",
        soft_wrap=True,
    )


def _end(settings: Settings, output: Output, *, savepoint: bool) -> None:
    """End the job of a cluster, and say what has become of it."""
    from jobs.detect import stop  # noqa: PLC0415

    stopped = stop(settings, savepoint=savepoint)
    keeper = running(_keeper_file(settings))  # asked now: it may have begun meanwhile
    if output is Output.json:
        saves = [one for one in stopped.values() if one]
        pid = keeper.pid if keeper else 0
        emit({"stopped": list(stopped), "savepoints": saves, "keeper": pid})
    else:
        for job_id, saved in stopped.items():
            out.print(say(f"job {job_id} has ended", f"作业 {job_id} 已停止"), soft_wrap=True)
            if saved:
                out.print(
                    say("to go on from here: ", "从这里继续：")
                    + f"mingjian detect --profile cluster --from {saved.removeprefix('file:')}",
                    soft_wrap=True,
                )
        if not stopped:
            out.print(say("no detection job is running", "没有正在运行的检测作业"))
    if keeper:
        _tell_of_keeper(keeper.pid, _keeper_file(settings))


def _keep(settings: Settings) -> None:
    """Stay with the job of a cluster until somebody ends this command; the job runs on."""
    from jobs.keep import Keeper  # noqa: PLC0415

    configure(as_json=True)
    with interrupts(signal.SIGINT, signal.SIGTERM) as asked:
        try:
            keeper = Keeper(settings, stop=asked)
            writable(settings.data_dir, "data_dir")
            _keeper_file(settings).parent.mkdir(mode=0o700, exist_ok=True)
            remember("keeper", os.getpid(), _keeper_file(settings))
            keeper.run()
        finally:
            own = running(_keeper_file(settings))
            if own is not None and own.pid == os.getpid():
                _keeper_file(settings).unlink(missing_ok=True)
            logging.disable()  # the bridge to Java complains of a JVM that was ended before it


def _keeper_file(settings: Settings) -> Path:
    """Who keeps the tenant's job: whoever ends it has to know that somebody brings it back."""
    tenant = hashlib.sha256(settings.tenant.encode()).hexdigest()[:8]
    return Path(settings.data_dir).resolve() / "keep" / f"keeper-{tenant}.pid"


def _tell_of_keeper(pid: int, file: Path) -> None:
    """That the job comes back, and how it stays ended."""
    err.print(
        say(
            f"⚠ a keeper runs (pid {pid}, {file}): it submits the job again within seconds. To end"
            f" the job for good, end the keeper first (kill {pid}), then give this command again",
            f"⚠ 有看护进程在运行（pid {pid}，{file}）：它会在数秒内重新提交作业。"
            f"要彻底停止，请先结束看护进程（kill {pid}），再执行本命令",
        ),
        style="yellow",
        soft_wrap=True,
        highlight=False,
        markup=False,
    )


def after_interrupt(settings: Settings) -> str:
    """What has become of a job that somebody stopped watching, and how to go on; "" when there is
    nothing to be said."""
    if settings.flink.rest_url:
        return (
            say("the job runs on in the cluster; to end it: ", "作业仍在集群上运行；停止它：")
            + "mingjian detect --profile cluster --stop"
        )
    if settings.flink.checkpoint_dir:
        return say(
            "to go on from its last checkpoint: the same command with --from latest",
            "从最近的检查点继续：同一命令加 --from latest",
        )
    if settings.source.follow:
        return say(
            "its open windows are not kept; to be able to go on, set flink.checkpoint_dir",
            "未关闭的窗口没有保存；要能继续，请设置 flink.checkpoint_dir",
        )
    return ""


@contextlib.contextmanager
def interrupts(*signals: signal.Signals) -> Iterator[threading.Event]:
    """Ctrl-C, or one of `signals`, sets the event; a second one ends the process at once."""
    asked = threading.Event()

    def ask(_signal: int, _frame: object) -> None:
        if asked.is_set():
            os._exit(EXIT_INTERRUPTED)
        asked.set()

    before = {one: signal.signal(one, ask) for one in signals or (signal.SIGINT,)}
    try:
        yield asked
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def _tell_beginning(begun: Beginning) -> None:
    """That what is begun has no state, and what that means."""
    since = when(begun.read_from) if begun.read_from else say("the beginning", "最早")
    err.print(
        say(
            f"⚠ begins without its state: messages since {since} (Beijing time) are read again",
            f"⚠ 没有可恢复的状态：重新读取自 {since}（北京时间）以来的消息",
        ),
        style="yellow",
        soft_wrap=True,
    )
    if count := len(begun.short_sighted):
        named = ", ".join(begun.short_sighted[:3]) + (" …" if count > 3 else "")  # noqa: PLR2004
        err.print(
            say(
                f"⚠ {plural(count, 'rule looks', 'rules look')} further back, and may err for as"
                f" long: {named}",
                f"⚠ 有 {count} 条规则回看得更远，在相应时长内可能有误：{named}",
            ),
            style="yellow",
            soft_wrap=True,
        )


class ProgressLine:
    """One line that is rewritten: counts, rate, watermark; above it what is amiss, each once.
    Prints nothing when `quiet`."""

    def __init__(self, limits: Limits, *, quiet: bool = False) -> None:
        self._limits, self._quiet = limits, quiet
        self._warned: set[str] = set()
        drawn = err.is_terminal and not quiet
        self._live = Live(console=err, refresh_per_second=4, transient=False) if drawn else None
        self._looks: deque[tuple[float, int]] = deque(maxlen=_RATE_LOOKS)

    def __enter__(self) -> ProgressLine:
        """Start drawing."""
        if self._live is not None:
            self._live.start()
            self._live.update(Text(say("starting Flink …", "正在启动 Flink …"), style="dim"))
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        """Leave the last line standing, but not above an error."""
        if self._live is not None:
            if kind is not None:
                self._live.update(Text(""))
            self._live.stop()

    def show(self, seen: Snapshot, seconds: float) -> None:
        """Draw one snapshot, `seconds` after the tasks began to run."""
        for one in () if self._quiet else troubles(seen.counters, self._limits):
            if one.kind not in self._warned:
                self._warned.add(one.kind)
                err.print(f"⚠ {say(one.en, one.zh)}", style="yellow", soft_wrap=True)
        if self._live is not None:
            self._looks.append((seconds, seen.records))
            self._live.update(progress_text(seen, seconds, _rate(self._looks)))


def _rate(looks: Sequence[tuple[float, int]]) -> int:
    """Records a second over the last looks, which is what happens now."""
    (first, before), (last, after) = looks[0], looks[-1]
    return int((after - before) / (last - first)) if last > first else 0


def progress_text(seen: Snapshot, seconds: float, rate: int) -> Text:
    """The progress line; fits into 80 columns up to ten million records."""
    mark = (
        dt.datetime.fromtimestamp(seen.watermark / 1000, SHANGHAI).strftime("%m-%d %H:%M:%S")
        if seen.watermark
        else "—"
    )
    parts = [
        (say("judged ", "判定 "), "dim"),
        (f"{seen.records:,}", "bold cyan"),
        (" · ", "dim"),
        (f"{rate:,}/s", "bold"),
        (say(" · hits ", " · 命中 "), "dim"),
        (f"{seen.counters.get('hits', 0):,}", "bold yellow"),
        (say(" · aside ", " · 隔离 "), "dim"),
        (f"{seen.counters.get('quarantined', 0):,}", "bold"),
        (say(" · watermark ", " · 水位 "), "dim"),
        (mark, "bold green"),
        (f" · {max(0.0, seconds):.0f} s", "dim"),
        ("" if seen.state in ("RUNNING", "FINISHED") else f" · {seen.state}", "bold red"),
    ]
    return Text.assemble(*parts)

"""`mingjian detect`: run the detection job."""

from __future__ import annotations

import dataclasses
import datetime as dt

import typer
from rich.live import Live
from rich.text import Text

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
from jobs.progress import Snapshot

SHANGHAI = dt.timezone(dt.timedelta(hours=8))


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
    end: bool = typer.Option(
        False, "--stop", help="停止集群上的检测作业 · end the job that runs on the cluster"
    ),
    output: OutputOption = Output.text,
) -> None:
    """Run the job until its input ends, or submit it to a cluster and leave it running."""
    from jobs.detect import run, stop  # noqa: PLC0415  starting Java must not cost every command

    settings = settings_from(profile, config, overrides)
    if end:
        stopped = stop(settings)
        if output is Output.json:
            emit({"stopped": stopped})
        else:
            for job_id in stopped:
                out.print(say(f"job {job_id} has ended", f"作业 {job_id} 已停止"), soft_wrap=True)
            if not stopped:
                out.print(say("no detection job is running", "没有正在运行的检测作业"))
        return
    try:
        with ProgressLine(quiet=output is Output.json) as line:
            report = run(settings, on_progress=line.show, detached=detach)
    except KeyboardInterrupt:
        if settings.flink.rest_url:
            err.print(
                say(
                    "the job runs on in the cluster; to end it: ",
                    "作业仍在集群上运行；停止它：",
                )
                + "mingjian detect --profile cluster --stop",
                soft_wrap=True,
            )
        raise
    if output is Output.json:
        emit(dataclasses.asdict(report) | {"rate": report.rate})
        return
    if detach:
        out.print(
            say(f"job {report.job_id} is running", f"作业 {report.job_id} 已在运行"), soft_wrap=True
        )
        return
    out.print(
        say(
            f"done: {report.last.records:,} records in {report.run_seconds:.1f} s"
            f" (Flink up after {report.start_seconds:.1f} s)",
            f"完成：{report.last.records:,} 条记录，用时 {report.run_seconds:.1f} 秒"
            f"（Flink 启动 {report.start_seconds:.1f} 秒）",
        )
    )


class ProgressLine:
    """One line that is rewritten: counts, rate, watermark. Prints nothing when `quiet`."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._live = None if quiet else Live(console=err, refresh_per_second=4, transient=False)

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
            if not err.is_terminal and kind is None:
                err.print()

    def show(self, seen: Snapshot, seconds: float) -> None:
        """Draw one snapshot, `seconds` after the tasks began to run."""
        if self._live is not None:
            self._live.update(progress_text(seen, seconds))


def progress_text(seen: Snapshot, seconds: float) -> Text:
    """The progress line."""
    rate = int(seen.records / seconds) if seconds > 0 else 0
    mark = (
        dt.datetime.fromtimestamp(seen.watermark / 1000, SHANGHAI).strftime("%m-%d %H:%M:%S")
        if seen.watermark
        else "—"
    )
    parts = [
        (say("judged ", "判定 "), "dim"),
        (f"{seen.records:,}", "bold cyan"),
        (say(" msg · ", " 条 · "), "dim"),
        (f"{rate:,}/s", "bold"),
        (say(" · hits ", " · 命中 "), "dim"),
        (f"{seen.counters.get('hits', 0):,}", "bold yellow"),
        (say(" · quarantined ", " · 隔离 "), "dim"),
        (f"{seen.counters.get('quarantined', 0):,}", "bold"),
        (say(" · watermark ", " · 水位 "), "dim"),
        (mark, "bold green"),
        (f" · {seconds:.0f} s · {seen.state}", "dim"),
    ]
    return Text.assemble(*parts)

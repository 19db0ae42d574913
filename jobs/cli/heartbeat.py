"""`mingjian heartbeat`: let event time go on while nobody talks."""

from __future__ import annotations

import datetime as dt
import signal
import threading
from typing import Annotated

import typer

from ingest.waiting import Told
from jobs.cli.app import ConfigOption, ProfileOption, SetOption, err, say, settings_from
from jobs.cli.words import plural
from rules.zone import SHANGHAI


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(
        "heartbeat",
        help="没有人说话时，让作业的事件时间继续前进：“多久没有发生某事”才能按时告警。"
        "Kafka 不在时等待，恢复后自行继续。\n\n"
        "Let the job's event time go on while nobody talks, so that an absence is told in time."
        " While Kafka is away it waits, and goes on by itself.\n\n"
        "例 · examples:\n\n"
        "  mingjian heartbeat --config var/stack/cluster.yaml",
    )(heartbeat)


def heartbeat(
    profile: ProfileOption = "cluster",
    config: ConfigOption = "",
    overrides: SetOption = [],  # noqa: B006  Typer wants a list and never changes it
    every: Annotated[
        float,
        typer.Option("--every", min=0.1, help="间隔秒数 · seconds between two"),
    ] = 5.0,
    delay: Annotated[
        float,
        typer.Option(
            "--delay",
            min=0,
            help="比当前时间晚报多少秒：消息最多迟到这么久；探测的 --delay 应与此相同 · how many"
            " seconds to stay behind the clock: no message comes later than that; give the same to"
            " mingjian canary --delay",
        ),
    ] = 60.0,
    once: Annotated[
        bool, typer.Option("--once", help="只发一次 · send one to each partition and end")
    ] = False,
) -> None:
    """Send heartbeats to every partition of the source's topic until it is stopped."""
    from jobs.cli.ingest import tell  # noqa: PLC0415
    from jobs.heartbeat import beat  # noqa: PLC0415  the Kafka client takes a while to load

    settings = settings_from(profile, config, overrides)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: stop.set())

    def told(time: int, partitions: int) -> None:
        at = dt.datetime.fromtimestamp(time / 1000, SHANGHAI).strftime("%H:%M:%S")
        err.print(
            say(
                f"event time up to {at} told to {plural(partitions, 'partition')}",
                f"已向 {partitions} 个分区告知事件时间到 {at}",
            ),
            end="\r" if err.is_terminal and not once else "\n",
            highlight=False,
        )

    def waits(news: Told) -> None:
        if news.state != "waiting":  # once is enough: nobody stands and watches
            tell(news)

    beat(settings, every=every, delay=delay, stop=stop, once=once, on_beat=told, tell=waits)
    if err.is_terminal and not once:
        err.print()

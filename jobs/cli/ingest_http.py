"""`mingjian ingest http`: the HTTP endpoint of the collector."""

from __future__ import annotations

import os
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import structlog
import typer

from ingest.intake import Taken
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
from jobs.collecting import collector, ends
from jobs.logs import configure
from rules.errors import EXIT_USAGE, MingjianError


def http(
    *,
    host: Annotated[
        str, typer.Option("--host", help="监听地址 · address to listen on")
    ] = "127.0.0.1",
    port: Annotated[
        int,
        typer.Option("--port", min=0, max=65535, help="端口，0 为任意 · port, 0 = any free one"),
    ] = 8600,
    certfile: Annotated[
        Path | None,
        typer.Option("--certfile", help="TLS 证书（PEM） · TLS certificate (PEM)"),
    ] = None,
    keyfile: Annotated[
        Path | None,
        typer.Option("--keyfile", help="证书的私钥（PEM） · private key of the certificate (PEM)"),
    ] = None,
    json_logs: Annotated[
        bool, typer.Option("--json-logs", help="日志用 JSON · logs as JSON")
    ] = False,
    profile: ProfileOption = "embedded",
    config: ConfigOption = "",
    overrides: SetOption = [],  # noqa: B006 - Typer copies it
    output: OutputOption = Output.text,
) -> None:
    """Serve the endpoint. Its help is given where it is registered."""
    from ingest.endpoint import build  # noqa: PLC0415  the framework takes a while to load
    from ingest.endpoint_server import is_loopback, listen, serve  # noqa: PLC0415
    from ingest.endpoint_tokens import Tokens  # noqa: PLC0415

    settings = settings_from(profile, config, overrides)
    tokens = Tokens(os.environ.get("MINGJIAN_INGEST_TOKEN", ""))
    if keyfile and not certfile:
        raise MingjianError(
            "--keyfile without --certfile",
            "给了 --keyfile 却没有 --certfile",
            exit_code=EXIT_USAGE,
        )
    configure(as_json=json_logs or output is Output.json)
    log = structlog.get_logger()

    def tell(told: Told) -> None:
        log.warning(f"target_{told.state}", why=told.reason, seconds=round(told.seconds, 1))

    began = time.monotonic()
    limits = settings.ingest
    with ExitStack() as stack:
        listening = listen(host, port)
        stack.callback(listening.close)
        where = stack.enter_context(
            ends(settings, threading.Event(), patience=limits.wait_seconds, tell=tell)
        )
        intakes = {
            source: stack.enter_context(collector(settings, source, where))
            for source in tokens.sources
        }
        for source in intakes:  # removes what a killed one has left: its name is ours from here on
            where.records.write([], source, where.waiting())

        def ready() -> str:
            whys = (where.records.ready(), *(one.ready() for one in intakes.values()))
            return next(filter(None, whys), "")

        before = {source: intake.totals() for source, intake in intakes.items()}
        scheme = "https" if certfile else "http"
        shown = f"[{host}]" if ":" in host else host
        address = f"{scheme}://{shown}:{listening.getsockname()[1]}"
        err.print(say(f"listening on {address}", f"正在监听 {address}"), soft_wrap=True)
        if not certfile and not is_loopback(host):
            err.print(
                say(
                    "other machines can reach this without TLS: tokens and messages travel in the"
                    " clear; give --certfile and --keyfile, or put a TLS proxy before it",
                    "其他机器可在无 TLS 的情况下访问：令牌和消息以明文传输；"
                    "请提供 --certfile 与 --keyfile，或在前面加 TLS 代理",
                ),
                style="yellow",
                soft_wrap=True,
            )
        serve(
            build(intakes, tokens, limits, ready),
            listening,
            header_seconds=limits.header_seconds,
            requests=limits.requests,
            certificate=certfile,
            key=keyfile,
        )
        taken = {
            source: Taken(
                **{name: intake.totals()[name] - before[source][name] for name in Taken._fields}
            )
            for source, intake in intakes.items()
        }
    seconds = round(time.monotonic() - began, 3)
    if output is Output.json:
        emit({"sources": {name: one._asdict() for name, one in taken.items()}, "seconds": seconds})
        return
    for name, one in taken.items():
        out.print(
            say(
                f"{name}: {one.new:,} new, {one.duplicates:,} already there,"
                f" {one.set_aside:,} set aside",
                f"{name}：新记录 {one.new:,} 条，已有 {one.duplicates:,} 条，"
                f"隔离 {one.set_aside:,} 条",
            )
        )

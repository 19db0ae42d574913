"""Serves the HTTP endpoint: a socket, deadlines for slow clients, an orderly end."""

from __future__ import annotations

import asyncio
import signal
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from ingest.endpoint_log import our_lines
from rules.errors import EXIT_USAGE, MingjianError

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_HEAD_BYTES = 64 * 1024
_GRACE_S = 20  # for requests in hand, when the collector is to end
_IDLE_CONNECTIONS = 256  # open beside those that are worked on


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens. Raises MingjianError when it cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((host, port))
        made.listen(256)
    except (OSError, OverflowError) as error:
        made.close()
        why = getattr(error, "strerror", None) or str(error)
        raise MingjianError(
            f"cannot listen on {host}:{port}: {why}",
            f"无法监听 {host}:{port}：{why}",
            fix_en="choose another --host or --port",
            fix_zh="请换一个 --host 或 --port",
            exit_code=EXIT_USAGE,
        ) from None
    return made


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach it."""
    return host in ("localhost", "::1") or host.startswith("127.")


def serve(
    app: Any,
    listening: socket.socket,
    *,
    header_seconds: float,
    requests: int,
    certificate: Path | None = None,
    key: Path | None = None,
    started: Callable[[uvicorn.Server], None] = lambda _: None,
) -> None:
    """Serve until SIGTERM or Ctrl-C; requests in hand are answered first.

    Args:
        header_seconds: a connection that has not sent the head of a request by then is cut.
        requests: that are worked on at the same time.
        started: called with the server before it runs.

    Raises:
        MingjianError: certificate or key cannot be used.
    """
    try:
        config = uvicorn.Config(
            app,
            http=_with_deadline(header_seconds),
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            h11_max_incomplete_event_size=_HEAD_BYTES,
            limit_concurrency=requests * 4 + _IDLE_CONNECTIONS,
            timeout_graceful_shutdown=_GRACE_S,
            ssl_certfile=certificate,
            ssl_keyfile=key,
        )
        config.load()
    except (OSError, ValueError) as error:
        raise MingjianError(
            f"cannot use the certificate {certificate} with the key {key or certificate}: {error}",
            f"无法使用证书 {certificate} 与私钥 {key or certificate}：{error}",
            fix_en="both are PEM; the key must belong to the certificate",
            fix_zh="两者须为 PEM 格式，且私钥与证书配对",
            exit_code=EXIT_USAGE,
        ) from None
    server = uvicorn.Server(config)
    started(server)
    # after its end the server raises the signal again that ended it; that is not to end us
    main = threading.current_thread() is threading.main_thread()
    before = {number: signal.getsignal(number) for number in _SIGNALS} if main else {}
    for number in before:
        signal.signal(number, lambda *_: None)
    try:
        with our_lines():
            server.run(sockets=[listening])
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        listening.close()


def _with_deadline(seconds: float) -> type[asyncio.Protocol]:
    """The server's protocol, cutting off who takes too long over the head of a request.

    The server itself only has a limit for the time between two requests.
    """

    class Deadlined(H11Protocol):
        _cut: asyncio.TimerHandle | None = None
        _cycles: Any = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._arm()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self.cycle is not self._cycles:  # a head is complete
                self._cycles = self.cycle
                self._disarm()

        def on_response_complete(self) -> None:
            super().on_response_complete()
            if self.transport.is_closing():
                self._disarm()
            elif self.cycle is self._cycles:
                self._arm()
            self._cycles = self.cycle

        def connection_lost(self, exc: Exception | None) -> None:
            self._disarm()
            super().connection_lost(exc)

        def _arm(self) -> None:
            self._disarm()
            self._cut = self.loop.call_later(seconds, self._give_up)

        def _disarm(self) -> None:
            if self._cut is not None:
                self._cut.cancel()
                self._cut = None

        def _give_up(self) -> None:
            self._cut = None
            self.transport.close()

    return Deadlined

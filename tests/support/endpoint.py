"""The collector's HTTP endpoint on a real socket of 127.0.0.1."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn

from config.settings import Ingest
from ingest.collector import Ends
from ingest.endpoint import build
from ingest.endpoint_server import listen, serve
from ingest.endpoint_tokens import Tokens
from ingest.ends import Refused
from ingest.envelope import Envelope
from ingest.folder_ends import FolderOutputs, FolderRecords
from ingest.waiting import Wait
from jobs.collecting import collector
from tests.support.collecting import settings

TOKEN, OTHER = "0123456789abcdef0123", "fedcba98765432100000"
TOKENS = f"{TOKEN}, crm:{OTHER}"


class Target(FolderRecords):
    """A folder that can be away, or slow."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.away = ""
        self.broken: Exception | None = None
        self.free = threading.Event()  # not set: a write does not end
        self.free.set()
        self.entered = threading.Event()  # set: a write has begun

    def write(self, envelopes: Sequence[Envelope], source: str, wait: Wait) -> list[Refused]:
        if self.broken:
            raise self.broken
        self.entered.set()
        self.free.wait()
        while self.away:
            wait.away(self.away)
        return super().write(envelopes, source, wait)

    def ready(self) -> str:
        return self.away or super().ready()


@contextmanager
def serving(folder: Path, limits: Ingest) -> Iterator[tuple[str, Target]]:
    """(address, target) of an endpoint that writes beneath `folder`."""
    target = Target(folder / "messages")
    stop = threading.Event()
    ends = Ends(target, FolderOutputs(folder / "outputs"), lambda: Wait(limits.wait_seconds, stop))
    chosen = settings(folder, ingest=limits)
    tokens = Tokens(TOKENS)
    with collector(chosen, "http", ends) as one, collector(chosen, "crm", ends) as two:
        app = build({"http": one, "crm": two}, tokens, limits, target.ready)
        with running(app, limits) as address:
            try:
                yield address, target
            finally:
                target.free.set()


@contextmanager
def running(app: Any, limits: Ingest) -> Iterator[str]:
    """The address of an application."""
    listening = listen("127.0.0.1", 0)
    servers: list[uvicorn.Server] = []
    thread = threading.Thread(
        target=serve,
        args=(app, listening),
        kwargs={
            "header_seconds": limits.header_seconds,
            "requests": limits.requests,
            "started": servers.append,
        },
    )
    thread.start()
    while not (servers and servers[0].started):
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        servers[0].should_exit = True
        thread.join()

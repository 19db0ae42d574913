"""Two proxies that stand between parts of the system and make trouble on demand.

`HttpProxy` knows Elasticsearch's bulk calls; `TcpProxy` passes bytes on, late or not at all. They
are simulators of a network and of a server under pressure: what is delayed or refused here is so
from the client's point of view, whatever the server behind has done.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import random
import threading
import time
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

HOST = "127.0.0.1"
_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "host"}


class HttpProxy:
    """In front of Elasticsearch.

    `status`: bulk calls are answered with it and not passed on; 0 passes them. `delay_s`: every
    call takes so much longer. `spoil`: share of the items of bulk calls that are refused, in equal
    parts with 400 (always), 429 (the first time) and 409 (although it is stored, as after an answer
    that got lost).
    """

    def __init__(self, upstream: int) -> None:
        self.status, self.delay_s, self.spoil = 0, 0.0, 0.0
        self.refused: set[str] = set()  # ids answered with 400
        self._busy_once: set[str] = set()
        self._upstream = upstream
        handler = type("Handler", (_Handler,), {"proxy": self})
        self._server = ThreadingHTTPServer((HOST, 0), handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.address = f"http://{HOST}:{self.port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.server_close()

    def forward(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Any:
        """(status, headers, body) of the server's answer."""
        connection = http.client.HTTPConnection(HOST, self._upstream, timeout=60)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()

    def bulk(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        """A bulk call of which some items come to nothing."""
        lines = body.split(b"\n")
        pairs = list(zip(lines[0::2], lines[1::2], strict=False))
        passed, answers = [], {}
        for number, (action, document) in enumerate(pairs):
            kind, told = next(iter(json.loads(action).items()))
            answer = self._item(kind, told)
            if answer is not None:
                answers[number] = answer
            else:
                passed.append((number, action, document))
        if passed:
            data = b"".join(action + b"\n" + document + b"\n" for _, action, document in passed)
            status, _, raw = self.forward("POST", path, headers, data)
            if status != http.HTTPStatus.OK:
                return status, raw
            for (number, _, _), item in zip(passed, json.loads(raw)["items"], strict=True):
                answers[number] = self._pretended(item)
        items = [answers[number] for number in range(len(pairs))]
        return http.HTTPStatus.OK, json.dumps({"errors": True, "items": items}).encode()

    def _draw(self, key: str) -> float:
        return zlib.crc32(key.encode()) / 2**32 / self.spoil if self.spoil else 1.0

    def _item(self, kind: str, told: dict[str, Any]) -> dict[str, Any] | None:
        """The answer to an item that is not passed on."""
        key = told["_id"]
        draw = self._draw(key)
        if draw < 1 / 3:
            self.refused.add(key)
            error = {"type": "document_parsing_exception", "reason": "chaos: refused"}
            return {kind: {**told, "status": 400, "error": error}}
        if draw < 2 / 3 and key not in self._busy_once:
            self._busy_once.add(key)
            error = {"type": "es_rejected_execution_exception", "reason": "chaos: busy"}
            return {kind: {**told, "status": 429, "error": error}}
        return None

    def _pretended(self, item: dict[str, Any]) -> dict[str, Any]:
        kind, told = next(iter(item.items()))
        if 2 / 3 <= self._draw(told["_id"]) < 1 and told["status"] in (200, 201):
            error = {"type": "version_conflict_engine_exception", "reason": "chaos: there"}
            return {kind: {**told, "status": 409, "error": error}}
        return item


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    proxy: HttpProxy

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {key: value for key, value in self.headers.items() if key.lower() not in _HOP}
        proxy = self.proxy
        if proxy.delay_s:
            time.sleep(proxy.delay_s)
        told: dict[str, str] = {"X-Elastic-Product": "Elasticsearch"}
        is_bulk = "_bulk" in self.path
        try:
            if is_bulk and proxy.status:
                error = {"error": {"type": "chaos", "reason": "busy"}, "status": proxy.status}
                status, raw = proxy.status, json.dumps(error).encode()
            elif is_bulk and proxy.spoil:
                status, raw = proxy.bulk(self.path, headers, body)
            else:
                status, told, raw = proxy.forward(self.command, self.path, headers, body)
        except OSError:  # the server is away: so are we
            self.close_connection = True
            return
        kind = next((v for k, v in told.items() if k.lower() == "content-type"), "application/json")
        self.send_response(status)
        for key, value in told.items():
            if key.lower() not in (*_HOP, "content-type", "content-encoding"):
                self.send_header(key, value)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        if self.command != "HEAD":
            with contextlib.suppress(OSError):  # the client did not wait for the answer
                self.wfile.write(raw)

    do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = _serve

    def log_message(self, *_: Any) -> None:
        """Nothing: the history says what was done."""


class TcpProxy:
    """Passes bytes on. `delay_s` each way; `loss`: share of the pieces that come only after a
    retransmission (200 ms to 1 s more, in order, as TCP has it); `cut`: nothing comes through, and
    no connection is closed, as when a cable is pulled."""

    def __init__(self, upstream: int, seed: int = 0) -> None:
        self.delay_s, self.loss, self.cut = 0.0, 0.0, False
        self._upstream, self._rng = upstream, random.Random(seed)
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self.port = 0
        threading.Thread(target=self._run, daemon=True).start()
        self._ready.wait()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._accept, HOST, 0))
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()

    def stop(self) -> None:
        """Close everything."""
        self._loop.call_soon_threadsafe(self._loop.stop)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            inner, outer = await asyncio.open_connection(HOST, self._upstream)
        except OSError:
            writer.close()
            return
        await asyncio.gather(self._pass(reader, outer), self._pass(inner, writer))

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(maxsize=1000)
        writing = asyncio.ensure_future(self._write(queue, writer))
        try:
            while data := await reader.read(65536):
                late = self._rng.uniform(0.2, 1.0) if self._rng.random() < self.loss else 0.0
                await queue.put((time.monotonic() + self.delay_s + late, data))
        except OSError:
            pass
        await queue.put((0.0, b""))
        await writing

    async def _write(
        self, queue: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter
    ) -> None:
        try:
            while True:
                due, data = await queue.get()
                if not data:
                    break
                while self.cut or (left := due - time.monotonic()) > 0:
                    await asyncio.sleep(0.05 if self.cut else min(left, 0.05))
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()

"""Real servers at the other end of channels, as simple as they can be."""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Http:
    """What an HTTP receiver got, and what it answers next (status, body, headers); then 200."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[tuple[int, bytes, Mapping[str, str]]] = []
        self.default = b"{}"
        self.url = ""


@contextmanager
def http() -> Iterator[Http]:
    """An HTTP server on this machine."""
    seen = Http()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            seen.got.append((dict(self.headers), body))
            status, answer, headers = (
                seen.answers.pop(0) if seen.answers else (200, seen.default, {})
            )
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_given: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    seen.url = f"http://127.0.0.1:{server.server_port}/hook"
    with _running(server):
        yield seen


class Smtp:
    """The mails a server got. `refuse`: code and text it answers to the text of a mail."""

    def __init__(self) -> None:
        self.mails: list[str] = []
        self.refuse = ""
        self.url = ""


@contextmanager
def smtp() -> Iterator[Smtp]:
    """An SMTP server on this machine, without TLS (RFC 5321)."""
    seen = Smtp()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.answer("220 here")
            while line := self.rfile.readline():
                word = line.split()[0].upper() if line.split() else b""
                if word == b"DATA":
                    self.answer("354 go on")
                    text = b"".join(iter(self.rfile.readline, b".\r\n"))
                    if not seen.refuse:
                        seen.mails.append(text.decode())
                    self.answer(seen.refuse or "250 ok")
                elif word == b"QUIT":
                    self.answer("221 bye")
                    return
                else:
                    self.answer("250 ok")

        def answer(self, text: str) -> None:
            self.wfile.write(f"{text}\r\n".encode())

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    seen.url = f"smtp://127.0.0.1:{server.server_address[1]}"
    with _running(server):
        yield seen


@contextmanager
def datagrams() -> Iterator[tuple[str, socket.socket]]:
    """(address, socket) of a UDP receiver."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(5)
        yield f"syslog://127.0.0.1:{receiver.getsockname()[1]}", receiver


@contextmanager
def stream() -> Iterator[tuple[str, list[bytes]]]:
    """(address, what came) of a TCP receiver."""
    came: list[bytes] = []

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while length := b"".join(iter(lambda: self.rfile.read(1), b" ")):
                came.append(self.rfile.read(int(length)))

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    with _running(server):
        yield f"syslog+tcp://127.0.0.1:{server.server_address[1]}", came


@contextmanager
def _running(server: socketserver.BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

"""Real servers at the other end of channels, as simple as they can be."""

from __future__ import annotations

import base64
import ipaddress
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat


class Http:
    """What an HTTP receiver got, and what it answers next (status, body, headers); then 200.
    `before`: called between taking a request and answering it."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[tuple[int, bytes, Mapping[str, str]]] = []
        self.default = b"{}"
        self.before: Callable[[], object] | None = None
        self.url = ""


@contextmanager
def http(tls: ssl.SSLContext | None = None) -> Iterator[Http]:
    """An HTTP server on this machine."""
    seen = Http()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            seen.got.append((dict(self.headers), body))
            if seen.before is not None:
                seen.before()
            status, answer, headers = (
                seen.answers.pop(0) if seen.answers else (200, seen.default, {})
            )
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer)))
            try:
                self.end_headers()
                self.wfile.write(answer)
            except OSError:  # who asked is gone
                self.close_connection = True

        def log_message(self, *_given: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    seen.url = f"http{'s' * bool(tls)}://127.0.0.1:{server.server_port}/hook"
    with _running(server):
        yield seen


class Smtp:
    """The mails a server got. `refuse`: code and text it answers to the text of a mail;
    `unknown`: recipients it does not take."""

    def __init__(self) -> None:
        self.mails: list[bytes] = []
        self.refuse = ""
        self.unknown: tuple[bytes, ...] = ()
        self.logins: list[str] = []
        self.url = ""


@contextmanager
def smtp(tls: ssl.SSLContext | None = None, *, at_once: bool = False) -> Iterator[Smtp]:
    """An SMTP server on this machine (RFC 5321); with `tls` by STARTTLS, or `at_once`."""
    seen = Smtp()

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.secure = False
            if at_once and not self.wrap():
                return
            self.lines = self.request.makefile("rb")
            self.answer("220 here")
            while line := self.lines.readline():
                word, rest = line.split()[0].upper(), line.split()[1:]
                if word == b"EHLO":
                    self.answer("250-here" if tls and not self.secure else "250-AUTH PLAIN")
                    self.answer("250 STARTTLS" if tls and not self.secure else "250 AUTH PLAIN")
                elif word == b"STARTTLS":
                    self.answer("220 go on")
                    if not self.wrap():
                        return
                    self.lines = self.request.makefile("rb")
                elif word == b"AUTH":
                    seen.logins.append(base64.b64decode(rest[1]).decode())
                    self.answer("235 welcome")
                elif word == b"RCPT" and any(name in line for name in seen.unknown):
                    self.answer("550 nobody")
                elif word == b"DATA":
                    self.answer("354 go on")
                    text = b"".join(iter(self.lines.readline, b".\r\n"))
                    if not seen.refuse:
                        seen.mails.append(text)
                    self.answer(seen.refuse or "250 ok")
                elif word == b"QUIT":
                    self.answer("221 bye")
                    return
                else:
                    self.answer("250 ok")

        def wrap(self) -> bool:
            assert tls is not None
            try:
                self.request = tls.wrap_socket(self.request, server_side=True)
            except OSError:  # the client did not trust the certificate
                return False
            self.secure = True
            return True

        def answer(self, text: str) -> None:
            self.request.sendall(f"{text}\r\n".encode())

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    seen.url = f"smtp{'s' * at_once}://127.0.0.1:{server.server_address[1]}"
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
def stream(
    tls: ssl.SSLContext | None = None, *, breaks_off: bool = False
) -> Iterator[tuple[str, list[bytes]]]:
    """(address, what came) of a TCP receiver that reads lengths and lines."""
    came: list[bytes] = []

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            if breaks_off:  # it goes away without reading: the kernel resets the connection
                self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0" + bytes(4))
                self.request.close()
                return
            if tls is not None:
                try:
                    self.request = tls.wrap_socket(self.request, server_side=True)
                except OSError:
                    return
            whole = self.request.makefile("rb").read()
            while whole:
                length, _, whole = whole.partition(b" ")
                came.append(whole[: int(length)])
                whole = whole[int(length) :]

        def finish(self) -> None:
            self.request.close()

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    kind = "tls" if tls is not None else "tcp"
    with _running(server):
        yield f"syslog+{kind}://127.0.0.1:{server.server_address[1]}", came


def certificate(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """(file to trust, context of a server) for 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    trusted, private = folder / "trusted.pem", folder / "private.pem"
    trusted.write_bytes(made.public_bytes(Encoding.PEM))
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(trusted, private)
    return trusted, context


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

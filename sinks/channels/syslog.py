"""Syslog (RFC 5424) with CEF, as security consoles read it."""

from __future__ import annotations

import re
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from urllib.parse import urlsplit

from rules import ENGINE_VERSION
from rules.alert import Alert
from rules.operations import Incident
from sinks.channels.deadline import Deadline, watched
from sinks.channels.message import (
    RESOLVED,
    RETRACTION,
    Away,
    Message,
    gravity,
    meaning,
    short,
)
from sinks.channels.wording import lines, title

TIMEOUT_S = 10  # for all lines of a message, in total
CONNECT_S = 5  # of them, for a connection
CLOSE_S = 2  # how long the receiver may take to close the connection
FACILITY = 13  # log audit (RFC 5424 table 1)
_INFORMATIONAL = 6
_GRAVITY = {0: 6, 1: 5, 2: 4, 3: 2}  # response -> severity (RFC 5424 table 2)
_CEF = {0: 2, 1: 4, 2: 7, 3: 10}  # response -> severity of CEF, 0 to 10
_PORTS = {"syslog": 514, "syslog+tcp": 514, "syslog+tls": 6514}
_TEXT, _FIELD = 1000, 200  # characters: a line stays below 8 KiB, whatever its fields hold
_HOSTNAME = re.compile(r"[!-~]{1,255}")


class Syslog:
    """One line an alert or incident. Over UDP nobody confirms them. Over TCP and TLS (RFC 6587,
    lengths before the lines) every message has a connection of its own: one that the receiver
    breaks off, instead of closing it in peace, is an error and the message is sent again.

    Args:
        url: syslog://HOST:PORT (UDP), syslog+tcp://… or syslog+tls://…
        now: UTC seconds, the time of a test message.
    """

    whole = True

    def __init__(
        self, name: str, url: str, *, ca_certs: str = "", now: Callable[[], float] = time.time
    ) -> None:
        self._name, self._parts, self._now = name, urlsplit(url), now
        self._ca_certs = ca_certs

    @property
    def proof(self) -> tuple[str, str]:
        """See `Sender`."""
        if self._parts.scheme == "syslog":
            return (
                "sent; over UDP nobody confirms, look at the receiver",
                "已发出；UDP 没有确认，请到接收端查看",
            )
        return (
            "the connection took it; syslog confirms no more",
            "连接已接收；syslog 不提供更多确认",
        )

    def send(self, message: Message) -> None:
        """See `Sender`."""
        rows = [_line(message, item) for item in message.items]
        rows = rows or [_head(_INFORMATIONAL, self._now(), message.kind) + _test(message).encode()]
        deadline = Deadline(TIMEOUT_S)
        try:
            with deadline:
                if self._parts.scheme == "syslog":
                    self._datagrams(rows)
                else:
                    self._stream(rows)
        except (OSError, UnicodeError) as error:  # the latter: no name of a host
            if deadline.over:
                en, zh = f"not taken within {TIMEOUT_S} s", f"{TIMEOUT_S} 秒内没有接收完"
                raise Away(self._name, en, zh) from None
            if isinstance(error, ssl.SSLError):
                en, zh = "TLS failed; see ca_certs", "TLS 失败，见 ca_certs"
                raise Away(self._name, en, zh) from None
            why = type(error).__name__
            raise Away(self._name, f"no connection ({why})", f"无法连接（{why}）") from None

    def close(self) -> None:
        """Nothing is kept open."""

    def _datagrams(self, rows: list[bytes]) -> None:
        host, port = self._place()
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[
            0
        ]
        with socket.socket(family, kind, protocol) as made:
            made.connect(address)
            for row in rows:
                made.send(row)

    def _stream(self, rows: list[bytes]) -> None:
        with socket.create_connection(self._place(), timeout=CONNECT_S) as plain:
            watched(lambda: plain)
            if self._parts.scheme == "syslog+tls":
                tls = ssl.create_default_context(cafile=self._ca_certs or None)
                made: socket.socket = tls.wrap_socket(plain, server_hostname=self._place()[0])
            else:
                made = plain
            watched(lambda: made)
            with made:
                made.settimeout(TIMEOUT_S)
                made.sendall(b"".join(b"%d %s" % (len(row), row) for row in rows))
                # A kernel takes bytes for a receiver that is gone. Only its close tells.
                if isinstance(made, ssl.SSLSocket):
                    made.settimeout(CLOSE_S)
                    with suppress(ssl.SSLError, TimeoutError):  # many close without a word
                        made.unwrap()
                else:
                    made.shutdown(socket.SHUT_WR)
                    made.settimeout(CLOSE_S)
                    with suppress(TimeoutError):
                        made.recv(1)

    def _place(self) -> tuple[str, int]:
        return self._parts.hostname or "", self._parts.port or _PORTS[self._parts.scheme]


def _line(message: Message, item: Alert | Incident) -> bytes:
    """One syslog line; its time is the event's."""
    severity = _GRAVITY.get(gravity(item), 4)
    if message.kind in (RETRACTION, RESOLVED):
        severity = _INFORMATIONAL
    return _head(severity, item.time / 1000, message.kind) + cef(message.kind, item).encode()


def _head(severity: int, seconds: float, kind: str) -> bytes:
    moment = datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)
    name = socket.gethostname()
    host = name if _HOSTNAME.fullmatch(name) else "-"
    priority = FACILITY * 8 + severity
    stamp = moment.isoformat("T", "milliseconds")
    return f"<{priority}>1 {stamp}Z {host} mingjian - {kind} - ".encode()


def cef(kind: str, item: Alert | Incident) -> str:
    """CEF:0 of one alert or incident, with the escapes of ArcSight's Common Event Format,
    revision 25."""
    if isinstance(item, Incident):
        name = meaning(item, "zh")
        fields = {
            "externalId": item.incident_id,
            "cat": kind,
            "end": str(item.time),
            "cnt": str(item.count),
            "cs1Label": "tenant",
            "cs1": item.tenant,
            "cs2Label": "source",
            "cs2": item.source,
            "msg": item.detail,
        }
        return _cef(item.kind, name, _CEF[gravity(item)], fields)
    rule = item.rule
    fields = {
        "externalId": item.alert_id,
        "cat": kind,
        "start": str(item.first_time),
        "end": str(item.time),
        "suser": item.actor,
        "duser": ",".join(item.counterparties),
        "cnt": str(item.count),
        "act": item.response_state,
        "outcome": item.status,
        "reason": item.retraction,
        "cs1Label": "tenant",
        "cs1": item.tenant,
        "cs2Label": "conversation",
        "cs2": item.conversation or item.room,
        "cs3Label": "rule",
        "cs3": rule.name,
        "msg": item.summary,
    }
    severity = 2 if kind == RETRACTION else _CEF.get(rule.response, 5)
    return _cef(rule.id, f"{rule.item} {rule.title}", severity, fields)


def _test(message: Message) -> str:
    return _cef("test", title(message), 0, {"cat": message.kind, "msg": lines(message)[0]})


def _cef(identity: str, name: str, severity: int, fields: dict[str, str]) -> str:
    head = ("Mingjian", "mingjian", ENGINE_VERSION, identity, name, str(severity))
    labels = {f"{key}Label" for key, text in fields.items() if not text}
    told = " ".join(
        f"{key}={_in_field(short(text, _TEXT if key == 'msg' else _FIELD))}"
        for key, text in fields.items()
        if text and key not in labels
    )
    return f"CEF:0|{'|'.join(_in_head(short(part, _FIELD)) for part in head)}|{told}"


def _in_head(text: str) -> str:
    return _printable(text.replace("\n", " ").replace("\\", "\\\\").replace("|", "\\|"))


def _in_field(text: str) -> str:
    text = text.replace("\\", "\\\\").replace("=", "\\=")
    return _printable(text.replace("\r", "\\r").replace("\n", "\\n"))


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)

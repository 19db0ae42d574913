"""Syslog (RFC 5424) with CEF, as security consoles read it."""

from __future__ import annotations

import socket
import ssl
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from rules import ENGINE_VERSION
from sinks.base import SinkBusy
from sinks.channels.message import RETRACTION, TEST, Message

TIMEOUT_S = 10
FACILITY = 13  # log audit (RFC 5424 table 1)
_GRAVITY = {0: 6, 1: 5, 2: 4, 3: 2}  # response -> severity (RFC 5424 table 2)
_CEF = {0: 2, 1: 4, 2: 7, 3: 10}  # response -> severity of CEF, 0 to 10
_PORTS = {"syslog": 514, "syslog+tcp": 514, "syslog+tls": 6514}
_MOST = 8_192  # bytes of one line; RFC 5424 asks receivers for 2,048


class Syslog:
    """One line an alert. Nobody confirms them: over UDP none does, over TCP and TLS the connection
    took them (RFC 6587, lengths before the lines).

    Args:
        url: syslog://HOST:PORT (UDP), syslog+tcp://… or syslog+tls://…
    """

    def __init__(self, name: str, url: str, *, ca_certs: str = "") -> None:
        self._name, self._parts, self._ca_certs = name, urlsplit(url), ca_certs
        self._socket: socket.socket | None = None

    def send(self, message: Message) -> None:
        """See `Sender`."""
        lines = [_line(message, alert) for alert in message.alerts] or [_line(message, {})]
        try:
            for line in lines:
                self._sent(line)
        except OSError as error:
            self.close()
            raise SinkBusy(self._name, f"no connection ({type(error).__name__})") from None

    def close(self) -> None:
        """Close the connection."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _sent(self, line: bytes) -> None:
        if self._socket is None:
            self._socket = self._connected()
        datagrams = self._parts.scheme == "syslog"
        self._socket.sendall(line if datagrams else b"%d %s" % (len(line), line))

    def _connected(self) -> socket.socket:
        host = self._parts.hostname or ""
        port = self._parts.port or _PORTS[self._parts.scheme]
        if self._parts.scheme == "syslog":
            made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET,
                                 socket.SOCK_DGRAM)  # fmt: skip
            made.connect((host, port))
            return made
        made = socket.create_connection((host, port), timeout=TIMEOUT_S)
        if self._parts.scheme == "syslog+tls":
            context = ssl.create_default_context(cafile=self._ca_certs or None)
            made = context.wrap_socket(made, server_hostname=host)
        return made


def _line(message: Message, alert: dict[str, Any]) -> bytes:
    """One syslog line; its time is the event's."""
    response = message.response if alert else 0
    moment = datetime.fromtimestamp(alert.get("time", 0) / 1000, UTC).isoformat("T", "milliseconds")
    head = f"<{FACILITY * 8 + _GRAVITY.get(response, 4)}>1 {moment} - mingjian - {message.kind} -"
    return f"{head} {cef(message, alert)}".encode()[:_MOST].decode(errors="ignore").encode()


def cef(message: Message, alert: dict[str, Any]) -> str:
    """CEF:0 of one alert, with the escapes of ArcSight's Common Event Format, revision 25."""
    rule = alert.get("rule", {"id": "test", "title": message.title(), "response": 0, "item": ""})
    name = f"{rule['item']} {rule['title']}".strip()
    if message.kind == RETRACTION:
        name = f"taken back: {name}"
    head = "|".join(
        _in_head(part)
        for part in ("Mingjian", "mingjian", ENGINE_VERSION, rule["id"], name,
                     str(_CEF.get(rule["response"], 5)))
    )  # fmt: skip
    if message.kind == TEST:
        return f"CEF:0|{head}|msg={_in_field(message.lines()[0])}"
    fields = {
        "externalId": alert["alert_id"],
        "rt": str(alert["time"]),
        "suser": alert["actor"],
        "cnt": str(alert["count"]),
        "act": alert["response_state"],
        "cs1Label": "tenant",
        "cs1": alert["tenant"],
        "msg": alert["summary"],
    }
    return f"CEF:0|{head}|" + " ".join(f"{key}={_in_field(text)}" for key, text in fields.items())


def _in_head(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\r", " ").replace("\n", " ")


def _in_field(text: str) -> str:
    text = text.replace("\\", "\\\\").replace("=", "\\=")
    return text.replace("\r", "\\r").replace("\n", "\\n")

"""Channels that are HTTP: a signed webhook, and the group robot of WeCom."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable
from typing import Any

import msgspec
import requests

from sinks.base import SinkBusy
from sinks.channels.message import Message, Refused, fitting

TIMEOUT_S = 10
ROBOT_BYTES = 4096  # of a robot's markdown (WeCom developer centre, path 91770)
_NEVER = (400, 405, 406, 413, 415, 422)
_LIMITED = 45009  # the robot was used too often; its window is a minute
_MINUTE = 60.0


class Webhook:
    """POST of JSON.

    The body is signed with HMAC-SHA256 over `timestamp + "." + body`; a receiver checks
    `X-Mingjian-Signature: v1=<hex>` and that `X-Mingjian-Timestamp` is near. `X-Mingjian-Id` is the
    same when a message is sent again.

    Args:
        secret: of the signature; without one there is none.
        now: UTC seconds.
    """

    def __init__(
        self, name: str, url: str, secret: str = "", *, ca_certs: str = "",
        now: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        self._name, self._url, self._secret, self._now = name, url, secret.encode(), now
        self._session = _session(ca_certs)

    def send(self, message: Message) -> None:
        """See `Sender`."""
        body = msgspec.json.encode(
            {
                "id": message.id,
                "kind": message.kind,
                "tenant": message.tenant,
                "title": message.title(),
                "response": message.response,
                "alerts": message.alerts,
            }
        )
        stamp = str(int(self._now()))
        headers = {
            "Content-Type": "application/json",
            "X-Mingjian-Id": message.id,
            "X-Mingjian-Timestamp": stamp,
        }
        if self._secret:
            headers["X-Mingjian-Signature"] = "v1=" + signature(self._secret, stamp, body)
        _posted(self._session, self._name, self._url, body, headers)

    def close(self) -> None:
        """Release connections."""
        self._session.close()


def signature(secret: bytes, stamp: str, body: bytes) -> str:
    """Hex of HMAC-SHA256 over time stamp and body."""
    return hmac.new(secret, stamp.encode() + b"." + body, hashlib.sha256).hexdigest()


class WecomRobot:
    """A group robot of WeCom, by the address that its group shows (the key is in it: a secret)."""

    def __init__(self, name: str, url: str, *, ca_certs: str = "") -> None:
        self._name, self._url = name, url
        self._session = _session(ca_certs)

    def send(self, message: Message) -> None:
        """See `Sender`."""
        title = f"**{message.title()}**"
        lines = fitting(message.lines(), ROBOT_BYTES - len(title.encode()) - 1, message.language)
        content = "\n".join([title, *(f"> {line}" for line in lines)])
        while len(content.encode()) > ROBOT_BYTES:  # the marks before the lines
            lines = fitting(message.lines()[: len(lines) - 2], ROBOT_BYTES // 2, message.language)
            content = "\n".join([title, *(f"> {line}" for line in lines)])
        body = msgspec.json.encode({"msgtype": "markdown", "markdown": {"content": content}})
        answer = _posted(
            self._session, self._name, self._url, body, {"Content-Type": "application/json"}
        )
        code = answer.get("errcode")
        if code == 0:
            return
        why = f"errcode {code}: {answer.get('errmsg', '')}"[:200]
        raise SinkBusy(self._name, why, _MINUTE if code == _LIMITED else 1.0)

    def close(self) -> None:
        """Release connections."""
        self._session.close()


def _session(ca_certs: str) -> requests.Session:
    session = requests.Session()
    session.trust_env = False  # no proxy and no .netrc that nobody wrote into the settings
    if ca_certs:
        session.verify = ca_certs
    return session


def _posted(
    session: requests.Session, name: str, url: str, body: bytes, headers: dict[str, str]
) -> dict[str, Any]:
    """The answer, {} when it is no JSON object. A redirect is not followed: alerts go where the
    settings say. Errors never quote the address: it may hold a key."""
    try:
        answer = session.post(
            url, data=body, headers=headers, timeout=TIMEOUT_S, allow_redirects=False
        )
    except requests.RequestException as error:
        raise SinkBusy(name, f"no answer ({type(error).__name__})") from None
    status = answer.status_code
    if status in _NEVER:
        raise Refused(f"HTTP {status}")
    if not 200 <= status < 300:  # noqa: PLR2004
        raise SinkBusy(name, f"HTTP {status}", _seconds(answer.headers.get("Retry-After", "")))
    try:
        found = msgspec.json.decode(answer.content)
    except msgspec.DecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _seconds(text: str) -> float:
    return float(text) if text.isdigit() else 1.0

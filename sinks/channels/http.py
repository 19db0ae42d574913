"""Channels that are HTTP: a signed webhook, and the group robot of WeCom."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from urllib.parse import parse_qsl, urlsplit

import msgspec
import requests
import urllib3

from sinks.channels.deadline import Deadline, session
from sinks.channels.message import Away, Message, Refused, fitting, quoted
from sinks.channels.wording import further, left_out, lines, title

TIMEOUT_S = 10  # in total, from the first packet to the end of the answer
CONNECT_S = 5  # of them, for a connection
REST_S = 1  # for a body that nobody needs: a connection whose answer was read is used again
ROBOT_BYTES = 4096  # of a robot's markdown (WeCom developer centre, path 91770)
_NEVER = (400, 413, 422)  # about the message; other answers are about the address or the moment
_HINTS = {
    401: ("check the secret or token", "请检查密钥或令牌"),
    403: ("check the secret or token", "请检查密钥或令牌"),
    404: ("check the address", "请检查地址"),
    405: ("check the address", "请检查地址"),
    410: ("check the address", "请检查地址"),
}
_REDIRECTED = ("it redirects; give the final address", "对方要求重定向，请填写最终地址")
_ANSWER_BYTES = 8192
_MINUTE = 60.0
_LIMITED = 45009  # the robot was used too often; its window is a minute
_UNFIT = (40058, 44004, 45002)  # about the message: a value, empty, too long
_GONE = 93000  # no robot has this address
# marks of WeCom's markdown, and forms that only look like them: what a message quotes may not
# call people, hide a link behind a word, or swallow the asterisks of a mask
_PLAIN = str.maketrans({"<": "＜", "[": "［", "]": "］", "*": "＊", "`": "＇", "#": "＃"})


class Webhook:
    """POST of JSON, signed with HMAC-SHA256: docs/channels.md.

    Args:
        secret: of the signature; without one there is none.
        token: sent as a bearer token; without one there is none.
        now: UTC seconds.
    """

    whole = True
    proof = ("the receiver answered 2xx", "对方已答复 2xx")

    def __init__(
        self, name: str, url: str, secret: str = "", *, token: str = "", ca_certs: str = "",
        now: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        self._name, self._url, self._secret, self._now = name, url, secret.encode(), now
        self._token = token
        self._session = session(ca_certs)

    def send(self, message: Message) -> None:
        """See `Sender`."""
        body = msgspec.json.encode(
            {
                "v": 1,
                "id": message.id,
                "kind": message.kind,
                "tenant": message.tenant,
                "title": title(message),
                "response": message.response,
                "alerts": message.alerts,
                "incidents": message.incidents,
            }
        )
        stamp = str(int(self._now()))
        headers: dict[str, str | bytes] = {
            "Content-Type": "application/json",
            "User-Agent": "mingjian",
            "X-Mingjian-Id": message.id,
            "X-Mingjian-Timestamp": stamp,
        }
        if self._secret:
            headers["X-Mingjian-Signature"] = "v1=" + signature(self._secret, stamp, body)
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}".encode()
        _posted(self._session, self._name, self._url, body, headers, read=False)

    def close(self) -> None:
        """Release connections."""
        self._session.close()


def signature(secret: bytes, stamp: str, body: bytes) -> str:
    """Hex of HMAC-SHA256 over time stamp and body."""
    return hmac.new(secret, stamp.encode() + b"." + body, hashlib.sha256).hexdigest()


class _Answer(msgspec.Struct):
    errcode: int
    errmsg: str = ""


class WecomRobot:
    """A group robot of WeCom, by the address that its group shows (the key is in it: a secret).

    Args:
        mention: userids that are called in messages of `mention_response` and above.
    """

    whole = False
    proof = ("the robot answered errcode 0", "机器人已答复 errcode 0")

    def __init__(
        self, name: str, url: str, *, mention: tuple[str, ...] = (), mention_response: int = 3,
        ca_certs: str = "",
    ) -> None:  # fmt: skip
        self._name, self._url = name, url
        self._mention, self._from = mention, mention_response
        self._session = session(ca_certs)

    def send(self, message: Message) -> None:
        """See `Sender`."""
        content = self._content(message)
        body = msgspec.json.encode({"msgtype": "markdown", "markdown": {"content": content}})
        headers = {"Content-Type": "application/json"}
        text = _posted(self._session, self._name, self._url, body, headers, read=True)
        try:
            answer = msgspec.json.decode(text, type=_Answer)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            en = "it answered something else than a robot; check the address"
            raise Away(self._name, en, "对方的答复不像群机器人，请检查地址") from None
        code = answer.errcode
        if code == 0:
            return
        about = answer.errmsg.partition(", hint")[0]
        said = quoted(f"errcode {code} {about}", (self._url, *_keys(self._url)))
        if code in _UNFIT:
            raise Refused(said)
        if code == _GONE:
            en, zh = f"{said}; check the address", f"{said}；请检查地址"
            raise Away(self._name, en, zh)
        raise Away(self._name, said, said, _MINUTE if code == _LIMITED else 0.0)

    def _content(self, message: Message) -> str:
        head = f"**{title(message).translate(_PLAIN)}**"
        tail = [line for line in (further(message).translate(_PLAIN),) if line]
        if self._mention and message.response >= self._from:
            tail.append(" ".join(f"<@{user}>" for user in self._mention))
        rest = 40  # bytes, of the line that counts what is left out
        room = ROBOT_BYTES - rest - sum(len(line.encode()) + 1 for line in (head, *tail))
        shown = fitting([f"> {line.translate(_PLAIN)}" for line in lines(message)], room)
        more = left_out(message, len(shown))
        return "\n".join([head, *shown, *([more] if more else []), *tail])

    def close(self) -> None:
        """Release connections."""
        self._session.close()


def _keys(url: str) -> list[str]:
    """What stands in an address to be let in."""
    parts = urlsplit(url)
    found = [given for _, given in parse_qsl(parts.query)]
    return [*found, *parts.query.replace("=", "&").split("&")[1::2], parts.password or ""]


def _posted(
    session: requests.Session, name: str, url: str, body: bytes,
    headers: Mapping[str, str | bytes], *, read: bool,
) -> bytes:  # fmt: skip
    """The beginning of the answer with `read`, else b"": a status 2xx has confirmed the message,
    whatever comes after it. A redirect is not followed: alerts go where the settings say.
    Errors never quote the address: it may hold a key."""
    text, deadline = b"", Deadline(TIMEOUT_S)
    try:
        with (
            deadline,
            session.post(
                url, data=body, headers=headers, timeout=(CONNECT_S, TIMEOUT_S),
                allow_redirects=False, stream=True,
            ) as answer,
        ):  # fmt: skip
            status, again = answer.status_code, answer.headers.get("Retry-After", "")
            if read and _taken(status):
                text = _beginning(answer)
            else:
                _read_out(answer)
    except (requests.RequestException, ValueError) as error:  # the latter: no name of a host
        if deadline.over:
            raise _late(name) from None
        if isinstance(error, requests.exceptions.SSLError):
            en, zh = "its certificate is not trusted; see ca_certs", "证书不受信任，见 ca_certs"
            raise Away(name, en, zh) from None
        why = type(error).__name__
        raise Away(name, f"no answer ({why})", f"没有答复（{why}）") from None
    if status in _NEVER:
        raise Refused(f"HTTP {status}")
    if not _taken(status):
        en, zh = _HINTS.get(status, _REDIRECTED if 300 <= status < 400 else ("", ""))  # noqa: PLR2004
        en, zh = (f"; {en}", f"；{zh}") if en else ("", "")
        raise Away(name, f"HTTP {status}{en}", f"HTTP {status}{zh}", _seconds(again))
    if read and deadline.over:  # what there is may be half an answer
        raise _late(name)
    return text


def _taken(status: int) -> bool:
    return 200 <= status < 300  # noqa: PLR2004


def _late(name: str) -> Away:
    return Away(name, f"no answer within {TIMEOUT_S} s", f"{TIMEOUT_S} 秒内没有答复完")


def _beginning(answer: requests.Response) -> bytes:
    text = b""
    for part in answer.iter_content(_ANSWER_BYTES):
        text += part
        if len(text) >= _ANSWER_BYTES:
            break
    return text


def _read_out(answer: requests.Response) -> None:
    """Read a body that nobody needs, as far as it comes soon and can be read."""
    broken = (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError, ValueError)
    with Deadline(REST_S), suppress(*broken):
        answer.raw.read(_ANSWER_BYTES, decode_content=False)


def _seconds(text: str) -> float:
    return float(text) if text.isascii() and text.isdigit() else 0.0

"""A time-stamping authority over HTTP (RFC 3161 §3.4)."""

from __future__ import annotations

import base64

import requests
import urllib3

from sinks.channels.deadline import Deadline, session
from sinks.ledger.rfc3161 import Query
from sinks.ledger.stamps import NoAnswer, answered

TIMEOUT_S = 15  # in total, from the first packet to the end of the answer
CONNECT_S = 5  # of them, for a connection
MAX_ANSWER_BYTES = 256 * 1024  # a stamp with its certificates has some 6,000
_ASKED, _ANSWERED = "application/timestamp-query", "application/timestamp-reply"
_PART = 16 * 1024
_HINTS = {
    401: ("; check user name and password", "；请检查用户名和密码"),
    403: ("; check user name and password", "；请检查用户名和密码"),
    404: ("; check the address", "；请检查地址"),
    405: ("; check the address", "；请检查地址"),
}
_REDIRECTED = ("; it redirects, give the final address", "；对方要求重定向，请填写最终地址")


class HttpAuthority:
    """See `TimeAuthority`. Nothing is tried twice: whoever asks knows when to ask again.

    Args:
        username, password: of HTTP's basic authentication; without a name there is none.
        ca_certs: certificates to trust in TLS, of a server with an authority of its own.
        timeout_s: seconds, of the whole answer.
    """

    def __init__(
        self, name: str, url: str, algorithm: str, *, username: str = "", password: str = "",
        ca_certs: str = "", timeout_s: float = TIMEOUT_S,
    ) -> None:  # fmt: skip
        self.name, self.algorithm = name, algorithm
        self._url, self._timeout_s = url, timeout_s
        self._session = session(ca_certs)
        login = base64.b64encode(f"{username}:{password}".encode())
        self._login = {"Authorization": b"Basic " + login} if username else {}

    def stamp(self, imprint: bytes, algorithm: str, nonce: int) -> bytes:
        """See `TimeAuthority`."""
        return answered(self.name, self._asked(bytes(Query(algorithm, imprint, nonce))))

    def close(self) -> None:
        """Release connections."""
        self._session.close()

    def _asked(self, query: bytes) -> bytes:
        """The body of the answer. A redirect is not followed: who stamps is what the settings
        say."""
        headers: dict[str, str | bytes] = {
            "Content-Type": _ASKED, "Accept": _ANSWERED, "Accept-Encoding": "identity",
            **self._login,
        }  # fmt: skip
        deadline, body = Deadline(self._timeout_s), b""
        try:
            with (
                deadline,
                self._session.post(
                    self._url, data=query, headers=headers,
                    timeout=(min(CONNECT_S, self._timeout_s), self._timeout_s),
                    allow_redirects=False, stream=True,
                ) as answer,
            ):  # fmt: skip
                status, kind = answer.status_code, answer.headers.get("Content-Type", "")
                if status == requests.codes.ok:
                    body = _bounded(answer)
        except (requests.RequestException, urllib3.exceptions.HTTPError, ValueError) as error:
            if deadline.over:
                raise self._late() from None
            if isinstance(error, requests.exceptions.SSLError):
                en, zh = "its certificate is not trusted; see ca_certs", "证书不受信任，见 ca_certs"
                raise NoAnswer(self.name, en, zh) from None
            why = type(error).__name__
            raise NoAnswer(self.name, f"no answer ({why})", f"没有答复（{why}）") from None
        if deadline.over:  # what there is may be half an answer
            raise self._late()
        if status != requests.codes.ok:
            en, zh = _HINTS.get(status, _REDIRECTED if 300 <= status < 400 else ("", ""))  # noqa: PLR2004
            raise NoAnswer(self.name, f"HTTP {status}{en}", f"HTTP {status}{zh}")
        if kind.partition(";")[0].strip().lower() != _ANSWERED:
            en, zh = "it answers something else than a time stamp", "对方的答复不是时间戳"
            raise NoAnswer(self.name, f"{en}; check the address", f"{zh}；请检查地址")
        if len(body) > MAX_ANSWER_BYTES:
            en = f"its answer is longer than {MAX_ANSWER_BYTES} bytes"
            raise NoAnswer(self.name, en, f"答复超过 {MAX_ANSWER_BYTES} 字节")
        return body

    def _late(self) -> NoAnswer:
        seconds = f"{self._timeout_s:g}"
        en, zh = f"no answer within {seconds} s", f"{seconds} 秒内没有答复完"
        return NoAnswer(self.name, en, zh)


def _bounded(answer: requests.Response) -> bytes:
    """The body, or as much of it as shows that it is too long."""
    parts, length = [], 0
    for part in answer.iter_content(_PART):
        parts.append(part)
        length += len(part)
        if length > MAX_ANSWER_BYTES:
            break
    return b"".join(parts)

"""E-mail."""

from __future__ import annotations

import smtplib
import ssl
from contextlib import suppress
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any
from urllib.parse import urlsplit

import structlog

from sinks.channels.deadline import Deadline, watched
from sinks.channels.message import Away, Message, Refused
from sinks.channels.wording import clock, further, left_out, lines, title

TIMEOUT_S = 15  # for one answer …
WHOLE_S = 20  # … and for all of a mail's
QUIT_S = 2  # for the answer to a goodbye
_PORTS = {"smtp": 587, "smtps": 465}
_PERMANENT = 500  # SMTP answers from here on say that the message never goes (RFC 5321 4.2.1)
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_MINUTE = 60.0
log = structlog.get_logger("deliver")


class Mail:
    """One mail a message, over TLS: `smtps://` from the start, `smtp://` by STARTTLS, which may be
    left out on this machine only.

    Args:
        url: smtp://HOST:PORT or smtps://HOST:PORT.
        username, password: empty: nobody logs in.
    """

    whole = False
    proof = ("the mail server took it", "邮件服务器已接收")

    def __init__(
        self, name: str, url: str, sender: str, to: tuple[str, ...], *,
        username: str = "", password: str = "", ca_certs: str = "",
    ) -> None:  # fmt: skip
        self._name, self._parts = name, urlsplit(url)
        self._from, self._to = sender, to
        self._username, self._password = username, password
        self._ca_certs = ca_certs

    def send(self, message: Message) -> None:
        """See `Sender`. A server that takes it for some recipients only has taken it."""
        mail = self._mail(message)
        deadline = Deadline(WHOLE_S)
        try:
            with deadline:
                server = self._connected()
                try:
                    refused = server.send_message(mail)
                finally:
                    _quit(server)
        except (OSError, smtplib.SMTPException, UnicodeError) as error:  # last: no name of a host
            raise self._failed(error, deadline) from None
        if refused:
            log.warning(
                "mail_recipients_refused",
                target=self._name, count=len(refused), why=f"SMTP {_codes(refused)}",
            )  # fmt: skip

    def _failed(self, error: Exception, deadline: Deadline) -> Away | Refused:
        """What became of a mail that was not taken."""
        if deadline.over:  # what was read of an answer may be half of it
            en, zh = f"no answer within {WHOLE_S} s", f"{WHOLE_S} 秒内没有答复完"
            return Away(self._name, en, zh)
        if isinstance(error, smtplib.SMTPRecipientsRefused):
            codes = _codes(error.recipients)
            en, zh = f"no recipient was taken: SMTP {codes}", f"收件人均被拒绝：SMTP {codes}"
            return Away(self._name, en, zh, _MINUTE)
        if isinstance(error, smtplib.SMTPAuthenticationError):
            said = f"SMTP {error.smtp_code}"
            en, zh = f"{said}: check username and password", f"{said}：请检查用户名和密码"
            return Away(self._name, en, zh, _MINUTE)
        if isinstance(error, smtplib.SMTPNotSupportedError):
            en, zh = "it offers no STARTTLS or no log-in", "服务器不支持 STARTTLS 或登录"
            return Away(self._name, en, zh, _MINUTE)
        if isinstance(error, smtplib.SMTPResponseException):
            said = f"SMTP {error.smtp_code}"
            if isinstance(error, smtplib.SMTPDataError) and error.smtp_code >= _PERMANENT:
                return Refused(said)
            return Away(self._name, said, said)
        if isinstance(error, ssl.SSLError):
            en, zh = "its certificate is not trusted; see ca_certs", "证书不受信任，见 ca_certs"
            return Away(self._name, en, zh)
        why = type(error).__name__
        return Away(self._name, f"no answer ({why})", f"没有答复（{why}）")

    def _mail(self, message: Message) -> EmailMessage:
        mail = EmailMessage()
        mail["Subject"] = title(message)
        mail["From"], mail["To"] = self._from, ", ".join(self._to)
        mail["Message-ID"] = f"<{message.id}@mingjian>"  # a mail sent again is known by it
        mail["Date"] = format_datetime(datetime.now(UTC))
        mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday notes in return
        shown = lines(message)
        parts = [*shown, left_out(message, len(shown))], [further(message), clock(message)]
        told = ["\n".join(filter(None, part)) for part in ([title(message)], *parts)]
        mail.set_content("\n\n".join(filter(None, told)) + "\n")
        return mail

    def close(self) -> None:
        """Nothing is kept open."""

    def _connected(self) -> smtplib.SMTP:
        host = self._parts.hostname or ""
        port = self._parts.port or _PORTS[self._parts.scheme]
        tls = ssl.create_default_context(cafile=self._ca_certs or None)
        if self._parts.scheme == "smtps":
            server: smtplib.SMTP = _WatchedTls(host, port, timeout=TIMEOUT_S, context=tls)
        else:
            server = _Watched(host, port, timeout=TIMEOUT_S)
        try:
            if self._parts.scheme == "smtp":
                server.ehlo()
                if server.has_extn("starttls") or host not in _LOOPBACK:
                    server.starttls(context=tls)
            if self._username:
                server.login(self._username, self._password)
        except BaseException:
            server.close()
            raise
        return server


class _Watched(smtplib.SMTP):
    """Under the deadline from the first answer on, which smtplib awaits while it is made."""

    def connect(self, *args: Any, **options: Any) -> tuple[int, bytes]:
        watched(lambda: self.sock)
        return super().connect(*args, **options)


class _WatchedTls(_Watched, smtplib.SMTP_SSL):
    pass


def _quit(server: smtplib.SMTP) -> None:
    """Take leave. What is answered to that changes nothing: a mail is taken, or not, before."""
    with Deadline(QUIT_S), suppress(OSError, smtplib.SMTPException, ValueError):
        server.quit()
    server.close()


def _codes(refused: dict[str, tuple[int, bytes]]) -> str:
    return ", ".join(str(code) for code in sorted({code for code, _ in refused.values()}))

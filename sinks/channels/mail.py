"""E-mail."""

from __future__ import annotations

import smtplib
import ssl
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from urllib.parse import urlsplit

from sinks.base import SinkBusy
from sinks.channels.message import Message, Refused

TIMEOUT_S = 15
_PORTS = {"smtp": 587, "smtps": 465}
_PERMANENT = 500  # SMTP answers from here on say that the message never goes (RFC 5321 4.2.1)
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class Mail:
    """One mail a message, over TLS: `smtps://` from the start, `smtp://` by STARTTLS, which is
    left out on this machine only.

    Args:
        url: smtp://HOST:PORT or smtps://HOST:PORT.
        username, password: empty: nobody logs in.
    """

    def __init__(
        self, name: str, url: str, sender: str, to: tuple[str, ...], *,
        username: str = "", password: str = "", ca_certs: str = "",
    ) -> None:  # fmt: skip
        self._name, self._parts = name, urlsplit(url)
        self._from, self._to = sender, to
        self._username, self._password = username, password
        self._tls = ssl.create_default_context(cafile=ca_certs or None)

    def send(self, message: Message) -> None:
        """See `Sender`."""
        mail = EmailMessage()
        mail["Subject"] = message.title()
        mail["From"], mail["To"] = self._from, ", ".join(self._to)
        mail["Message-ID"] = f"<{message.id}@mingjian>"  # a mail sent again is known by it
        mail["Date"] = format_datetime(datetime.now(UTC))
        mail.set_content("\n".join(message.lines()) + "\n")
        try:
            with self._connected() as server:
                server.send_message(mail)
        except smtplib.SMTPRecipientsRefused as error:
            codes = sorted({code for code, _ in error.recipients.values()})
            raise SinkBusy(self._name, f"no recipient was taken: SMTP {codes}", 60.0) from None
        except smtplib.SMTPAuthenticationError as error:
            raise SinkBusy(self._name, f"SMTP {error.smtp_code}: not let in", 60.0) from None
        except smtplib.SMTPDataError as error:
            if error.smtp_code >= _PERMANENT:
                raise Refused(f"SMTP {error.smtp_code}") from None
            raise SinkBusy(self._name, f"SMTP {error.smtp_code}") from None
        except (OSError, smtplib.SMTPException) as error:
            raise SinkBusy(self._name, f"no answer ({type(error).__name__})") from None

    def close(self) -> None:
        """Nothing is kept open."""

    def _connected(self) -> smtplib.SMTP:
        host = self._parts.hostname or ""
        port = self._parts.port or _PORTS[self._parts.scheme]
        if self._parts.scheme == "smtps":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                host, port, timeout=TIMEOUT_S, context=self._tls
            )
        else:
            server = smtplib.SMTP(host, port, timeout=TIMEOUT_S)
            server.ehlo()
            if server.has_extn("starttls") or host not in _LOOPBACK:
                server.starttls(context=self._tls)
        if self._username:
            server.login(self._username, self._password)
        return server

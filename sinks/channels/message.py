"""One message to people, and what every channel offers: only what alerts hold, masked values."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from rules.alert import Alert, content_id
from rules.operations import INCIDENTS, Incident
from rules.zone import SHANGHAI
from sinks.base import SinkBusy

ALERT, RETRACTION, INCIDENT, RESOLVED, TEST = "alert", "retraction", "incident", "resolved", "test"
_SECRET = 4  # characters; less is no secret, and would be found in every other word
_GRAVITY = {"critical": 3, "warning": 2}  # severity of an incident -> response


class Message(NamedTuple):
    """One message.

    Args:
        id: sent again, it is the same.
        kind: ALERT, RETRACTION, INCIDENT, RESOLVED or TEST.
        items: all of that kind, the gravest first; those of alerts or those of incidents.
        more: how many it stands for that are not in `items`.
        language: "zh" or "en".
        zone: IANA name, of the times that people read.
    """

    id: str
    kind: str
    tenant: str
    items: tuple[Alert | Incident, ...] = ()
    more: int = 0
    language: str = "zh"
    zone: str = SHANGHAI.key

    @property
    def response(self) -> int:
        """The gravest of its items."""
        return max(map(gravity, self.items), default=0)

    @property
    def total(self) -> int:
        """How many it stands for."""
        return len(self.items) + self.more

    @property
    def alerts(self) -> tuple[Alert, ...]:
        """Its items as far as they are alerts."""
        return tuple(item for item in self.items if isinstance(item, Alert))

    @property
    def incidents(self) -> tuple[Incident, ...]:
        """Its items as far as they are incidents."""
        return tuple(item for item in self.items if isinstance(item, Incident))


class Sender(Protocol):
    """A channel.

    Attributes:
        whole: it is read by machines, so every record has to be in a message; people get the
            first ones and a number.
        proof: what `send` has seen when it returns, in English and Chinese.
    """

    @property
    def whole(self) -> bool:
        """See above."""

    @property
    def proof(self) -> tuple[str, str]:
        """See above."""

    def send(self, message: Message) -> None:
        """Returns when the channel has confirmed it, as far as it does that.

        Raises:
            Away: not now. Refused: this message never.
        """

    def close(self) -> None:
        """Release connections."""


class Away(SinkBusy):
    """The channel does not take messages now. Neither its address nor content is quoted."""

    def __init__(self, channel: str, en: str, zh: str, retry_after: float = 0.0) -> None:
        super().__init__(channel, en, retry_after)
        self.zh = zh


class Refused(Exception):
    """The channel will never take this message; says why, without its content."""


def gravity(item: Alert | Incident) -> int:
    """The response of an alert; of an incident, that of an alert as grave."""
    return item.rule.response if isinstance(item, Alert) else _GRAVITY.get(item.severity, 3)


def meaning(incident: Incident, language: str) -> str:
    """What an incident of this kind is; the kind itself when it is not known here."""
    known = INCIDENTS.get(incident.kind)
    return incident.kind if known is None else known.en if language == "en" else known.zh


def trial(tenant: str, language: str, zone: str, stamp: int) -> Message:
    """What `mingjian alerts send-test` sends; `stamp` tells one from the next."""
    identity = content_id("message", TEST, tenant, str(stamp))
    return Message(identity, TEST, tenant, language=language, zone=zone)


def one_line(text: str) -> str:
    """`text` without line breaks and what terminals and mail programs obey or hide."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def quoted(text: str, secrets: Sequence[str], most: int = 120) -> str:
    """What a receiver said, as it may be shown and logged: one short line that no terminal obeys,
    without our own secrets, which some receivers repeat."""
    text = one_line(text)
    for secret in sorted({one for one in secrets if len(one) >= _SECRET}, key=len, reverse=True):
        text = re.sub(re.escape(secret), "***", text, flags=re.IGNORECASE)
    return short(text, most)


def short(text: str, most: int) -> str:
    """At most so many characters."""
    return text if len(text) <= most else text[: most - 1] + "…"


def fitting(lines: Sequence[str], room: int) -> list[str]:
    """The first lines, as many as fit into `room` bytes of UTF-8 with their ends."""
    kept: list[str] = []
    for line in lines:
        room -= len(line.encode()) + 1
        if room < 0:
            break
        kept.append(line)
    return kept

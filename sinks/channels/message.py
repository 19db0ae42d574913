"""What people read of alerts, in one message. Only what alerts hold: masked values."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, Protocol

from rules.alert import content_id

ALERT, RETRACTION, TEST = "alert", "retraction", "test"
GRADES = {
    "zh": {0: "记录", 1: "拦截", 2: "告警", 3: "紧急"},
    "en": {0: "note", 1: "block", 2: "alert", 3: "emergency"},
}
_SHORT_ID = 12
_SHANGHAI = timedelta(hours=8)


class Message(NamedTuple):
    """One message.

    Args:
        id: a function of its alerts: sent again, it is the same.
        kind: ALERT, RETRACTION or TEST.
        alerts: as JSON objects of `rules.alert`, all of one rule; oldest first.
        language: "zh" or "en".
    """

    id: str
    kind: str
    tenant: str
    alerts: tuple[dict[str, Any], ...]
    language: str = "zh"

    @property
    def response(self) -> int:
        """The gravest of its alerts."""
        return max((one["rule"]["response"] for one in self.alerts), default=0)

    def title(self) -> str:
        """One line: how grave, which rule, how many."""
        english = self.language == "en"
        if self.kind == TEST:
            return "Mingjian: a test message" if english else "明鉴：测试消息"
        rule, count = self.alerts[0]["rule"], len(self.alerts)
        many = f" ×{count}" if count > 1 else ""
        name = f"{rule['item']} {rule['title']}{many}".strip()
        if self.kind == RETRACTION:
            return f"Mingjian, taken back: {name}" if english else f"明鉴 撤销：{name}"
        grade = GRADES[self.language].get(self.response, str(self.response))
        return f"Mingjian {grade}: {name}" if english else f"明鉴 {grade}：{name}"

    def lines(self) -> list[str]:
        """One line an alert: when, which, what."""
        if self.kind == TEST:
            text = (
                "If you read this, the channel works."
                if self.language == "en"
                else ("看到这条消息，说明通知渠道可用。")
            )
            return [text]
        return [
            f"{local(one['time'])}  {one['alert_id'][:_SHORT_ID]}  {one['summary']}"
            for one in self.alerts
        ]


class Sender(Protocol):
    """A channel."""

    def send(self, message: Message) -> None:
        """Returns when the channel has confirmed it.

        Raises:
            SinkBusy: not now. Refused: this message never.
        """

    def close(self) -> None:
        """Release connections."""


class Refused(Exception):
    """The channel will never take this message; says why, without its content."""


def message_of(kind: str, tenant: str, alerts: Sequence[dict[str, Any]], language: str) -> Message:
    """A message of these alerts."""
    ids = [one["alert_id"] for one in alerts]
    return Message(content_id(kind, tenant, *ids), kind, tenant, tuple(alerts), language)


def local(milliseconds: int) -> str:
    """Shanghai time."""
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC) + _SHANGHAI
    return moment.strftime("%m-%d %H:%M:%S")


def fitting(lines: Sequence[str], room: int, language: str) -> list[str]:
    """As many lines as fit into `room` bytes of UTF-8, and how many do not."""
    kept: list[str] = []
    left = room - 40
    for number, line in enumerate(lines):
        left -= len(line.encode()) + 1
        if left < 0:
            rest = len(lines) - number
            return [*kept, f"… and {rest} more" if language == "en" else f"……还有 {rest} 条"]
        kept.append(line)
    return kept

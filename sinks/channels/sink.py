"""A channel as a target of delivery: what comes stands in the outbox, and leaves by the policy."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from rules.alert import RETRACTED
from sinks.base import Record, Rejected, SinkBusy, WriteResult
from sinks.channels.message import ALERT, RETRACTION, Refused, Sender, message_of
from sinks.channels.outbox import Outbox
from sinks.channels.policy import MINUTE, Policy, plan


class ChannelSink:
    """Tells people of alerts; other records are none of its business.

    Args:
        outbox: path of its file.
        now: UTC seconds.
    """

    def __init__(
        self,
        name: str,
        sender: Sender,
        policy: Policy,
        outbox: Path,
        *,
        language: str = "zh",
        now: Callable[[], float] = time.time,
    ) -> None:
        self.name = name
        self._sender, self._policy, self._path = sender, policy, outbox
        self._language, self._now = language, now
        self._outbox: Outbox | None = None
        self._again = 0.0

    def open(self) -> None:
        """Open the outbox. Whether the channel answers is found out by telling something."""
        self._outbox = Outbox(self._path)

    def write(self, batch: Sequence[Record]) -> WriteResult:
        """Take the alerts of the batch; they stand in the outbox when this returns or raises."""
        assert self._outbox is not None, "open() comes first"  # noqa: S101
        rows = [row for record in batch if record.topic == "alerts" and (row := self._row(record))]
        new = self._outbox.add(rows, self._now())
        refused = self._flush()
        return WriteResult(new, len(rows) - new, tuple(refused))

    def tick(self) -> WriteResult:
        """Nothing came: tell what has waited long enough."""
        if self._again and self._now() >= self._again:
            return WriteResult(0, 0, tuple(self._flush()))
        return WriteResult(0, 0)

    def close(self) -> None:
        """Release the file and the connection."""
        self._sender.close()
        if self._outbox is not None:
            self._outbox.close()

    def _row(self, record: Record) -> tuple[str, str, str, int, bytes] | None:
        alert: dict[str, Any] = msgspec.json.decode(record.body)
        response = int(alert["rule"]["response"])
        if response < self._policy.min_response:
            return None
        kind = RETRACTION if alert["status"] == RETRACTED else ALERT
        about = f"{kind}|{alert['tenant']}|{alert['rule']['name']}"
        return record.id, kind, about, response, record.body

    def _flush(self) -> list[Rejected]:
        """Send what is to be sent now.

        Raises:
            SinkBusy: the channel is away; what was confirmed before stays confirmed.
        """
        box = self._outbox
        assert box is not None  # noqa: S101
        refused: list[Rejected] = []
        while True:
            now, kept_s = self._now(), max(MINUTE, float(self._policy.group_s))
            todo = plan(self._policy, box.waiting(), box.sent(now - kept_s), now)
            self._again = todo.again
            if not todo.messages:
                return refused
            for keys in todo.messages:
                bodies = box.bodies(keys)
                alerts = [msgspec.json.decode(body) for body in bodies]
                kind = RETRACTION if alerts[0]["status"] == RETRACTED else ALERT
                message = message_of(kind, alerts[0]["tenant"], alerts, self._language)
                try:
                    self._sender.send(message)
                except Refused as error:
                    refused += [
                        Rejected(Record("alerts", one["alert_id"], body), str(error))
                        for one, body in zip(alerts, bodies, strict=True)
                    ]
                except SinkBusy:
                    self._again = now + 1
                    raise
                box.confirmed(keys, self._now(), kept_s)

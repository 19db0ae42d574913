"""A channel as a target of delivery: what comes stands in the outbox, and leaves by the policy."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec
import structlog

from rules.alert import RANKS, RETRACTED, Alert
from rules.canary_marks import FLAG_CANARY
from rules.operations import RESOLVED as ENDED
from rules.operations import Incident
from sinks.base import Record, Rejected, SinkBusy, WriteResult
from sinks.channels import message as kinds
from sinks.channels.message import Away, Message, Refused, Sender, gravity
from sinks.channels.outbox import Claim, Entry, Outbox
from sinks.channels.policy import MINUTE, Policy, plan
from sinks.channels.wording import local
from sinks.progress import PartlyBusy

TURN_S = 10.0  # how long one tick may send: records are waiting to be read meanwhile
_ALERT, _INCIDENT = msgspec.json.Decoder(Alert), msgspec.json.Decoder(Incident)
log = structlog.get_logger("deliver")


class ChannelSink:
    """Tells people of alerts and incidents; other records are none of its business.

    `write` takes records in; `tick` sends. So a channel that is away stops neither the reading of
    records nor a graver one that comes later.

    Args:
        outbox: path of its file.
        now: UTC seconds.
    """

    topics = ("alerts", "incidents")

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
        self._asked = 0.0  # when it was last asked whether anything is due
        self._aside: list[int] = []  # refused ones that the last call has handed over
        self._sent: set[str] = set()  # messages sent that could not be written down as sent
        self._suspects: set[str] = set()  # groups whose message failed while others passed

    def open(self) -> None:
        """Open the outbox. Whether the channel answers is found out by telling something."""
        if self._outbox is None:
            self._outbox = Outbox(self.name, self._path)
        self._again = self._now()  # an earlier process may have left something to tell

    def write(self, batch: Sequence[Record]) -> WriteResult:
        """Take in what is to be told of the batch.

        Raises:
            SinkBusy: the outbox is full, or cannot be written.
        """
        entries: list[Entry] = []
        refused: list[Rejected] = []
        old = 0
        for record in batch:
            try:
                entry, is_old = self._entry(record)
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                refused.append(Rejected(record, f"cannot be told: {error}"))
                continue
            old += is_old
            if entry is not None:
                entries.append(entry)
        if not entries and not refused:
            return WriteResult(0, 0)
        with self._kept() as box:
            self._make_room(box)
            new = box.add(entries, self._now())
        if new:
            self._again = self._now()
        if old:
            log.warning("too_old_to_tell", target=self.name, count=old, setting="max_age_h")
        return WriteResult(new, len(entries) - new, tuple(refused))

    def _make_room(self, box: Outbox) -> None:
        """Raises Away when as much waits as may, and no more can be told now."""
        if not box.full():
            return
        why, patience = "", 0.0
        try:
            self._flush(box)
        except SinkBusy as error:
            why, patience = f"{error.why}; ", error.retry_after
        self._aside, self._again = [], self._now()  # a tick hands over what was refused
        if box.full():
            en = f"{why}as much waits to be told as may (64 MiB)"
            raise Away(self.name, en, f"{why}待通知的内容已达上限（64 MiB）", patience)

    def due(self) -> bool:
        """See `Ticks`."""
        now = self._now()
        if now < self._asked:  # the clock was put back: the time that is waited for may be far off
            self._again = min(self._again, now)
        self._asked = now
        return bool(self._aside) or bool(self._again and now >= self._again)

    def tick(self) -> WriteResult:
        """See `Ticks`. A channel that is away has told what it could, and keeps the rest."""
        with self._kept() as box:
            return WriteResult(0, 0, tuple(self._flush(box)))

    def left(self) -> str:
        """See `Ticks`."""
        with self._kept() as box:
            count = box.count()
        if not count:
            return ""
        when = local(int(max(self._again, self._now()) * 1000), self._policy.zone)
        return f"{count:,} to be told, next at {when}"

    def close(self) -> None:
        """Release the file and the connection."""
        self._sender.close()
        if self._outbox is not None:
            self._outbox.close()
            self._outbox = None

    def _entry(self, record: Record) -> tuple[Entry | None, bool]:
        """What is to be told of a record, and whether it would be, were it not too old."""
        if record.topic == "incidents":
            if not self._policy.incidents:
                return None, False
            incident = _INCIDENT.decode(record.body)
            over = incident.status == ENDED
            kind = kinds.RESOLVED if over else kinds.INCIDENT
            about = f"{kind}|{incident.tenant}|{incident.kind}"
            found = Entry(
                record.id, record.topic, about, 2 if over else 1, not over,
                gravity(incident), record.body,
            )  # fmt: skip
            moment = incident.time
        elif record.topic == "alerts":
            alert = _ALERT.decode(record.body)
            if FLAG_CANARY in alert.flags:
                return None, False
            over = alert.status == RETRACTED
            kind = kinds.RETRACTION if over else kinds.ALERT
            about = "|".join(
                (kind, alert.tenant, *(_part(alert, by) for by in self._policy.group_by))
            )
            rank = RANKS.get(alert.status, max(RANKS.values()))
            found = Entry(
                record.id, record.topic, about, rank, not over, alert.rule.response, record.body
            )
            moment = alert.time
        else:
            return None, False
        if found.response < self._policy.min_response:
            return None, False
        oldest = self._now() - self._policy.max_age_s
        if self._policy.max_age_s and moment / 1000 < oldest:
            return None, True
        return found, False

    def _flush(self, box: Outbox) -> list[Rejected]:
        """Send what is to be sent now; what was refused, to be set aside before the next call.

        One failure may be the message's fault, so another one is tried; two in a row are the
        channel's. A message that fails while others pass is tried after them from then on.

        Raises:
            SinkBusy: the channel is away; what was confirmed before stays confirmed.
        """
        box.set_aside(self._aside)
        self._aside = []
        ends, failed = self._now() + TURN_S, dict[str, SinkBusy]()
        kept_s = max(MINUTE, float(self._policy.group_s))
        while True:
            now = self._now()
            waiting = [one for one in box.waiting() if one.about not in failed]
            sent = box.sent(now - kept_s, now)
            todo = plan(self._policy, waiting, sent, now, self._suspects)
            self._again = todo.again
            if not todo.messages:
                break
            for about in todo.messages:
                if self._now() >= ends:
                    self._again = now
                    return self._handed(box)
                try:
                    self._tell(box, box.claim(about, todo.floor, self._sender.whole), kept_s)
                except SinkBusy as error:
                    self._again = now
                    failed[about] = error
                    if len(failed) > 1 or error.retry_after:
                        raise self._with_refused(box, error) from None
                else:
                    self._suspects |= set(failed)
                    self._suspects.discard(about)
        if failed:
            self._again = self._now()
            raise self._with_refused(box, next(iter(failed.values())))
        return self._handed(box)

    def _tell(self, box: Outbox, claim: Claim, kept_s: float) -> None:
        """Send one message, and write down what became of it."""
        if claim.id not in self._sent:
            try:
                self._sender.send(self._message(claim))
            except (Refused, msgspec.MsgspecError) as error:  # the latter: of another version
                box.refused(claim, str(error), self._now(), kept_s)
                return
            self._sent.add(claim.id)
        box.confirmed(claim, self._now(), kept_s)
        self._sent.discard(claim.id)

    def _message(self, claim: Claim) -> Message:
        decoder = _ALERT if claim.topic == "alerts" else _INCIDENT
        items: list[Alert | Incident] = [decoder.decode(body) for body in claim.bodies]
        items.sort(key=lambda item: (-gravity(item), item.time))
        return Message(
            claim.id,
            claim.about.partition("|")[0],
            items[0].tenant,
            tuple(items),
            claim.more,
            self._language,
            self._policy.zone,
        )

    def _handed(self, box: Outbox) -> list[Rejected]:
        rows = box.to_set_aside()
        self._aside = [key for key, _ in rows]
        return [rejected for _, rejected in rows]

    def _with_refused(self, box: Outbox, error: SinkBusy) -> SinkBusy:
        """The error, with what was refused before it."""
        refused = self._handed(box)
        if not refused:
            return error
        found = PartlyBusy(self.name, error.why, WriteResult(0, 0, tuple(refused)), ())
        found.retry_after = error.retry_after
        return found

    @contextmanager
    def _kept(self) -> Iterator[Outbox]:
        """The outbox; a full disk is waited for like a channel that is away."""
        assert self._outbox is not None, "open() comes first"  # noqa: S101
        try:
            yield self._outbox
        except sqlite3.Error as error:
            why = f"its outbox cannot be written: {error}"
            raise Away(self.name, why, f"无法写入待发箱：{error}") from None


def _part(alert: Alert, by: str) -> str:
    return alert.rule.name if by == "rule" else alert.actor if by == "actor" else _place(alert)


def _place(alert: Alert) -> str:
    return alert.conversation or alert.room or alert.actor

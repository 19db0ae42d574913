"""What a pack is about and what it holds, before anything of it is written: plain data."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from reports.anchor import Anchored
from reports.media import MOST_BYTES, MediaFile
from reports.redaction import Hole, Redacted
from reports.rule_text import RuleText
from rules.alert import RETRACTED, Position
from rules.message import Message
from rules.zone import SHANGHAI

MINUTE = 60_000
ALERT, CASE, PERSON, MONTH = "alert", "case", "person", "month"  # what a pack can be about
MEMBER, CONTEXT, EVENT, PERIOD = "member", "context", "event", "period"  # roles of its records
ZH, EN = "zh", "en"


@dataclass(frozen=True)
class Request:
    """How a pack is asked for. Times are UTC ms.

    Args:
        created_at: when; the only time a pack carries besides those of its records.
        created_by, reason: who and why, for the custody chain.
        company: name on the cover.
        tool: name and version of the program.
        language: of the readable report, "zh" or "en".
        each_side, margin: context is at most `each_side` messages and `margin` ms before and
            after each member.
        events_margin: how far around the case the actor's side events are gathered.
        limit: most records that a person's period may have; what is beyond is named.
        media_bytes: most bytes of files sent that are taken in.
        unmask: show identity and card numbers in the readable part.
        redact: what is taken out of the raw records too: see `reports.redaction`.
        names: display names by id.
    """

    created_at: int
    created_by: str
    reason: str
    company: str
    tool: str
    language: str = ZH
    each_side: int = 10
    margin: int = 30 * MINUTE
    events_margin: int = 24 * 60 * MINUTE
    limit: int = 10_000
    media_bytes: int = MOST_BYTES
    unmask: bool = False
    redact: frozenset[str] = frozenset()
    names: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Subject:
    """What a pack is about: its kind and the id of that: of the alert, the name of the case, the
    person; of a person or a month also the time, [since, until) in UTC ms."""

    kind: str
    id: str
    since: int = 0
    until: int = 0


class Raised(NamedTuple):
    """An alert as it is at hand: its evidence with the sealed records, and the rule that judged."""

    alert: dict[str, Any]
    evidence: list[dict[str, Any]]
    rule: RuleText


class Finding(NamedTuple):
    """An alert of a pack: its evidence without the sealed records, which are among the items."""

    alert: dict[str, Any]
    evidence: tuple[dict[str, Any], ...]
    rule: RuleText


def by_weight(findings: Sequence[Finding]) -> list[Finding]:
    """The heaviest first, those taken back last."""

    def weight(finding: Finding) -> tuple[bool, int, int, str]:
        alert = finding.alert
        taken_back = alert["status"] == RETRACTED
        return taken_back, -int(alert["rule"]["response"]), alert["time"], alert["alert_id"]

    return sorted(findings, key=weight)


@dataclass(frozen=True)
class Item:
    """One raw record of the pack. `number` counts from 1 in events.jsonl; `evidence` are the ids
    under which alerts name it. Of one from which something was taken out, `raw` has the holes
    filled, `message` is what can still be read, and `whole` is the record as it stood."""

    number: int
    role: str
    raw: bytes
    position: Position
    message: Message
    evidence: tuple[str, ...] = ()
    redacted: Redacted | None = None
    whole: bytes = b""

    @property
    def holes(self) -> tuple[Hole, ...]:
        """What was taken out."""
        return self.redacted.holes if self.redacted else ()

    @property
    def record(self) -> bytes:
        """The record exactly as it stood in the source."""
        return self.whole if self.redacted else self.raw


@dataclass(frozen=True)
class Bundle:
    """All of a pack before it is written."""

    request: Request
    subject: Subject
    findings: tuple[Finding, ...]
    items: tuple[Item, ...]
    devices: tuple[dict[str, Any], ...]
    custody: tuple[bytes, ...]  # canonical JSON lines
    completeness: dict[str, Any]
    ledger: Anchored | None = None
    media: tuple[MediaFile, ...] = ()

    @property
    def alerts(self) -> list[dict[str, Any]]:
        """Every alert, as it stands in the pack."""
        return [finding.alert for finding in self.findings]


def case_day(subject: Subject, request: Request, alerts: Sequence[Mapping[str, Any]]) -> str:
    """The first part of the number that people quote: of an alert its own day (Beijing), of a month
    the month, of all else the day on which the pack is made."""
    if subject.kind == MONTH:
        return subject.id
    time = alerts[0]["time"] if subject.kind == ALERT else request.created_at
    return moment(time, "%Y%m%d")


def pack_name(subject: Subject, case: str, taken: Callable[[str], bool]) -> str:
    """What the files of a pack are called, without their ending: of an alert by its id, else by the
    case's number. No pack takes another's place, which somebody may have been given.

    Args:
        taken: whether there is a pack of such a name already.
    """
    name = subject.id if subject.kind == ALERT else case.lower()
    number, free = 1, name
    while taken(free):
        number += 1
        free = f"{name}-{number}"
    return free


def moment(time: int, form: str = "%Y-%m-%d %H:%M:%S") -> str:
    """UTC ms as Beijing time."""
    return dt.datetime.fromtimestamp(time / 1000, SHANGHAI).strftime(form)

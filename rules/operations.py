"""What is known of the running of the system: incidents, and what people did with records that
were set aside. Delivered like the job's outputs, but written by other processes.

Unlike the job's outputs these carry times of the clock: they tell of the running, not of messages.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from rules.alert import ID_FIELDS, OUTPUTS, RANKS, content_id


class Incident(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that may make the record of conversations incomplete, or late.

    One `incident_id` is told `open` and, where it can end, `resolved` later; of the two the
    resolved one stands. No content, no personal data.
    """

    v: int = 1
    incident_id: str
    tenant: str
    kind: str  # a key of `INCIDENTS`
    severity: str  # "critical": records are lost or may be; "warning": late, nothing lost yet
    status: str  # "open" | "resolved"
    source: str  # which collector or part of the system noticed it
    time: int  # when it was noticed, UTC ms; of a resolved one when it ended
    detail: str = ""  # numbers and names of settings, in English
    count: int = 1  # of messages concerned, where that is known


class Handled(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What somebody did with a record that was set aside. Never changed, never removed."""

    v: int = 1
    handled_id: str
    tenant: str
    quarantine_id: str
    action: str  # "replayed" | "fixed" | "dropped" | "opened": its sealed bytes were looked at
    time: int  # of the clock, UTC ms
    by: str  # who; the system's user name unless one was given
    reason: str = ""
    raw_sm3: str = ""  # of the bytes that were put back, when there were any
    to: str = ""  # where they were put: "messages", or the name of a target of delivery


class IncidentKind(NamedTuple):
    """`severity` as in `Incident`; what it means, and what to do about it."""

    severity: str
    en: str
    zh: str


INCIDENTS: dict[str, IncidentKind] = {
    "sequence_gap": IncidentKind(
        "critical",
        "numbers are missing in the archive's sequence: messages never arrived",
        "存档序号不连续：有消息始终没有到达",
    ),
    "collector_lag": IncidentKind(
        "warning",
        "the collector is behind by more than it may be; the archive keeps messages for five days",
        "采集落后超过允许的时间；会话存档只保留五天",
    ),
    "message_expired": IncidentKind(
        "critical",
        "the archive says that a message has expired: it can never be fetched again",
        "存档称消息已过期：再也无法取回",
    ),
    "key_missing": IncidentKind(
        "critical",
        "no private key of the version that a message was encrypted for",
        "缺少某个版本的私钥，消息无法解密",
    ),
    "decrypt_failed": IncidentKind(
        "critical",
        "a message could not be decrypted; it is kept, encrypted, beside the collector",
        "消息无法解密；密文保留在采集器旁",
    ),
    "source_refused": IncidentKind(
        "critical",
        "the source refuses to give messages: credentials, address or licence",
        "数据源拒绝提供消息：凭据、地址或许可有误",
    ),
    "media_lost": IncidentKind(
        "critical",
        "a file that was sent could not be fetched and never will be: it is lost as evidence",
        "消息中的文件未能取回，且再也无法取回：该证据已丢失",
    ),
    "media_refused": IncidentKind(
        "warning",
        "a file that was sent is larger than may be fetched; it is lost in five days",
        "消息中的文件超过允许大小而未取回；五天后将丢失",
    ),
    "canary_missed": IncidentKind(
        "critical",
        "a planted message did not come out as an alert in time",
        "植入的探测消息没有按时产生告警",
    ),
    "count_differs": IncidentKind(
        "critical",
        "what was taken in and what came out do not agree",
        "收到的数量与结果对不上",
    ),
}
OPEN, RESOLVED = "open", "resolved"
REPLAYED, FIXED, DROPPED, OPENED = "replayed", "fixed", "dropped", "opened"
SETTLING = (REPLAYED, FIXED, DROPPED)  # after one of these nobody has to look at the record

# all that is delivered: what the job writes, and what other processes write beside it
OPERATIONS = ("incidents", "handled")
DELIVERED = (*OUTPUTS, *OPERATIONS)
DELIVERED_IDS = {**ID_FIELDS, "incidents": "incident_id", "handled": "handled_id"}
# kinds of which an id is told more than once; of two records the one of the higher rank stands
RANKED: dict[str, dict[str, int]] = {"alerts": RANKS, "incidents": {OPEN: 1, RESOLVED: 2}}


def rank(kind: str, status: str) -> int:
    """Which of two records of one id stands; a status nobody knows counts as the last word."""
    ranks = RANKED[kind]
    return ranks.get(status, max(ranks.values()))


def incident(
    kind: str,
    *,
    tenant: str,
    source: str,
    key: str,
    time: int,
    detail: str = "",
    count: int = 1,
    status: str = OPEN,
) -> Incident:
    """An incident whose id is a function of kind, tenant, source and `key`.

    Args:
        key: what tells this incident from others of its kind, the same when it is noticed again
            after a restart (the first missing number, the hour a lag began).
    """
    return Incident(
        incident_id=content_id("incident", kind, tenant, source, key),
        tenant=tenant,
        kind=kind,
        severity=INCIDENTS[kind].severity,
        status=status,
        source=source,
        time=time,
        detail=detail,
        count=count,
    )


def handled(
    action: str,
    *,
    tenant: str,
    quarantine_id: str,
    time: int,
    by: str,
    reason: str = "",
    raw_sm3: str = "",
    to: str = "",
) -> Handled:
    """What somebody did; the id is a function of all of it, so that a repeated delivery is one."""
    return Handled(
        handled_id=content_id(
            "handled", action, tenant, quarantine_id, str(time), by, reason, raw_sm3, to
        ),
        tenant=tenant,
        quarantine_id=quarantine_id,
        action=action,
        time=time,
        by=by,
        reason=reason,
        raw_sm3=raw_sm3,
        to=to,
    )

"""Gathers everything a pack holds into one `Bundle`: plain data, nothing written yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from reports.anchor import Anchored, Anchors, anchored
from reports.context import ContextRecord, ContextSource, Found, Wanted, around
from reports.custody import Custody
from reports.devices import device_rows
from reports.rule_text import RuleText, must_be_the_rule
from rules.alert import Position, sm3_raw
from rules.decode import Decoder
from rules.errors import MingjianError, RecordError
from rules.message import Message
from sinks.sealing import Sealer, binding

MINUTE = 60_000


@dataclass(frozen=True)
class Request:
    """How a pack is asked for. Times are UTC ms.

    Args:
        created_at: when; the only time a pack carries besides those of its records.
        created_by, reason: who and why, for the custody chain.
        company: name on the cover.
        tool: name and version of the program.
        each_side, margin: context is at most `each_side` messages and `margin` ms before and
            after each member.
        events_margin: how far around the case the actor's side events are gathered.
        unmask: show identity and card numbers in the readable part.
        names: display names by id.
    """

    created_at: int
    created_by: str
    reason: str
    company: str
    tool: str
    each_side: int = 10
    margin: int = 30 * MINUTE
    events_margin: int = 24 * 60 * MINUTE
    unmask: bool = False
    names: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Item:
    """One raw record of the pack. `number` counts from 1 in events.jsonl."""

    number: int
    role: str  # member | context | event
    raw: bytes
    position: Position
    message: Message
    evidence_id: str = ""


@dataclass(frozen=True)
class Bundle:
    """All of a pack before it is written."""

    request: Request
    alert: dict[str, Any]
    evidence: tuple[dict[str, Any], ...]  # without the sealed text, which is in `items`
    items: tuple[Item, ...]
    rule: RuleText
    devices: tuple[dict[str, Any], ...]
    custody: tuple[bytes, ...]  # canonical JSON lines
    completeness: dict[str, Any]
    ledger: Anchored | None = None


def build_bundle(
    alert: dict[str, Any],
    evidence: list[dict[str, Any]],
    *,
    context: ContextSource,
    sealer: Sealer,
    decoder: Decoder,
    rule: RuleText,
    request: Request,
    anchors: Anchors | None = None,
) -> Bundle:
    """Open the members, fetch what surrounds them, and put the facts together.

    Args:
        anchors: where records and alerts are entered in the ledger; None: there is none.

    Raises:
        MingjianError: another rule than the one that judged; a member without evidence; evidence
            that does not open or is not the record its digest names; a source that is not there.
    """
    must_be_the_rule(rule, alert)
    by_id = {row["evidence_id"]: row for row in evidence}
    missing = [m["msgid"] for m in alert["members"] if m["evidence_id"] not in by_id]
    if missing:
        raise MingjianError(
            f"the evidence of {len(missing)} of {len(alert['members'])} messages of alert "
            f"{alert['alert_id']} is not in the index (first: {missing[0]})",
            f"告警 {alert['alert_id']} 的 {len(alert['members'])} 条记录中有 {len(missing)} 条"
            f"证据不在索引中（第一条：{missing[0]}）",
            fix_en="let `mingjian deliver` finish, then try again",
            fix_zh="请等 `mingjian deliver` 完成后重试",
        )
    kept = [by_id[member["evidence_id"]] for member in alert["members"]]
    members = [_opened(row, alert["tenant"], sealer, decoder) for row in kept]
    wanted = _wanted(alert, members, request)
    found = context.fetch(wanted)
    items = _items(members, kept, found, request)
    custody = Custody(request.created_at, request.created_by, request.tool)
    custody.add("evidence_opened", request.reason, records=len(members), alert=alert["alert_id"])
    custody.add(
        "context_read", request.reason, source=found.source,
        records=len(items) - len(members), scanned=found.scanned,
    )  # fmt: skip
    ledger = None
    if anchors is not None:
        places = [(item.number, item.message.time, item.message.msgid) for item in items]
        ledger = anchored(anchors, places, [alert])
        size = ledger.note.checkpoint.size
        custody.add("ledger_read", request.reason, entries=ledger.entries, of=size)
    custody.add("pack_created", request.reason, alert=alert["alert_id"], records=len(items))
    events = [(item.number, item.message) for item in items if item.message.kind == "event"]
    return Bundle(
        request=request,
        alert=alert,
        evidence=tuple(
            {key: value for key, value in row.items() if key != "sealed"} for row in kept
        ),
        items=tuple(items),
        rule=rule,
        devices=tuple(device_rows(events)),
        custody=tuple(custody.lines),
        completeness=_completeness(alert, items, wanted, found, request, ledger),
        ledger=ledger,
    )


def _opened(row: dict[str, Any], tenant: str, sealer: Sealer, decoder: Decoder) -> ContextRecord:
    raw = sealer.open(row["sealed"], binding(tenant, row["evidence_id"]))
    if sm3_raw(raw) != row["raw_sm3"]:
        raise MingjianError(
            f"evidence {row['evidence_id']}: the sealed record is not the one its digest names",
            f"证据 {row['evidence_id']}：封存内容与其摘要不符",
            fix_en="treat this record as tampered and compare it with another target",
            fix_zh="该记录应按已被篡改处理，请与另一存储比对",
        )
    try:
        message = decoder.decode(raw)
    except RecordError as error:
        raise MingjianError(
            f"evidence {row['evidence_id']} cannot be decoded: {error}",
            f"证据 {row['evidence_id']} 无法解析：{error}",
        ) from None
    return ContextRecord(raw, msgspec.convert(row["position"], Position), message)


def _wanted(alert: dict[str, Any], members: list[ContextRecord], request: Request) -> Wanted:
    spans: dict[str, tuple[int, int]] = {}
    times = [record.message.time for record in members]
    for record in members:
        message = record.message
        if message.kind == "archive" and message.conversation:
            start, end = spans.get(message.conversation, (message.time, message.time))
            spans[message.conversation] = min(start, message.time), max(end, message.time)
    margin, events = request.margin, request.events_margin
    return Wanted(
        conversations={
            name: (start - margin, end + margin) for name, (start, end) in sorted(spans.items())
        },
        actor=alert["actor"] if alert.get("actor_kind") != "customer" else "",
        events=(min(times) - events, max(times) + events),
        near=tuple(record.position for record in members),
    )


def _items(
    members: list[ContextRecord], kept: list[dict[str, Any]], found: Found, request: Request
) -> list[Item]:
    """Members, chosen context and events, each record once, in event-time order."""
    ids = {record.message.msgid for record in members}
    chosen: dict[str, tuple[ContextRecord, str, str]] = {}
    places = {(one.message.msgid, one.raw): one.position for one in found.messages + found.events}
    for opened, row in zip(members, kept, strict=True):
        # The job does not know the line of a file; the scan that just read it does.
        place = places.get((opened.message.msgid, opened.raw))
        record = opened._replace(position=place) if place else opened
        chosen.setdefault(record.message.msgid, (record, "member", row["evidence_id"]))
    by_conversation: dict[str, list[ContextRecord]] = {}
    for record in found.messages:
        by_conversation.setdefault(record.message.conversation, []).append(record)
    for name, records in by_conversation.items():
        own = [r.message for r in members if r.message.conversation == name]
        moments = [(message.time, message.seq, message.msgid) for message in own]
        for record in around(records, moments, request.each_side):
            chosen.setdefault(record.message.msgid, (record, "context", ""))
    for record in found.events:
        if record.message.msgid not in ids:
            chosen.setdefault(record.message.msgid, (record, "event", ""))
    ordered = sorted(
        chosen.values(), key=lambda c: (c[0].message.time, c[0].message.seq, c[0].message.msgid)
    )
    return [
        Item(number, role, record.raw, record.position, record.message, evidence_id)
        for number, (record, role, evidence_id) in enumerate(ordered, 1)
    ]


def _completeness(
    alert: dict[str, Any],
    items: list[Item],
    wanted: Wanted,
    found: Found,
    request: Request,
    ledger: Anchored | None,
) -> dict[str, Any]:
    listed = len(alert["members"])
    shown = {_INCLUSION} if ledger and not ledger.missing else set()
    if ledger and ledger.stamps:
        shown.add(_TIMESTAMP)
    return {
        "v": 1,
        "counts": {
            role: sum(item.role == role for item in items)
            for role in ("member", "context", "event")
        },
        "alert": {
            "contributing": alert["count"],
            "listed": listed,
            "beyond_the_cap": alert["count"] - listed,
        },
        "query": {
            "conversations": [
                {"conversation": name, "start": start, "end": end}
                for name, (start, end) in wanted.conversations.items()
            ],
            "each_side": request.each_side,
            "events_of": wanted.actor,
            "events_start": wanted.events[0],
            "events_end": wanted.events[1],
        },
        "source": {
            "name": found.source,
            "scanned": found.scanned,
            "undecodable": found.bad,
            "limits": found.limits,
        },
        "not_covered": [
            {"id": key, "en": en, "zh": zh} for key, en, zh in NOT_COVERED if key not in shown
        ],
    }


_INCLUSION, _TIMESTAMP = "ledger_inclusion", "timestamp"
NOT_COVERED = (
    (
        _INCLUSION,
        "That the records were entered in a tamper-evident register when they arose (a Merkle "
        "inclusion proof) is not shown. The signature shows that nothing changed since this pack "
        "was made.",
        "本包不证明各条记录在产生之时即已登入防篡改的存证账本（即不含 Merkle 包含性证明）；"
        "签名证明的是本包制作完成之后内容未被改动。",
    ),
    (
        _TIMESTAMP,
        "There is no time stamp by a third party (RFC 3161): the creation time is the clock of "
        "the machine that built the pack and has no independent witness.",
        "本包未附第三方可信时间戳（RFC 3161）：制作时间取自制作机器的时钟，没有独立第三方见证。",
    ),
    (
        "certificate",
        "The signing key is self-generated and not certified by a certification authority.",
        "签名密钥为系统自行生成，未经电子认证机构（CA）认证。",
    ),
    (
        "media",
        "Files, pictures, voice and video are named by WeCom's id and md5; their contents are not "
        "in the pack.",
        "文件、图片、语音、视频仅载明企业微信编号与 md5，内容本身不在包内。",
    ),
    (
        "lexicons",
        "Word lists that the rule refers to are covered by the ruleset digest, not included.",
        "规则引用的词库由规则集摘要覆盖，原文未收入包内。",
    ),
    (
        "consent",
        "Conversations with customers who did not agree to archiving never reach the archive.",
        "未同意存档的客户会话不会进入存档，本包无法覆盖。",
    ),
)

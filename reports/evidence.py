"""Gathers everything a pack holds into one `Bundle`: plain data, nothing written yet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from reports.anchor import Anchors, anchored, unhandled
from reports.case import (
    ALERT,
    CONTEXT,
    EVENT,
    MEMBER,
    PERIOD,
    PERSON,
    Bundle,
    Finding,
    Item,
    Raised,
    Request,
    Subject,
)
from reports.completeness import statement
from reports.context import ContextRecord, ContextSource, Found, Wanted, around, merged
from reports.custody import Custody
from reports.devices import device_rows
from reports.media import MediaSource, media_files
from reports.redacting import without_what_is_to_go
from reports.redaction import Salts
from reports.rule_text import must_be_the_rule
from rules.alert import Position, sm3_raw
from rules.decode import Decoder
from rules.errors import MingjianError, RecordError
from sinks.sealing import Sealer, binding

_Members = list[tuple[ContextRecord, str]]  # a record, and the id under which an alert names it


def build_bundle(
    subject: Subject,
    raised: Sequence[Raised],
    *,
    context: ContextSource,
    sealer: Sealer,
    decoder: Decoder,
    request: Request,
    anchors: Anchors | None = None,
    media: MediaSource | None = None,
) -> Bundle:
    """Open the members, fetch what surrounds them, and put the facts together.

    Args:
        raised: the alerts, in the order in which they are shown.
        anchors: where records and alerts are entered in the ledger; None: there is none.
        media: where contents of files are; None: they are not to be had.

    Raises:
        MingjianError: another rule than the one that judged; a member without evidence; evidence
            that does not open or is not the record its digest names; a source that is not there.
    """
    members = [_members(one, sealer, decoder) for one in raised]
    alerts = [one.alert for one in raised]
    wanted = _wanted(subject, alerts, members, request)
    found = context.fetch(wanted)
    items = _items([one for each in members for one in each], found, request)
    custody = Custody(request.created_at, request.created_by, request.tool)
    opened = sum(len(each) for each in members)
    about = {"alert": subject.id} if subject.kind == ALERT else {"subject": subject.id}
    custody.add("evidence_opened", request.reason, records=opened, **about)
    custody.add(
        "context_read", request.reason, source=found.source,
        records=sum(item.role != MEMBER for item in items), scanned=found.scanned,
    )  # fmt: skip
    if request.redact:
        salts = Salts(sealer.keys[sealer.key_id])
        items = without_what_is_to_go(items, subject, alerts, request.redact, salts, decoder)
        custody.add(
            "redacted", request.reason, what=sorted(request.redact),
            holes=sum(len(item.holes) for item in items),
            records=sum(bool(item.holes) for item in items),
        )  # fmt: skip
        # what was sent along and what was searched for would tell what was taken out
        media = None
        anchors = anchors and anchors._replace(handled=unhandled)
    ledger = None
    if anchors is not None:
        places = [(item.number, item.message.time, item.message.msgid) for item in items]
        hidden = {item.number for item in items if item.redacted}
        ledger = anchored(anchors, places, alerts, hidden)
        size = ledger.note.checkpoint.size
        custody.add("ledger_read", request.reason, entries=ledger.entries, of=size)
    carried = [(item.number, item.raw) for item in items if item.role == MEMBER]
    files = media_files(carried, media, request.media_bytes)
    if included := [one for one in files if one.file]:
        custody.add("media_read", request.reason, files=len(included))
    if request.unmask:
        custody.add("unmasked", request.reason)
    custody.add("pack_created", request.reason, records=len(items), **about)
    events = [(item.number, item.message) for item in items if item.message.kind == "event"]
    return Bundle(
        request=request,
        subject=subject,
        findings=tuple(Finding(one.alert, tuple(_unsealed(one)), one.rule) for one in raised),
        items=tuple(items),
        devices=tuple(device_rows(events)),
        custody=tuple(custody.lines),
        completeness=statement(subject, alerts, items, wanted, found, request, ledger, files),
        ledger=ledger,
        media=tuple(files),
    )


def _kept(raised: Raised) -> list[dict[str, Any]]:
    """The evidence of each member, in the order in which the alert names them."""
    alert = raised.alert
    by_id = {row["evidence_id"]: row for row in raised.evidence}
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
    return [by_id[member["evidence_id"]] for member in alert["members"]]


def _unsealed(raised: Raised) -> list[dict[str, Any]]:
    return [{key: one for key, one in row.items() if key != "sealed"} for row in _kept(raised)]


def _members(raised: Raised, sealer: Sealer, decoder: Decoder) -> _Members:
    must_be_the_rule(raised.rule, raised.alert)
    tenant = raised.alert["tenant"]
    return [(_opened(row, tenant, sealer, decoder), row["evidence_id"]) for row in _kept(raised)]


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


def _wanted(
    subject: Subject,
    alerts: Sequence[dict[str, Any]],
    members: Sequence[_Members],
    request: Request,
) -> Wanted:
    talks: dict[str, list[tuple[int, int]]] = {}
    acts: dict[str, list[tuple[int, int]]] = {}
    margin, around_acts = request.margin, request.events_margin
    for alert, records in zip(alerts, members, strict=True):
        own: dict[str, tuple[int, int]] = {}
        for record, _ in records:
            message = record.message
            if message.kind == "archive" and message.conversation:
                start, end = own.get(message.conversation, (message.time, message.time))
                own[message.conversation] = min(start, message.time), max(end, message.time)
        for name, (start, end) in own.items():
            talks.setdefault(name, []).append((start - margin, end + margin))
        actor = alert["actor"] if alert.get("actor_kind") != "customer" else ""
        if actor and records:
            times = [record.message.time for record, _ in records]
            span = min(times) - around_acts, max(times) + around_acts
            acts.setdefault(actor, []).append(span)
    talk: dict[str, list[tuple[int, int]]] = {}
    if subject.kind == PERSON:
        period = subject.since, subject.until - 1
        talk[subject.id] = [period]
        acts.setdefault(subject.id, []).append(period)
    return Wanted(
        conversations={name: merged(spans) for name, spans in sorted(talks.items())},
        acts={name: merged(spans) for name, spans in sorted(acts.items())},
        talk={name: merged(spans) for name, spans in talk.items()},
        members=tuple(record.message.msgid for each in members for record, _ in each),
        near=tuple(record.position for each in members for record, _ in each),
        talk_limit=request.limit,
    )


def _items(members: _Members, found: Found, request: Request) -> list[Item]:
    """Members, chosen context, events and a person's period, each record once, in event-time
    order."""
    chosen: dict[str, tuple[ContextRecord, str]] = {}
    named: dict[str, list[str]] = {}
    read = found.messages + found.events + found.talk
    places = {(one.message.msgid, one.raw): one.position for one in read}
    for opened, evidence_id in members:
        # The job does not know the line of a file; the scan that just read it does.
        place = places.get((opened.message.msgid, opened.raw))
        record = opened._replace(position=place) if place else opened
        chosen.setdefault(record.message.msgid, (record, MEMBER))
        named.setdefault(record.message.msgid, []).append(evidence_id)
    by_conversation: dict[str, list[ContextRecord]] = {}
    for record in found.messages:
        by_conversation.setdefault(record.message.conversation, []).append(record)
    times: dict[str, dict[str, tuple[int, int, str]]] = {}
    for record, _ in members:
        one = record.message
        times.setdefault(one.conversation, {})[one.msgid] = (one.time, one.seq, one.msgid)
    for name, records in by_conversation.items():
        for record in around(records, times.get(name, {}).values(), request.each_side):
            chosen.setdefault(record.message.msgid, (record, CONTEXT))
    for record in found.events:
        chosen.setdefault(record.message.msgid, (record, EVENT))
    for record in found.talk:
        chosen.setdefault(record.message.msgid, (record, PERIOD))
    ordered = sorted(
        chosen.values(), key=lambda c: (c[0].message.time, c[0].message.seq, c[0].message.msgid)
    )
    return [
        Item(
            number, role, record.raw, record.position, record.message,
            tuple(sorted(named.get(record.message.msgid, ()))),
        )
        for number, (record, role) in enumerate(ordered, 1)
    ]  # fmt: skip

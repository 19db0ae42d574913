"""Sample outputs of the job, built from the contract's own structs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from rules.alert import (
    Alert,
    Evidence,
    Hit,
    Late,
    Member,
    Position,
    Quarantined,
    RuleRef,
    content_id,
)
from rules.operations import DELIVERED_IDS, incident
from rules.operations import handled as deed
from sinks.base import Record

T0 = 1_790_000_000_000  # 2026-09-21, an ordinary working day


def rule(name: str = "a07_01_guarantee", response: int = 2, title: str = "承诺保本") -> RuleRef:
    return RuleRef(
        id=content_id(name),
        name=name,
        title=title,
        version=1,
        digest=content_id(name, "text"),
        item="A07-01",
        level="high",
        response=response,
    )


def hit(msgid: str, pattern: str = "保本", excerpt: str = "…这个产品保本…") -> Hit:
    return Hit(msgid=msgid, field="text", start=5, end=7, pattern=pattern, excerpt=excerpt)


def alert(number: int, **changes: Any) -> Record:
    """Alert `number`; the same number gives the same bytes."""
    msgid = f"m{number}"
    value = Alert(
        alert_id=content_id("alert", str(number)),
        tenant="demo",
        rule=rule(),
        ruleset="r1",
        status="final",
        response_state="post_hoc",
        time=T0 + number * 1000,
        first_time=T0 + number * 1000,
        actor="zhangsan",
        actor_kind="employee",
        conversation="wm1|zhangsan",
        counterparties=("wm1",),
        group={"sender": "zhangsan"},
        count=1,
        members=(
            Member(
                msgid=msgid,
                seq=18446744073709551000 + number,  # more than a signed 64-bit number holds
                time=T0 + number * 1000,
                type="text",
                sender="zhangsan",
                evidence_id=content_id("evidence", str(number)),
            ),
        ),
        hits=(hit(msgid),),
        summary="张三 向客户 wm1 承诺「保本」",
    )
    return record("alerts", msgspec.structs.replace(value, **changes))


def evidence(number: int, **changes: Any) -> Record:
    """Evidence of alert `number`."""
    raw = f"raw {number}".encode()
    value = Evidence(
        evidence_id=content_id("evidence", str(number)),
        alert_id=content_id("alert", str(number)),
        tenant="demo",
        msgid=f"m{number}",
        seq=18446744073709551000 + number,
        time=T0 + number * 1000,
        type="text",
        sender="zhangsan",
        conversation="wm1|zhangsan",
        direction="outbound",
        text="您放心，这款理财产品保本保息",
        hits=(hit(f"m{number}"),),
        raw_sm3=sm3(raw),
        raw_sha256=hashlib.sha256(raw).hexdigest(),
        raw_size=len(raw),
        position=Position(source="kafka:messages", partition=1, offset=number),
        sealed="c2VhbGVk" * 8,
    )
    return record("evidence", msgspec.structs.replace(value, **changes))


def quarantined(raw: bytes, source: str = "kafka:messages", **changes: Any) -> Record:
    """A record set aside, as the job writes it: without offset and line when read from a file."""
    value = Quarantined(
        quarantine_id=content_id("quarantine", raw),
        reason="not_json",
        detail="byte 3",
        raw_sm3=sm3(raw),
        raw_sha256=hashlib.sha256(raw).hexdigest(),
        raw_size=len(raw),
        position=Position(source=source),
    )
    return record("quarantine", msgspec.structs.replace(value, **changes))


def late(number: int, **changes: Any) -> Record:
    value = Late(
        late_id=content_id("late", str(number)),
        tenant="demo",
        rule="a05_01_recall_burst",
        msgid=f"m{number}",
        seq=number,
        time=T0,
        watermark=T0 + 60_000,
        raw_sm3=sm3(b"late"),
        position=Position(source="kafka:messages", partition=0, offset=number),
    )
    return record("late", msgspec.structs.replace(value, **changes))


def noticed(number: int, status: str = "open", **changes: Any) -> Record:
    """Incident `number`, or the end of it."""
    value = incident(
        "sequence_gap",
        tenant="demo",
        source="archive",
        key=str(number),
        time=T0 + number * 1000 + (60_000 if status == "resolved" else 0),
        detail=f"{number} to {number + 3}",
        count=4,
        status=status,
    )
    return record("incidents", msgspec.structs.replace(value, **changes))


def done_with(quarantine_id: str, action: str = "dropped", **facts: Any) -> Record:
    """What somebody did with a quarantined record."""
    given = {"tenant": "demo", "time": T0, "by": "wang", "reason": "noise", **facts}
    return record("handled", deed(action, quarantine_id=quarantine_id, **given))


def record(topic: str, value: msgspec.Struct) -> Record:
    return Record(topic, getattr(value, DELIVERED_IDS[topic]), msgspec.json.encode(value))


def with_field(item: Record, name: str, value: Any) -> Record:
    """The record with one more (or another) top-level field."""
    body = msgspec.json.decode(item.body)
    return item._replace(body=msgspec.json.encode({**body, name: value}))


def sm3(raw: bytes) -> str:
    return hashlib.new("sm3", raw).hexdigest()


def write_part(outputs: Path, items: Iterable[Record], name: str = "part-0-0") -> None:
    """Write records as finished part files, as Flink's file sink leaves them."""
    by_topic: dict[str, list[bytes]] = {}
    for item in items:
        by_topic.setdefault(item.topic, []).append(item.body + b"\n")
    for topic, lines in by_topic.items():
        folder = outputs / topic
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"".join(lines))

"""The completeness statement of a pack: what was asked for, what was found, what it cannot show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reports.anchor import Anchored
from reports.case import CONTEXT, EVENT, MEMBER, PERIOD, PERSON, Item, Request, Subject
from reports.context import Deleted, Found, Spans, Wanted
from reports.media import LEFT_OUT, STORED, MediaFile

_INCLUSION, _TIMESTAMP, _MEDIA, _REDACTED = "ledger_inclusion", "timestamp", "media", "redaction"
_HANDLING, _NO_HANDLING = "handling", "handling_left_out"
_PERIOD, _COUNTED, _LEFT_OUT = "period", "period.counted", "left_out"


def statement(
    subject: Subject,
    alerts: Sequence[dict[str, Any]],
    items: Sequence[Item],
    wanted: Wanted,
    found: Found,
    request: Request,
    ledger: Anchored | None,
    media: Sequence[MediaFile],
) -> dict[str, Any]:
    """The content of completeness.json."""
    listed = sum(len(alert["members"]) for alert in alerts)
    contributing = sum(alert["count"] for alert in alerts)
    holes = [hole for item in items for hole in item.holes]
    return {
        "v": 2,
        "counts": {
            role: sum(item.role == role for item in items)
            for role in (MEMBER, CONTEXT, EVENT, PERIOD)
        },
        "alerts": {
            "count": len(alerts),
            "contributing": contributing,
            "listed": listed,
            "beyond_the_cap": contributing - listed,
        },
        "query": {
            "conversations": _spans("conversation", wanted.conversations),
            "each_side": request.each_side,
            "acts": _spans("person", wanted.acts),
            "talk": _spans("person", wanted.talk),
        },
        "source": {
            "name": found.source,
            "scanned": found.scanned,
            "undecodable": found.bad,
            **({"unread_segments": sorted(found.segments)} if found.segments else {}),
            "limits": [{"en": en, "zh": zh} for en, zh in found.limits],
        },
        "media": {
            "named": len(media),
            "included": sum(bool(one.file) for one in media),
            "left_out": sum(one.state == LEFT_OUT for one in media),
        },
        "left_out": {"stored_only": found.stored_only},
        **({"deleted": _deleted(found.deleted)} if found.deleted else {}),
        "redacted": {"records": sum(bool(item.holes) for item in items), "holes": len(holes)},
        "not_covered": not_covered(
            subject, ledger, media, redacted=bool(holes), deleted=found.deleted is not None
        ),
    }


def not_covered(
    subject: Subject,
    ledger: Anchored | None,
    media: Sequence[MediaFile] = (),
    *,
    redacted: bool = False,
    deleted: bool = False,
) -> list[dict[str, str]]:
    """What such a pack cannot show, each with its id and in both languages. `deleted`: whether it
    counts what was deleted."""
    shown = {_PERIOD if deleted else _COUNTED}
    if ledger and not ledger.missing:
        shown.add(_INCLUSION)
    if ledger and ledger.stamps:
        shown.add(_TIMESTAMP)
    if redacted or not ledger:
        shown.add(_HANDLING)
    if all(one.state == STORED for one in media):
        shown.add(_MEDIA)
    if not redacted:
        shown |= {_REDACTED, _NO_HANDLING}
    if subject.kind != PERSON:
        shown |= {_PERIOD, _COUNTED, _LEFT_OUT}
    return [
        {"id": key.split(".")[0], "en": en, "zh": zh}
        for key, en, zh in _NOT_COVERED
        if key not in shown
    ]


def _deleted(found: Deleted) -> dict[str, Any]:
    rows = [
        {
            "policy": one.policy,
            "title_en": one.title[0],
            "title_zh": one.title[1],
            "law": one.law,
            "basis": one.basis,
            "count": one.messages,
            "said_first": one.said[0],
            "said_last": one.said[1],
            "deleted_first": one.removed[0],
            "deleted_last": one.removed[1],
            "plans": list(one.plans),
        }
        for one in found.groups
    ]
    return {"count": found.messages, "unknown": found.unknown, "by_policy": rows}


def _spans(name: str, asked: Any) -> list[dict[str, Any]]:
    rows: list[tuple[str, Spans]] = sorted(asked.items())
    return [{name: one, "start": start, "end": end} for one, spans in rows for start, end in spans]


_NOT_COVERED = (
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
        _MEDIA,
        "Contents of files, pictures, voice and video that are not in the pack are named by WeCom's"
        " md5 alone.",
        "未收入包内的文件、图片、语音、视频仅载明企业微信所记的 md5，内容本身不在包内。",
    ),
    (
        _REDACTED,
        "What was taken out of records can be checked against its commitment only when it is "
        "opened (mingjian report open).",
        "已遮盖的内容须经披露（mingjian report open）方可与其承诺值核对。",
    ),
    (
        _HANDLING,
        "Lines of the custody book about these messages are in the pack; that none was left out "
        "shows only when the whole book is checked.",
        "与本包消息有关的保管记录均已收录；是否有遗漏须核查整本保管记录才能得知。",
    ),
    (
        _NO_HANDLING,
        "Lines of the custody book about these messages are not in a pack from which something was "
        "taken out: they tell digests with which it could be guessed.",
        "有内容被遮盖的包不收录与消息有关的保管记录：其中的摘要可用于猜出被遮盖的内容。",
    ),
    (
        _PERIOD,
        "Of a person's period the pack holds what the archive holds: what was not archived, or was "
        "deleted by its retention period before, is not in it.",
        "期间内的消息以归档所存为准：未进入存档的、此前已按留存期限删除的，不在包内。",
    ),
    (
        _COUNTED,
        "Of a person's period the pack holds what the archive holds: what was not archived is not"
        " in it; what was deleted is counted by the plans and tombstones that are left, and is"
        " not in it.",
        "期间内的消息以归档所存为准：未进入存档的不在包内；"
        "已删除的依留存的删除计划与墓碑计数，不在包内。",
    ),
    (
        _LEFT_OUT,
        "Each message of a person's period is shown to be of this person and this period; that none"
        " was left out shows only against the archive and its whole ledger.",
        "期间内的每条消息均可核对属于此人、此期间；是否有消息未列入，须与归档及整本账本核对。",
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

"""Gathers a monthly report from the settings: alerts, custody book, incidents, ledger."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable, Iterator
from typing import Any

from config.settings import Settings, Target
from desk.desk import EXPORTED
from desk.roles import ROLE_NAMES
from jobs.archive import (
    anchors_of,
    book_of,
    ledger_folder,
    open_ledger,
    open_parts,
    written_archive,
)
from jobs.clock import now_ms
from jobs.packs import (
    Before,
    Made,
    Ready,
    Wish,
    alerts_between,
    nothing_before,
    save_noted,
    taken_in,
)
from jobs.rules_now import rules_now
from jobs.stamping import stamp_newest
from reports.case import MONTH, Bundle, Subject
from reports.month import Heads, MonthFacts, month_pack
from reports.rule_titles import CLASSES
from reports.signing import PASSPHRASE_VARIABLE, Signer
from reports.standalone.figures import month_of
from rules.alert import RETRACTED
from rules.errors import EXIT_USAGE, MingjianError
from rules.operations import INCIDENTS
from rules.zone import SHANGHAI
from sinks.base import AlertReader
from sinks.ledger.stamps import stamps
from sinks.readers import open_reader

_PAGE = 200
_UNMASKED_PACK = "exported_unmasked"  # told apart from those that are masked
# action of the custody book -> (English, Chinese)
DEEDS = {
    "searched": ("searched the archive", "检索归档"),
    "saw": ("saw a message", "查看消息"),
    "unmasked": ("saw personal data unmasked", "查看未脱敏内容"),
    "exported": ("exported messages or a pack", "导出消息或证据包"),
    "saw_alerts": ("saw alerts", "查看告警"),
    "tested_channels": ("tested notification channels", "测试通知渠道"),
    "set_access": ("said who may do what", "设定各人的权限"),
    "renewed_custody": ("began the damaged custody book anew", "重新开始已损坏的保管记录"),
    _UNMASKED_PACK: ("exported messages or a pack, not masked", "导出未脱敏的消息或证据包"),
    "refused": ("was refused", "无权而被拒绝"),
    "published_rules": ("published rules", "发布规则"),
    "read_custody": ("read the custody book", "查阅保管记录"),
    "exported_custody": ("exported the custody book", "导出保管记录"),
    "mended_heads": ("mended the ledger's history of heads", "重建账本签名头历史"),
    "rebuilding_index": ("began to rebuild the index", "开始重建索引"),
    "rebuilt_index": ("rebuilt the index", "重建索引"),
    "read_holds": ("looked at legal holds", "查阅法律保全"),
    "looked_up_person": ("looked up a person on request", "应请求查询个人"),
    "checked": ("checked archive and ledger", "核查归档与账本"),
    "rotated_keys": ("rotated keys", "轮换密钥"),
    "changed_passphrase": ("changed the passphrase of the keys", "更换密钥口令"),
    "retention_set": ("set retention policies", "设定留存策略"),
    "disposal_planned": ("planned a deletion", "制定删除计划"),
    "disposal_approved": ("approved a deletion", "批准删除"),
    "messages_deleted": ("deleted messages by a plan", "按计划删除消息"),
    "disposal_finished": ("finished a deletion", "完成删除"),
    "answered_request": ("answered requests for erasure", "答复删除请求"),
    "not_exported": ("could not write what was exported", "导出未能写成"),
    "processing_restricted": ("restricted messages to storage", "限制为只存储"),
    "hold_placed": ("placed a legal hold", "设置法律保全"),
    "hold_lifted": ("lifted a legal hold", "解除法律保全"),
}  # fmt: skip


def make_month(
    settings: Settings,
    month: str,
    wish: Wish,
    before_saving: Before = nothing_before,
) -> Made:
    """Build and store the report of a month.

    Args:
        month: "2026-10", in Beijing.

    Raises:
        MingjianError: it is no month, or has not begun; an index or archive that cannot be read.
    """
    subject = _subject(month, wish.created_at)
    reader = open_reader(settings)
    alerts = alerts_between(reader, subject)
    archive = written_archive(settings)
    anchors, heads, deeds = None, None, dict[str, dict[str, int]]()
    if archive is not None:
        stamp_newest(settings, now=now_ms(), at_once=True)
        anchors = anchors_of(settings, archive, open_parts(settings, archive), wish.given)
        heads = _heads(settings, archive, subject)
        deeds = _deeds(archive, subject)
    judge, waiting = _rules(settings)
    facts = MonthFacts(
        request=wish.request(settings),
        subject=subject,
        alerts=alerts,
        before=_standing(reader, _month_before(subject)),
        deeds=deeds,
        incidents=_incidents(reader, subject),
        late=_late(reader, subject),
        heads=heads,
        rules=judge,
        waiting=waiting,
        titles=DEEDS | ROLE_NAMES | {key: (one.en, one.zh) for key, one in INCIDENTS.items()},
        items=CLASSES,
    )
    signer = Signer.from_dir(settings.keys_dir, os.environ.get(PASSPHRASE_VARIABLE, ""))
    pack = month_pack(facts, signer, anchors, taken_in(wish.folder))
    bundle = Bundle(facts.request, subject, (), (), (), (), {})
    undo = before_saving(Ready(bundle, pack, []))
    packed, pdf = save_noted(undo, pack, wish.folder)
    return Made(
        pack.name, pack.case, packed, pdf, None, signer.fingerprint, pack.manifest_sm3,
        len(alerts), {},
    )  # fmt: skip


def _subject(month: str, now: int) -> Subject:
    try:
        since, until = month_of(month)
        if since < 0:
            raise ValueError("there was no WeCom then")
    except (ValueError, OverflowError):
        raise MingjianError(
            f"'{month}' is no month",
            f"“{month}”不是月份",
            fix_en="write it as 2026-10",
            fix_zh="请写作 2026-10",
            exit_code=EXIT_USAGE,
        ) from None
    if since > now:
        raise MingjianError(
            f"the month {month} has not begun",
            f"{month} 尚未开始",
            fix_en="give a month that is over, or the running one",
            fix_zh="请给出已结束的月份或本月",
            exit_code=EXIT_USAGE,
        )
    return Subject(MONTH, month, since, until)


def _month_before(subject: Subject) -> Subject:
    last = dt.datetime.fromtimestamp((subject.since - 1) / 1000, SHANGHAI)
    month = last.strftime("%Y-%m")
    return Subject(MONTH, month, *month_of(month))


def _standing(reader: AlertReader, subject: Subject) -> int:
    return sum(one["status"] != RETRACTED for one in alerts_between(reader, subject))


def _rules(settings: Settings) -> tuple[int, int]:
    """(how many rules judge now, how many wait for a feed), as `mingjian doctor` counts them: those
    that only feed others are not counted."""
    ruleset = rules_now(settings, now_ms())
    mains = [file.main.ref.name for file in ruleset.files if file.main is not None]
    judge = sum(name in ruleset.detections or name in ruleset.correlations for name in mains)
    return judge, len(mains) - judge


def _heads(settings: Settings, archive: Target, subject: Subject) -> Heads:
    notes = [note.checkpoint for note in open_ledger(settings, archive).notes]
    before = [one.size for one in notes if one.at < subject.since]
    inside = [one for one in notes if subject.since <= one.at < subject.until]
    start = before[-1] if before else 0
    sizes = {(one.size, one.at) for one in inside}
    stamped = {(one.size, one.at) for one in stamps(ledger_folder(archive))} & sizes
    return Heads(start, inside[-1].size if inside else start, len(inside), len(stamped))


def _deeds(archive: Target, subject: Subject) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for line in book_of(archive).lines():
        deed = line.deed
        if subject.since <= deed.at < subject.until:
            unmasked = deed.action == EXPORTED and deed.details.get("unmasked") is True
            by = found.setdefault(_UNMASKED_PACK if unmasked else deed.action, {})
            by[deed.role] = by.get(deed.role, 0) + 1
    return found


def _incidents(reader: AlertReader, subject: Subject) -> dict[str, tuple[int, int]]:
    found: dict[str, tuple[int, int]] = {}
    for one in _all(reader.incidents, subject):
        noticed, still = found.get(one["kind"], (0, 0))
        found[one["kind"]] = noticed + 1, still + (one["status"] == "open")
    return found


def _late(reader: AlertReader, subject: Subject) -> dict[str, int]:
    found: dict[str, int] = {}
    for one in _all(reader.late, subject):
        would = one.get("would_have_fired") or "unknown"
        found[would] = found.get(would, 0) + 1
    return found


def _all(ask: Callable[..., tuple[list[dict[str, Any]], str]], subject: Subject) -> Iterator[Any]:
    cursor = ""
    while True:
        rows, cursor = ask(since=subject.since, until=subject.until - 1, limit=_PAGE, cursor=cursor)
        yield from rows
        if not cursor:
            return

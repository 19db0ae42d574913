"""What a rule says of itself and should say: owner, law, dates, what to do."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from rules.errors import RuleError
from rules.summary import PLACEHOLDER
from rules.yaml_source import Document

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.I)
_TAG = re.compile(r"[a-z0-9_-]+\.[a-z0-9._-]+")
_LOOSE_DATE = re.compile(r"(\d{4})[/.年-](\d{1,2})[/.月-](\d{1,2})日?")
STATUSES = ("stable", "test", "experimental", "deprecated", "unsupported")
MAX_TITLE = 100  # columns; a Chinese character takes two
EMERGENCY = 3
# key, where it stands, code, what is missing in both languages, what to write
_EXPECTED = (
    ("mingjian.owner", "MJ603", "who answers for the rule", "谁对这条规则负责", "合规部"),
    ("mingjian.legal", "MJ604", "the legal basis", "法律依据", '["证券法 第135条"]'),
    ("description", "MJ605", "what the rule is about", "规则的说明", "员工向客户承诺保本"),
    ("falsepositives", "MJ606", "what may be hit wrongly", "可能误报的情形", "[转述制度]"),
    ("mingjian.runbook", "MJ607", "what to do about an alert", "告警后怎么处理", "约谈当事人"),
    ("mingjian.blind_spots", "MJ609", "what the rule cannot see", "规则看不到什么", "[语音]"),
)
# placeholders that only some kinds of rule fill with anything but a constant
_FILLED_BY: Mapping[str, tuple[str, ...]] = {"values": ("value_count",)}


def of_document(document: Document, today: date | None) -> Iterator[RuleError]:
    """What the head of a rule lacks or says wrongly. Base rules have no head."""
    value = document.value
    ours: dict[str, Any] = value.get("mingjian", {})
    yield from _dates(document, today)
    if ours.get("signal"):
        return
    yield from _identity(document)
    yield from _missing(document, ours)
    yield from _status(document)
    yield from _summary(document, ours)
    for index, tag in enumerate(value.get("tags", ())):
        if not _TAG.fullmatch(tag):
            yield document.error(
                ("tags", str(index)),
                f"the tag '{tag}' is not like namespace.name",
                f"标签“{tag}”不是 命名空间.名称 的形式",
                fix_en="write, for example, mingjian.insider",
                fix_zh="例如写成 mingjian.insider",
                code="MJ618",
            )


def _identity(document: Document) -> Iterator[RuleError]:
    value = document.value
    if not _UUID.fullmatch(value["id"]):
        yield document.error(
            ("id",),
            f"the id '{value['id']}' is not a UUID, as Sigma asks",
            f"id“{value['id']}”不是 UUID（Sigma 的要求）",
            fix_en="make one with: python3 -c 'import uuid; print(uuid.uuid4())'",
            fix_zh="用这条命令生成一个：python3 -c 'import uuid; print(uuid.uuid4())'",
            code="MJ601",
            offset=0,
        )
    if width(value["title"]) > MAX_TITLE:
        yield document.error(
            ("title",),
            f"the title takes {width(value['title'])} columns, more than {MAX_TITLE}",
            f"标题太长：占 {width(value['title'])} 列，超过 {MAX_TITLE} 列",
            fix_en="say the rest in 'description'",
            fix_zh="其余的内容请写进 description",
            code="MJ610",
        )


def width(text: str) -> int:
    """Columns a text takes on a screen."""
    return sum(2 if ord(char) > 0x2E7F else 1 for char in text)  # noqa: PLR2004


def _missing(document: Document, ours: dict[str, Any]) -> Iterator[RuleError]:
    for name, code, en, zh, example in _EXPECTED:
        section, _, key = name.rpartition(".")
        if (ours if section else document.value).get(key):
            continue
        urgent = key == "runbook" and ours["response"] == EMERGENCY
        yield document.error(
            ("mingjian", "response") if urgent else (section, key) if section else (key,),
            f"response {EMERGENCY} starts the emergency plan, and no 'runbook' says what to do"
            if urgent
            else f"'{key}' is missing: {en}",
            f"response {EMERGENCY} 会启动应急预案，但没有 runbook 说明怎么处理"
            if urgent
            else f"缺少 {key}：{zh}",
            fix_en=f"add {name}, for example {key}: {example}",
            fix_zh=f"请补上 {name}，例如 {key}: {example}",
            code="MJ608" if urgent else code,
        )


def _status(document: Document) -> Iterator[RuleError]:
    status = document.value.get("status")
    if status is not None and status not in STATUSES:
        yield document.error(
            ("status",),
            f"'{status}' is no status",
            f"没有“{status}”这个状态",
            fix_en=f"one of {', '.join(STATUSES)}",
            fix_zh=f"可用：{'、'.join(STATUSES)}",
            code="MJ614",
            offset=0,
        )
    if status == "deprecated" and not document.value.get("related"):
        yield document.error(
            ("status",),
            "the rule is deprecated and does not say by which rule it is replaced",
            "规则已弃用，但没有写明由哪条规则替代",
            fix_en="add related: [{id: UUID of the other rule, type: obsoletes}]",
            fix_zh="请补上 related: [{id: 另一条规则的 UUID, type: obsoletes}]",
            code="MJ615",
        )


def _dates(document: Document, today: date | None) -> Iterator[RuleError]:
    value = document.value
    days: dict[str, date] = {}
    for key in ("date", "modified"):
        written = value.get(key)
        if written is None:
            continue
        day = read_date(written)
        if day is None or (isinstance(written, str) and written != day.isoformat()):
            better = day.isoformat() if day else "2026-12-31"
            yield document.error(
                (key,),
                f"'{written}' is not a date like 2026-12-31",
                f"“{written}”不是 2026-12-31 这样的日期",
                fix_en=f"write {better}",
                fix_zh=f"请写成 {better}",
                code="MJ613",
                offset=0,
            )
        if day is not None:
            days[key] = day
            if today and day > today:
                yield document.error(
                    (key,),
                    f"'{key}' is in the future: {day}",
                    f"“{key}”在将来：{day}",
                    fix_en=f"write a day up to today, {today}",
                    fix_zh=f"请写不晚于今天（{today}）的日期",
                    code="MJ616",
                    offset=0,
                )
    if len(days) > 1 and days["modified"] < days["date"]:
        yield document.error(
            ("modified",),
            f"modified on {days['modified']}, before it was written on {days['date']}",
            f"修改日期 {days['modified']} 早于编写日期 {days['date']}",
            fix_en="correct one of the two dates",
            fix_zh="请改正其中一个日期",
            code="MJ612",
        )


def read_date(written: Any) -> date | None:
    """The day of a date or of a text that can only mean one; None for anything else."""
    if isinstance(written, date):
        return written
    match = _LOOSE_DATE.fullmatch(str(written).strip())
    try:
        return date(*map(int, match.groups())) if match else None
    except ValueError:
        return None


def _summary(document: Document, ours: dict[str, Any]) -> Iterator[RuleError]:
    kind = document.value.get("correlation", {}).get("type", "")
    for match in PLACEHOLDER.finditer(ours.get("summary", "")):
        word = match[1]
        never = (word == "minutes" and not kind) or kind not in _FILLED_BY.get(word, (kind,))
        if never:
            yield document.error(
                ("mingjian", "summary"),
                f"'{match[0]}' says nothing here: "
                + ("the rule has no window" if word == "minutes" else "only value_count fills it"),
                f"“{match[0]}”在这里没有内容可填："
                + ("规则没有时间窗口" if word == "minutes" else "只有 value_count 会填它"),
                fix_en="leave it out",
                fix_zh="请删去",
                code="MJ617",
                offset=match.start(),
            )

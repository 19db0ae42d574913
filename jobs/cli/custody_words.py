"""What a line of the custody book says, in the words of people."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from desk.desk import EXPORTED, UNMASKED
from desk.roles import RIGHT_NAMES, ROLE_NAMES
from jobs.cli.alert_list import SHORT_ID, when
from jobs.cli.app import say
from jobs.cli.retention_text import SHORT, scope_words
from jobs.cli.words import message_type, plural, visible
from reports.masking import mask_numbers
from rules.retention.holds import HoldScope
from sinks.archive.custody import Deed, named_leaves
from sinks.archive.disposable import counted
from sinks.archive.renewed_book import RENEWED

ACTIONS = {
    "searched": ("searched", "检索"),
    "saw": ("saw", "查看"),
    UNMASKED: ("saw unmasked", "查看未脱敏内容"),
    EXPORTED: ("exported", "导出"),
    "refused": ("was refused", "越权被拒"),
    "saw_alerts": ("saw alerts", "查看告警"),
    "tested_channels": ("tested channels", "测试通知渠道"),
    "published_rules": ("published rules", "发布规则"),
    "read_custody": ("read the custody book", "查阅保管记录"),
    "not_exported": ("could not write what was exported", "导出未能写成"),
    "exported_custody": ("exported the custody book", "导出保管记录"),
    "checked": ("checked", "核查"),
    "rotated_keys": ("rotated keys", "轮换密钥"),
    "changed_passphrase": ("changed the passphrase", "更换口令"),
    "set_access": ("said who may do what", "设定各人的权限"),
    "mended_heads": ("mended the ledger's history of heads", "重建账本签名头历史"),
    RENEWED: ("began the custody book anew", "重新开始保管记录"),
    "rebuilding_index": ("began to rebuild the index", "开始重建索引"),
    "rebuilt_index": ("rebuilt the index", "重建索引"),
    "retention_set": ("set the retention schedule", "启用留存策略"),
    "hold_placed": ("placed a legal hold", "设置法律保全"),
    "hold_lifted": ("lifted a legal hold", "解除法律保全"),
    "read_holds": ("saw legal holds", "查阅法律保全"),
    "disposal_planned": ("planned a deletion", "制定删除计划"),
    "disposal_approved": ("approved a deletion", "批准删除计划"),
    "messages_deleted": ("deleted messages", "删除消息"),
    "disposal_finished": ("finished a deletion", "完成删除计划"),
    "looked_up_person": ("looked up a person", "查询个人"),
    "answered_request": ("answered a request for erasure", "答复删除请求"),
    "processing_restricted": ("restricted to storage", "限制为只存储"),
}
_PACKS = {
    "alert": ("about an alert", "单条告警"),
    "case": ("about a case", "案件"),
    "person": ("about a person", "个人期间"),
    "month": ("monthly report", "月报"),
}
_BETWEEN = re.compile(r"[^0-9A-Za-z]+")
# a mobile number; the number of an identity card, with a day of birth in it
_OF_PERSON = re.compile(
    r"(?:86)?1[3-9]\d{9}|[1-9]\d{5}(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dXx]"
)
_SHOWN = 4  # numbers of messages, ids: who wants all asks for JSON
# Said in other words, or for machines alone.
_UNSAID = {
    "leaf", "leaves", "file", "pack", "plan", "hold", "about", "message", "alert", "alerts",
    "msgid", "sm3", "manifest_sm3", "file_sm3", "file_sha256", "object", "unmasked", "digest",
    "request", "size", "aside_sm3", "relied_on", "entered", "by_ledger",
}  # fmt: skip


def is_unmasked(deed: Deed) -> bool:
    """Whether somebody saw or took personal data unmasked, also as a pack."""
    return deed.action == UNMASKED or deed.details.get("unmasked") is True


def action_words(deed: Deed) -> str:
    """What was done; of a pack also that it is unmasked."""
    words = say(*ACTIONS.get(deed.action, (deed.action, deed.action)))
    if deed.action == EXPORTED and is_unmasked(deed):
        words += say(" UNMASKED", "（未脱敏）")
    return words


def what(deed: Deed) -> str:
    """On what it was done: messages by their numbers, a pack, a plan, a hold, …"""
    details, parts = deed.details, list[str]()
    for key, en, zh in (
        ("message", "message", "消息"),
        ("pack", "pack", "证据包"),
        ("about", "about", "关于"),
        ("hold", "hold", "保全"),
        ("alert", "alert", "告警"),
    ):
        if isinstance(value := details.get(key), str | int) and not isinstance(value, bool):
            if key == "alert":
                shown = str(value)[:SHORT_ID]
            else:  # the name of a pack is no number of a person's, however many digits it has
                shown = str(value) if key == "pack" else _said(value)
            if key == "message":
                shown = message_words(value)
            parts.append(f"{say(en, zh)} {shown}")
    if isinstance(plan := details.get("plan"), str):
        parts.append(say(f"plan {plan[:SHORT]}", f"计划 {plan[:SHORT]}"))
    if isinstance(alerts := details.get("alerts"), list):
        ids = ", ".join(str(one)[:SHORT_ID] for one in alerts[:_SHOWN])
        rest = ", …" * (len(alerts) > _SHOWN)
        count = say(plural(len(alerts), "alert"), f"{len(alerts):,} 条告警")
        parts.append(f"{count} ({ids}{rest})" if alerts else count)
    parts += _messages(details)
    return visible(say(", ", "，").join(parts))


def details_words(deed: Deed) -> str:
    """What else it was done with, each part in words."""
    parts = []
    for key, value in deed.details.items():
        nothing = value is False or value in ("", None, []) or (key == "after" and not value)
        if key not in _UNSAID and not nothing:
            parts.append(_told(key, value))
    if deed.action == EXPORTED and "pack" in deed.details and not is_unmasked(deed):
        parts.append(say("masked", "已脱敏"))
    return visible(say("; ", "；").join(parts))


def why_words(deed: Deed) -> str:
    """The reason that was given, numbers of people masked."""
    return visible(mask_numbers(deed.why))


def _told(key: str, value: Any) -> str:
    """One detail in words; what has none, or is of another kind than ever written, by its name."""
    try:
        return _TOLD[key](value)
    except (KeyError, TypeError, ValueError):
        return f"{key.replace('_', ' ')}: {_said(value)}"


def _messages(details: dict[str, Any]) -> list[str]:
    """The messages it was done with; a search that found none says so."""
    if "leaf" not in details and "leaves" not in details:
        return []
    try:
        found = list(named_leaves(details))
        count = counted(found)
    except (TypeError, ValueError):
        return []
    told = [f"#{first}" if first == last else f"#{first}–#{last}" for first, last in found]
    if "leaves" not in details:
        number = details.get("file")
        file = say(f"file {number} of ", f"第 {number} 个文件，") if number else ""
        return [f"{file}{say('message', '消息')} {told[0]}"]
    words = say(plural(count, "message"), f"{count:,} 条消息")
    if not told:
        return [words]
    return [f"{words} ({', '.join(told[:_SHOWN])}{', …' * (len(told) > _SHOWN)})"]


def message_words(value: Any) -> str:
    """The number or id of a message, as it was given. An id is full of digits and is nobody's
    number: it is masked when a part of it, or all of it, is a telephone's or a person's."""
    given = str(value)
    plain = unicodedata.normalize("NFKC", given)
    parts = [*_BETWEEN.split(plain), _BETWEEN.sub("", plain)]
    return mask_numbers(given) if any(map(_OF_PERSON.fullmatch, parts)) else given


def _said(value: Any) -> str:
    """A value that somebody gave, numbers of people masked."""
    if isinstance(value, str | int | float):
        return mask_numbers(str(value))
    return mask_numbers(json.dumps(value, ensure_ascii=False))


_ASKED = {
    "sender": ("from", "发送者"),
    "receiver": ("to", "接收者"),
    "room": ("room", "群"),
    "conversation": ("conversation", "会话"),
    "type": ("type", "类型"),
    "text": ("words", "文字"),
    "hit": ("hit by", "被规则命中"),
    "msgid": ("id", "消息编号"),
    "rule": ("rule", "规则"),
    "actor": ("actor", "当事人"),
    "response": ("level at least", "级别不低于"),
    "would": ("in time it would have", "准时会"),
}


def _query(asked: Any) -> str:
    """What was looked for; times are Beijing's."""
    if not isinstance(asked, dict):
        return _said(asked)
    parts = []
    known = [key for key in (*_ASKED, "since", "until") if key in asked]
    for key in dict.fromkeys([*known, *asked]):
        value = asked[key]
        if key in ("since", "until") and isinstance(value, int):
            parts.append(_time(key, value))
        elif key == "msgid":
            parts.append(f"{say(*_ASKED[key])} {message_words(value)}")
        elif key == "type":
            parts.append(f"{say(*_ASKED[key])} {message_type(str(value))}")
        else:
            parts.append(f"{say(*_ASKED.get(key, (key, key)))} {_said(value)}")
    return say("looked for ", "查找 ") + (say(", ", "、").join(parts) or say("all", "全部"))


def _time(key: str, value: Any) -> str:
    words = {"since": ("since", "自"), "until": ("until", "至"), "effective": ("from", "自")}[key]
    shown = when(value) if isinstance(value, int) else _said(value)
    return say(f"{words[0]} {shown}", f"{words[1]} {shown}")


def _scope(value: Any) -> str:
    try:
        return scope_words(msgspec.convert(value, HoldScope))
    except msgspec.ValidationError:
        return _said(value)


def _list(value: Any) -> str:
    return say(", ", "、").join(map(_said, value)) if isinstance(value, list) else _said(value)


def _count(one: str, zh: str, many: str = "") -> Callable[[Any], str]:
    def words(value: Any) -> str:
        number = len(value) if isinstance(value, Sequence) else value
        return say(plural(number, one, many), f"{number:,} {zh}")

    return words


def _label(en: str, zh: str) -> Callable[[Any], str]:
    return lambda value: say(f"{en} {_list(value)}", f"{zh} {_list(value)}")


def _people(value: Any) -> str:
    named = [
        (
            _said(one["account"]),
            say("/", "／").join(say(*ROLE_NAMES[role]) for role in one["roles"]),
        )
        for one in value
    ]
    return say(", ", "、").join(f"{account} {roles}" for account, roles in named)


_TOLD: dict[str, Callable[[Any], str]] = {
    "query": _query,
    "since": lambda value: _time("since", value),
    "until": lambda value: _time("until", value),
    "effective": lambda value: _time("effective", value),
    "scope": _scope,
    "kind": lambda value: say(*_PACKS.get(value, (_said(value), _said(value)))),
    "right": lambda value: say("wanted to ", "欲") + say(*RIGHT_NAMES.get(value, (value, value))),
    "redacted": _label("taken out:", "已遮盖："),
    "records": _count("record", "条记录"),
    "messages": _count("message", "条消息"),
    "files": _count("file", "个文件"),
    "lines": _count("line", "行"),
    "faults": _count("fault", "处不符"),
    "holes": _count("place opened", "处已披露", "places opened"),
    "holds": _count("hold", "个保全"),
    "late": _count("late record", "条迟到记录"),
    "policies": _count("policy", "条策略", "policies"),
    "entries": _count("entry", "条账本记录", "entries"),
    "disposals": _count("tombstone", "块墓碑"),
    "keys": _label("key versions", "密钥版本"),
    "version": _label("version", "版本"),
    "channels": _label("channels", "渠道"),
    "looked_for": _label("words looked for of holds", "已核对文字的保全"),
    "deleted_by": lambda value: say(f"deleted by plan {value[:SHORT]}",
                                    f"已按计划 {value[:SHORT]} 删除"),
    "restricted": lambda _value: say("stored only (PIPL art. 47)",
                                     "只可存储（个人信息保护法第四十七条）"),
    "confirmed": lambda _value: say("confirmed by a second person", "经第二人确认"),
    "forced": lambda _value: say("in spite of findings", "不顾检查结果"),
    "before": _label("further back than", "早于"),
    "after": _label("behind line", "行号大于"),
    "rules": _count("rule", "条规则"),
    "by": _label("by", "署名"),
    "who": _label("of the account", "账号"),
    "action": _label("of the kind", "类别"),
    "of_line": _label("of line", "第几行"),
    "of_message": lambda value: say("about message ", "涉及消息 ") + message_words(value),
    "people": _people,
    "counted": lambda _value: say("counted the words that were hit", "统计命中的词"),
    "path": _label("path", "路径"),
    "aside": lambda value: say(f"the damaged one is kept as {value}", f"损坏的一本存为 {value}"),
    "wrong": lambda value: say(f"which {value}", str(value)),
    "part": lambda value: say(f"the {value}", {"ledger": "账本"}.get(value, value)),
    "to": _label("into", "写入"),
}  # fmt: skip

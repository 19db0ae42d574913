"""What the report shows, worked out from a bundle: the template only lays it out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

from reports import devices
from reports.anchor import Anchored
from reports.bubbles import bubble, summary
from reports.evidence import Bundle, Item
from reports.pieces import plain
from reports.timeline import axis
from rules.alert import FINAL, RETRACTED
from rules.decode import party_kind
from rules.speculation import RETRACTIONS
from rules.zone import SHANGHAI

_LEVELS = {0: "记录", 1: "一级 · 拦截与记录", 2: "二级 · 实时告警", 3: "三级 · 紧急"}
_LEVELS_EN = {0: "Recorded", 1: "Level 1", 2: "Level 2", 3: "Level 3"}
_SEVERITIES = {
    "informational": "提示",
    "low": "低",
    "medium": "中",
    "high": "高",
    "critical": "严重",
}
_STATES = {
    "post_hoc": (
        "事后发现",
        "企业微信在消息送达、行为发生之后才提供记录，系统无法事先拦截；本案所列均已发生。",
    ),
    "delegated": (
        "已委托企业微信拦截",
        "已在企业微信中设置拦截规则；是否实际拦截以企业微信的记录为准，本系统看到的是存档副本。",
    ),
    "enforced": ("已由本系统拦截", "消息经由本系统通道发送，在发出前已被拦截。"),
}
_ROLES = {"member": "命中", "context": "上下文", "event": "行为"}
_KINDS = {"employee": "员工", "customer": "客户", "bot": "机器人", "system": "系统"}
_SHORT = 10
# fields an alert leaves out where they are empty (rules.alert.Alert)
_OMITTED: dict[str, Any] = {"window_start": 0, "counterparties": [], "hits": [], "flags": []}


def case_id(alert: dict[str, Any]) -> str:
    """The number people quote: date of the case (Beijing) and the head of the alert's id."""
    return f"MJ-{moment(alert['time'], '%Y%m%d')}-{alert['alert_id'][:8].upper()}"


def moment(time: int, form: str = "%Y-%m-%d %H:%M:%S") -> str:
    """UTC ms as Beijing time."""
    return dt.datetime.fromtimestamp(time / 1000, SHANGHAI).strftime(form)


def view(bundle: Bundle, inner_sm3: str, signer: dict[str, Any]) -> dict[str, Any]:
    """Variables of templates/report.html.j2."""
    alert, request = {**_OMITTED, **bundle.alert}, bundle.request
    people = _People(bundle)
    hits: dict[str, list[dict[str, Any]]] = {}
    for hit in alert.get("hits") or ():
        hits.setdefault(hit["msgid"], []).append(hit)
    recalled = {
        str(item.message.field("revoke.pre_msgid")): item.message.time
        for item in bundle.items
        if item.message.type == "revoke"
    }
    conversations = [
        {
            "id": name,
            "title": people.conversation(name),
            "days": _days(items, hits, recalled, people, request.unmask),
            "members": sum(item.role == "member" for item in items),
            "context": sum(item.role == "context" for item in items),
        }
        for name, items in _by_conversation(bundle.items).items()
    ]
    level = int(alert["rule"]["response"])
    state, state_text = _STATES[alert["response_state"]]
    margin = request.margin
    return {
        "case": case_id(alert),
        "alert": alert,
        "rule": alert["rule"],
        "rule_text": bundle.rule.text,
        "legal": bundle.rule.legal,
        "company": request.company,
        "level": level,
        "level_text": _LEVELS[level],
        "level_en": _LEVELS_EN[level],
        "severity": _severity(str(alert["rule"]["level"])),
        "state": state,
        "state_text": state_text,
        "standing": _standing(alert),
        "actor": people.label(alert["actor"]),
        "people": people.rows(),
        "summary": plain(alert["summary"], unmask=request.unmask),
        "hits": _hit_rows(bundle, hits, people),
        "conversations": conversations,
        "timeline": _timeline(bundle, people),
        "axis": axis([i for i in bundle.items if _near(i, alert, margin)]),
        "deeds": [_deed(item, people) for item in bundle.items if item.message.kind == "event"],
        "devices": [_device(row, people, request.unmask) for row in bundle.devices],
        "items": [_digest_row(item, bundle.ledger) for item in bundle.items],
        "completeness": bundle.completeness,
        "custody": bundle.custody,
        "ledger": bundle.ledger,
        "inner_sm3": inner_sm3,
        "signer": signer,
        "request": request,
        "moment": moment,
        "unmask": request.unmask,
    }


def _severity(level: str) -> str:
    """A rule's level in Chinese, with the word the rule itself uses."""
    return f"{_SEVERITIES[level]}（{level}）" if level in _SEVERITIES else level


class _People:
    """Names of the parties, and which ids stand for whom."""

    def __init__(self, bundle: Bundle) -> None:
        self._names, self._alert = bundle.request.names, bundle.alert
        ids: dict[str, int] = {}
        for item in bundle.items:
            for one in (item.message.sender, *item.message.recipients):
                if one:
                    ids.setdefault(one, 0)
            if item.message.sender:
                ids[item.message.sender] += 1
        self._ids = ids

    def name(self, one: str) -> str:
        """A short display name; the full id stands in the table of people."""
        if one in self._names:
            return self._names[one]
        kind = party_kind(one)
        if kind in ("customer", "bot") and len(one) > _SHORT:
            return f"{_KINDS[kind]} {one[:4]}…{one[-4:]}"
        return one

    def label(self, one: str) -> str:
        """Name and id, where they differ."""
        name = self._names.get(one, "")
        return f"{name}（{one}）" if name and name != one else one or "未知"

    def conversation(self, name: str) -> str:
        """Title of a conversation."""
        if "|" in name:
            return "单聊：" + " 与 ".join(self.name(one) for one in name.split("|"))
        return f"群聊：{self._names.get(name, name)}"

    def rows(self) -> list[tuple[str, str, str, int]]:
        """(kind, name, id, records sent) of everybody in the pack, the subject first."""
        subject = self._alert["actor"]
        order = sorted(self._ids, key=lambda one: (one != subject, party_kind(one), one))
        return [
            (
                "当事员工" if one == subject else _KINDS[party_kind(one)],
                self._names.get(one, "—"),
                one,
                self._ids[one],
            )
            for one in order
        ]


def _near(item: Item, alert: dict[str, Any], margin: int) -> bool:
    return bool(alert["first_time"] - margin <= item.message.time <= alert["time"] + margin)


def _by_conversation(items: Iterable[Item]) -> dict[str, list[Item]]:
    found: dict[str, list[Item]] = {}
    for item in items:
        if item.message.kind == "archive":
            found.setdefault(item.message.conversation or "—", []).append(item)
    return found


def _days(
    items: list[Item],
    hits: dict[str, list[dict[str, Any]]],
    recalled: dict[str, int],
    people: _People,
    unmask: bool,
) -> list[tuple[str, list[Any]]]:
    days: dict[str, list[Any]] = {}
    for item in items:
        msgid = item.message.msgid
        shown = bubble(
            item,
            hits.get(msgid, []),
            recalled.get(msgid, 0),
            people.name(item.message.sender),
            unmask=unmask,
        )
        days.setdefault(moment(item.message.time, "%Y年%m月%d日"), []).append(shown)
    return list(days.items())


def _standing(alert: dict[str, Any]) -> str:
    """Whether the alert is settled; of one that was taken back why, and what stands instead."""
    if alert["status"] == FINAL:
        return "最终"
    if alert["status"] != RETRACTED:
        return "暂定，可能随后续记录更新"
    reason = RETRACTIONS.get(alert.get("retraction", ""), ("", ""))[1]
    instead = f"（{alert['replaced_by']}）" if alert.get("replaced_by") else ""
    return f"已撤回：{reason}{instead}"


def _hit_rows(
    bundle: Bundle, hits: dict[str, list[dict[str, Any]]], people: _People
) -> list[dict[str, Any]]:
    rows = []
    for item in bundle.items:
        for hit in hits.get(item.message.msgid, ()):
            rows.append(
                {
                    "number": item.number,
                    "time": item.message.time,
                    "who": people.name(item.message.sender),
                    "pattern": hit["pattern"],
                    "field": hit["field"],
                    "span": f"{hit['start']}–{hit['end']}",
                    "excerpt": plain(hit["excerpt"]),
                    "variant": "、".join(hit.get("variant") or ()),
                    "confidence": hit.get("confidence", 0),
                }
            )
    return rows


def _timeline(bundle: Bundle, people: _People) -> list[dict[str, Any]]:
    """Members, recalls and deeds near the case; other context is in the conversation."""
    rows = []
    for item in bundle.items:
        message = item.message
        near = _near(item, bundle.alert, bundle.request.margin)
        if item.role == "member" or (near and (item.role == "event" or message.type == "revoke")):
            event = message.kind == "event"
            rows.append(
                {
                    "number": item.number,
                    "time": message.time,
                    "role": item.role,
                    "role_text": _ROLES[item.role],
                    "who": people.name(message.sender) or "（来源未载明）",
                    "to": "、".join(people.name(one) for one in message.recipients[:3])
                    + (f" 等 {len(message.recipients)} 人" if len(message.recipients) > 3 else ""),  # noqa: PLR2004
                    "what": plain(_deed_text(item, people))
                    if event
                    else summary(item, unmask=bundle.request.unmask),
                }
            )
    return rows


def _deed_text(item: Item, people: _People) -> str:
    message = item.message
    parts = [devices.TYPES.get(message.type, message.type)]
    if told := devices.detail(message):
        parts.append(told)
    for name, label in (("customer", "客户"), ("event.takeover", "接替"), ("file.name", "文件")):
        value = message.field(name)
        if value:
            shown = str(value) if name == "file.name" else people.name(str(value))
            parts.append(shown if shown.startswith(label) else f"{label} {shown}")
    return "，".join(parts)


def _deed(item: Item, people: _People) -> dict[str, Any]:
    source = str(item.message.field("event.source") or "")
    return {
        "number": item.number,
        "time": item.message.time,
        "role": item.role,
        "who": people.name(item.message.sender) or "（来源未载明）",
        "what": plain(_deed_text(item, people)),
        "source": devices.SOURCES.get(source, source),
    }


_WORDS = {
    devices.NOT_AVAILABLE: "不可得",
    "network /24, masked by WeCom": "网段级（末段由企业微信隐去）",
    "full address": "完整地址",
    "one device, by WeCom's device code": "单台设备（企业微信设备编号）",
    "kind of device only": "仅设备类别",
    "archived messages": "会话消息本身",
    "trusted device list": "可信设备台账",
    "WeCom session archive": "企业微信会话存档",
    "WeCom trusted devices (MAC, board, disk)": "可信设备（MAC、主板、硬盘）",
    "WeCom does not record the device or the network address of a message": (
        "存档消息不携带设备与地址"
    ),
    "not collected: this installation does not read that list": "未采集：系统未接入该台账",
    "same person, near in time; does not show what a message was sent from": "",
}


_DEVICE_PARTS = {"type": "类别", "code": "编号", "system": "系统"}


def _device(row: dict[str, Any], people: _People, unmask: bool) -> dict[str, Any]:
    shown: dict[str, Any] = {"record": 0, "time": 0}
    shown |= {key: _WORDS.get(str(value), value) for key, value in row.items()}
    shown["about"] = devices.TYPES.get(row["about"], shown["about"])
    shown["source"] = devices.SOURCES.get(row["source"], shown["source"])
    shown["who"] = people.name(row.get("actor", ""))
    shown["detail"] = plain(row.get("detail", ""), unmask=unmask)
    parts = [part.partition(" ") for part in shown["device"].split(", ")]
    shown["device"] = "，".join(
        f"{_DEVICE_PARTS[name]} {value}" if name in _DEVICE_PARTS else name + between + value
        for name, between, value in parts
    )
    shown["known"] = row["ip"] != devices.NOT_AVAILABLE or row["device"] != devices.NOT_AVAILABLE
    return shown


def _digest_row(item: Item, ledger: Anchored | None) -> dict[str, Any]:
    place = item.position
    leaf = ledger.leaves.get(item.number) if ledger else None
    if leaf is not None:
        where = f"账本 {leaf}"
    elif place.source.startswith("kafka"):
        where = f"{place.partition}/{place.offset}"
    else:
        where = f"行 {place.line}" if place.line else "—"
    return {
        "number": item.number,
        "role": item.role,
        "role_text": _ROLES[item.role],
        "msgid": item.message.msgid,
        "time": item.message.time,
        "size": len(item.raw),
        "where": where,
        "raw": item.raw,
    }

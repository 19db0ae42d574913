"""How alerts and quarantined records look in a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from jobs.cli.app import say
from rules.quarantine import REASONS

ZONE = ZoneInfo("Asia/Shanghai")
SHORT_ID = 12
_COLOURS = {0: "white", 1: "cyan", 2: "yellow", 3: "bold red"}
_LEVELS = {
    0: ("none", "无"),
    1: ("1 log", "1 记录"),
    2: ("2 alert", "2 告警"),
    3: ("3 emergency", "3 应急"),
}
_RESPONSE_STATES = {
    "enforced": ("blocked before it was sent", "发送前已拦截"),
    "delegated": ("left to WeCom's own intercept rule", "交由企业微信自身的拦截规则"),
    "post_hoc": ("seen after it was delivered", "事后发现，消息已送达"),
}


def when(milliseconds: int) -> str:
    """Local time of an event; "-" for 0 = unknown."""
    if not milliseconds:
        return "-"
    return datetime.fromtimestamp(milliseconds / 1000, ZONE).strftime("%Y-%m-%d %H:%M:%S")


def level(response: int) -> Text:
    """The response level in its colour."""
    return Text(say(*_LEVELS.get(response, (str(response), str(response)))), _colour(response))


def _colour(response: int) -> str:
    return _COLOURS.get(response, "bold red")


def alert_table(rows: Sequence[dict[str, Any]]) -> Table:
    """Alerts, one a line."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in (
        say("id", "编号"),
        say("time", "时间"),
        say("level", "级别"),
        say("rule", "规则"),
        say("actor", "当事人"),
    ):
        table.add_column(title, no_wrap=True)
    table.add_column(say("what", "事由"), overflow="fold")
    for row in rows:
        table.add_row(
            row["alert_id"][:SHORT_ID],
            when(row["time"]),
            level(row["rule"]["response"]),
            escape(row["rule"]["name"]),
            escape(row["actor"]),
            escape(row["summary"]),
        )
    return table


def alert_line(row: dict[str, Any]) -> Text:
    """One alert as one line of a live list."""
    response = row["rule"]["response"]
    line = Text()
    line.append(f"{when(row['time'])} ", "dim")
    line.append_text(level(response))
    line.append(f" {row['actor']} ", "bold")
    line.append(f"{row['rule']['name']} ", "blue")
    line.append(row["summary"], _colour(response))
    line.append(f"  {row['alert_id'][:SHORT_ID]}", "dim")
    return line


def alert_page(row: dict[str, Any], evidence: Sequence[dict[str, Any]]) -> RenderableType:
    """One alert in full: who, what, why, and the messages it rests on."""
    rule = row["rule"]
    facts = Table(box=None, show_header=False, pad_edge=False)
    facts.add_column(style="dim", no_wrap=True)
    facts.add_column(overflow="fold")
    span = when(row["first_time"])
    if row["first_time"] != row["time"]:
        span += f" – {when(row['time'])}"
    parties = ", ".join(row.get("counterparties", ())) or "-"
    unknown = ("", row["response_state"])
    for title, value in (
        (say("who", "谁"), f"{row['actor']} ({row['actor_kind']})"),
        (say("with", "对方"), parties),
        (say("where", "会话"), row.get("room") or row.get("conversation") or "-"),
        (say("when", "何时"), f"{span} ({ZONE.key})"),
        (say("messages", "消息数"), str(row["count"])),
        (say("rule", "规则"), f"{rule['title']}  {rule['name']} v{rule['version']} {rule['item']}"),
        (say("response", "响应"), say(*_RESPONSE_STATES.get(row["response_state"], unknown))),
        (say("state", "状态"), row["status"]),
        (say("ruleset", "规则集"), row["ruleset"]),
        (say("flags", "标记"), ", ".join(row.get("flags", ())) or "-"),
    ):
        facts.add_row(title, escape(value))
    head = Text()
    head.append_text(level(rule["response"]))
    head.append(f"  {row['summary']}", "bold")
    return Group(
        head,
        Text(row["alert_id"], "dim"),
        "",
        facts,
        "",
        Text(say("Why", "依据"), "bold"),
        _hits(row),
        "",
        Text(say("Evidence", "证据"), "bold"),
        _evidence(row, evidence),
    )


def _hits(row: dict[str, Any]) -> RenderableType:
    hits = row.get("hits", ())
    if not hits:
        return Text(say("  the sequence of events itself", "  行为序列本身"))
    table = Table(box=None, show_header=False, pad_edge=False)
    for hit in hits:
        variant = ", ".join(hit.get("variant", ()))
        note = say(f"disguised: {variant}", f"变形：{variant}") if variant else ""
        table.add_row(" ", escape(hit["pattern"]), escape(hit["excerpt"]), f"[dim]{note}[/]")
    return table


def _evidence(row: dict[str, Any], evidence: Sequence[dict[str, Any]]) -> RenderableType:
    by_id = {item["evidence_id"]: item for item in evidence}
    table = Table(box=None, show_header=False, pad_edge=False)
    for member in row["members"]:
        item = by_id.get(member["evidence_id"], {})
        text = item.get("text") or say("(not delivered yet)", "（尚未送达）") * (not item)
        table.add_row(
            " ",
            when(member["time"]),
            escape(member["sender"]),
            member["type"],
            escape(text),
            f"[dim]{escape(member['msgid'])}[/]",
        )
    return table


def position(row: dict[str, Any]) -> str:
    """Where a record stands, for a person."""
    place = row["position"]
    if place["source"].startswith("kafka:"):
        return f"{place['source']}[{place.get('partition', 0)}]@{place.get('offset', 0)}"
    name = place["source"].removeprefix("file:")
    return f"{name}:{place['line']}" if place.get("line") else name


def quarantine_table(rows: Sequence[dict[str, Any]]) -> Table:
    """Quarantined records, one a line."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in (say("id", "编号"), say("reason", "原因"), say("bytes", "字节")):
        table.add_column(title, no_wrap=True)
    table.add_column(say("position", "位置"), overflow="fold")
    table.add_column(say("detail", "说明"), overflow="fold")
    for row in rows:
        table.add_row(
            row["quarantine_id"][:SHORT_ID],
            reason(row["reason"]),
            str(row["raw_size"]),
            escape(position(row)),
            escape(row.get("detail", "")),
        )
    return table


def reason(key: str) -> str:
    """A quarantine reason in the reader's language."""
    known = REASONS.get(key)
    return say(known.en, known.zh) if known else key

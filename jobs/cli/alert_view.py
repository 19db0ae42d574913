"""How one alert looks in a terminal: who, what, why, and the messages it rests on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from jobs.cli.alert_list import SHORT_ID, when
from jobs.cli.app import say
from jobs.cli.words import flag, kind, level, message_type, severity, status, variant, visible
from rules.speculation import RETRACTIONS
from rules.zone import SHANGHAI

_RESPONSE_STATES = {
    "enforced": ("blocked before it was sent", "发送前已拦截"),
    "delegated": ("left to WeCom's own intercept rule", "交由企业微信自身的拦截规则"),
    "post_hoc": ("seen after it was delivered", "事后发现，消息已送达"),
}
_PLACES_SHOWN = 3


def alert_page(row: dict[str, Any], evidence: Sequence[dict[str, Any]]) -> RenderableType:
    """One alert in full: who, what, why, and the messages it rests on."""
    rule = row["rule"]
    facts = Table(box=None, show_header=False, pad_edge=False)
    facts.add_column(style="dim", no_wrap=True)
    facts.add_column(overflow="fold")
    span = when(row["first_time"])
    if row["first_time"] != row["time"]:
        span += f" – {when(row['time'])}"
    actor_kind = kind(row["actor_kind"])
    parties = ", ".join(row.get("counterparties", ())) or "-"
    unknown = ("", row["response_state"])
    for title, value in (
        (
            say("who", "谁"),
            say(f"{row['actor']} ({actor_kind})", f"{row['actor']}（{actor_kind}）"),
        ),
        (say("with", "对方"), parties),
        (say("where", "会话"), _places(row, evidence)),
        (say("when", "何时"), f"{span} ({SHANGHAI.key})"),
        (say("messages", "消息数"), _count(row, evidence)),
        (say("rule", "规则"), f"{rule['title']}  {rule['name']} v{rule['version']} {rule['item']}"),
        (say("response", "响应"), say(*_RESPONSE_STATES.get(row["response_state"], unknown))),
        (say("severity", "严重程度"), severity(rule["level"])),
        (say("state", "状态"), _state(row)),
        (say("ruleset", "规则集"), row["ruleset"]),
        (say("flags", "标记"), say(", ", "、").join(map(flag, row.get("flags", ()))) or "-"),
    ):
        facts.add_row(title, escape(visible(value, lines=True)))
    head = Text()
    head.append_text(level(rule["response"]))
    head.append(f"  {visible(row['summary'])}", "bold")
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


def _state(row: dict[str, Any]) -> str:
    """Whether it is settled; of one that was taken back why, and what stands instead."""
    said = status(row["status"])
    if reason := RETRACTIONS.get(row.get("retraction", "")):
        said += say(f": {reason[0]}", f"：{reason[1]}")
    if instead := row.get("replaced_by", ""):
        said += say(f"; see {instead[:SHORT_ID]}", f"；见 {instead[:SHORT_ID]}")
    return said


def _hits(row: dict[str, Any]) -> RenderableType:
    hits = row.get("hits", ())
    if not hits:
        return Text(say("  the sequence of events itself", "  行为序列本身"))
    table = Table(box=None, show_header=False, pad_edge=False)
    for hit in hits:
        disguises = say(", ", "、").join(map(variant, hit.get("variant", ())))
        note = say(f"disguised: {disguises}", f"变形：{disguises}") if disguises else ""
        table.add_row(
            " ",
            escape(visible(hit["pattern"])),
            escape(visible(hit["excerpt"])),
            f"[dim]{note}[/]",
        )
    return table


def _evidence(row: dict[str, Any], evidence: Sequence[dict[str, Any]]) -> RenderableType:
    """Each message in two lines: which one, and its text; a long id moves down as a whole."""
    by_id = {item["evidence_id"]: item for item in evidence}
    lines: list[RenderableType] = []
    for member in [*row["members"], *_later(row, evidence)]:
        item = by_id.get(member["evidence_id"], {})
        text = item.get("text") or say("(not delivered yet)", "（尚未送达）") * (not item)
        which = Text(f"{when(member['time'])}  ", "dim")
        which.append(f"{visible(member['sender'])}  ", "bold")
        which.append(f"{message_type(member['type'])}  ")
        which.append(visible(member["msgid"]), "dim")
        lines.append(Padding(which, (0, 0, 0, 2), expand=False))
        if text:
            lines.append(Padding(Text(visible(text, lines=True)), (0, 0, 0, 6), expand=False))
    return Group(*lines)


def _later(row: dict[str, Any], evidence: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Evidence that joined after the alert was given: the same breach went on."""
    known = {member["evidence_id"] for member in row["members"]}
    return [item for item in evidence if item["evidence_id"] not in known]


def _count(row: dict[str, Any], evidence: Sequence[dict[str, Any]]) -> str:
    later = len(_later(row, evidence))
    return f"{row['count']:,}" + (
        say(f", {later} more since", f"，此后又有 {later} 条") * bool(later)
    )


def _places(row: dict[str, Any], evidence: Sequence[dict[str, Any]]) -> str:
    """Where it happened: the conversations of the evidence, the first ones by name."""
    own = row.get("room") or row.get("conversation") or "-"
    found = list(
        dict.fromkeys(item["conversation"] for item in evidence if item.get("conversation"))
    )
    if len(found) <= 1:
        return own
    more = len(found) - _PLACES_SHOWN
    return "\n".join(found[:_PLACES_SHOWN]) + (f"\n+{more}" if more > 0 else "")

"""Messages of the archive for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from desk.shown import Shown
from jobs.cli.alert_list import when
from jobs.cli.app import language, say
from jobs.cli.words import message_type, visible


def print_messages(console: Console, messages: Sequence[Shown]) -> None:
    """One line each: number, time, who to whom, what."""
    pipe = not console.is_terminal
    for one in messages:
        line = Text()
        line.append(f"{one.leaf:>9}", "dim")
        line.append(f"  {when(one.time)}  ", "dim")
        line.append(visible(one.sender) or "-", "bold")
        line.append(f" → {_to(one)}  ", "dim")
        line.append_text(_what(one))
        if not pipe:
            line.truncate(console.width, overflow="ellipsis")
        console.print(line, soft_wrap=True)


def print_message(console: Console, one: Shown, told: Sequence[tuple[str, str]]) -> None:
    """One message whole; `told` is what else there is to say of it, label and text."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    rows: list[tuple[str, str | Text]] = [
        (say("message", "消息"), one.msgid),
        (say("time", "时间"), when(one.time)),
        (say("from", "发送"), visible(one.sender) or "-"),
        (say("to", "接收"), visible("、".join(one.recipients)) or "-"),
    ]
    if one.room:
        rows.append((say("room", "群"), visible(one.room)))
    rows.append((say("type", "类型"), message_type(one.type)))
    if one.damage:
        rows.append((say("content", "内容"), Text(_damage(one), "bold red")))
    if one.text:
        rows.append((say("text", "正文"), Text(visible(one.text, lines=True))))
    if one.quoted:
        rows.append((say("quoted", "引用"), Text(visible(one.quoted, lines=True), "dim")))
    rows += [(name, _value(value)) for name, value in sorted(one.fields.items())]
    rows += [*told]
    for label, text in rows:
        table.add_row(label, text)
    console.print(table)
    if one.masked and "*" in f"{one.text}{one.quoted}{one.fields}":
        console.print(
            say(
                "numbers are masked; an officer sees them with --unmask --why REASON",
                "号码已脱敏；合规官可用 --unmask --why 事由 查看",
            ),
            style="dim",
        )


def _to(one: Shown) -> str:
    if one.room:
        return visible(one.room)
    if len(one.recipients) > 1:
        return say(f"{len(one.recipients)} people", f"{len(one.recipients)} 人")
    return visible(one.recipients[0]) if one.recipients else "-"


def _what(one: Shown) -> Text:
    if one.damage:
        return Text(_damage(one), "bold red")
    named = next((one.fields[key] for key in _TITLES if one.fields.get(key)), "")
    text = one.text or str(named)
    kind = "" if one.type == "text" else f"[{message_type(one.type)}] "
    return Text(kind, "cyan") + Text(visible(text))


_TITLES = ("file.name", "link.title", "chatrecord.title", "location.title")


def _damage(one: Shown) -> str:
    return one.damage[language() == "zh"] if one.damage else ""


def _value(value: Any) -> str:
    return visible(value if isinstance(value, str) else str(value))

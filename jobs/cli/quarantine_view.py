"""What people see of one quarantined record. Nothing of a record reaches a terminal as it is."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from config.settings import Settings
from jobs.cli.alert_list import SHORT_ID, position, reason, when
from jobs.cli.app import err, out, say, with_options
from jobs.cli.words import action, how_long, message_type, plural, visible
from jobs.quarantine.shelf import is_settled
from rules.mask import mask
from rules.message import Message
from sinks.base import Rejected

_TEXT = 200
Row = dict[str, Any]


def facts(row: Row) -> Table:
    """Reason, place, digests, and what was done with it."""
    judged = say("not judged", "未判定") if row.get("held", True) else say("judged", "已判定")
    told: list[tuple[str, Any]] = [
        (say("id", "编号"), row["quarantine_id"]),
        (
            say("reason", "原因"),
            say(
                f"{reason(row['reason'])} ({row['reason']}, {judged})",
                f"{reason(row['reason'])}（{row['reason']}，{judged}）",
            ),
        ),
        (say("detail", "说明"), row.get("detail", "-")),
        (say("position", "位置"), position(row)),
        (say("size", "大小"), say(plural(row["raw_size"], "byte"), f"{row['raw_size']:,} 字节")),
        ("SM3", row["raw_sm3"]),
        ("SHA-256", row["raw_sha256"]),
        (
            say("state", "状态"),
            say("handled", "已处理") if is_settled(row) else say("open", "待处理"),
        ),
    ]
    if row.get("truncated"):
        told.append((say("kept", "保留"), say("only its beginning", "仅保留开头")))
    for deed in row["handled"]:
        told.append((action(deed["action"]), _deed(deed)))
    return _table(told)


def _deed(deed: Row) -> str:
    parts = [when(deed["time"]), deed["by"], deed.get("to", ""), deed.get("reason", "")]
    return " · ".join(part for part in parts if part)


def will_be_judged(row: Row, message: Message) -> Table:
    """A fixed record as the rules will see it; its text masked."""
    words = mask(message.text)[:_TEXT]
    to = message.conversation or ", ".join(message.recipients)
    return _table(
        [
            (say("record", "记录"), row["quarantine_id"][:SHORT_ID]),
            (say("message id", "消息编号"), message.msgid),
            (say("type", "类型"), message_type(message.type)),
            (say("time", "时间"), when(message.time)),
            (say("from", "发送者"), message.sender or "-"),
            (say("conversation", "会话"), to or "-"),
            (say("text", "文本"), words or "-"),
        ]
    )


def refusal_facts(item: Rejected) -> Table:
    """A record that a target refused."""
    size = len(item.record.body)
    return _table(
        [
            (say("id", "编号"), item.record.id),
            (say("kind", "种类"), item.record.topic),
            (say("reason", "原因"), item.reason),
            (say("size", "大小"), say(plural(size, "byte"), f"{size:,} 字节")),
        ]
    )


def print_refusals(console: Console, items: Sequence[Rejected]) -> None:
    """One line for each record that a target refused."""
    for item in items:
        line = Text(item.record.id[:SHORT_ID], "dim")
        line.append(f"  {visible(item.record.topic)}  ", "blue")
        line.append(visible(item.reason))
        console.print(line, soft_wrap=True)


def show_bytes(raw: bytes) -> None:
    """Into a file or a pipe the bytes as they are; on a terminal with all that it would obey, or
    not show, made visible."""
    if out.is_terminal:
        text = raw.decode("utf-8", "backslashreplace")
        out.print(Text(visible(text, lines=True)), soft_wrap=True)
        return
    sys.stdout.flush()
    sys.stdout.buffer.write(raw)
    sys.stdout.buffer.flush()


def say_before(late: Sequence[int]) -> None:
    """What becomes of records whose time has passed: how late each is, in ms."""
    number = sum(1 for one in late if one)
    if not number:
        return
    span = how_long(max(late))
    which, zh = "this record is", "这条记录"
    if len(late) > 1:
        which, zh = f"{number} of {len(late)} records are", f"{len(late)} 条中有 {number} 条"
    text = say(
        f"{which} late, by up to {span}. Rules about one message judge it as ever; rules that count"
        " over time have settled its time by now and list it as late (`mingjian alerts late` says"
        " whether it would have fired). `mingjian replay` judges that span anew.",
        f"{zh}已迟到，最多 {span}。单条消息的规则照常判定；按时间统计的规则已结算那段时间，"
        "会把它列为迟到（`mingjian alerts late` 可查准时是否会告警）。"
        "`mingjian replay` 可重新判定那段时间。",
    )
    err.print(with_options(text), style="yellow", markup=False)


def say_dropped(record_id: str, deed: Row) -> None:
    """That somebody dropped a record before: a second deed would only hide the first."""
    short, at = visible(record_id[:SHORT_ID]), when(deed["time"])
    by, why = visible(deed["by"]), visible(deed.get("reason", ""))
    text = say(
        f"{short}: already dropped by {by} at {at} ({why}); nothing was written",
        f"{short}：{by} 已于 {at} 丢弃（{why}）；没有写入任何内容",
    )
    out.print(text, style="yellow", markup=False, soft_wrap=True)


def say_next(settings: Settings) -> None:
    """What has to run for the result to be seen."""
    if not settings.source.follow:
        text = say("next: `mingjian detect`, then `mingjian deliver`",
                   "接下来：`mingjian detect`，然后 `mingjian deliver`")  # fmt: skip
        out.print(with_options(text), style="dim", markup=False, soft_wrap=True)


def _table(rows: Sequence[tuple[str, Any]]) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for title, value in rows:
        table.add_row(title, Text(visible(str(value))))
    return table

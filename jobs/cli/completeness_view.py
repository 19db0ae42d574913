"""What a check of completeness found, for people and for programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from rich.cells import cell_len
from rich.text import Text

from jobs.cli.alert_list import when
from jobs.cli.app import out, say
from jobs.cli.words import plural, visible
from jobs.completeness.check import Completeness
from jobs.completeness.lines import DIFFERS, OK, ON_THE_WAY, UNKNOWN, Line, summed, why_zh
from rules.mask import mask_id
from rules.operations import INCIDENTS

STEPS = {
    "collected": (
        "collectors' books → where the job reads",
        "采集器账本 → 作业读取处",
    ),
    "read": ("where the job reads → confirmed by the job", "作业读取处 → 作业已确认"),
    "delivered": ("told by the job → held by the target", "作业输出 → 投递目标"),
}
MARKS = {
    OK: ("✓", "green"),
    ON_THE_WAY: ("…", "cyan"),
    UNKNOWN: ("?", "yellow"),
    DIFFERS: ("✗", "bold red"),
}
_NUMBER = 11
_LABEL = 40
_SHOWN_IDS = 3


def as_json(found: Completeness, by: str) -> dict[str, Any]:
    """For programs: lines added up, actors masked."""
    told: dict[str, Any] = msgspec.to_builtins(found)
    lines = [msgspec.to_builtins(_masked(line)) for line in summed(found.lines, by)]
    return {**told, "state": found.state, "lines": lines}


def show(found: Completeness, by: str) -> None:
    """For people."""
    out.print(
        Text(
            say(
                f"Completeness of {when(found.begin)[:16]} to {when(found.end)[:16]}, Beijing time",
                f"完整性核对：{when(found.begin)[:16]} 至 {when(found.end)[:16]}（北京时间）",
            ),
            "bold",
        )
    )
    lines = summed(found.lines, by)
    for step, words in STEPS.items():
        some = [line for line in lines if line.step == step]
        if step == "read" and len(some) > 1:
            some = _one(some)
        why = found.unreadable.get(step, "")
        if some or why:
            out.print(Text(say(*words), "bold"))
        for line in some:
            out.print(_text(line), soft_wrap=True)
        if why:
            out.print(Text(f"  ? {say(why, why_zh(why))}", "yellow"), soft_wrap=True)
    for name, why in found.unreadable.items():
        if name not in STEPS:
            out.print(
                Text(f"  ? {name.removeprefix('delivered ')}: {say(why, why_zh(why))}", "yellow"),
                soft_wrap=True,
            )
    if not lines and not found.unreadable:
        out.print(
            Text(
                say(
                    "  – nothing was collected, read or told in these hours: there is nothing to"
                    " compare",
                    "  – 这段时间内没有采集、读取或输出任何记录：没有可核对的内容",
                )
            ),
            soft_wrap=True,
        )
    _print_rest(found)


def _one(some: Sequence[Line]) -> list[Line]:
    """All partitions as one."""
    whole = summed([msgspec.structs.replace(line, of="") for line in some], "source")
    name = say(plural(len(some), "partition"), f"{len(some)} 个分区")
    return [msgspec.structs.replace(line, of=name) for line in whole]


def _text(line: Line) -> Text:
    mark, style = MARKS[line.state]
    parts = [line.of]
    if line.hour:
        parts.append(when(line.hour)[5:16])
    if line.actor:
        parts.append(visible(mask_id(line.actor)))
    label = "  ".join(parts)
    text = Text("  ").append(mark, style).append(f" {label}")
    text.append(" " * max(1, _LABEL - cell_len(label)))
    text.append(f"{line.before:>{_NUMBER},}{line.after:>{_NUMBER},}")
    notes = []
    if line.missing:
        notes.append(say(f"{line.missing:,} missing", f"缺 {line.missing:,}"))
    if line.on_the_way:
        notes.append(say(f"{line.on_the_way:,} to come", f"待处理 {line.on_the_way:,}"))
    if line.refused:
        notes.append(say(f"{line.refused:,} refused", f"被拒 {line.refused:,}"))
    if line.more:
        notes.append(say(f"{line.more:,} more", f"多 {line.more:,}"))
    if line.why:
        notes.append(say(line.why, why_zh(line.why)))
    if line.ids:
        more = " …" if len(line.ids) > _SHOWN_IDS else ""
        notes.append(", ".join(one[:12] for one in line.ids[:_SHOWN_IDS]) + more)
    return text.append(
        "  " + "; ".join(notes) if notes else "", style if line.state != OK else "dim"
    )


def _masked(line: Line) -> Line:
    return msgspec.structs.replace(line, actor=mask_id(line.actor)) if line.actor else line


def _print_rest(found: Completeness) -> None:
    notes = []
    if found.others:
        notes.append(
            say(
                f"{plural(found.others, 'record')} that no collector wrote",
                f"另有 {found.others:,} 条不是采集器写入的记录",
            )
        )
    if found.unplaced:
        notes.append(
            say(
                f"{plural(found.unplaced, 'record')} without a time of their own, in no line",
                f"{found.unplaced:,} 条记录没有自己的时间，未列入",
            )
        )
    for kind, count in sorted(found.open_incidents.items()):
        known = INCIDENTS.get(kind)
        meaning = say(known.en, known.zh) if known else ""
        notes.append(
            say(f"open: {count} {kind} ({meaning})", f"未结束：{kind} {count} 条（{meaning}）")
        )
    for note in notes:
        out.print(Text(f"  – {note}", "dim"), soft_wrap=True)

"""What is said of a pack that was made: where it is, what is in it, what it lacks."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from rich.text import Text

from jobs.cli.app import Output, emit, err, out, say
from jobs.cli.words import plural

_NAMED = 5  # segments that are named one by one


def tell(made: dict[str, Any], seconds: float, same: str, output: Output) -> None:
    """Say what was made, and what it lacks."""
    _warn(made)
    if output is Output.json:
        shown = {key: str(one) if isinstance(one, Path) else one for key, one in made.items()}
        emit({**shown, "seconds": round(seconds, 2)})
        return
    counts = made["counts"]
    out.print(
        Text.assemble(
            ("✓", "bold green"), f" {say('evidence pack', '证据包')} ", (str(made["case"]), "bold")
        )
    )
    records = say(
        f"{plural(counts.get('member', 0), 'member')}, {counts.get('context', 0):,} context,"
        f" {plural(counts.get('event', 0), 'act')}",
        f"命中 {counts.get('member', 0)}，上下文 {counts.get('context', 0)}，"
        f"行为 {counts.get('event', 0)}",
    )
    if counts.get("period"):
        records += say(f", {counts['period']} of the period", f"，期间往来 {counts['period']}")
    rows = [("ZIP", made["archive"]), ("PDF", made["pdf"])]
    if made.get("asked_out"):
        count = made["taken_out"]
        rows.append(
            (
                say("taken out", "遮盖"),
                say(plural(count, "place"), f"{count:,} 处")
                if count
                else say("nothing of that kind was found", "没有此类内容"),
            )
        )
    if made.get("openings"):
        rows.append((say("openings (sealed)", "披露（已封存）"), made["openings"]))
    rows += [
        (say("alerts", "告警"), made["alerts"]),
        *([(say("records", "记录"), records)] if counts else []),
        (say("key SM3", "公钥指纹"), made["fingerprint"]),
        (say("took", "用时"), f"{seconds:.1f} s"),
    ]
    for label, value in rows:
        out.print(Text(f"  {label}  {value}"), soft_wrap=True)  # a path is no markup
    again = shlex.join(["mingjian", "report", "verify", str(made["archive"])]) + same
    out.print(Text(f"  {say('verify it', '校验')}  {again}", "dim"), soft_wrap=True)


def _warn(made: dict[str, Any]) -> None:
    """That surroundings could not be read: whoever makes a pack should not find that out in it."""
    count, segments = made["unread"], made["unread_segments"]
    if not count:
        return
    more = f", +{len(segments) - _NAMED}" if len(segments) > _NAMED else ""
    names = ", ".join(segments[:_NAMED]) + more
    where_en = f" ({'segment' if len(segments) == 1 else 'segments'} {names})" if names else ""
    where_zh = f"（分段 {names}）" if names else ""
    err.print(
        say(
            f"! {plural(count, 'record')} around the case could not be read{where_en}; the pack"
            " says so and is made without them. Restore what is missing (`mingjian archive check`"
            " names it) and make the pack again",
            f"! 案件前后有 {count:,} 条记录无法读取{where_zh}；证据包已载明，其中不含这些记录。"
            "请恢复缺失的数据（可用 `mingjian archive check` 查明）后重新制作",
        ),
        style="yellow",
        markup=False,
        soft_wrap=True,
    )


def same_settings(profile: str, config: str, overrides: list[str]) -> str:
    """The options that make another command use the same settings, "" for the standard ones."""
    named = ["--config", config] if config else ["--profile", profile]
    given = [] if named == ["--profile", "embedded"] else named
    given += [part for override in overrides for part in ("--set", override)]
    return " " + shlex.join(given) if given else ""

"""`mingjian archive custody`: who searched, saw, unmasked, exported; for the auditor."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated, Any

import typer
from rich.text import Text

from desk.roles import ROLE_NAMES
from jobs.archive import archive_target, desk_of, open_index
from jobs.cli.alert_list import milliseconds, when
from jobs.cli.app import (
    ConfigOption,
    Output,
    OutputOption,
    ProfileOption,
    SetOption,
    SinceOption,
    UntilOption,
    emit,
    err,
    out,
    report,
    say,
    settings_from,
)
from jobs.cli.archive_options import TargetOption
from jobs.cli.words import plural, visible
from rules.alert import sm3_raw
from rules.errors import EXIT_FINDINGS
from sinks.archive.custody import BookDamaged, Line, named_leaves
from sinks.archive.leaves import CUSTODY, OtherLeaf

ACTIONS = {
    "searched": "检索",
    "saw": "查看",
    "unmasked": "查看未脱敏内容",
    "exported": "导出",
    "refused": "越权被拒",
    "published_rules": "发布规则",
    "read_custody": "查阅保管记录",
    "checked": "核查",
    "rotated_keys": "轮换密钥",
    "changed_passphrase": "更换口令",
    "rebuilding_index": "开始重建索引",
    "rebuilt_index": "重建索引",
    "retention_set": "启用留存策略",
    "hold_placed": "设置法律保全",
    "hold_lifted": "解除法律保全",
    "read_holds": "查阅法律保全",
    "disposal_planned": "制定删除计划",
    "disposal_approved": "批准删除计划",
    "messages_deleted": "删除消息",
    "disposal_finished": "完成删除计划",
    "looked_up_person": "查询个人",
    "processing_restricted": "限制为只存储",
}
_STYLES = {
    "refused": "bold red",
    "unmasked": "yellow",
    "exported": "yellow",
    "hold_lifted": "yellow",
    "disposal_approved": "yellow",
    "messages_deleted": "bold yellow",
}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "custody",
        help="保管记录：谁检索、查看、导出过什么，为何；并核对其哈希链与账本。\n\n"
        "The custody book: who searched, saw, unmasked, exported what, and why; its chain and its"
        " entries in the ledger are checked.\n\n例 · examples:\n\n"
        "  mingjian archive custody --who zhangsan\n\n"
        "  mingjian archive custody --message 1042 --output json",
    )(custody)


def custody(
    *,
    who: Annotated[str, typer.Option("--who", help="某账号所为 · by this account")] = "",
    action: Annotated[
        str, typer.Option("--action", help="某类操作，如 unmasked · this deed, e.g. unmasked")
    ] = "",
    message: Annotated[
        int | None,
        typer.Option("--message", min=0, help="涉及第几条消息 · about the message of this number"),
    ] = None,
    since: SinceOption = "",
    until: UntilOption = "",
    target: TargetOption = "",
    profile: ProfileOption = "embedded",
    config: ConfigOption = "",
    overrides: SetOption = [],  # noqa: B006 - Typer's way of saying "none"
    output: OutputOption = Output.text,
) -> None:
    """Print the book."""
    settings = settings_from(profile, config, overrides)
    first, last = milliseconds(since), milliseconds(until, end=True)
    archive = archive_target(settings, target)
    desk = desk_of(settings, archive)
    index = open_index(settings, archive)
    reached = index.positions().get(CUSTODY, 0)
    lines = missing = waiting = 0
    damaged: BookDamaged | None = None
    read = _until_damage(desk.custody())
    for line in read:
        if isinstance(line, BookDamaged):
            damaged = line
            break
        lines += 1
        leaf = OtherLeaf(CUSTODY, str(line.number), sm3_raw(line.raw))
        entered = bool(index.entered([leaf]))
        missing += not entered and line.number <= reached
        waiting += not entered and line.number > reached
        deed = line.deed
        if who not in ("", deed.who) or action not in ("", deed.action):
            continue
        if deed.at < first or (last and deed.at > last):
            continue
        concerned = named_leaves(deed.details)
        if message is not None and not any(a <= message <= b for a, b in concerned):
            continue
        if output is Output.json:
            emit({"n": line.number, **deed._asdict(), "in_ledger": entered})
        else:
            out.print(_line(line), soft_wrap=True)
    if damaged is not None:
        report(damaged)
    _sum(lines, missing, waiting, reached, whole=damaged is None, quiet=output is Output.json)
    if damaged is not None or missing or reached > lines:
        raise typer.Exit(EXIT_FINDINGS)


def _until_damage(lines: Iterator[Line]) -> Iterator[Line | BookDamaged]:
    try:
        yield from lines
    except BookDamaged as error:
        yield error


def _sum(lines: int, missing: int, waiting: int, reached: int, *, whole: bool, quiet: bool) -> None:
    """What the chain and the ledger say of the book."""
    if missing:
        err.print(
            say(
                f"✗ {missing} lines are not those that were entered in the ledger",
                f"✗ 有 {missing} 行与账本中登记的不同",
            ),
            style="bold red",
        )
    if whole and reached > lines:
        err.print(
            say(
                f"✗ the ledger has {reached} lines of this book, and it has {lines}: its end is"
                " missing",
                f"✗ 账本登记了 {reached} 行，而本记录只有 {lines} 行：末尾缺失",
            ),
            style="bold red",
        )
    if quiet or missing or not whole or reached > lines:
        return
    words = say(f"{lines} lines, an unbroken chain", f"{lines} 行，链条完整")
    if waiting:
        words += say(f"; {waiting} not in the ledger yet", f"；{waiting} 行尚未登入账本")
    err.print(words, style="dim")


def _line(line: Line) -> Text:
    deed = line.deed
    text = Text(f"{line.number:>6}  {when(deed.at)}  ", "dim")
    text.append(visible(deed.who), "bold")
    if deed.role:
        en, zh = ROLE_NAMES.get(deed.role, (deed.role, deed.role))
        text.append(f" ({say(en, zh)})", "dim")
    name = say(deed.action.replace("_", " "), ACTIONS.get(deed.action, deed.action))
    text.append(f"  {name}  ", _STYLES.get(deed.action, "cyan"))
    text.append(visible(_what(deed.details)))
    if deed.why:
        text.append(say(f"  because: {visible(deed.why)}", f"  事由：{visible(deed.why)}"))
    return text


def _what(details: dict[str, Any]) -> str:
    parts = []
    for key, value in details.items():
        if key == "leaves":
            count = sum(last - first + 1 for first, last in named_leaves({key: value}))
            parts.append(say(plural(count, "message"), f"{count:,} 条"))
        elif key == "query":
            parts.append(" ".join(f"{name}={one}" for name, one in value.items()) or "*")
        elif key == "policies":
            parts.append(say(plural(len(value), "policy", "policies"), f"{len(value)} 条策略"))
        elif key == "leaf":
            parts.append(f"#{value}")
        elif key != "sm3":
            told = value if isinstance(value, str | int) else json.dumps(value, ensure_ascii=False)
            parts.append(f"{key}={told}")
    return "  ".join(parts)

"""`mingjian archive …`: look for archived messages, see them, manage keys, read who looked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Annotated

import msgspec
import typer

from desk.desk import CHECKED, MAX_PAGE
from desk.roles import CHECK
from desk.shown import Gone
from jobs.archive import archive_target, desk_of, ledger_folder, open_ledger, open_parts
from jobs.cli import (
    archive_custody,
    archive_keys,
    archive_media,
    archive_rebuild,
    archive_renew,
)
from jobs.cli.alert_list import milliseconds
from jobs.cli.app import (
    ConfigOption,
    CursorOption,
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
from jobs.cli.archive_advice import noting, print_archive_advice
from jobs.cli.archive_options import TargetOption, WhyOption
from jobs.cli.archive_text import print_message, print_messages
from jobs.cli.faults import print_faults
from jobs.cli.words import plural
from rules.errors import EXIT_FINDINGS, EXIT_USAGE, MingjianError
from sinks.archive.check import Fault, Sound, check_archive
from sinks.archive.disposing import disposals_of
from sinks.archive.media import MediaStore
from sinks.archive.media_check import check_media
from sinks.archive.plans import Plans
from sinks.archive.search import Query, as_leaf

archive_app = typer.Typer(
    name="archive",
    no_args_is_help=True,
    help="归档：检索与查看消息、核查、密钥、谁看过。每次查看都先记入保管记录。\n\n"
    "The archive: find and see messages, check it, its keys, who looked. Whatever is shown is"
    " written into the custody book first.\n\n例 · examples:\n\n"
    "  mingjian archive search --text 保本 --since 2026-11-20\n\n"
    "  mingjian archive show 1042",
)


def register(app: typer.Typer) -> None:
    """Add the sub-application."""
    archive_custody.register(archive_app)
    archive_keys.register(archive_app)
    archive_media.register(archive_app)
    archive_rebuild.register(archive_app)
    archive_renew.register(archive_app)
    app.add_typer(archive_app)


@archive_app.command(
    "search",
    help="检索消息，最近归档的在前；号码脱敏。\n\n"
    "Find messages, the last archived first, with numbers masked.\n\n例 · example:\n\n"
    "  mingjian archive search --from zhangsan --text 加我微信 --output json",
)
def search(
    *,
    text: Annotated[
        str,
        typer.Option(
            "--text", "-t", help="其中的文字，至少两个字 · words in it: two letters at least"
        ),
    ] = "",
    sender: Annotated[str, typer.Option("--from", help="发送者 · sender")] = "",
    receiver: Annotated[str, typer.Option("--to", help="接收者 · receiver")] = "",
    room: Annotated[str, typer.Option("--room", help="群 · room")] = "",
    conversation: Annotated[
        str, typer.Option("--conversation", help="会话编号 · conversation")
    ] = "",
    type_: Annotated[
        str, typer.Option("--type", help="类型，如 text、file · type, e.g. text, file")
    ] = "",
    hit: Annotated[
        str,
        typer.Option("--hit", help="被此规则命中的；* 为任一规则 · named by an alert of this rule"),
    ] = "",
    since: SinceOption = "",
    until: UntilOption = "",
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, max=MAX_PAGE, help="最多几条 · at most so many")
    ] = 20,
    cursor: CursorOption = "",
    why: WhyOption = "",
    target: TargetOption = "",
    profile: ProfileOption = "embedded",
    config: ConfigOption = "",
    overrides: SetOption = [],  # noqa: B006 - Typer's way of saying "none"
    output: OutputOption = Output.text,
) -> None:
    """Search."""
    settings = settings_from(profile, config, overrides)
    end = milliseconds(until, end=True)
    query = Query(
        sender=sender,
        receiver=receiver,
        room=room,
        conversation=conversation,
        type=type_,
        text=text,
        hit=hit,
        since=milliseconds(since),
        until=end + 1 if end else 0,
    )
    desk = desk_of(settings, archive_target(settings, target))
    page = desk.search(query, limit, _before(cursor), why)
    following = str(page.cursor) if page.cursor is not None else ""
    if output is Output.json:
        emit({"messages": [msgspec.to_builtins(one) for one in page.messages],
              "cursor": following, "passed_over": page.passed})  # fmt: skip
        return
    if page.passed:
        err.print(
            say(
                f"{plural(page.passed, 'message')} passed over: they may only be stored"
                " (PIPL art. 47)",
                f"略过 {page.passed:,} 条只可存储的消息（个人信息保护法第四十七条）",
            ),
            style="yellow",
        )
    if not page.messages:
        out.print(say("no message", "没有消息"))
        if text:
            err.print(say(*_AS_WRITTEN), style="dim", soft_wrap=True)
        return
    print_messages(out, page.messages)
    if following:
        more = say(f"more with --cursor {following}", f"更多：加 --cursor {following}")
        err.print(more, style="dim")


@archive_app.command(
    "show",
    help="查看一条消息及其在账本中的位置。\n\nOne message, and where it stands in the ledger.\n\n"
    "例 · examples:\n\n  mingjian archive show 1042\n\n"
    "  mingjian archive show 1042 --unmask --why 内审2026-017",
)
def show(
    *,
    which: Annotated[
        str, typer.Argument(metavar="MESSAGE", help="编号或消息编号 · its number or id")
    ],
    unmask: Annotated[
        bool, typer.Option("--unmask", help="不脱敏，需写明事由 · unmasked; needs --why")
    ] = False,
    why: WhyOption = "",
    target: TargetOption = "",
    profile: ProfileOption = "embedded",
    config: ConfigOption = "",
    overrides: SetOption = [],  # noqa: B006 - Typer's way of saying "none"
    output: OutputOption = Output.text,
) -> None:
    """Show one."""
    settings = settings_from(profile, config, overrides)
    archive = archive_target(settings, target)
    message = desk_of(settings, archive).show(which, why, unmask=unmask)
    if isinstance(message, Gone):  # by a plan: nothing is wrong
        if output is Output.json:
            emit({"deleted": True, **msgspec.to_builtins(message)})
        else:
            out.print(say(*message.told), soft_wrap=True, markup=False)
        return
    if output is Output.json:
        emit(msgspec.to_builtins(message))
    else:
        print_message(
            out,
            message,
            [
                (say("ledger", "账本"), say(f"entry {message.leaf}", f"第 {message.leaf} 条")),
                (say("segment", "分段"), message.segment),
                ("SM3", message.sm3),
            ],
        )
    if message.damage:
        raise typer.Exit(EXIT_FINDINGS)


@archive_app.command(
    "check",
    help="逐条核对账本、索引与分段是否一致，消息和文件可否打开。\n\n"
    "Whether ledger, index and segments say the same of every message, and every message and"
    " file opens.\n\n"
    "例 · example:\n\n  mingjian archive check",
)
def check(
    *,
    target: TargetOption = "",
    profile: ProfileOption = "embedded",
    config: ConfigOption = "",
    overrides: SetOption = [],  # noqa: B006 - Typer's way of saying "none"
    output: OutputOption = Output.text,
) -> None:
    """Check all of it."""
    settings = settings_from(profile, config, overrides)
    archive = archive_target(settings, target)
    desk = desk_of(settings, archive)
    role = desk.allow(CHECK)
    parts = open_parts(settings, archive)
    ledger = open_ledger(settings, archive)
    sound: list[Sound] = []
    files: list[int] = []

    def everything(progress: Callable[[int, int], None]) -> Iterator[Fault]:
        yield from check_archive(
            ledger=ledger,
            index=parts.index,
            objects=parts.objects,
            keys=parts.keys,
            disposals=disposals_of(parts.index),
            plans=Plans(archive.path),
            progress=progress,
            told=sound.append,
        )
        yield from check_media(
            folder=archive.path,
            index=parts.index,
            store=MediaStore(parts.objects, parts.keys),
            told=lambda stored, _lines: files.append(stored),
        )

    places: set[str] = set()
    faults = print_faults(
        lambda told: noting(everything(told), places), say("messages", "消息"), output
    )
    seen = sound[0]
    damage = desk.note_found(
        CHECKED, role, faults=faults, messages=seen.messages, files=files[0], size=seen.signed
    )
    if damage is not None:
        report(damage)
        faults += 1
    if output is Output.json:
        emit({"faults": faults, **seen._asdict(), "files": files[0]})
    elif faults:
        out.print(say(f"{plural(faults, 'fault')}", f"{faults} 处不符"), style="bold red")
        print_archive_advice(places, ledger_folder(archive))
    else:
        there, count = seen.messages - seen.deleted, f"{seen.deleted:,}"
        went = say(f", {count} deleted by plan", f"，按计划删除 {count} 条")
        gone = went if seen.deleted else ""
        out.print(
            say(
                f"[green]✓[/] {plural(there, 'message')} in"
                f" {plural(seen.segments, 'segment')}{gone}: ledger, index and segments agree",
                f"[green]✓[/] {there:,} 条消息、{seen.segments:,} 个分段{gone}："
                "账本、索引与分段一致",
            ),
            soft_wrap=True,
        )
        if files[0]:
            out.print(
                say(
                    f"[green]✓[/] {plural(files[0], 'file')}: each is what was entered",
                    f"[green]✓[/] {files[0]:,} 个文件：均与登记一致",
                )
            )
    if faults:
        raise typer.Exit(EXIT_FINDINGS)


_AS_WRITTEN = (
    "looked for in the text as it was written; case and width of letters do not matter. What is set"
    " between letters hides words (6222 0212, 稳 赚, characters that are not seen): look for a part"
    " of them, or with --hit for what a rule found",
    "按原文检索，不分大小写与全半角。字间夹有其他字符（6222 0212、稳 赚、不可见字符）便找不到："
    "请检索其中一段，或用 --hit 查找被规则命中的消息",
)


def _before(cursor: str) -> int | None:
    if not cursor:
        return None
    before = as_leaf(cursor)
    if before is None:
        raise MingjianError(
            f"'{cursor}' is not a cursor",
            f"“{cursor}”不是有效的游标",
            fix_en="give the one that the page before ended with",
            fix_zh="请用上一页末尾给出的游标",
            exit_code=EXIT_USAGE,
        )
    return before

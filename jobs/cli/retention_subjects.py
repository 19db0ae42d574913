"""`mingjian retention subject, erase`: requests of persons under 个人信息保护法 art. 45 and 47."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from config.settings import Target
from desk.desk import LOOKED_UP
from desk.roles import SUBJECT
from desk.subjects import Copied, export, keep_erasure, leaves_of
from desk.written_files import place_for
from jobs.alerted import Alerted, alerted
from jobs.archive import archive_target, desk_of
from jobs.cli.app import (
    ConfigOption,
    Output,
    OutputOption,
    ProfileOption,
    SetOption,
    emit,
    err,
    out,
    say,
    settings_from,
)
from jobs.cli.archive_options import TargetOption, WhyOption
from jobs.cli.retention_confirm import print_to_confirm
from jobs.cli.retention_plans import print_next
from jobs.cli.retention_text import (
    print_counts,
    print_holding,
    print_kept,
    print_letter,
    print_requests,
)
from jobs.cli.words import message_type, plural, visible
from jobs.retention import Kept, open_kept, plans_of
from rules.errors import EXIT_FINDINGS
from rules.retention.holds import Hold, in_force, replay
from sinks.archive.disposable import counted, digest, encode
from sinks.archive.hold_book import deeds
from sinks.archive.letters import access_letter, erasure_letter
from sinks.archive.requests import Earlier, earlier_requests
from sinks.archive.rows import Row
from sinks.archive.standings import pending
from sinks.archive.subjects import (
    erasure_request,
    subject_records,
    subject_report,
    subject_rows,
)

_ROLES = {
    "sender": ("said", "发送"),
    "receiver": ("was told", "接收"),
    "room member": ("was told in a room", "在群内收到"),
    "concerned": ("concerned by an event", "涉及的事件"),
}
PersonArgument = Annotated[
    str, typer.Argument(metavar="PERSON", help="人员或客户的编号 · id of an employee or customer")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(
        "subject",
        help="保存了某人的哪些消息：按月份、类型，依据什么保存到何时；--export 写出副本"
        "（个人信息保护法第四十五条）。\n\n"
        "What is kept about somebody: by month and type, until when and why; --export writes the"
        " copy (PIPL art. 45).\n\n例 · examples:\n\n"
        "  mingjian retention subject wmAAAAAAAAAAAAAA --why 查阅申请2026-11\n\n"
        "  mingjian retention subject wmAAAAAAAAAAAAAA --export copy.jsonl --why 查阅申请2026-11",
    )(subject)
    app.command(
        "erase",
        help="删除请求：哪些现在可删，哪些依法须留及原因，并给出中英文答复"
        "（个人信息保护法第四十七条）；--keep 留存待批准。\n\n"
        "A request for erasure: what may go now, what has to stay and why, and the letter in both"
        " languages (PIPL art. 47); with --keep it is kept for approval.\n\n例 · examples:\n\n"
        "  mingjian retention erase wmAAAAAAAAAAAAAA --why 删除申请2026-11\n\n"
        "  mingjian retention erase wmAAAAAAAAAAAAAA --why 删除申请2026-11 --keep",
    )(erase)


def subject(
    *,
    person: PersonArgument,
    file: Annotated[
        Path | None,
        typer.Option("--export", help="副本写入此文件，每行一条 · write the copy to this file"),
    ] = None,
    why: WhyOption = "",
    target: TargetOption = "",
    profile: ProfileOption = "embedded",
    config: ConfigOption = "",
    overrides: SetOption = [],  # noqa: B006 - Typer's way of saying "none"
    output: OutputOption = Output.text,
) -> None:
    """Report what is kept about somebody, and write the copy."""
    settings = settings_from(profile, config, overrides)
    archive = archive_target(settings, target)
    desk = desk_of(settings, archive)
    by = desk.by(SUBJECT, why)
    kept = open_kept(settings, archive)
    rows = subject_rows(kept.index, kept.source, person)
    before = _before(kept, archive, person, rows)
    told = subject_report(kept.source, person, rows, by.at, before.open_plans)
    about = alerted(settings, kept.disposals, rows, before.requests)
    desk.note(LOOKED_UP, by.role, by.why, leaves=leaves_of(rows), **_shown(about))
    copied: Copied | None = None
    if file is not None:
        copied = export(desk, by, subject_records(rows, kept.reader.open),
                        place_for(settings, file))  # fmt: skip
    letters = {
        name: access_letter(told, name, before.requests, excerpts=about.messages)
        for name in ("zh", "en")
    }
    if output is Output.json:
        emit({**told, "letters": letters, "requests": [one._asdict() for one in before.requests],
              "alerts": list(about.alerts), "alerted": about.messages, "unasked": about.unasked,
              "export": copied._asdict() if copied else None,
              "damaged_requests": before.damaged})  # fmt: skip
    else:
        words = plural(told["messages"], "message")
        out.print(
            say(f"{visible(person)}: {words} kept",
                f"{visible(person)}：保存 {told['messages']:,} 条"),
            style="bold", markup=False,
        )  # fmt: skip
        roles = {say(*_ROLES[name]): count for name, count in told["as"].items()}
        print_counts(out, say("as", "身份"), roles)
        print_counts(out, say("by month", "按月份"), told["by_month"])
        types = {message_type(name): count for name, count in told["by_type"].items()}
        print_counts(out, say("by type", "按类型"), types)
        print_kept(out, told["kept"])
        print_holding(out, told["held"], before.holds)
        print_requests(out, before.requests)
        _print_alerted(about)
        if copied is not None:
            print_letter(letters)
            out.print(
                say(f"✓ {plural(copied.records, 'record')} in {file}, SM3 {copied.sm3}",
                    f"✓ {copied.records:,} 条记录写入 {file}，SM3 {copied.sm3}"),
                soft_wrap=True, markup=False,
            )  # fmt: skip
        if copied is not None and copied.damaged:
            out.print(
                say(f"✗ {copied.damaged:,} of these cannot be opened",
                    f"✗ 其中 {copied.damaged:,} 条打不开"),
                style="bold red",
            )  # fmt: skip
    if copied is not None and copied.damaged:
        raise typer.Exit(EXIT_FINDINGS)
    _end(before)


def erase(
    *,
    person: PersonArgument,
    keep: Annotated[
        bool,
        typer.Option(
            "--keep", help="留存待批准，须留的即限制为只存储 · keep it; what stays is stored only"
        ),
    ] = False,
    why: WhyOption = "",
    target: TargetOption = "",
    profile: ProfileOption = "embedded",
    config: ConfigOption = "",
    overrides: SetOption = [],  # noqa: B006 - Typer's way of saying "none"
    output: OutputOption = Output.text,
) -> None:
    """Answer a request for erasure."""
    settings = settings_from(profile, config, overrides)
    archive = archive_target(settings, target)
    desk = desk_of(settings, archive)
    by = desk.by(SUBJECT, why)
    kept = open_kept(settings, archive)
    rows = subject_rows(kept.index, kept.source, person)
    before = _before(kept, archive, person, rows)
    answer = erasure_request(
        kept.source, person, rows, at=by.at, by=by.who, why=by.why, ledger=kept.index.leaves(),
        open_plans=before.open_plans,
    )  # fmt: skip
    about = alerted(settings, kept.disposals, rows, before.requests)
    desk.note(LOOKED_UP, by.role, by.why, leaves=leaves_of(rows), **_shown(about))
    plan = keep_erasure(desk, by, answer, Path(archive.path)) if keep else ""
    told = answer.stays
    letters = {
        name: erasure_letter(told, name, before.requests, kept=keep, excerpts=about.messages)
        for name in ("zh", "en")
    }
    if output is Output.json:
        emit({**told, "plan": plan, "letters": letters, "alerts": list(about.alerts),
              "alerted": about.messages, "unasked": about.unasked,
              "requests": [one._asdict() for one in before.requests],
              "damaged_requests": before.damaged})  # fmt: skip
        _end(before)
        return
    out.print(
        say(f"{visible(person)}: {plural(told['messages'], 'message')}; {told['goes']:,} may go,"
            f" {told['stays']:,} {'has' if told['stays'] == 1 else 'have'} to stay",
            f"{visible(person)}：共 {told['messages']:,} 条，可删除 {told['goes']:,} 条，须保留"
            f" {told['stays']:,} 条"),
        style="bold", markup=False,
    )  # fmt: skip
    print_kept(out, told["kept"])
    print_holding(out, told["held"], before.holds)
    print_requests(out, before.requests)
    _print_alerted(about)
    if named := sum(told["open_plans"].values()):
        out.print(
            say(f"{plural(named, 'message')} of these that may go {_are(named)} in an open plan"
                " already: `mingjian retention plans`",
                f"可删除的消息中有 {named:,} 条已列入未完成的删除计划：`mingjian retention plans`"),
            style="yellow", soft_wrap=True,
        )  # fmt: skip
    print_letter(letters)
    if plan:
        print_next(plan)
    waits = counted(told["waits"])
    if keep and (at_once := told["stays"] - waits):
        out.print(
            say(f"{plural(at_once, 'message')} that {_stays(at_once)} only stored from now on",
                f"须保留的 {at_once:,} 条自此只存储，不作他用"),
        )  # fmt: skip
    if keep and waits:
        print_to_confirm(digest(encode(told)), waits)
    if not keep:
        out.print(say("nothing was changed; with --keep it is kept for approval",
                      "未作改动；加 --keep 留存待批准"), style="dim")  # fmt: skip
    _end(before)


def _end(before: _Before) -> None:
    if before.damaged:
        raise typer.Exit(EXIT_FINDINGS)


def _shown(about: Alerted) -> dict[str, list[str]]:
    """What the book has of the alerts that were named."""
    return {"alerts": list(about.alerts)} if about.alerts else {}


def _print_alerted(about: Alerted) -> None:
    """What deletion does not reach, why, and where it is."""
    if about.unasked is not None:
        en, zh = about.unasked
        out.print(
            say(f"whether alerts hold evidence of what was deleted is not known: {en}",
                f"无从得知告警是否存有已删除消息的证据：{zh}"),
            style="yellow", soft_wrap=True, markup=False,
        )  # fmt: skip
    if not about.alerts:
        return
    count, first = len(about.alerts), about.alerts[0]
    name = "name" if count > 1 else "names"
    out.print(
        say(f"{plural(count, 'alert')} {name} {plural(about.messages, 'message')} of these. What"
            " was judged stays with the alert as its evidence, masked, in targets other than the"
            " archive: deletion does not reach it, or nothing would show what was found."
            f" To see: `mingjian alerts show {first}`"
            + (", the others with --output json" if count > 1 else ""),
            f"{count:,} 条告警涉及其中 {about.messages:,} 条消息。所判定的内容作为证据（已脱敏）"
            "随告警保存在归档之外的目标中，删除不及于此，否则无从说明当时发现了什么。"
            f"查看：`mingjian alerts show {first}`"
            + ("，其余见 --output json" if count > 1 else "")),
        style="yellow", soft_wrap=True, markup=False,
    )  # fmt: skip


class _Before(NamedTuple):
    """What there is of a person already: which of the messages an open plan names, earlier requests
    for erasure, the holds in force, and names of answers that are not what was kept."""

    open_plans: dict[int, str]
    requests: list[Earlier]
    holds: list[Hold]
    damaged: list[str]


def _before(kept: Kept, archive: Target, person: str, rows: list[Row]) -> _Before:
    found, plans = deeds(kept.source.book.lines()), plans_of(archive)
    requests, damaged = earlier_requests(archive.path, person, found, plans, kept.disposals)
    if damaged:
        names = ", ".join(damaged)
        err.print(
            say("✗ answers to requests that are gone, are not what was kept, or were never entered"
                f" in the custody book, so whose they are is not known: {names}",
                "✗ 对删除请求的答复缺失、与留存时不同，或从未登入保管记录，"
                f"无从得知属于何人：{names}"),
            style="bold red", soft_wrap=True, markup=False,
        )  # fmt: skip
    open_plans = pending(found, plans, {row.leaf for row in rows})
    return _Before(open_plans, requests, in_force(replay(found)), damaged)


def _are(number: int) -> str:
    return "is" if number == 1 else "are"


def _stays(number: int) -> str:
    return "stays is" if number == 1 else "stay are"

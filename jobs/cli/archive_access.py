"""`mingjian archive access`: who may do what, and the file beside the keys that decides it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer
import yaml
from rich.markup import escape
from rich.table import Table

from config.access import Access
from config.access_file import FILE, beside_keys, check_rules, read_rules, same
from config.settings import Settings, Target
from desk.desk import SET_ACCESS
from desk.roles import ACCESS, CHECK, ROLE_NAMES
from jobs.access import AccessDiffers, access_in, access_in_force, told
from jobs.archive import KIND, archive_target, book_of, desk_for, desk_of
from jobs.cli.app import (
    ConfigOption,
    Output,
    OutputOption,
    ProfileOption,
    SetOption,
    emit,
    out,
    say,
    settings_from,
    with_options,
)
from jobs.cli.archive import archive_app
from jobs.cli.archive_options import WhyOption
from jobs.cli.words import visible
from rules.errors import EXIT_USAGE, MingjianError
from sinks.whole_file import write_whole

_HEAD = "# mingjian archive access FILE --apply --why …\n"


def register(_: typer.Typer) -> None:
    """Add the command to `mingjian archive`."""
    archive_app.command(
        "access",
        help="谁有哪些权限；加 --apply 写入密钥目录，由那里的文件决定。\n\n"
        "Who may do what; with --apply it is written beside the keys, and that file decides.\n\n"
        "例 · examples:\n\n"
        "  mingjian archive access\n\n"
        "  mingjian archive access --apply --why 启用分权\n\n"
        "  mingjian archive access people.yaml --apply --why 人员变动2026-11",
    )(access)


def access(
    *,
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE]",
            help="写有 people 的文件，默认为配置中的人员 · a file with people; default: those of"
            " the settings",
        ),
    ] = None,
    apply: Annotated[
        bool, typer.Option("--apply", help="启用，需写明事由 · put it in force; needs --why")
    ] = False,
    why: WhyOption = "",
    profile: ProfileOption = "embedded",
    config: ConfigOption = "",
    overrides: SetOption = [],  # noqa: B006 - Typer's way of saying "none"
    output: OutputOption = Output.text,
) -> None:
    """Show who may do what, or set it."""
    settings = settings_from(profile, config, overrides)
    if file is None and not apply:
        _show(settings, output)
        return
    archive_target(settings)  # there is one
    desks = []
    for target in (one for one in settings.targets if one.kind == KIND):
        entered = access_in(book_of(target))  # when the file is not as it was, this is
        ruling = entered.access if entered else access_in_force(settings)
        desks.append(desk_for(settings, target, ruling))
    for desk in desks:
        desk.allow(ACCESS)  # before the file is opened: what is wrong with it is told in its words
    new = _wanted(settings, file)
    if apply:
        deeds = [desk.by(ACCESS, why) for desk in desks]
        folder = _folder(settings)
        for desk, by in zip(desks, deeds, strict=True):
            desk.note(SET_ACCESS, by.role, by.why, people=told(new.people))
        text = _HEAD + yaml.safe_dump(
            {"people": told(new.people)}, allow_unicode=True, sort_keys=False
        )
        write_whole(folder / FILE, text.encode(), mode=0o600)
    if output is Output.json:
        emit({"applied": apply, "people": told(new.people)})
        return
    _print(new)
    if not apply:
        out.print(say("nothing was changed; with --apply --why it is put in force",
                      "未作改动；加 --apply --why 启用"), style="dim")  # fmt: skip
        return
    out.print(
        say(f"[green]✓[/] {escape(str(folder / FILE))} decides from now on",
            f"[green]✓[/] 此后以 {escape(str(folder / FILE))} 为准"),
        soft_wrap=True,
    )  # fmt: skip
    if settings.access != Access():
        out.print(
            say("take access out of the settings: it decides no more, and is refused as soon as it"
                " says otherwise",
                "请从配置中删去 access：它不再起作用，一旦与该文件不同还会被拒绝"),
            style="dim", soft_wrap=True,
        )  # fmt: skip


def _show(settings: Settings, output: Output) -> None:
    archive = archive_target(settings)
    try:
        desk_of(settings, archive).allow(CHECK)
    except AccessDiffers as error:
        _show_book(settings, archive, error, output)
        raise
    found, entered = access_in_force(settings), access_in(book_of(archive))
    beside = beside_keys(settings.keys_dir) is not None
    line = entered.line if entered else 0
    if output is Output.json:
        emit({"open": found.open, "people": told(found.people), "line": line,
              "file": str(Path(settings.keys_dir) / FILE) if beside else ""})  # fmt: skip
        return
    if found.open:
        out.print(say("access.open: nobody is told apart", "access.open：不区分人员"))
    _print(found)
    if beside:
        place = f"{settings.keys_dir}/{FILE}"
        book = (
            say(f" (line {line} of the custody book)", f"（保管记录第 {line} 行）") if line else ""
        )
        words = say(f"{place} decides{book}", f"以 {place} 为准{book}")
    else:
        words = say(
            "the settings decide: whoever may give their own --config may name themselves. An"
            " administrator ends that with `mingjian archive access --apply --why …`",
            "以配置为准：可自行指定 --config 的人可以给自己授权。系统管理员可用"
            " `mingjian archive access --apply --why …` 改由密钥目录决定",
        )
    out.print(with_options(words), style="dim", soft_wrap=True, markup=False)


def _show_book(settings: Settings, archive: Target, error: AccessDiffers, output: Output) -> None:
    """Who stands in the line of the book, for those who by that line may check it: without it they
    could not put the file right."""
    access, line = error.entered
    if not desk_for(settings, archive, access).actor.acts_as(CHECK):
        return
    if output is Output.json:
        emit({"open": False, "people": told(access.people), "line": line, "file": "",
              "wrong": error.en})  # fmt: skip
        return
    out.print(say(f"line {line} of the custody book:", f"保管记录第 {line} 行："), style="bold")
    _print(access)


def _wanted(settings: Settings, file: Path | None) -> Access:
    if file is None:
        if not settings.access.people:
            raise MingjianError(
                "the settings name nobody who could be written beside the keys",
                "配置中没有可写入密钥目录的人员",
                fix_en="give a file: people: [{account: …, roles: […]}, …]",
                fix_zh="请给出文件：people: [{account: …, roles: […]}, …]",
                exit_code=EXIT_USAGE,
            )
        check_rules(settings.access, "access")
        return settings.access
    new = read_rules(file)
    if settings.access != Access() and not same(new, settings.access):
        raise MingjianError(
            f"access in the settings says otherwise than {file}, and would be refused from then on",
            f"配置中的 access 与 {file} 不一致，启用后会被拒绝",
            fix_en="first put what the settings say in force (without FILE), take access out of"
            " them, then give FILE",
            fix_zh="请先（不给文件）启用配置中的人员，再从配置中删去 access，然后给出文件",
            exit_code=EXIT_USAGE,
        )
    return new


def _folder(settings: Settings) -> Path:
    """Where the keys are. Raises MingjianError: nowhere, or nobody may write there."""
    folder = Path(settings.keys_dir)
    if folder.is_dir() and os.access(folder, os.W_OK):
        return folder
    raise MingjianError(
        f"cannot write {folder.absolute() / FILE}",
        f"无法写入 {folder.absolute() / FILE}",
        fix_en="run this where the keys are (keys_dir), as the account that owns them",
        fix_zh="请在持有密钥（keys_dir）的机器上，以其所属账号运行",
    )


def _print(access: Access) -> None:
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    for person in access.people:
        roles = say(", ", "、").join(say(*ROLE_NAMES[role]) for role in person.roles)
        table.add_row(escape(visible(person.account)), roles)
    if access.people:
        out.print(table)

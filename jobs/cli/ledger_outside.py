"""`mingjian ledger stamp, stamps, witness, hand`: heads of the ledger that leave the house."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from config.settings import Settings
from desk.written_files import write_new
from jobs.archive import archive_target, ledger_folder, open_ledger
from jobs.cli.alert_list import when
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
)
from jobs.cli.archive_options import TargetOption
from jobs.cli.words import plural
from jobs.clock import now_ms
from jobs.given_file import given_file
from jobs.stamping import stamp_newest
from rules.errors import EXIT_FINDINGS, EXIT_USAGE, MingjianError
from sinks.ledger.checkpoint import Note, read_note
from sinks.ledger.handed import hand_over, read_handed
from sinks.ledger.heads import read_heads
from sinks.ledger.stamps import Stamp, stamps, strangers
from sinks.ledger.unproven import Unproven
from sinks.ledger.witness import SAME, compare, read_witness, witness_text

OutOption = Annotated[Path | None, typer.Option("--out", help="写入文件 · write a file")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(
        "stamp",
        help="立即请各时间戳机构（stamps.authorities）为最新签名头加盖时间戳。\n\n"
        "Have the newest head stamped now by every authority of stamps.authorities (RFC 3161).\n\n"
        "例 · example:\n\n  mingjian ledger stamp",
    )(stamp)
    app.command(
        "stamps",
        help="已有的时间戳，并逐一核对。\n\nThe time stamps there are; each is checked.\n\n"
        "例 · example:\n\n  mingjian ledger stamps",
    )(list_stamps)
    app.command(
        "witness",
        help="打印最新签名头，供登报或公证；或核对印出的内容。\n\n"
        "The newest head as lines for print; or compare what was printed.\n\n例 · examples:\n\n"
        "  mingjian ledger witness\n\n  mingjian ledger witness --check typed.txt",
    )(witness)
    app.command(
        "hand",
        help="出具从此前给出的签名头到最新签名头的延续证明。\n\n"
        "The proof that the ledger goes on from a head that was given out before.\n\n"
        "例 · example:\n\n  mingjian ledger hand --given head.txt --out handed.json",
    )(hand)


def stamp(
    *,
    profile: ProfileOption = "embedded",
    config: ConfigOption = "",
    overrides: SetOption = [],  # noqa: B006 - Typer's way of saying "none"
    output: OutputOption = Output.text,
) -> None:
    """Ask the authorities."""
    settings = settings_from(profile, config, overrides)
    archive_target(settings)
    if not settings.stamps.authorities:
        raise MingjianError(
            "the settings name no time-stamping authority",
            "配置中没有时间戳机构",
            fix_en="name one under stamps.authorities: name, url, ca_file",
            fix_zh="请在 stamps.authorities 中写明 name、url、ca_file",
            exit_code=EXIT_USAGE,
        )
    failed = False
    for one in stamp_newest(settings, now=now_ms(), at_once=True):
        failed = failed or bool(one.en)
        if output is Output.json:
            emit({"target": one.target, "authority": one.authority, "size": one.size,
                  "at": one.proven.at if one.proven else 0, "until": one.until,
                  "wrong": one.en})  # fmt: skip
        elif one.en:
            out.print(f"[red]✗[/] {say(one.en, one.zh)}", soft_wrap=True)
        elif one.proven:
            out.print(
                f"[green]✓[/] {one.authority}  {when(one.proven.at)}  "
                + say(plural(one.size, "entry", "entries"), f"{one.size:,} 条")
            )
        else:
            known = say("has stamped this head already", "已为此签名头盖过时间戳")
            out.print(f"· {one.authority}  {known}")
    if failed:
        raise typer.Exit(EXIT_FINDINGS)


def list_stamps(
    *,
    target: TargetOption = "",
    profile: ProfileOption = "embedded",
    config: ConfigOption = "",
    overrides: SetOption = [],  # noqa: B006 - Typer's way of saying "none"
    output: OutputOption = Output.text,
) -> None:
    """List and check them."""
    settings = settings_from(profile, config, overrides)
    folder = ledger_folder(archive_target(settings, target))
    kept = stamps(folder)
    heads = read_heads(folder)
    unknown = set(strangers(heads.usable, kept))
    failed = False
    for one in kept:
        wrong = _wrong(settings, one, known=one not in unknown)
        failed = failed or bool(wrong)
        if output is Output.json:
            emit({"authority": one.authority, "size": one.size, "head_at": one.at,
                  "wrong": wrong[0] if wrong else ""})  # fmt: skip
            continue
        mark = "[red]✗[/]" if wrong else "[green]✓[/]"
        size = say(plural(one.size, "entry", "entries"), f"{one.size:,} 条")
        told = f": {say(*wrong)}" if wrong else ""
        out.print(f"{mark} {one.authority}  {when(one.at)}  {size}{told}", soft_wrap=True)
    if not kept and output is not Output.json:
        out.print(say("no time stamp yet", "还没有时间戳"))
    if heads.wrong:  # a head that is missing there is not for that reason one that was rolled back
        raise heads.wrong
    if failed:
        raise typer.Exit(EXIT_FINDINGS)


def witness(
    *,
    check: Annotated[
        Path | None,
        typer.Option("--check", help="照抄印出内容的文件，- 为标准输入 · what was printed, typed"),
    ] = None,
    target: TargetOption = "",
    profile: ProfileOption = "embedded",
    config: ConfigOption = "",
    overrides: SetOption = [],  # noqa: B006 - Typer's way of saying "none"
    output: OutputOption = Output.text,
) -> None:
    """Print a witness, or compare one."""
    settings = settings_from(profile, config, overrides)
    ledger = open_ledger(settings, archive_target(settings, target))
    if check is None:
        typer.echo(witness_text(ledger.note.checkpoint), nl=False)
        return
    found = compare(read_witness(given_file(check).decode(errors="replace")), ledger)
    good = found.outcome == SAME
    if output is Output.json:
        emit({"outcome": found.outcome, "told": found.en})
    else:
        out.print(("[green]✓[/] " if good else "[red]✗[/] ") + say(found.en, found.zh),
                  soft_wrap=True)  # fmt: skip
    if not good:
        raise typer.Exit(EXIT_FINDINGS)


def hand(
    *,
    given: Annotated[
        Path, typer.Option("--given", help="此前给出的签名头或证明 · the head given before")
    ],
    file: OutOption = None,
    target: TargetOption = "",
    profile: ProfileOption = "embedded",
    config: ConfigOption = "",
    overrides: SetOption = [],  # noqa: B006 - Typer's way of saying "none"
) -> None:
    """Prove consistency."""
    settings = settings_from(profile, config, overrides)
    ledger = open_ledger(settings, archive_target(settings, target))
    try:
        handed = hand_over(given_head(given), ledger)
    except Unproven as error:
        raise _unproven(error) from None
    if file is None:
        typer.echo(bytes(handed).decode(), nl=False)
        return
    write_out(settings, file, bytes(handed))


def write_out(settings: Settings, file: Path, data: bytes) -> None:
    """Write a proof to a new file, and say so. Raises MingjianError: see `write_new`."""
    write_new(settings, file, data)
    out.print(f"[green]✓[/] {file}", soft_wrap=True)


def given_head(file: Path) -> Note:
    """The head that was given out: a signed note, or the newer head of a proof made by `hand`.

    Raises:
        MingjianError: the file cannot be read, or is neither.
    """
    data = given_file(file)
    try:
        return read_note(data)
    except ValueError:
        try:
            return read_handed(data).new
        except Unproven:
            raise MingjianError(
                f"{file} is neither a signed head of a ledger nor a proof that was given out",
                f"{file} 既不是账本的签名头，也不是此前出具的证明",
                fix_en="give the file `checkpoint` of the ledger's folder as it was then, or"
                " checkpoint.txt of a pack",
                fix_zh="请给出当时账本目录中的 checkpoint 文件，或证据包中的 checkpoint.txt",
                exit_code=EXIT_USAGE,
            ) from None


def _wrong(settings: Settings, one: Stamp, *, known: bool) -> tuple[str, str] | None:
    """What is wrong with a stamp; None: nothing."""
    if not known:
        return (
            "this head was stamped, and the ledger does not have it: it was rolled back",
            "此签名头盖过时间戳，而账本中没有：账本被回退或替换",
        )
    named = {authority.name: authority for authority in settings.stamps.authorities}
    authority = named.get(one.authority)
    if authority is None:
        return (
            "the settings no longer name this authority, so nobody says whom to trust",
            "配置中已没有此机构，无从判断其证书",
        )
    try:
        one.check(Path(authority.ca_file).read_bytes(), now_ms())
    except (Unproven, MingjianError) as error:
        return error.en, error.zh
    except OSError as error:
        return f"{authority.ca_file}: {error.strerror}", f"{authority.ca_file}：{error.strerror}"
    return None


def _unproven(error: Unproven) -> MingjianError:
    return MingjianError(error.en, error.zh, exit_code=EXIT_FINDINGS)

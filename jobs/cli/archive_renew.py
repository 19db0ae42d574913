"""`mingjian archive renew-custody`: begins a damaged custody book anew, for the administrator."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import msgspec
import typer

from config.access_file import beside_keys
from config.settings import Settings, Target
from desk.desk import SET_ACCESS, Desk
from desk.roles import KEYS, NotAllowed, reason_given
from jobs.access import access_in_force
from jobs.access import told as people_told
from jobs.archive import (
    archive_target,
    book_of,
    desk_for,
    desk_of,
    entered_lines,
    open_ledger,
)
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
from jobs.cli.archive_options import TargetOption, WhyOption
from jobs.cli.words import plural
from jobs.clock import now_ms
from jobs.ledger_signer import note_signer
from rules.errors import MingjianError
from sinks.archive.custody import BookDamaged
from sinks.archive.disposable import counted
from sinks.archive.hold_book import By
from sinks.archive.renewed_book import Told, lost_of
from sinks.archive.renewing import renew
from sinks.archive.whole_book import WholeBook


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "renew-custody",
        help="保管记录损坏且无副本时，将其原样另存，重新开始一本；首行写明损坏之处、何人、何因，"
        "并登入账本。此后须由合规官重新启用留存策略，才会再删除。\n\n"
        "Where the custody book is damaged and there is no copy: put it aside, whole, and begin a"
        " new one, whose first line tells of the damage, who did it and why, and is entered in the"
        " ledger. Nothing is deleted until an officer has put the schedule in force again.\n\n"
        "例 · example:\n\n  mingjian archive renew-custody --why 磁盘故障无副本",
    )(renew_custody)


def renew_custody(
    *,
    why: WhyOption = "",
    target: TargetOption = "",
    profile: ProfileOption = "embedded",
    config: ConfigOption = "",
    overrides: SetOption = [],  # noqa: B006 - Typer's way of saying "none"
    output: OutputOption = Output.text,
) -> None:
    """Begin it anew."""
    settings = settings_from(profile, config, overrides)
    archive = archive_target(settings, target)
    desk, wrong = _desk(settings, archive)
    role = _allowed(desk)
    by = By(desk.actor.account, role, now_ms(), reason_given(why, KEYS))
    try:
        line = renew(Path(archive.path), by, partial(entered_lines, settings, archive), wrong)
    except OSError as error:
        raise MingjianError(
            f"the custody book was not begun anew: {error.strerror}",
            f"保管记录未能重新开始：{error.strerror}",
            fix_en="mend the disk or the rights of the archive's folder, then try again",
            fix_zh="请检查磁盘或归档目录的权限，然后重试",
        ) from None
    if (beside := beside_keys(settings.keys_dir)) is not None:  # the book has to say so, too
        desk.note(SET_ACCESS, role, by.why, people=people_told(beside.people))
    told = msgspec.convert(line.deed.details, Told)
    lost = lost_of(line.number, [one.number for one in desk.book.lines()])
    if output is Output.json:
        emit({"line": line.number, "lost": lost, **line.deed.details})
        return
    _print(line.number, told, lost)


def _desk(settings: Settings, archive: Target) -> tuple[Desk, BookDamaged | None]:
    """The desk of whoever does this, and what is wrong with the book as far as that was asked.
    Where it is the very line that says who may do what, the file beside the keys says it alone, if
    these are the keys that sign this ledger.

    Raises:
        MingjianError: the settings, the file and a book that is whole do not agree; or these are
            other keys.
    """
    try:
        return desk_of(settings, archive), None
    except MingjianError as error:
        access, wrong = access_in_force(settings), _damage(settings, archive, error)
        if wrong is None or not beside_keys(settings.keys_dir):
            raise
        if not note_signer(settings).signed(open_ledger(settings, archive, as_it_is=True).note):
            raise
        return desk_for(settings, archive, access), wrong


def _damage(settings: Settings, archive: Target, error: MingjianError) -> BookDamaged | None:
    """What is wrong with the book; None: nothing."""
    try:
        WholeBook(book_of(archive), partial(entered_lines, settings, archive)).require()
    except BookDamaged as damage:
        return damage
    return error if isinstance(error, BookDamaged) else None


def _allowed(desk: Desk) -> str:
    """The role they may do it in. What is refused cannot be written into a damaged book."""
    if role := desk.actor.acts_as(KEYS):
        return role
    try:
        return desk.allow(KEYS)
    except BookDamaged:
        raise NotAllowed(desk.actor, KEYS, noted=False) from None


def _print(number: int, told: Told, lost: list[tuple[int, int]]) -> None:
    count = counted(lost)
    which = ", ".join(f"{first}" if first == last else f"{first}–{last}" for first, last in lost)
    out.print(
        say(
            f"[green]✓[/] the custody book begins anew at line {number:,}; the one before, which"
            f" {told.wrong}, is kept as {told.aside} (SM3 {told.aside_sm3})",
            f"[green]✓[/] 保管记录自第 {number:,} 行重新开始；损坏的一本原样存为 {told.aside}"
            f"（SM3 {told.aside_sm3}）",
        ),
        soft_wrap=True,
    )
    if count:
        out.print(
            say(
                f"{plural(count, 'line')} of it {'is' if count == 1 else 'are'} not relied on any"
                f" more: {which}",
                f"其中 {count:,} 行不再采信：第 {which} 行",
            ),
            style="yellow",
            soft_wrap=True,
        )
    if not told.by_ledger:
        out.print(
            say("the ledger's entries could not be asked (no index), so nothing behind the damage"
                " is relied on",
                "无法查询账本登记（没有索引），因此损坏之后的行均不采信"),
            style="yellow", soft_wrap=True,
        )  # fmt: skip
    out.print(
        say(
            "holds may be among what is lost, so nothing is deleted until an officer has looked"
            " through them (`mingjian retention hold list`) and put the schedule in force again",
            "其中可能有法律保全；在合规官核对（`mingjian retention hold list`）并重新启用留存策略"
            "之前，不删除任何内容",
        ),
        soft_wrap=True,
    )

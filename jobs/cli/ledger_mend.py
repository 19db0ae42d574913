"""`mingjian ledger mend`: the history of signed heads, made anew from the heads that are left."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from desk.desk import MENDED
from desk.roles import KEYS
from jobs.archive import (
    archive_target,
    desk_of,
    known_head,
    ledger_folder,
    remember_head,
    trusted,
)
from jobs.cli.app import (
    ConfigOption,
    ProfileOption,
    SetOption,
    out,
    say,
    settings_from,
)
from jobs.cli.archive_options import TargetOption, WhyOption
from jobs.cli.ledger_outside import given_head
from jobs.cli.words import plural
from jobs.clock import now_ms
from jobs.ledger_signer import signed_by
from rules.errors import EXIT_USAGE, MingjianError
from sinks.ledger.checkpoint import Note
from sinks.ledger.mending import mending


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "mend",
        help="签名头历史损坏且无副本时，由此处、时间戳旁及此前给出的签名头重建。须先停止"
        " `mingjian deliver`。不签名，不改条目；原文件另存。\n\n"
        "Put a damaged history of signed heads together from those that are left here, beside"
        " their time stamps, and that were given out. `mingjian deliver` must not run. Nothing is"
        " signed, no entry is touched; what was there is kept under another name.\n\n"
        "例 · example:\n\n"
        "  mingjian ledger mend --given head.txt --why 磁盘故障",
    )(mend)


def mend(
    *,
    given: Annotated[
        list[Path],
        typer.Option(
            "--given", help="此前给出的签名头或证明，可多次 · a head given out before; repeatable"
        ),
    ] = [],  # noqa: B006 - Typer's way of saying "none"
    fresh: Annotated[
        bool,
        typer.Option(
            "--fresh",
            help="任何地方都没有签名头时，开始新的历史 · begin a new history when no head is left"
            " anywhere",
        ),
    ] = False,
    why: WhyOption = "",
    target: TargetOption = "",
    profile: ProfileOption = "embedded",
    config: ConfigOption = "",
    overrides: SetOption = [],  # noqa: B006 - Typer's way of saying "none"
) -> None:
    """Mend it."""
    settings = settings_from(profile, config, overrides)
    archive = archive_target(settings, target)
    desk = desk_of(settings, archive)
    by = desk.by(KEYS, why)
    name, public = trusted(settings)

    def counts(note: Note) -> bool:
        return note.checkpoint.origin == name and signed_by(note, name, public)

    heads = [_of_ours(file, counts(head), head) for file in given for head in [given_head(file)]]
    known = known_head(settings, archive)
    with mending(ledger_folder(archive), heads, counts, fresh=fresh, known=known) as found:
        newest = found.notes[-1].checkpoint if found.notes else None
        size = newest.size if newest else 0
        desk.note(MENDED, by.role, by.why, heads=len(found.notes), size=size)
        found.write(f".damaged-{now_ms()}")
        if size < known.size:
            remember_head(settings, archive, newest)
    out.print(f"[yellow]?[/] {say(found.wrong.en, found.wrong.zh)}", soft_wrap=True)
    if size < known.size:
        out.print(
            say(f"the signed head of {known.size:,} entries that the index knows is lost; the"
                " entries lead to its root",
                f"索引所记 {known.size:,} 条的签名头已丢失；现有条目与其根哈希相符"),
            style="yellow", soft_wrap=True,
        )  # fmt: skip
    if found.left_out:
        count = found.left_out
        out.print(
            say(f"{plural(count, 'head')} left out: not signed with the key of this installation",
                f"略过 {count:,} 个签名头：不是用本机的密钥签名的"),
            style="yellow",
        )  # fmt: skip
    out.print(
        say(
            f"[green]✓[/] the history has {plural(len(found.notes), 'signed head')}, the newest of"
            f" {plural(size, 'entry', 'entries')}; what was there is kept beside it. Now:"
            " `mingjian ledger verify`",
            f"[green]✓[/] 历史中有 {len(found.notes):,} 个签名头，最新的含 {size:,} 条；原文件另存"
            "于旁。请接着运行 `mingjian ledger verify`",
        ),
        soft_wrap=True,
    )


def _of_ours(file: Path, counts: bool, head: Note) -> Note:
    if counts:
        return head
    raise MingjianError(
        f"the head in {file} is not one of this ledger, signed with the key of this installation",
        f"{file} 中的签名头不属于此账本，或不是用本机的密钥签名的",
        fix_en="see whether it is the right file, and whether tenant and keys_dir are right",
        fix_zh="请检查文件是否正确，以及 tenant 与 keys_dir",
        exit_code=EXIT_USAGE,
    )

"""`mingjian report open`: shows what was taken out of a pack, as a file that can be checked."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from desk.desk import UNMASKED
from desk.roles import UNMASK, reason_given
from desk.written_files import nothing, place_for, write_noted
from jobs.alert_desk import must_be_allowed
from jobs.archive import desk_of, written_archive
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
from jobs.cli.words import plural
from jobs.openings import opened


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "open",
        help="披露证据包中被遮盖的内容：写出可供核对的披露文件。\n\n"
        "Show what was taken out of a pack, as a file that can be checked against it.\n\n"
        "例 · example:\n\n  mingjian report open var/packs/3f2a9c41.zip --record 6 --out open.json"
        " --reason 法院调取",
    )(open_pack)


def open_pack(
    *,
    path: Annotated[
        Path, typer.Argument(metavar="PACK", help="证据包 .zip，旁边有 .openings · the pack")
    ],
    target: Annotated[Path, typer.Option("--out", help="写到哪个文件 · file to write")],
    reason: Annotated[
        str, typer.Option("--reason", "-r", "--why", help="事由，必填 · why; needed")
    ] = "",
    records: Annotated[
        list[int],
        typer.Option(
            "--record",
            "-n",
            min=1,
            help="哪些记录，默认全部；可多次 · which; default: all; repeatable",
        ),
    ] = [],  # noqa: B006 - typer reads the default
    profile: ProfileOption = "embedded",
    config: ConfigOption = "",
    overrides: SetOption = [],  # noqa: B006 - typer reads the default
    output: OutputOption = Output.text,
) -> None:
    """Open redactions of a pack."""
    settings = settings_from(profile, config, overrides)
    archive = written_archive(settings)
    reason = " ".join(reason.split())
    desk, role = None, ""
    if archive is not None:
        desk = desk_of(settings, archive)
        role = desk.allow(UNMASK, pack=path.stem)
    else:
        must_be_allowed(settings, UNMASK)
    reason = reason_given(reason, UNMASK, "--reason")
    found = opened(settings, path, records)

    def note(_: str) -> Callable[[], None]:
        if desk is None:
            return nothing
        line = desk.note(
            UNMASKED, role, reason, pack=path.stem, manifest_sm3=found.manifest_sm3,
            records=found.records, holes=found.holes,
        )  # fmt: skip
        return partial(desk.not_taken, line)

    write_noted(place_for(settings, target), [found.data], note)
    if output is Output.json:
        emit({"out": str(target), "records": found.records, "holes": found.holes})
        return
    count = len(found.records)
    out.print(
        Text.assemble(
            ("✓", "bold green"),
            say(
                f" {plural(found.holes, 'place')} in {plural(count, 'record')} opened: ",
                f" 已披露 {count} 条记录的 {found.holes} 处：",
            ),
            str(target),
        ),
        soft_wrap=True,
    )  # fmt: skip
    out.print(
        Text(f"  python3 verify.py {path.name} --openings {target.name}", "dim"), soft_wrap=True
    )

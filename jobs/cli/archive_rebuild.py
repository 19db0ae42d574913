"""`mingjian archive rebuild`: makes an index that was lost again, for the administrator."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from config.settings import Settings, Target
from desk.roles import KEYS
from jobs.archive import (
    archive_target,
    desk_of,
    known_head,
    ledger_folder,
    nothing_yet,
    trusted,
)
from jobs.cli.app import (
    ConfigOption,
    Output,
    OutputOption,
    ProfileOption,
    SetOption,
    emit,
    err,
    language,
    out,
    say,
    settings_from,
)
from jobs.cli.archive_options import TargetOption, WhyOption
from jobs.cli.words import plural
from jobs.ledger_signer import signed_by
from rules.decode import Decoder
from rules.errors import EXIT_FINDINGS, MingjianError
from sinks.archive.check import Fault
from sinks.archive.key_versions import require_versions
from sinks.archive.keys import KeyMissing, KeyRefused, TenantKeys
from sinks.archive.places import fresh_index_of, index_of, objects_of
from sinks.archive.rebuilding import Rebuilt, rebuild
from sinks.archive.sink import INDEX_FILE
from sinks.ledger.heads import ever_signed
from sinks.ledger.log import Ledger
from sinks.tenant_keys import tenant_keys

REBUILDING, REBUILT = "rebuilding_index", "rebuilt_index"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "rebuild",
        help="从分段、账本与保管记录重建索引，删除过的仍留墓碑；须先停止 `mingjian deliver`。\n\n"
        "Make the index again from segments, ledger and custody book; what was deleted keeps its"
        " tombstone. `mingjian deliver` must not run.\n\n例 · example:\n\n"
        "  mingjian archive rebuild --why 索引磁盘损坏",
    )(rebuild_index)


def rebuild_index(
    *,
    why: WhyOption = "",
    target: TargetOption = "",
    profile: ProfileOption = "embedded",
    config: ConfigOption = "",
    overrides: SetOption = [],  # noqa: B006 - Typer's way of saying "none"
    output: OutputOption = Output.text,
) -> None:
    """Make it again."""
    settings = settings_from(profile, config, overrides)
    archive = archive_target(settings, target)
    desk = desk_of(settings, archive)
    role = desk.allow(KEYS)
    head = known_head(settings, archive)
    if not ever_signed(ledger_folder(archive)) and not head.size:
        raise nothing_yet(archive)
    keys = tenant_keys(settings)
    known = _known(settings, archive, keys)
    name, public = trusted(settings)
    faults: list[Fault] = []

    def wrong(fault: Fault) -> None:
        faults.append(fault)
        _print(fault, output)

    reason = " ".join(why.split())
    with closing(
        Ledger(
            ledger_folder(archive),
            name,
            at_least=known,
            known=head,
            trusts=lambda note: signed_by(note, name, public),
        )
    ) as ledger:
        desk.note(REBUILDING, role, reason, entries=ledger.size)
        made = _made(settings, archive, keys, ledger, wrong)
        counts = made.counts._asdict()
        desk.note(REBUILT, role, reason, faults=len(faults), **counts)
    if output is Output.json:
        emit({"faults": len(faults), **counts, "alerts": made.alerts})
    else:
        _conclude(made, len(faults))
    if faults:
        raise typer.Exit(EXIT_FINDINGS)


def _known(settings: Settings, archive: Target, keys: TenantKeys) -> int:
    """How many entries of the ledger the index knows that is there, as far as one can be asked.

    Raises:
        KeyMissing, KeyRefused: a version of the key that it says is needed is not here: found
            before anything is begun.
    """
    if archive.index == "sqlite" and not (Path(archive.path) / INDEX_FILE).exists():
        return 0
    try:
        with closing(index_of(archive, settings.tenant, writes=False)) as index:
            require_versions(keys, index, objects_of(archive, settings.tenant), archive.path)
            return index.leaves()
    except (KeyMissing, KeyRefused):
        raise
    except (MingjianError, OSError, sqlite3.Error):  # that is why it is made again
        return 0


def _made(
    settings: Settings,
    archive: Target,
    keys: TenantKeys,
    ledger: Ledger,
    wrong: Callable[[Fault], None],
) -> Rebuilt:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
               TimeElapsedColumn())  # fmt: skip
    try:
        with (
            closing(fresh_index_of(archive, settings.tenant)) as fresh,
            Progress(*columns, console=err, transient=True) as bar,
        ):
            task = bar.add_task(say("entries", "账本条目"), total=ledger.size)
            return rebuild(
                fresh,
                folder=Path(archive.path),
                ledger=ledger,
                ledger_folder=ledger_folder(archive),
                objects=objects_of(archive, settings.tenant),
                keys=keys,
                decoder=Decoder(settings.tenant, settings.limits.record_bytes),
                wrong=wrong,
                progress=lambda done, of: bar.update(task, completed=done, total=of),
            )
    except (OSError, sqlite3.Error) as error:
        words = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise MingjianError(
            f"the index was not made again: {words}",
            f"索引未能重建：{words}",
            fix_en="see to it and run `mingjian archive rebuild` once more",
            fix_zh="请处理后再次运行 `mingjian archive rebuild`",
        ) from None


def _print(fault: Fault, output: Output) -> None:
    if output is Output.json:
        emit(fault._asdict())
        return
    which = say(f"entry {fault.leaf}", f"第 {fault.leaf} 条") if fault.leaf >= 0 else ""
    words = fault.zh if language() == "zh" else fault.en
    out.print(" ".join(filter(None, ("[red]✗[/]", fault.place, which))) + f": {words}",
              soft_wrap=True)  # fmt: skip


def _conclude(made: Rebuilt, faults: int) -> None:
    counts = made.counts
    there = counts.messages - counts.deleted - counts.missing
    out.print(
        say(
            f"[green]✓[/] the index is made again: {plural(there, 'message')} in"
            f" {plural(counts.segments, 'segment')}, {counts.deleted:,} deleted by plan,"
            f" {plural(made.alerts, 'alert')}",
            f"[green]✓[/] 索引已重建：{there:,} 条消息、{counts.segments:,} 个分段，"
            f"按计划删除 {counts.deleted:,} 条，告警 {made.alerts:,} 条",
        ),
        soft_wrap=True,
    )
    if faults:
        out.print(
            say(
                f"{counts.missing:,} missing, {counts.damaged:,} that do not open; restore what is"
                " named above from its copy and run this once more",
                f"缺失 {counts.missing:,} 条，打不开 {counts.damaged:,} 条；"
                "请从副本恢复上述内容后再次运行",
            ),
            style="bold red",
            soft_wrap=True,
        )
    out.print(
        say(
            "`mingjian deliver` reads the source from its beginning now; what is known is not"
            " archived again",
            "`mingjian deliver` 将从头读取来源；已知的不会再次归档",
        ),
        style="dim",
        soft_wrap=True,
    )

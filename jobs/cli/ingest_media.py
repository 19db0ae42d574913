"""`mingjian ingest media`: files that people sent, from WeCom's archive or a simulated one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Annotated

import typer

from config.settings import Settings, Target
from ingest.archive.book import Book
from ingest.archive.watch import Watch
from jobs.account import account
from jobs.archive import archive_target, open_parts
from jobs.cli.app import (
    ConfigOption,
    Output,
    OutputOption,
    ProfileOption,
    SetOption,
    emit,
    err,
    out,
    report,
    say,
    settings_from,
)
from jobs.cli.archive_options import TargetOption
from jobs.cli.ingest import ingest_app, stopping, tell
from jobs.cli.ingest_archive import FolderOption, connected, world
from jobs.cli.words import plural
from jobs.collecting import collector, ends
from jobs.media import Fetcher, Progress, Vault
from rules.errors import EXIT_FINDINGS
from sinks.archive.disposing import disposals_of
from sinks.archive.media import MediaStore, name_key
from sinks.archive.media_book import MediaBook
from sinks.archive.search import ArchiveReader
from sinks.archive.terms import Terms, search_key

_NAME = "media"  # of the collector


def register(_: typer.Typer) -> None:
    """Add the command to `mingjian ingest`."""
    ingest_app.command(
        "media",
        help="取回已归档消息中的文件，加密存入归档；企业微信只保留五天，取不回的会报告。\n\n"
        "Fetch the files of archived messages and seal them into the archive; WeCom has them for"
        " five days, and what is lost is told.\n\n"
        "例 · examples:\n\n"
        "  mingjian ingest media --config mingjian.yaml\n\n"
        "  mingjian ingest media --simulator var/archive --once",
    )(media)


def media(
    *,
    simulator: FolderOption = None,
    once: Annotated[
        bool,
        typer.Option(
            "--once", help="取完现有文件即结束 · end when all that can be had now is fetched"
        ),
    ] = False,
    again: Annotated[
        bool,
        typer.Option(
            "--again", help="重新取回先前因过大未取的文件 · fetch those again that were refused"
        ),
    ] = False,
    target: TargetOption = "",
    profile: ProfileOption = "embedded",
    config: ConfigOption = "",
    overrides: SetOption = [],  # noqa: B006 - Typer copies it
    output: OutputOption = Output.text,
) -> None:
    """Fetch files. The help is given above."""
    settings = settings_from(profile, config, overrides)
    archive = archive_target(settings, target)
    vault = _vault(settings, archive)
    stop = stopping()
    folder = Path(settings.data_dir) / "ingest"
    with (
        ends(settings, stop, tell=tell) as where,
        collector(settings, _NAME, where) as intake,
        closing(Book(folder / f"{_NAME}.kept.db", where.waiting)) as told,
        closing(MediaBook(archive.path, writes=True)) as book,
        closing(connected(settings, simulator, intake, told)) as client,
    ):
        if book.damage is not None:
            report(book.damage)
        if again:
            book.again()
        fetcher = Fetcher(
            client,
            vault,
            book,
            settings.ingest.archive,
            Watch(intake, told, settings.tenant),
            world(stop),
            folder=folder / f"{_NAME}-{archive.name}",
            who=account(),
        )
        with _shown() as progress:
            done = fetcher.run(once=once, progress=progress)
        damaged = book.damage is not None
    _conclude(done, output)
    if damaged or done.lost or done.refused or (once and (done.wanted or done.unread)):
        raise typer.Exit(EXIT_FINDINGS)


def _vault(settings: Settings, archive: Target) -> Vault:
    parts = open_parts(settings, archive)
    key = search_key(parts.index, parts.keys)
    reader = ArchiveReader(
        objects=parts.objects,
        index=parts.index,
        keys=parts.keys,
        terms=Terms(key),
        decoder=parts.decoder,
    )
    store = MediaStore(parts.objects, parts.keys)
    return Vault(parts.index, reader, store, name_key(key), disposals_of(parts.index))


def _conclude(done: Progress, output: Output) -> None:
    if output is Output.json:
        emit(done._asdict())
        return
    out.print(
        say(
            f"{plural(done.stored, 'file')} stored, {done.bytes:,} bytes; {done.lost:,} lost,"
            f" {done.refused:,} refused, {done.wanted:,} still wanted",
            f"已归档 {done.stored:,} 个文件，{done.bytes:,} 字节；丢失 {done.lost:,}，"
            f"未取 {done.refused:,}，待取 {done.wanted:,}",
        )
    )
    if done.unread:
        err.print(
            say(
                f"{plural(done.unread, 'message')} could not be opened and may carry files;"
                " `mingjian archive check` says why",
                f"有 {done.unread:,} 条消息无法打开，其中可能有文件；"
                "`mingjian archive check` 会说明原因",
            ),
            style="yellow",
            soft_wrap=True,
        )


@contextmanager
def _shown() -> Iterator[Callable[[Progress], None]]:
    """How far it is, on a terminal."""
    if not err.is_terminal:
        yield lambda _: None
        return
    with err.status(say("looking for files", "查找文件")) as status:

        def show(at: Progress) -> None:
            mib = at.bytes / (1024 * 1024)
            status.update(
                say(
                    f"{at.stored:,} stored, {mib:,.1f} MiB, {at.wanted:,} wanted, {at.lost:,} lost",
                    f"已归档 {at.stored:,}，{mib:,.1f} MiB，待取 {at.wanted:,}，丢失 {at.lost:,}",
                )
            )

        yield show

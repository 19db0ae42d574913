"""What retention works on, opened from the settings: the archive's messages, plans, staff lists."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from config.settings import Settings, Target
from jobs.archive import book_of, open_parts
from rules.errors import EXIT_USAGE, MingjianError
from rules.message import Message
from sinks.archive.disposable import DisposableIndex
from sinks.archive.disposing import disposals_of
from sinks.archive.due import Source
from sinks.archive.kept import message_of
from sinks.archive.plans import Plans
from sinks.archive.rows import ArchiveIndex, Row
from sinks.archive.search import ArchiveReader
from sinks.archive.sink import INDEX_FILE
from sinks.archive.staff import departments_of
from sinks.archive.terms import Terms, search_key


@dataclass(frozen=True)
class Kept:
    """An archive as retention sees it: where plans are made from, its reader, its index, and what
    was deleted."""

    source: Source
    reader: ArchiveReader
    index: ArchiveIndex
    disposals: DisposableIndex


def deletes(target: Target) -> bool:
    """Whether messages of this archive can be deleted."""
    return target.index != "postgres"


def counts(target: Target) -> bool:
    """Whether there is something to count: messages that can be deleted one day."""
    return deletes(target) and (Path(target.path) / INDEX_FILE).exists()


def plans_of(target: Target) -> Plans:
    """The archive's plans of deletion."""
    return Plans(target.path)


def open_kept(settings: Settings, target: Target) -> Kept:
    """The archive, for counting, planning, and requests.

    Raises:
        MingjianError: its index has no deletion yet; see also `jobs.archive.open_parts`.
    """
    if not deletes(target):
        raise not_there_yet()
    parts = open_parts(settings, target)
    disposals = disposals_of(parts.index)
    if disposals is None:
        raise not_there_yet()
    reader = ArchiveReader(
        objects=parts.objects,
        index=parts.index,
        keys=parts.keys,
        terms=Terms(search_key(parts.index, parts.keys)),
        decoder=parts.decoder,
        disposals=disposals,
    )

    def opened(row: Row) -> Message | None:
        try:
            return message_of(parts.decoder, reader.open(row))
        except MingjianError:
            return None

    source = Source(
        settings.tenant, disposals, book_of(target), opened, departments_of(settings.rules.path)
    )
    return Kept(source, reader, parts.index, disposals)


def not_there_yet() -> MingjianError:
    """The error of an archive whose index has no deletion."""
    return MingjianError(
        "messages cannot be deleted yet where the index is in PostgreSQL (index: postgres)",
        "索引在 PostgreSQL（index: postgres）时，尚不能删除消息",
        fix_en="policies and holds are set and in force all the same; to delete, the index"
        " has to be a file (index: sqlite)",
        fix_zh="留存策略与法律保全照常设置并生效；要删除消息，归档索引须为文件（index: sqlite）",
        exit_code=EXIT_USAGE,
    )

"""What retention works on, opened from the settings: the archive's messages, plans, staff lists."""

from __future__ import annotations

from dataclasses import dataclass

from config.settings import Settings, Target
from jobs.archive import book_of, open_parts
from rules.errors import MingjianError
from rules.message import Message
from sinks.archive.disposable import DisposableIndex
from sinks.archive.disposing import disposals_of
from sinks.archive.due import Source
from sinks.archive.kept import message_of
from sinks.archive.plans import Plans
from sinks.archive.rows import ArchiveIndex, Row
from sinks.archive.search import ArchiveReader
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


def plans_of(target: Target) -> Plans:
    """The archive's plans of deletion."""
    return Plans(target.path)


def open_kept(settings: Settings, target: Target) -> Kept:
    """The archive, for counting, planning, and requests.

    Raises:
        MingjianError: see `jobs.archive.open_parts`.
    """
    parts = open_parts(settings, target)
    disposals = disposals_of(parts.index)
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


def open_to_count(settings: Settings, target: Target) -> Kept | MingjianError:
    """The archive, for counting what a hold or a schedule is for, which is in force all the same;
    where it cannot be opened, why not."""
    try:
        return open_kept(settings, target)
    except MingjianError as error:
        return error

"""What retention works on, opened from the settings: the archive's messages, plans, staff lists."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from config.settings import Settings, Target
from jobs.archive import KIND, book_of, entered_lines, ledger_folder, open_parts
from rules.errors import MingjianError
from rules.message import Message
from sinks.archive.custody import whole_rows
from sinks.archive.disposable import DisposableIndex
from sinks.archive.disposing import disposals_of
from sinks.archive.due import Source
from sinks.archive.hold_book import DELETED, FINISHED, deeds
from sinks.archive.kept import message_of
from sinks.archive.known_alerts import KnownAlerts
from sinks.archive.objects import Objects
from sinks.archive.plan_states import PlanState, plan_states
from sinks.archive.plans import Plans
from sinks.archive.rows import ArchiveIndex, Row
from sinks.archive.search import ArchiveReader
from sinks.archive.staff import departments_of
from sinks.archive.terms import Terms, search_key
from sinks.archive.whole_book import NOTHING
from sinks.ledger.heads import ever_signed


@dataclass(frozen=True)
class Kept:
    """An archive as retention sees it: where plans are made from, its reader, its index, what was
    deleted, and where segments are."""

    source: Source
    reader: ArchiveReader
    index: ArchiveIndex
    disposals: DisposableIndex
    objects: Objects


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
        settings.tenant,
        disposals,
        book_of(target),
        opened,
        departments_of(settings.rules.path),
        KnownAlerts(target.path),
    )
    return Kept(source, reader, parts.index, disposals, parts.objects)


def open_to_count(settings: Settings, target: Target) -> Kept | MingjianError:
    """The archive, for counting what a hold or a schedule is for, which is in force all the same;
    where it cannot be opened, why not."""
    try:
        return open_kept(settings, target)
    except MingjianError as error:
        return error


class Taken(NamedTuple):
    """How many lines of an archive's custody book a delivery entered in the ledger, and the plans
    of deletion that these tell of."""

    lines: int
    plans: list[PlanState]


def lines_entered(settings: Settings) -> dict[str, int]:
    """How many lines of its custody book each archive has in the ledger, by the target's name;
    without those that cannot be asked now."""
    told = {}
    for target in settings.targets:
        if target.kind != KIND:
            continue
        with entered_lines(settings, target) as entered:
            if entered is not NOTHING or not ever_signed(ledger_folder(target)):
                told[target.name] = entered.lines
    return told


def taken_since(settings: Settings, before: dict[str, int]) -> dict[str, Taken]:
    """What was entered of each archive's custody book since `lines_entered` said so; without those
    of which nothing was, or nobody can say."""
    now, told = lines_entered(settings), {}
    for target in settings.targets:
        first, last = before.get(target.name), now.get(target.name)
        if first is None or last is None or last <= first:
            continue
        try:
            told[target.name] = Taken(last - first, _plans_in(target, first, last))
        except (MingjianError, OSError):  # for the delivery to tell what is wrong with the book
            told[target.name] = Taken(last - first, [])
    return told


def _plans_in(target: Target, first: int, last: int) -> list[PlanState]:
    """The plans that lines `first` + 1 to `last` carry out. A book is long, so it is read as a
    whole only where one does."""
    book, marks = book_of(target), [b'"action":"%s"' % one.encode() for one in (DELETED, FINISHED)]
    with book.open() as file:
        rows = [row for row in enumerate(whole_rows(file), 1) if first < row[0] <= last]
    if not any(mark in row for _, row in rows for mark in marks):
        return []
    found = deeds(book.lines())
    named = {
        deed.details.get("plan")
        for deed in found
        if first < deed.number <= last and deed.action in (DELETED, FINISHED)
    }
    return [one for one in plan_states(found, plans_of(target)) if one.plan in named]

"""Makes an archive's index again, from what lies beside it.

Segments hold the messages, the ledger says which there were and in which order, the custody book
which of them were deleted by which plan, and `alerts.jsonl` what alerts name. What is wrong with
any of it is told, and the rest is found again: a message that is in no segment and has no tombstone
stays missing, and is named as that by every check.

Positions of the source are not known anywhere else. So it is read again from its beginning, and
what is known, deleted messages too, is not archived again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from rules.decode import Decoder
from rules.errors import MingjianError
from rules.plural import plural
from sinks.archive.accounting import Accounting, Counts, entries_from
from sinks.archive.check import Fault
from sinks.archive.custody import CustodyBook
from sinks.archive.disposing import disposals_of
from sinks.archive.found_records import Segments
from sinks.archive.fresh_index import FreshIndex
from sinks.archive.hit_book import FILE as HIT_FILE
from sinks.archive.hit_book import HITS, HitBook
from sinks.archive.keys import TenantKeys
from sinks.archive.objects import Objects
from sinks.archive.rows import HitRow, Stored
from sinks.archive.terms import Terms, search_key
from sinks.ledger.known import known_of
from sinks.ledger.log import Ledger

_PART = 10_000  # hits that go into the index at once


class Rebuilt(NamedTuple):
    """What was made: of messages (see `Counts`), and how many alerts name some."""

    counts: Counts
    alerts: int


def rebuild(
    fresh: FreshIndex,
    *,
    folder: Path,
    ledger: Ledger,
    ledger_folder: Path,
    objects: Objects,
    keys: TenantKeys,
    decoder: Decoder,
    wrong: Callable[[Fault], None],
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> Rebuilt:
    """Fill an index, and let it be the archive's.

    Args:
        fresh: that index.
        folder: of the archive, with its books.
        ledger: open for writing, so that nobody else writes the archive.
        wrong: told of whatever is missing or damaged.
        progress: told how many entries of the ledger of how many are accounted for.

    Raises:
        KeyMissing, KeyRefused: a version of the tenant's key is not here, or another.
        MingjianError: the ledger cannot be read.
        OSError, sqlite3.Error: an end did not do it; the archive's index is not made again.
    """
    index = fresh.index

    def told(leaf: int, place: str, error: MingjianError) -> None:
        wrong(Fault(leaf, place or "index", error.en, error.zh))

    work = Accounting(
        index=index,
        disposals=disposals_of(index),
        read=lambda start: entries_from(ledger, ledger_folder, start),
        size=ledger.size,
        book=CustodyBook(folder),
        segments=Segments(objects, keys),
        terms=Terms(search_key(index, keys)),
        decoder=decoder,
        wrong=told,
    )
    progress(index.leaves(), ledger.size)
    for leaves in work.run():
        progress(leaves, ledger.size)
    named = _take_alerts(HitBook(folder), fresh, work.alerts, wrong)
    newest = known_of(ledger.last.checkpoint if ledger.last else None)
    index.store(Stored((), (), (), (), newest.positions(), index.leaves()))
    fresh.finish()
    return Rebuilt(work.counts, named)


def _take_alerts(
    book: HitBook, fresh: FreshIndex, entered: set[str], wrong: Callable[[Fault], None]
) -> int:
    """What alerts name: of how many alerts it is known."""
    index, known = fresh.index, set[str]()
    for hits, lines, alerts in _pieces(book, wrong):
        index.store(Stored((), (), (), hits, {HITS: lines}, index.leaves()))
        known |= alerts
    if lacking := len(entered - known):
        wrong(Fault(
            -1,
            HIT_FILE,
            f"it does not say which messages {plural(lacking, 'alert names', 'alerts name')}; holds"
            f" on {'this alert' if lacking == 1 else 'these alerts'} hold nothing until the source"
            " has given them again",
            f"其中没有 {lacking:,} 条告警所涉及的消息；来源再次给出这些告警之前，"
            "针对它们的法律保全不起作用",
        ))  # fmt: skip
    return len(known)


def _pieces(
    book: HitBook, wrong: Callable[[Fault], None]
) -> Iterator[tuple[list[HitRow], int, set[str]]]:
    """What the book says in pieces, each with the number of its last line."""
    hits, alerts, lines = list[HitRow](), set[str](), 0
    for one in book.read():
        lines = one.number
        if one.hits is None:
            en, zh = "it cannot be read: restore it from its copy", "无法读取：请从副本恢复"
            wrong(Fault(-1, f"{HIT_FILE}:{lines}", en, zh))
            continue
        hits += one.hits
        alerts.add(one.alert)
        if len(hits) >= _PART:
            yield hits, lines, alerts
            hits, alerts = [], set()
    if lines:
        yield hits, lines, alerts

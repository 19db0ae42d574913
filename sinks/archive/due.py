"""Which messages of the archive are due, and what holds them.

The longest period wins, so a period that the row of a message alone shows to be open keeps it,
whatever else there is to know: most of an archive need not be opened to be judged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from rules.message import Message
from rules.retention.facts import Facts
from rules.retention.holds import Hold, held_by
from rules.retention.periods import FOREVER
from rules.retention.policies import Kept, Policy, duties, keep_until, newest_due
from sinks.archive.custody import CustodyBook
from sinks.archive.disposable import DisposableIndex
from sinks.archive.facts import Departments, facts_of, sayer
from sinks.archive.known_alerts import KnownAlerts, doubting
from sinks.archive.rows import Row

RETENTION, ERASURE = "retention", "erasure"
_PAGE = 1_000


@dataclass(frozen=True)
class Source:
    """Where a plan is made from: the index, the custody book, how a row's message is opened (None:
    it cannot be), in which department somebody is, and which alerts the archive has taken (None: no
    hold is on an alert)."""

    tenant: str
    index: DisposableIndex
    book: CustodyBook
    open: Callable[[Row], Message | None]
    departments: Departments
    alerts: KnownAlerts | None = None


class Judged(NamedTuple):
    """A message that was looked at: its facts, how long it is kept, the holds that hold it."""

    row: Row
    facts: Facts
    kept: Kept
    holds: list[Hold]
    readable: bool


def judge(
    source: Source,
    policies: Sequence[Policy],
    holds: Sequence[Hold],
    at: int,
    *,
    basis: str = RETENTION,
    rows: Iterable[Row] | None = None,
    everything: bool = False,
    unknown: Callable[[], None] = lambda: None,
) -> Iterator[Judged]:
    """Messages that are due at `at` (UTC ms), held or not; with `everything` the others too.
    `unknown` is told of each that would be due but for a policy of a department: in which one its
    people are nobody knows."""
    counted = counting(policies, basis)
    holds = doubting(holds, source.alerts)
    asked: Iterable[Row]
    if rows is None:
        before = newest_due(counted, at) if basis == RETENTION else FOREVER
        asked = _all_rows(source.index, before) if counted or basis == ERASURE else ()
    else:
        asked = rows
    for page in _pages(asked):
        alerts = source.index.alerts_of([row.leaf for row in page])
        for row in page:
            told = alerts.get(row.leaf, ())
            if not everything and _surely_kept(row, counted, at):
                continue
            message = source.open(row)
            facts = facts_of(row, message, told, source.departments)
            kept = keep_until(facts, counted)
            says = sayer(row, message)
            holding = held_by(facts, says, holds)
            if everything or due(kept, at, basis):
                yield Judged(row, facts, kept, holding, message is not None)
            elif facts.departments is None and facts.recipients is not None:
                nowhere = keep_until(facts._replace(departments=frozenset()), counted)
                if due(nowhere, at, basis):
                    unknown()


def due(kept: Kept, at: int, basis: str) -> bool:
    """Whether a message may go at `at` (UTC ms), but for holds. One that no policy is for stays,
    unless its erasure is asked for."""
    if kept.policy < 0:
        return basis == ERASURE
    return kept.until <= at


def counting(policies: Sequence[Policy], basis: str) -> tuple[Policy, ...]:
    """The policies that count on this basis."""
    return tuple(duties(policies) if basis == ERASURE else policies)


def _surely_kept(row: Row, policies: Sequence[Policy], at: int) -> bool:
    """Whether what the row alone says keeps the message: a longer period may apply besides, never
    a shorter one. So most of an archive need not be opened."""
    facts = facts_of(row, None, (), lambda userid: None)
    surely = [
        policy for policy in policies if not (policy.scope.people or policy.scope.departments)
    ]
    kept = keep_until(facts, surely)
    return kept.policy >= 0 and kept.until > at


def _all_rows(index: DisposableIndex, before: int) -> Iterator[Row]:
    after = -1
    while page := index.rows_before(before, after, _PAGE):
        yield from page
        after = page[-1].leaf


def _pages(rows: Iterable[Row]) -> Iterator[list[Row]]:
    page: list[Row] = []
    for row in rows:
        page.append(row)
        if len(page) == _PAGE:
            yield page
            page = []
    if page:
        yield page

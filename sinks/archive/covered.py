"""What a hold would hold now, and what another schedule would change: counted, nothing is done."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from rules.retention.holds import Deed, Hold, HoldScope, held_by
from rules.retention.policies import Policy, keep_until
from sinks.archive.due import RETENTION, Source, due, judge
from sinks.archive.facts import facts_of
from sinks.archive.known_alerts import doubting
from sinks.archive.rows import Row

_EVER = 1 << 62
_PAGE = 1_000
Progress = Callable[[int], None]
"""Told the number in the ledger of the message that was looked at last."""


class Covered(NamedTuple):
    """How many messages a hold covers, and how many of these cannot be opened but may be meant."""

    messages: int
    unreadable: int


class Change(NamedTuple):
    """What another schedule changes: of how many messages the period gets shorter, gets longer, or
    stays, and how many are due by the schedule in force and by the other one."""

    shorter: int
    longer: int
    same: int
    due_now: int
    due_then: int


def covered(source: Source, scope: HoldScope, progress: Progress = lambda leaf: None) -> Covered:
    """How many archived messages a hold with this scope covers; on an alert that the archive has
    not taken: may cover.

    Raises:
        OSError: the storage does not answer.
    """
    (hold,) = doubting([Hold("", scope, Deed(0, 0, "", "", "", {}))], source.alerts)
    by_row = not (scope.text or scope.employee or scope.customer)
    if by_row:  # nothing has to be opened
        source = replace(source, open=lambda row: None)
    messages = unreadable = 0
    rows = _maybe(source, hold, progress)
    for one in judge(source, (), [hold], 0, rows=rows, everything=True):
        messages += bool(one.holds)
        unreadable += bool(one.holds) and not one.readable and not by_row
    return Covered(messages, unreadable)


def change(
    source: Source,
    old: Sequence[Policy],
    new: Sequence[Policy],
    at: int,
    progress: Progress = lambda leaf: None,
) -> Change:
    """What it would change to put `new` in force in place of `old`.

    Args:
        at: now, UTC ms.

    Raises:
        OSError: the storage does not answer.
    """
    asks_people = any(one.scope.people or one.scope.departments for one in (*old, *new))
    if not asks_people:  # then what the row says decides, and nothing has to be opened
        source = replace(source, open=lambda row: None)
    shorter = longer = same = due_now = due_then = 0
    for one in judge(source, old, (), at, rows=_all(source, progress), everything=True):
        then = keep_until(one.facts, new)
        shorter += then.until < one.kept.until
        longer += then.until > one.kept.until
        same += then.until == one.kept.until
        due_now += due(one.kept, at, RETENTION)
        due_then += due(then, at, RETENTION)
    return Change(shorter, longer, same, due_now, due_then)


def _maybe(source: Source, hold: Hold, progress: Progress) -> Iterator[Row]:
    """Rows that the hold may cover. To know more of a message can only show that it does not: so
    those that the row alone excludes need not be opened."""
    for page in _pages(source, hold.scope.until or _EVER, progress):
        alerts = source.index.alerts_of([row.leaf for row in page])
        for row in page:
            facts = facts_of(row, None, alerts.get(row.leaf, ()), lambda userid: None)
            if held_by(facts, None, [hold]):
                yield row


def _all(source: Source, progress: Progress) -> Iterator[Row]:
    for page in _pages(source, _EVER, progress):
        yield from page


def _pages(source: Source, before: int, progress: Progress) -> Iterator[list[Row]]:
    after = -1
    while page := source.index.rows_before(before, after, _PAGE):
        yield page
        after = page[-1].leaf
        progress(after)

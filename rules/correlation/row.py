"""What a group says, a row, and what it remembers besides its entries."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from rules.correlation.baseline import Usual
from rules.correlation.entry import Entry
from rules.correlation.folds import Value

NEVER = -(2**62)


class Row(NamedTuple):
    """The condition held.

    Args:
        time: event time of the row; `start` is where its window begins.
        value: of the window: a count, a sum …; for temporal types how many rules were there.
        entries: the evidence, in order; empty when the row only continues an episode and not every
            row is wanted.
        opens: False when the row continues an episode.
        fresh: entries that came with this row.
    """

    time: int
    start: int
    value: Value
    entries: tuple[Entry, ...]
    opens: bool
    fresh: tuple[Entry, ...] = ()
    truncated: bool = False


class Marks(msgspec.Struct, array_like=True):
    """What a group remembers besides its entries; plain data.

    Args:
        open: for events, then for each absence clause: whether an episode is open.
        judged: for the same: when it was last judged.
        anchors: for each absence clause, times that wait for their deadline.
        seen: last time of each rule.
        since: begin of the window that waits for its close; -1 is none.
        last: time of the newest entry.
        usual: what is usual for the group, where that is asked.
    """

    open: list[bool]
    judged: list[int]
    anchors: list[list[int]]
    seen: list[int]
    since: int = -1
    last: int = NEVER
    truncated: bool = False
    usual: Usual | None = None


def merged(first: Row, second: Row) -> Row:
    """Two rows of one time as one: a branch that waited for absence, and one that did not."""
    entries = {entry.id: entry for entry in (*first.entries, *second.entries)}
    values = [row.value for row in (first, second) if row.value is not None]
    return Row(
        first.time,
        min(first.start, second.start),
        max(values) if values else None,
        tuple(sorted(entries.values(), key=by_time)),
        first.opens or second.opens,
        first.fresh,
        first.truncated or second.truncated,
    )


def by_time(entry: Entry) -> tuple[int, int, str]:
    """What evidence is sorted by."""
    return entry.order

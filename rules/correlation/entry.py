"""An event as a correlation sees it."""

from __future__ import annotations

from typing import Any, NamedTuple

LAST = 2**62
Key = tuple[int, int]


class Entry(NamedTuple):
    """One event of a group, or one row of a correlation that another one refers to.

    Args:
        time: event time in ms. seq: order given by the source; 0 when there is none.
        id: what makes it one event, however many rules it fits.
        slots: places of those rules in the correlation, ascending.
        values: what is counted, added or ranked; several when rules mean different fields.
        data: whatever the caller wants back in the row.
    """

    time: int
    seq: int
    id: str
    slots: tuple[int, ...]
    values: tuple[str, ...] = ()
    data: Any = None

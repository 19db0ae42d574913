"""An event as a correlation sees it."""

from __future__ import annotations

from typing import Any

import msgspec

LAST = 2**62
Key = tuple[int, int]


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One event of a group, or one row of a correlation that another one refers to.

    Not a tuple: this is made in a third of the time, is smaller, and the collector of cycles does
    not walk over the millions that may be waiting.

    Args:
        time: event time in ms. seq: order given by the source; 0 when there is none.
        id: what makes it one event, however many rules it fits.
        slots: places of those rules in the correlation, ascending.
        values: what is counted, added or ranked; several when rules mean different fields.
        data: whatever the caller wants back in the row; nothing that refers to the entry.
    """

    time: int
    seq: int
    id: str
    slots: tuple[int, ...]
    values: tuple[str, ...] = ()
    data: Any = None

    @property
    def instant(self) -> Key:
        """What orders it among the events of its group."""
        return self.time, self.seq

    @property
    def order(self) -> tuple[int, int, str]:
        """The same, with the id where these are equal."""
        return self.time, self.seq, self.id

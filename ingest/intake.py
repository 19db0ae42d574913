"""What every collector hands its records to, whatever it collects from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from rules.operations import Incident


class TooLong(NamedTuple):
    """A record that is longer than one may be, of which only the beginning was kept in memory.

    `head` is that beginning; size in bytes and digests (hex) are of all of it.
    """

    head: bytes
    size: int
    sm3: str
    sha256: str


Body = bytes | TooLong


class Taken(NamedTuple):
    """What became of records that were taken.

    `new` were written; `duplicates` had been before; `set_aside` were not sent, but are told of in
    quarantine. Of the new ones `conflicts` came under an id that had other content before, and
    `undecoded` are no records as far as the collector can see: the job sets both aside.
    """

    new: int = 0
    duplicates: int = 0
    set_aside: int = 0
    conflicts: int = 0
    undecoded: int = 0

    def plus(self, other: Taken) -> Taken:
        """The sum of both."""
        return Taken(*(one + two for one, two in zip(self, other, strict=True)))


class Intake(Protocol):
    """Takes records and keeps them.

    `source` names the collector ("archive", "http", "files"): what it has taken before is
    remembered under this name.
    """

    source: str

    def take(self, bodies: Sequence[Body], *, cursor: str = "", part: str = "") -> Taken:
        """Write records; when this returns they are durable.

        Then, in one transaction, their ids, their counts and `cursor` are remembered. A crash in
        between repeats records, which have the same ids; it loses none.

        Args:
            bodies: envelopes or bare records (docs/data-formats.md), in any number.
            cursor: how far the source has been read; "" leaves it as it is.
            part: of what the cursor is, for sources that have several (files).

        Raises:
            MingjianError: what waiting cannot mend, or what this collector does not wait for.
        """

    def cursor(self, part: str = "") -> str:
        """The one stored last; "" at first."""

    def incident(self, incident: Incident) -> None:
        """Tell of an incident; it is durable when this returns."""

    def beat(self, time: int) -> None:
        """Say in every partition that all up to the event time `time` (UTC ms) was handed on."""

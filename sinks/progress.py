"""What a target may offer beyond `Sink`: remembering how far it got, showing what it has at once,
and taking half a batch.

A position is a count of what is done of one piece of the job's outputs, under a name that never
changes meaning: `kafka:<topic>:<partition>` (next offset) or `file:<kind>/<path>` (bytes).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from sinks.base import Record, Rejected, SinkBusy, WriteResult


@runtime_checkable
class KeepsPositions(Protocol):
    """A sink that stores positions with the records, so that the two can never disagree."""

    def positions(self) -> dict[str, int]:
        """Every position stored so far; empty for a target that is new or was wiped."""

    def write_at(self, batch: Sequence[Record], positions: Mapping[str, int]) -> WriteResult:
        """`write`, and remember `positions`. Raises `SinkBehind` when the target forgot earlier
        ones: it was wiped or came back from an old copy."""


@runtime_checkable
class KeepsRejected(Protocol):
    """A sink that has its own table for records it refused."""

    def reject(self, rejected: Sequence[Rejected]) -> None:
        """Store refused records with their reasons; one that is there already is not repeated."""

    def close(self) -> None:
        """Release the table; the same as `Sink.close`."""


@runtime_checkable
class Ticks(Protocol):
    """A sink that has something to do by itself, and reads only some kinds of outputs."""

    topics: tuple[str, ...]

    def due(self) -> bool:
        """Whether `tick` would do something now. Asked after every batch, and several times a
        second while nothing comes."""

    def tick(self) -> WriteResult:
        """Do it, for some seconds at most. Raises SinkBusy as `Sink.write` does."""

    def left(self) -> str:
        """What is left to be done at another time, for people; "" when nothing is."""


class Reading(Protocol):
    """Who reads the outputs for a sink."""

    def ends(self, kind: str) -> dict[str, int]:
        """The positions behind all that there is now of a kind of outputs. Raises NoAnswer."""

    def passed(self, ends: Mapping[str, int]) -> bool:
        """Whether all in front of these positions was given to the sink. Raises NoAnswer."""


@runtime_checkable
class HearsReading(Protocol):
    """A sink that does some things only when it has taken what was there before."""

    def hear(self, reading: Reading) -> None:
        """Who reads for it; told once, before the first record."""


@runtime_checkable
class TellsDamage(Protocol):
    """A sink that goes on beside something that is damaged."""

    def damage(self) -> str:
        """What is damaged, for people; "" when nothing is."""


@runtime_checkable
class ShowsLater(Protocol):
    """A sink whose readers see what was written only some time after it was confirmed."""

    def show(self) -> WriteResult:
        """Let readers see all that was written, by anyone: what was new to it by that. Raises
        SinkBusy as `Sink.write` does."""


class SinkBehind(Exception):
    """The target knows less than it confirmed before. Read again from its own positions."""

    def __init__(self, target: str) -> None:
        super().__init__(f"{target}: the target has lost confirmed records")
        self.target = target


class PartlyBusy(SinkBusy):
    """Some records are settled (`result`), the `remaining` ones must be sent again later."""

    def __init__(
        self, target: str, why: str, result: WriteResult, remaining: tuple[Record, ...]
    ) -> None:
        super().__init__(target, why)
        self.result, self.remaining = result, remaining

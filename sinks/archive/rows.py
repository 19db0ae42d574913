"""What the archive's index knows of each message, and how it is asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class Row(NamedTuple):
    """A message of the archive without its content. Times are UTC ms.

    `leaf` is its number in the ledger and the order in which messages were archived; `segment`,
    `number`, `offset` and `length` say where its sealed record is; `sm3` is the digest of the raw
    record, 32 bytes; `size` its length.
    """

    leaf: int
    msgid: str
    seq: int
    time: int
    kind: str
    type: str
    sender: str
    room: str
    conversation: str
    direction: str
    segment: str
    number: int
    offset: int
    length: int
    size: int
    sm3: bytes


class SegmentRow(NamedTuple):
    """A segment: its name, the version of the tenant's key that wrapped its own, its digest in
    hex, how many bytes and records it has, when it was made (UTC ms)."""

    name: str
    key_version: int
    sm3: str
    size: int
    records: int
    created_at: int


class Asked(NamedTuple):
    """What to look for: messages that have all `terms` (`sinks.archive.terms`), were said in
    [since, until) (UTC ms; 0: no end), and stand before the leaf `before` (None: the newest)."""

    terms: Sequence[str] = ()
    since: int = 0
    until: int = 0
    before: int | None = None


class ArchiveIndex(Protocol):
    """Where rows, segments and positions are, and are found."""

    def leaves(self) -> int:
        """How many leaves of the ledger are accounted for."""

    def store(
        self,
        rows: Sequence[tuple[Row, str]],
        segments: Sequence[SegmentRow],
        positions: dict[str, int],
        leaves: int,
    ) -> None:
        """Rows with their terms, segments, positions of the source and the number of leaves, all or
        nothing."""

    def known(self, keys: Sequence[tuple[int, str]]) -> set[tuple[int, str]]:
        """Which of these (time, msgid) are there."""

    def search(self, asked: Asked, limit: int) -> list[Row]:
        """The last archived first."""

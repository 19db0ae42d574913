"""What the archive's index knows of each message, and how it is asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from sinks.archive.keys import Wrapped
from sinks.archive.leaves import OtherLeaf


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


class HitRow(NamedTuple):
    """That an alert names a message: the message's time and id, the alert's id, the rule."""

    time: int
    msgid: str
    alert_id: str
    rule: str


class Stored(NamedTuple):
    """What goes into the index at once: rows with their terms, segments, what else was entered in
    the ledger with its leaf, which messages alerts name, positions of the source, and how many
    leaves are accounted for."""

    rows: Sequence[tuple[Row, str]]
    segments: Sequence[SegmentRow]
    others: Sequence[tuple[int, OtherLeaf]]
    hits: Sequence[HitRow]
    positions: dict[str, int]
    leaves: int


class Asked(NamedTuple):
    """What to look for: messages that have all `terms` (`sinks.archive.terms`), were said in
    [since, until) (UTC ms; 0: no end), and stand before the leaf `before` (None: the newest); with
    `hit` those that an alert of this rule names, "*": of any."""

    terms: Sequence[str] = ()
    since: int = 0
    until: int = 0
    before: int | None = None
    hit: str = ""


class ArchiveIndex(Protocol):
    """Where rows, segments and positions are, and are found."""

    def leaves(self) -> int:
        """How many leaves of the ledger are accounted for."""

    def positions(self) -> dict[str, int]:
        """Of the source, as they were stored last."""

    def store(self, what: Stored) -> None:
        """Store it, all or nothing."""

    def secret(self) -> Wrapped | None:
        """The wrapped search key; None before there is one."""

    def keep_secret(self, wrapped: Wrapped) -> None:
        """Store the wrapped search key."""

    def key_versions(self) -> dict[int, tuple[int, str]]:
        """Versions of the tenant's key that segments were wrapped with: how many segments, and the
        name of the newest."""

    def entered(self, leaves: Sequence[OtherLeaf]) -> set[OtherLeaf]:
        """Which of these are in the ledger."""

    def leaf_of(self, other: OtherLeaf) -> int | None:
        """Its number in the ledger; None when it is not entered."""

    def known(self, keys: Sequence[tuple[int, str]]) -> set[tuple[int, str]]:
        """Which of these (time, msgid) are there."""

    def hits(self) -> list[HitRow]:
        """Which messages alerts name, also those that are not there yet."""

    def search(self, asked: Asked, limit: int) -> list[Row]:
        """The last archived first."""

    def close(self) -> None:
        """Release the file or the connection."""

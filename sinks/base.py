"""The one protocol all targets of delivery speak, and the read side that reports and people use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from rules.errors import MingjianError


class Record(NamedTuple):
    """One record on its way to a target.

    `topic` is one of `rules.operations.DELIVERED`, `id` its content-derived id, `body` its JSON
    bytes.
    """

    topic: str
    id: str
    body: bytes


class Rejected(NamedTuple):
    """A record the target will never take, and why. `at`: when it was refused last (UTC ms), of one
    that was kept; 0: not kept yet."""

    record: Record
    reason: str
    at: int = 0


class WriteResult(NamedTuple):
    """Outcome of one batch: new records, records the target already had, records refused."""

    written: int
    duplicates: int
    rejected: tuple[Rejected, ...] = ()


class SinkBusy(Exception):
    """The target cannot take the batch now. Nothing may be assumed written; send it again.

    Args:
        retry_after: seconds before which the target said it will not take anything; 0: it did not.
    """

    def __init__(self, target: str, why: str, retry_after: float = 0.0) -> None:
        super().__init__(f"{target}: {why}")
        self.target, self.why, self.retry_after = target, why, retry_after


class NoAnswer(Exception):
    """Who is asked does not answer; the words say why, without content."""


class NoIndexYet(MingjianError):
    """Nothing was ever delivered here, so there is nothing to read; that may change."""


class Sink(Protocol):
    """A target. `write` is idempotent: a record that is there already is counted, not repeated."""

    name: str

    def open(self) -> None:
        """Connect and create what is missing. Raises MingjianError when the target is not there."""

    def write(self, batch: Sequence[Record]) -> WriteResult:
        """Store the batch durably. Raises SinkBusy when it should be sent again later."""

    def close(self) -> None:
        """Release connections."""


class AlertReader(Protocol):
    """What people and reports read. Rows are the JSON objects of `rules.alert` as dicts."""

    def alerts(
        self,
        *,
        rule: str = "",
        response: int = 0,
        actor: str = "",
        since: int = 0,
        until: int = 0,
        text: str = "",
        canaries: bool = False,
        limit: int = 50,
        cursor: str = "",
    ) -> tuple[list[dict[str, Any]], str]:
        """Alerts newest first, at least `response`, and the next page's cursor ("" at the end);
        those of planted messages (`rules.canary_marks`) only with `canaries`, and nowhere else."""

    def alert(self, alert_id: str) -> dict[str, Any] | None:
        """One alert by its id or by a prefix of it that is unique."""

    def evidence(self, alert_id: str) -> list[dict[str, Any]]:
        """The evidence records of one alert in event-time order."""

    def quarantine(
        self,
        *,
        reason: str = "",
        source: str = "",
        prefix: str = "",
        limit: int = 50,
        cursor: str = "",
    ) -> tuple[list[dict[str, Any]], str]:
        """Quarantined records, the last stored first, and the next page's cursor ("" at the end);
        `source` is a part of where they came from, `prefix` the beginning of the id."""

    def handled(self, quarantine_ids: Sequence[str]) -> list[dict[str, Any]]:
        """What was done with these records, oldest first."""

    def incidents(
        self, *, status: str = "", since: int = 0, until: int = 0, limit: int = 50, cursor: str = ""
    ) -> tuple[list[dict[str, Any]], str]:
        """Incidents newest first, and the next page's cursor ("" at the end); `status` is "open"
        or "resolved"."""

    def late(
        self,
        *,
        rule: str = "",
        would: str = "",
        since: int = 0,
        until: int = 0,
        canaries: bool = False,
        limit: int = 50,
        cursor: str = "",
    ) -> tuple[list[dict[str, Any]], str]:
        """Late records newest first, and the next page's cursor ("" at the end); `would` is one of
        the answers of `rules.late`; planted messages only with `canaries`."""

    def tenants(self) -> dict[str, int]:
        """How many alerts each tenant has, also those that are not shown."""

    def counts(self) -> dict[str, Any]:
        """{"alerts": n, "evidence": n, "quarantine": {reason: n}, "late": n,
        "late_would_have_fired": n, "retracted": n, "by_rule": {name: n}, "by_response": {"1": n},
        "incidents": n, "incidents_open": n, "handled": n}; what was taken back counts as
        `retracted` and nowhere else, `handled` is the number of deeds."""

    def follow(self, after: str = "", timeout: float = 1.0) -> tuple[list[dict[str, Any]], str]:
        """Alerts stored since cursor `after`, oldest first, and again those that were taken back;
        waits at most `timeout` seconds."""

    def close(self) -> None:
        """Release files and connections."""

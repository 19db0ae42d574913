"""What every place that holds the job's outputs offers to the deliverer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

import msgspec

from rules.alert import sm3_hex
from rules.operations import DELIVERED_IDS
from sinks.base import Record, Rejected

BATCH_RECORDS = 2000
BATCH_BYTES = 8 * 1024 * 1024
_ID_BYTES = 512  # Elasticsearch refuses a whole bulk call for one that is longer


class Batch(NamedTuple):
    """Some outputs, and the positions that are done once they are stored.

    `refused` holds what no target can take because it is not a record at all.
    """

    records: tuple[Record, ...]
    refused: tuple[Rejected, ...]
    positions: dict[str, int]


class Outputs(Protocol):
    """The outputs as one target reads them."""

    def poll(self) -> Batch | None:
        """The next batch; None when there is nothing after a short wait."""

    def commit(self, batch: Batch) -> None:
        """The batch is stored: do not read it again."""

    def rewind(self, positions: dict[str, int]) -> None:
        """Read on from these positions, from the beginning where there is none."""

    def pause(self, seconds: float) -> None:
        """Wait, without losing the right to go on."""

    def exhausted(self) -> bool:
        """Whether all that was there at the start has been read."""

    def ends(self, kind: str) -> dict[str, int]:
        """See `sinks.progress.Reading`."""

    def passed(self, ends: Mapping[str, int]) -> bool:
        """See `sinks.progress.Reading`. Asked between two batches, when all that was polled is
        stored."""

    def close(self) -> None:
        """Release files and connections."""


class _Id(msgspec.Struct):
    """Any output: all of the JSON is checked, only the id is kept."""

    alert_id: str = ""
    evidence_id: str = ""
    quarantine_id: str = ""
    late_id: str = ""
    incident_id: str = ""
    handled_id: str = ""


_DECODER = msgspec.json.Decoder(_Id)


MESSAGES = "messages"


def read_record(topic: str, body: bytes) -> Record | Rejected:
    """`body` as a record of `topic`; refused, under the digest of its bytes, when it is none. A
    message is taken as it is: whoever keeps messages keeps those too that nobody can read."""
    if topic == MESSAGES:
        return Record(topic, "", body)
    try:
        found: str = getattr(_DECODER.decode(body), DELIVERED_IDS[topic])
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        reason = f"not a record: {error}"
    else:
        if found and len(found.encode()) <= _ID_BYTES:
            return Record(topic, found, body)
        wrong = f"is longer than {_ID_BYTES} bytes" if found else "is empty"
        reason = f"not a record: {DELIVERED_IDS[topic]} {wrong}"
    return Rejected(Record(topic, sm3_hex(body)[:32], body), reason)


def split(items: list[Record | Rejected]) -> tuple[tuple[Record, ...], tuple[Rejected, ...]]:
    """Records, and what is none."""
    records = tuple(item for item in items if isinstance(item, Record))
    return records, tuple(item for item in items if isinstance(item, Rejected))

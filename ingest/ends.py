"""Where a collector writes: two ports, each a Kafka topic or a folder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from ingest.envelope import Envelope
from ingest.waiting import Wait

SOURCE_HEADER = "mingjian-source"  # of a record: which collector wrote it


class Refused(NamedTuple):
    """A record that this end can never carry, and why: a key of `rules.quarantine.REASONS`, and
    words without content."""

    envelope: Envelope
    reason: str
    detail: str


class Records(Protocol):
    """Where the job reads."""

    def write(self, envelopes: Sequence[Envelope], source: str, wait: Wait) -> list[Refused]:
        """Write them; durable when it returns. Returns those that it cannot carry.

        Raises:
            NotNow, Stopped: as `Wait.away`; what was written until then may come again.
            MingjianError: what waiting cannot mend.
        """

    def beat(self, record: bytes, time: int, wait: Wait) -> None:
        """Write a heartbeat wherever event time is measured."""

    def ready(self) -> str:
        """ "" when it can be written now, else why not."""

    def close(self) -> None:
        """Let go of everything."""


class Outputs(Protocol):
    """Where records about the running go, beside the job's outputs."""

    def tell(self, kind: str, bodies: Sequence[bytes], source: str, wait: Wait) -> None:
        """Write records of an output kind; durable when it returns. Raises as `Records.write`."""

    def close(self) -> None:
        """Let go of everything."""

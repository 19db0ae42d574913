"""The cluster profile's ends: Kafka topics."""

from __future__ import annotations

import time
from collections.abc import Sequence

from ingest.ends import SOURCE_HEADER, Refused
from ingest.envelope import Envelope, partition_of
from ingest.kafka_producer import OVERHEAD, Item, Producer
from ingest.waiting import Wait
from rules.decode import HEARTBEAT

# A broker refuses times that are more than an hour ahead of its clock (its default); the job's
# watermark does not follow any that is more than minutes ahead, so nothing is lost by this.
_MOST_AHEAD_MS = 50 * 60 * 1000


class TopicRecords:
    """The topic the job reads."""

    def __init__(self, producer: Producer, topic: str) -> None:
        self._producer, self._topic = producer, topic

    def write(self, envelopes: Sequence[Envelope], source: str, wait: Wait) -> list[Refused]:
        """See `ingest.ends.Records`. Time stamp and partition are those of the simulator: event
        time, and a checksum of the conversation."""
        if not envelopes:
            return []
        partitions = self._producer.partitions(self._topic, wait)
        headers = [(SOURCE_HEADER, source.encode())]
        latest = int(time.time() * 1000) + _MOST_AHEAD_MS
        items, refused = [], []
        for one in envelopes:
            key = one.key.encode() if one.key else None
            size = len(one.value) + len(key or b"") + OVERHEAD
            if size > self._producer.record_bytes:
                detail = f"{len(one.value)} bytes, more than kafka.max_record_bytes allows"
                refused.append(Refused(one, "too_large", detail))
                continue
            where = partition_of(one.key, one.identity, partitions)
            at = min(one.time, latest)
            item = Item(self._topic, one.value, key, where, at, headers, one)
            if one.kind == HEARTBEAT:
                items += [item._replace(partition=number) for number in range(partitions)]
            else:
                items.append(item)
        for item in self._producer.send(items, wait):
            assert item.envelope is not None  # noqa: S101 - given above
            detail = f"{len(item.value)} bytes, more than the broker takes"
            refused.append(Refused(item.envelope, "too_large", detail))
        return refused

    def beat(self, record: bytes, time: int, wait: Wait) -> None:
        """See `ingest.ends.Records`."""
        items = [
            Item(self._topic, record, None, number, time, [], None)
            for number in range(self._producer.partitions(self._topic, wait))
        ]
        self._producer.send(items, wait)

    def ready(self) -> str:
        """See `ingest.ends.Records`."""
        return self._producer.knock()

    def close(self) -> None:
        """The producer is closed by whoever made it."""


class TopicOutputs:
    """The topics `<prefix><kind>`."""

    def __init__(self, producer: Producer, prefix: str) -> None:
        self._producer, self._prefix = producer, prefix

    def tell(self, kind: str, bodies: Sequence[bytes], source: str, wait: Wait) -> None:
        """See `ingest.ends.Outputs`."""
        now = int(time.time() * 1000)
        topic, headers = self._prefix + kind, [(SOURCE_HEADER, source.encode())]
        self._producer.send(
            [Item(topic, body, None, None, now, headers, None) for body in bodies], wait
        )

    def close(self) -> None:
        """The producer is closed by whoever made it."""

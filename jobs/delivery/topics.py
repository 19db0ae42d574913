"""Outputs as Kafka topics, and the topic of what a target refused."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Mapping, Sequence, Set
from typing import Any

from kafka import (
    ConsumerRebalanceListener,
    KafkaConsumer,
    KafkaProducer,
    OffsetAndMetadata,
    TopicPartition,
)
from kafka.errors import KafkaConnectionError, KafkaError, LeaderNotAvailableError

from config.settings import Settings
from jobs.delivery.files import KINDS_IN_ORDER
from jobs.delivery.source import (
    BATCH_BYTES,
    BATCH_RECORDS,
    MESSAGES,
    Batch,
    read_record,
    split,
)
from jobs.delivery.stalled import NotReading, why_nothing_comes
from jobs.kafka_client import opened
from jobs.topics import delivering_group, rejected_topic
from rules.errors import MingjianError
from sinks.base import NoAnswer, Record, Rejected, SinkBusy
from sinks.progress import KeepsPositions

_POLL_MS = 250
_BROKER_S = 5
_SILENT_S = 30.0  # without a record for so long, it is asked whether there are any


class TopicOutputs:
    """Reads the output topics in the consumer group of one target.

    Offsets are committed only after the target confirmed. A target that keeps positions itself
    has the last word: reading starts at its own positions, so one that was wiped is filled again.
    """

    def __init__(
        self,
        settings: Settings,
        target: str,
        keeper: KeepsPositions | None,
        kinds: Sequence[str] = KINDS_IN_ORDER,
        *,
        once: bool = False,
    ) -> None:
        prefix = settings.outputs.topic_prefix
        self._kinds = {
            settings.source.topic if kind == MESSAGES else f"{prefix}{kind}": kind for kind in kinds
        }
        self._keeper = keeper
        self._settings, self._group = settings, delivering_group(target)
        self._heard = time.monotonic()  # a record, or why there is none
        self._consumer = opened(
            settings.kafka,
            KafkaConsumer,
            bootstrap_timeout_ms=_BROKER_S * 1000,
            client_id=self._group,
            group_id=self._group,
            enable_auto_commit=False,
            # how long nobody reads the partitions of a deliverer that was killed; a batch may take
            # longer, for the client's own thread goes on saying that it lives
            session_timeout_ms=10_000,
            auto_offset_reset="earliest",
            max_poll_records=BATCH_RECORDS,
            max_partition_fetch_bytes=settings.kafka.max_record_bytes,
            fetch_max_bytes=max(BATCH_BYTES, settings.kafka.max_record_bytes),
            fetch_max_wait_ms=100,
            reconnect_backoff_max_ms=2000,
            metadata_max_age_ms=10_000,  # how soon a topic that appears later is noticed
            allow_auto_create_topics=False,
        )
        self._began = self._checked = time.monotonic()
        self._ends = self._end_offsets(set(self._kinds)) if once else {}
        self._paused = False
        self._assigned: set[TopicPartition] = set()  # given to us and not yet positioned
        self._consumer.subscribe(topics=list(self._kinds), listener=_OnAssigned(self))

    def poll(self) -> Batch | None:
        """See `Outputs`. Raises NotReading when the consumer has to be made anew."""
        if self._paused:
            self._consumer.resume(*self._consumer.paused())
            self._paused = False
        fetched = self._consumer.poll(timeout_ms=_POLL_MS, max_records=BATCH_RECORDS)
        if self._keeper is not None and self._assigned:
            new, self._assigned = self._assigned, set()
            fetched = {key: value for key, value in fetched.items() if key not in new}
            self._start_at(new, self._keeper.positions())
        if fetched:
            self._heard = time.monotonic()
        else:
            self._check_connection()
            self._check_reading()
        by_kind: dict[str, list[Record | Rejected]] = {kind: [] for kind in self._kinds.values()}
        positions: dict[str, int] = {}
        for partition, messages in fetched.items():
            kind = self._kinds[partition.topic]
            by_kind[kind] += [read_record(kind, message.value or b"") for message in messages]
            positions[_name(partition)] = messages[-1].offset + 1
        items = [item for found in by_kind.values() for item in found]
        return Batch(*split(items), positions) if positions else None

    def commit(self, batch: Batch) -> None:
        """See `Outputs`. A commit that fails only means reading some records again."""
        offsets = {
            _partition(name): OffsetAndMetadata(done, "", -1)
            for name, done in batch.positions.items()
        }
        self._heard = time.monotonic()  # the target may have been waited for
        self._consumer.commit(offsets)

    def rewind(self, positions: dict[str, int]) -> None:
        """See `Outputs`."""
        self._start_at(self._consumer.assignment(), positions)

    def pause(self, seconds: float) -> None:
        """Keeps polling, paused, so that the broker does not take the partitions away."""
        end = time.monotonic() + seconds
        assigned = self._consumer.assignment()
        if assigned:
            self._consumer.pause(*assigned)
            self._paused = True
        while (left := end - time.monotonic()) > 0:
            came = self._consumer.poll(timeout_ms=int(min(left, 1.0) * 1000) or 1)
            for partition, messages in came.items():  # given to us meanwhile, and not paused
                self._consumer.seek(partition, messages[0].offset)
                self._consumer.pause(partition)
                self._paused = True

    def exhausted(self) -> bool:
        """See `Outputs`. Partitions that another deliverer of the group reads are not ours."""
        assigned = self._consumer.assignment()
        if not assigned:
            return not self._ends or time.monotonic() - self._began > 6 * _BROKER_S
        return not self._assigned_unplaced() and all(
            self._consumer.position(partition) >= end
            for partition, end in self._ends.items()
            if partition in assigned
        )

    def ends(self, kind: str) -> dict[str, int]:
        """See `Outputs`."""
        topics = {topic for topic, one in self._kinds.items() if one == kind}
        try:
            return {_name(one): end for one, end in self._end_offsets(topics).items()}
        except (KafkaError, MingjianError) as error:
            raise NoAnswer(str(error)) from None

    def passed(self, ends: Mapping[str, int]) -> bool:
        """See `Outputs`. Of partitions that are not ours nobody here can say."""
        mine = self._consumer.assignment()
        try:
            return not self._assigned_unplaced() and all(
                one in mine and self._consumer.position(one) >= end
                for one, end in ((_partition(name), end) for name, end in ends.items())
            )
        except KafkaError as error:
            raise NoAnswer(str(error)) from None

    def _check_connection(self) -> None:
        """Say so when the broker is away: the client itself would go on trying in silence."""
        if time.monotonic() - self._checked < _BROKER_S:
            return
        metrics = self._consumer.metrics() or {}
        if metrics.get("consumer-metrics", {}).get("connection-count", 1) == 0:
            self._heard = time.monotonic()
            raise KafkaConnectionError("no connection to Kafka")
        self._checked = time.monotonic()

    def _check_reading(self) -> None:
        if time.monotonic() - self._heard < _SILENT_S:
            return
        self._heard = time.monotonic()
        done = None
        if self._keeper is not None:
            done = {_partition(name): at for name, at in self._keeper.positions().items()}
        assigned = self._consumer.assignment()
        why = why_nothing_comes(self._settings, self._group, list(self._kinds), assigned, done)
        if why:
            raise NotReading(why)

    def _assigned_unplaced(self) -> bool:
        return self._keeper is not None and bool(self._assigned)

    def close(self) -> None:
        """Leave the group."""
        self._consumer.close(autocommit=False, timeout_ms=_BROKER_S * 1000)

    def on_assigned(self, partitions: Sequence[TopicPartition]) -> None:
        """The broker gave us partitions. Called from the client's own thread: only note it."""
        self._assigned |= set(partitions)

    def _start_at(self, partitions: Any, positions: dict[str, int]) -> None:
        for partition in partitions:
            done = positions.get(_name(partition))
            if done is None:
                self._consumer.seek_to_beginning(partition)
            else:
                self._consumer.seek(partition, done)

    def _end_offsets(self, topics: Set[str]) -> dict[TopicPartition, int]:
        there = self._consumer.topics() & topics
        partitions = [
            TopicPartition(topic, number)
            for topic in there
            for number in self._consumer.partitions_for_topic(topic) or ()
        ]
        try:
            ends = self._consumer.end_offsets(partitions) if partitions else {}
        except (KeyError, AttributeError):  # what the client does where a partition has no leader
            raise LeaderNotAvailableError("a partition of the outputs has no leader") from None
        return {partition: end for partition, end in ends.items() if end}


class _OnAssigned(ConsumerRebalanceListener):  # type: ignore[misc]
    def __init__(self, outputs: TopicOutputs) -> None:
        self._outputs = outputs

    def on_partitions_assigned(self, assigned: Sequence[TopicPartition]) -> None:
        self._outputs.on_assigned(assigned)

    def on_partitions_revoked(self, revoked: Sequence[TopicPartition]) -> None:
        """What was read and not committed is read again by the next owner."""


class RejectedTopic:
    """Topic `rejected.<target>`: JSON with `topic`, `id`, `reason`, and the body in base64."""

    def __init__(self, settings: Settings, target: str) -> None:
        self._settings = settings
        self._target = target
        self._topic = rejected_topic(settings, target)
        self._producer: KafkaProducer | None = None

    def reject(self, rejected: Sequence[Rejected]) -> None:
        """Write and wait for the broker's confirmation. Raises SinkBusy when it does not come."""
        try:
            if self._producer is None:
                self._producer = opened(
                    self._settings.kafka,
                    KafkaProducer,
                    acks="all",
                    max_request_size=2 * self._settings.kafka.max_record_bytes,
                )
            futures = [
                self._producer.send(self._topic, key=item.record.id.encode(), value=_refusal(item))
                for item in rejected
            ]
            for future in futures:
                future.get(timeout=30)
        except (KafkaError, MingjianError) as error:
            self.close()  # what it has under way it may neither send nor give up
            raise SinkBusy(f"rejected.{self._target}", str(error)) from error

    def close(self) -> None:
        """Release connections."""
        if self._producer is not None:
            producer, self._producer = self._producer, None
            producer.close(timeout=_BROKER_S)


def _refusal(item: Rejected) -> bytes:
    return json.dumps(
        {
            "topic": item.record.topic,
            "id": item.record.id,
            "reason": item.reason,
            "body": base64.b64encode(item.record.body).decode(),
        },
        ensure_ascii=False,
    ).encode()


def _name(partition: TopicPartition) -> str:
    return f"kafka:{partition.topic}:{partition.partition}"


def _partition(name: str) -> TopicPartition:
    _, topic, number = name.split(":")
    return TopicPartition(topic, int(number))

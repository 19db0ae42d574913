"""Reads the part of topics that may hold a span of event time, from no consumer group."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from config.settings import Settings
from jobs.kafka_client import connection, unreachable

_SILENT_S = 15.0  # without a record for so long, the broker is out of reach
_BOOTSTRAP_MS = 5_000
Progress = Callable[[int, int], None]  # records read, of how many


class OutOfTime(Exception):
    """The time that was given is over."""


class Stored(NamedTuple):
    """One record of a topic; `time` is its Kafka timestamp (UTC ms)."""

    topic: str
    partition: int
    offset: int
    time: int
    headers: Sequence[tuple[str, bytes]]
    value: bytes


class Topics:
    """A client for looking. Close it.

    Raises:
        MingjianError: no broker.
    """

    def __init__(self, settings: Settings, until: float = float("inf")) -> None:
        self._settings, self._until = settings, until
        try:
            self.consumer = KafkaConsumer(
                **connection(settings.kafka),
                client_id="mingjian-completeness",
                bootstrap_timeout_ms=_BOOTSTRAP_MS,
                group_id=None,
                enable_auto_commit=False,
                max_poll_records=5_000,
                max_partition_fetch_bytes=settings.kafka.max_record_bytes,
                fetch_max_wait_ms=100,
                allow_auto_create_topics=False,
            )
        except (KafkaError, OSError, ValueError) as error:
            raise unreachable(settings.kafka, error) from None

    def places(self, topics: Sequence[str]) -> list[TopicPartition]:
        """Their partitions; none of a topic that is not there."""
        try:
            return [
                TopicPartition(topic, number)
                for topic in topics
                for number in sorted(self.consumer.partitions_for_topic(topic) or ())
            ]
        except KafkaError as error:
            raise unreachable(self._settings.kafka, error) from None

    def ends(self, places: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """The offsets behind their last records."""
        try:
            return dict(self.consumer.end_offsets(list(places))) if places else {}
        except KafkaError as error:
            raise unreachable(self._settings.kafka, error) from None

    def held_from(self, places: Sequence[TopicPartition]) -> int:
        """The time (UTC ms) from which on everything is still there; 0: nothing was removed."""
        newest = 0
        try:
            firsts = self.consumer.beginning_offsets(list(places)) if places else {}
            cut = [place for place in places if firsts[place]]
            ends = self.ends(cut)
            for place in cut:
                if firsts[place] >= ends[place]:
                    return time.time_ns() // 1_000_000  # emptied
                self.consumer.assign([place])
                self.consumer.seek(place, firsts[place])
                for some in self._polled().values():
                    newest = max(newest, some[0].timestamp)
        except KafkaError as error:
            raise unreachable(self._settings.kafka, error) from None
        return newest

    def time_at(self, place: TopicPartition, offset: int) -> int:
        """The time (UTC ms) of the first record at or behind an offset; 0: there is none."""
        self.consumer.assign([place])
        self.consumer.seek(place, offset)
        found = self.consumer.poll(timeout_ms=2_000, max_records=1)
        return next((int(some[0].timestamp) for some in found.values()), 0)

    def newest(self, places: Sequence[TopicPartition], ends: dict[TopicPartition, int]) -> int:
        """The latest time (UTC ms) among the last records of the partitions; 0: there are none."""
        return max((self.time_at(one, ends[one] - 1) for one in places if ends[one]), default=0)

    def records(
        self, places: Sequence[TopicPartition], begin: int, on_progress: Progress
    ) -> Iterator[Stored]:
        """What stands there now from the first record that is not older than `begin` (UTC ms).

        Raises:
            OutOfTime: not all was read.
            MingjianError: the broker went away.
        """
        if not places:
            return
        try:
            yield from self._records(places, begin, on_progress)
        except KafkaError as error:
            raise unreachable(self._settings.kafka, error) from None

    def _records(
        self, places: Sequence[TopicPartition], begin: int, on_progress: Progress
    ) -> Iterator[Stored]:
        consumer, ends = self.consumer, self.ends(places)
        found = consumer.offsets_for_times(dict.fromkeys(places, max(0, begin)))
        starts = {one: found[one].offset if found.get(one) else ends[one] for one in places}
        left = {one for one in places if starts[one] < ends[one]}
        total = sum(ends[one] - starts[one] for one in left)
        consumer.assign(sorted(left))
        for place in left:
            consumer.seek(place, starts[place])
        count = 0
        while left:
            for place, some in self._polled().items():
                for one in some:
                    if one.offset < ends[place]:
                        count += 1
                        yield Stored(
                            place.topic, place.partition, one.offset, one.timestamp,
                            one.headers or (), one.value or b"",
                        )  # fmt: skip
            on_progress(count, total)
            # a compacted or aborted record leaves a gap: the position tells, not the count
            left = {one for one in left if consumer.position(one) < ends[one]}
            if left != set(consumer.assignment()) and left:
                consumer.pause(*(set(consumer.assignment()) - left))

    def _polled(self) -> dict[TopicPartition, list[Any]]:
        silent = time.monotonic() + _SILENT_S
        while True:
            if time.monotonic() > self._until:
                raise OutOfTime
            found: dict[TopicPartition, list[Any]] = self.consumer.poll(timeout_ms=500)
            if found:
                return found
            if time.monotonic() > silent:
                raise KafkaError("no records from Kafka for 15 s")

    def close(self) -> None:
        """Release connections."""
        self.consumer.close(autocommit=False)

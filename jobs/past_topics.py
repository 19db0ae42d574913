"""The part of a topic that holds a span of event time, and its records.

Offsets follow arrival, not event time. The beginning is exact all the same: Kafka gives the first
record that is not older, so none before it matters. The end is not: what came late stands behind
newer records. So reading goes on until records are newer by a margin than the span, and one wrong
clock does not end it: the middle of several records counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from statistics import median_low
from typing import Any, NamedTuple

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from config.settings import Settings
from jobs.kafka_client import connection, unreachable
from rules.errors import MingjianError

SAMPLE = 51  # records whose middle time tells how far a partition is at an offset
_FIRST = 5  # records that tell where a partition begins
_POLL_MS = 1_000
_SILENT_POLLS = 15  # of so long; a topic that gives nothing for so long is out of reach


class Extent(NamedTuple):
    """What is to be read of a topic.

    Attributes:
        offsets: of each partition the first one, and the one behind the last.
        complete_after: all records later than this (UTC ms) are there; None: all there ever were.
    """

    offsets: dict[int, tuple[int, int]]
    complete_after: int | None


class Stored(NamedTuple):
    """One record of a topic; `time` (UTC ms) is its Kafka timestamp."""

    value: bytes
    partition: int
    offset: int
    time: int


class TopicPast:
    """Reads the past of the source's topic; belongs to no consumer group.

    Raises:
        MingjianError: no broker, or no such topic.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings, self._topic = settings, settings.source.topic
        try:
            self._consumer = KafkaConsumer(
                **connection(settings.kafka),
                client_id="mingjian-replay",
                group_id=None,
                enable_auto_commit=False,
                max_poll_records=10_000,
                max_partition_fetch_bytes=settings.kafka.max_record_bytes,
                fetch_max_wait_ms=100,
                allow_auto_create_topics=False,
            )
            numbers = self._consumer.partitions_for_topic(self._topic)
        except (KafkaError, OSError, ValueError) as error:
            raise unreachable(settings.kafka, error) from None
        if not numbers:
            self._consumer.close()
            raise MingjianError(
                f"there is no topic '{self._topic}' at {settings.kafka.bootstrap}",
                f"{settings.kafka.bootstrap} 上没有主题“{self._topic}”",
                fix_en="correct source.topic, or start the collector",
                fix_zh="请更正 source.topic，或启动采集",
            )
        self._partitions = {number: TopicPartition(self._topic, number) for number in numbers}
        self._consumer.assign(list(self._partitions.values()))

    def extent(self, start: int, until: int) -> Extent:
        """What holds all records from `start` on (UTC ms), up to where they are later than
        `until`. Where Kafka's timestamps are not event times (`source.event_time: record`) that is
        the whole topic."""
        try:
            return self._extent(start, until)
        except (KafkaError, OSError) as error:
            raise unreachable(self._settings.kafka, error) from None

    def _extent(self, start: int, until: int) -> Extent:
        places = list(self._partitions.values())
        first = self._consumer.beginning_offsets(places)
        last = self._consumer.end_offsets(places)
        if self._settings.source.event_time == "record":
            gone = any(first.values())
            offsets = {n: (first[one], last[one]) for n, one in self._partitions.items()}
            return Extent(offsets, self._held_from(first, last) if gone else None)
        found = self._consumer.offsets_for_times(dict.fromkeys(places, start))
        begins = {one: found[one].offset if found.get(one) else last[one] for one in places}
        ends = {one: self._end(one, begins[one], last[one], until) for one in places}
        offsets = {n: (begins[one], ends[one]) for n, one in self._partitions.items()}
        if all(first[one] == begins[one] == 0 for one in places):
            return Extent(offsets, None)
        # what is older than the oldest record that is held may have been removed
        cut = {one: first[one] for one in places if first[one] and begins[one] == first[one]}
        return Extent(offsets, max(start - 1, self._held_from(cut, last)))

    def _held_from(self, firsts: dict[TopicPartition, int], last: dict[TopicPartition, int]) -> int:
        """Time of the oldest records where something older is gone; 0 where nothing is."""
        return max(
            [
                _middle(self._times(one, at, min(last[one], at + _FIRST)))
                for one, at in firsts.items()
                if at and at < last[one]
            ],
            default=0,
        )

    def _end(self, partition: TopicPartition, low: int, high: int, until: int) -> int:
        return end_of(lambda at: self._times(partition, at, high), low, high, until)

    def _times(self, partition: TopicPartition, at: int, high: int) -> list[int]:
        """Times of the records from `at` on, at most SAMPLE."""
        times: list[int] = []
        for one in self._read({partition: (at, min(high, at + SAMPLE))}):
            times.append(one.time)
        return times

    def records(self, extent: Extent) -> Iterator[Stored]:
        """All of it, of each partition in order."""
        wanted = {self._partitions[n]: both for n, both in extent.offsets.items()}
        try:
            yield from self._read(wanted)
        except (KafkaError, OSError) as error:
            raise unreachable(self._settings.kafka, error) from None

    def _read(self, wanted: dict[TopicPartition, tuple[int, int]]) -> Iterator[Stored]:
        left = {one: end for one, (at, end) in wanted.items() if at < end}
        consumer: Any = self._consumer
        if not left:
            return
        consumer.assign(list(left))
        consumer.resume(*left)  # what was read before is as it was left
        for one in left:
            consumer.seek(one, wanted[one][0])
        silent = 0
        while left:
            fetched = consumer.poll(timeout_ms=_POLL_MS)
            silent = 0 if fetched else silent + 1
            for one, messages in fetched.items():
                end = left.get(one)
                if end is None:
                    continue
                for message in messages:
                    if message.offset < end:
                        yield Stored(
                            message.value or b"", one.partition, message.offset, message.timestamp
                        )
            for one in [one for one, end in left.items() if consumer.position(one) >= end]:
                del left[one]
                consumer.pause(one)
            if silent > _SILENT_POLLS:
                raise unreachable(self._settings.kafka, TimeoutError("it gives no records"))

    def close(self) -> None:
        """Release the connection."""
        self._consumer.close()


def end_of(times: Callable[[int], Sequence[int]], low: int, high: int, until: int) -> int:
    """An offset, at most `high`, from which on all records are later than `until`.

    Args:
        times: times of some records from an offset on; they grow on the whole, and single ones
            may be wrong.
    """
    if low >= high or _middle(times(max(low, high - SAMPLE))) <= until:
        return high
    last = high
    while low < high:
        at = (low + high) // 2
        if _middle(times(at)) > until:
            high = at
        else:
            low = at + 1
    return min(last, low + SAMPLE)  # a middle is a little ahead of where its sample begins


def _middle(times: Sequence[int]) -> int:
    return median_low(times) if times else 0

"""Reads topics, or parts of them, from no consumer group: for whoever looks and moves nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from config.settings import Settings
from jobs.kafka_client import opened, unreachable

_SILENT_S = 15.0  # without a record for so long, the broker is out of reach
_BOOTSTRAP_MS = 5_000
Progress = Callable[[int, int], None]  # records read, of how many


def silent(_read: int, _of: int) -> None:
    """A `Progress` that shows nothing."""


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

    Args:
        until: when to stop (monotonic seconds): reading raises OutOfTime then.

    Raises:
        MingjianError: no broker; of every method, that it went away.
    """

    def __init__(self, settings: Settings, until: float = float("inf")) -> None:
        self._settings, self._until = settings, until
        self.consumer = opened(
            settings.kafka,
            KafkaConsumer,
            client_id="mingjian-look",
            bootstrap_timeout_ms=_BOOTSTRAP_MS,
            group_id=None,
            enable_auto_commit=False,
            max_poll_records=5_000,
            max_partition_fetch_bytes=settings.kafka.max_record_bytes,
            fetch_max_wait_ms=100,
            allow_auto_create_topics=False,
        )

    def places(self, topics: Sequence[str]) -> list[TopicPartition]:
        """Their partitions; none of a topic that is not there."""
        with self._asked():
            return [
                TopicPartition(topic, number)
                for topic in topics
                for number in sorted(self.consumer.partitions_for_topic(topic) or ())
            ]

    def ends(self, places: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """The offsets behind their last records."""
        with self._asked():
            return dict(self.consumer.end_offsets(list(places))) if places else {}

    def firsts(self, places: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """The offsets of the oldest records that are still there."""
        with self._asked():
            return dict(self.consumer.beginning_offsets(list(places))) if places else {}

    def starts(self, ends: Mapping[TopicPartition, int], begin: int) -> dict[TopicPartition, int]:
        """The offsets of the first records not older than `begin` (UTC ms), else `ends`."""
        if not ends:
            return {}
        with self._asked():
            found = self.consumer.offsets_for_times(dict.fromkeys(ends, max(0, begin)))
        return {one: found[one].offset if found.get(one) else end for one, end in ends.items()}

    def held_from(self, places: Sequence[TopicPartition]) -> int:
        """The time (UTC ms) from which on everything is still there; 0: nothing was removed."""
        newest = 0
        firsts = self.firsts(places)
        cut = [place for place in places if firsts[place]]
        ends = self.ends(cut)
        with self._asked():
            for place in cut:
                if firsts[place] >= ends[place]:
                    return time.time_ns() // 1_000_000  # emptied
                self.consumer.assign([place])
                self.consumer.seek(place, firsts[place])
                for some in self._polled().values():
                    newest = max(newest, some[0].timestamp)
        return newest

    def time_at(self, place: TopicPartition, offset: int) -> int:
        """The time (UTC ms) of the first record at or behind an offset that is still there; 0:
        there is none."""
        first = self.firsts([place])[place]  # at one that was removed a client finds nothing
        with self._asked():
            self.consumer.assign([place])
            self.consumer.seek(place, max(offset, first))
            found = self.consumer.poll(timeout_ms=2_000, max_records=1)
        return next((int(some[0].timestamp) for some in found.values()), 0)

    def newest(self, places: Sequence[TopicPartition], ends: dict[TopicPartition, int]) -> int:
        """The latest time (UTC ms) among the last records of the partitions; 0: there are none."""
        return max((self.time_at(one, ends[one] - 1) for one in places if ends[one]), default=0)

    def records(
        self, places: Sequence[TopicPartition], begin: int, on_progress: Progress = silent
    ) -> Iterator[Stored]:
        """What stands there now from the first record that is not older than `begin` (UTC ms).

        Raises:
            OutOfTime: not all was read.
        """
        ends = self.ends(places)
        starts = self.starts(ends, begin)
        yield from self.between({one: (starts[one], ends[one]) for one in places}, on_progress)

    def between(
        self, wanted: Mapping[TopicPartition, tuple[int, int]], on_progress: Progress = silent
    ) -> Iterator[Stored]:
        """Of each partition the records from one offset up to another, in order.

        Raises:
            OutOfTime: not all was read.
        """
        with self._asked():
            yield from self._between(wanted, on_progress)

    def _between(
        self, wanted: Mapping[TopicPartition, tuple[int, int]], on_progress: Progress
    ) -> Iterator[Stored]:
        consumer = self.consumer
        left = {one: end for one, (first, end) in wanted.items() if first < end}
        if not left:
            return
        total = sum(end - wanted[one][0] for one, end in left.items())
        consumer.assign(sorted(left))
        consumer.resume(*left)  # what was read before is as it was left
        for place in left:
            consumer.seek(place, wanted[place][0])
        count = 0
        while left:
            for place, some in self._polled().items():
                end = left.get(place, 0)
                for one in some:
                    if one.offset < end:
                        count += 1
                        yield Stored(
                            place.topic, place.partition, one.offset, one.timestamp,
                            one.headers or (), one.value or b"",
                        )  # fmt: skip
            on_progress(count, total)
            # a compacted or aborted record leaves a gap: the position tells, not the count
            for place in [one for one, end in left.items() if consumer.position(one) >= end]:
                del left[place]
                consumer.pause(place)

    @contextmanager
    def _asked(self) -> Iterator[None]:
        """What goes wrong with a broker, as one clear line."""
        try:
            yield
        except (KafkaError, OSError) as error:
            raise unreachable(self._settings.kafka, error) from None

    def _polled(self) -> dict[TopicPartition, list[Any]]:
        out_of_reach = time.monotonic() + _SILENT_S
        while True:
            if time.monotonic() > self._until:
                raise OutOfTime
            found: dict[TopicPartition, list[Any]] = self.consumer.poll(timeout_ms=500)
            if found:
                return found
            if time.monotonic() > out_of_reach:
                raise KafkaError("no records from Kafka for 15 s")

    def close(self) -> None:
        """Release connections."""
        self.consumer.close(autocommit=False)

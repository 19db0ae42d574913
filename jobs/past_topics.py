"""The part of a topic that holds a span of event time, and its records.

Offsets follow arrival, not event time. The beginning is exact all the same: Kafka gives the first
record that is not older, so none before it matters. The end is not: what came late stands behind
newer records. So reading goes on until records are newer by a margin than the span, and one wrong
clock does not end it: the middle of several records counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from statistics import median_low
from typing import NamedTuple

from kafka import TopicPartition

from config.settings import Settings
from jobs.topic_reading import Stored, Topics
from rules.errors import MingjianError

SAMPLE = 51  # records whose middle time tells how far a partition is at an offset
_FIRST = 5  # records that tell where a partition begins


class Extent(NamedTuple):
    """What is to be read of a topic.

    Attributes:
        offsets: of each partition the first one, and the one behind the last.
        complete_after: all records later than this (UTC ms) are there; None: all there ever were.
    """

    offsets: dict[int, tuple[int, int]]
    complete_after: int | None


class TopicPast:
    """Reads the past of the source's topic; belongs to no consumer group.

    Raises:
        MingjianError: no broker, or no such topic; of every method, that the broker went away.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings, topic = settings, settings.source.topic
        self._topics = Topics(settings)
        self._places = self._topics.places([topic])
        if not self._places:
            self._topics.close()
            raise MingjianError(
                f"there is no topic '{topic}' at {settings.kafka.bootstrap}",
                f"{settings.kafka.bootstrap} 上没有主题“{topic}”",
                fix_en="correct source.topic, or start the collector",
                fix_zh="请更正 source.topic，或启动采集",
            )

    def extent(self, start: int, until: int) -> Extent:
        """What holds all records from `start` on (UTC ms), up to where they are later than
        `until`. Where Kafka's timestamps are not event times (`source.event_time: record`) that is
        the whole topic."""
        places = self._places
        first, last = self._topics.firsts(places), self._topics.ends(places)
        if self._settings.source.event_time == "record":
            gone = any(first.values())
            offsets = {one.partition: (first[one], last[one]) for one in places}
            return Extent(offsets, self._held_from(first, last) if gone else None)
        begins = self._topics.starts(last, start)
        ends = {one: self._end(one, begins[one], last[one], until) for one in places}
        offsets = {one.partition: (begins[one], ends[one]) for one in places}
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
        part = {partition: (at, min(high, at + SAMPLE))}
        return [one.time for one in self._topics.between(part)]

    def records(self, extent: Extent) -> Iterator[Stored]:
        """All of it, of each partition in order."""
        return self._topics.between({one: extent.offsets[one.partition] for one in self._places})

    def close(self) -> None:
        """Release the connection."""
        self._topics.close()


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

"""Where a job without its state begins: the time of what was judged last."""

from __future__ import annotations

import pytest
from kafka import TopicPartition

from config.settings import load
from jobs.beginning import _time_at
from jobs.topic_reading import Stored

PLACE = TopicPartition("messages", 0)


class Partition:
    """Stands for `Topics`: one partition whose records stand at some offsets only, as between the
    markers of transactions. The time of each is its offset times 1000."""

    def __init__(self, *offsets: int) -> None:
        self.offsets = offsets

    def between(self, part):
        ((place, (begin, end)),) = part.items()
        for one in self.offsets:
            if begin <= one < end:
                yield Stored(place.topic, place.partition, one, one * 1000, (), b"{}")


@pytest.mark.parametrize(
    ("records", "at", "time"),
    [
        (range(100), 50, 47_000),  # the middle one of the five before
        (range(1, 100), 3, 1_000),
        (range(100), 0, 2_000),  # nothing before: of those behind
        ([3, 4, 5], 60, 4_000),  # no record stands in the five offsets before
        (range(10, 20), 3000, 17_000),  # nor in some thousands
        ([70], 60, 0),  # the next one is too far behind to tell anything
        ([], 60, 0),
    ],
)
def test_the_time_a_partition_was_judged_to(records, at, time):
    settings = load("embedded", overrides=("source.event_time=record",))
    assert _time_at(settings, Partition(*records), PLACE, (0, at, 4000)) == time

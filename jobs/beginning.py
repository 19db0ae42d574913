"""Where a job begins to read that has no state to go on from, though there was one before it.

The positions that the one before has confirmed say what was judged, but the windows that were open
there are gone with its state. So reading begins earlier, and what is not certain of what is found
there is not told.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median_low

from kafka import TopicPartition

from config.settings import Settings
from jobs.consumer_groups import committed
from jobs.reconcile import LOOKBACK_MS
from jobs.registry import begun_with
from jobs.topic_reading import Stored, Topics
from jobs.topics import judging_group
from rules.decode import Decoder
from rules.edges import Edges
from rules.errors import MingjianError, RecordError
from rules.ruleset import Timeline
from sinks.base import NoAnswer

_SAMPLE = 5  # records whose middle time tells how far a partition was judged
# so far the watermark may have been behind what was judged: it follows the slowest partition
MARGIN_MS = 3_600_000
_PATIENCE_S, _PAUSE_S = 30.0, 0.5


@dataclass(frozen=True)
class Beginning:
    """Attributes:
    offsets: of each partition, where reading begins.
    read_from: event time (UTC ms) from which on is read; 0: all there ever was.
    certain_from: see `rules.retold.Retold`; empty where all was read.
    short_sighted: rules that may reach further back than that, the furthest first.
    """

    offsets: Mapping[int, int]
    read_from: int
    certain_from: Mapping[str, int]
    short_sighted: list[str]


def beginning(
    settings: Settings, timeline: Timeline, lookback: int = LOOKBACK_MS
) -> Beginning | None:
    """Of a job that follows a topic; None where it has a state to go on from, or nothing was
    judged before.

    Args:
        lookback: ms that are read again at most; as far as any rule reaches back, if that is less.

    Raises:
        MingjianError: the broker does not answer.
    """
    if settings.flink.restore:
        return None
    judged = _judged(settings)
    topics = Topics(settings)
    try:
        places = topics.places([settings.source.topic])
        first, last = topics.firsts(places), topics.ends(places)
        reached = {one: min(max(judged.get(one, 0), first[one]), last[one]) for one in places}
        if not any(at > first[one] for one, at in reached.items()):
            return None
        times = [
            _time_at(settings, topics, one, (first[one], at, last[one]))
            for one, at in reached.items()
        ]
        if not any(times):
            return None  # there is not one record to be read
        left = min(one for one in times if one)
        edges = Edges(timeline, None)
        back = min(edges.furthest + MARGIN_MS, lookback)
        begins = topics.starts(last, left - back)
    finally:
        topics.close()
    offsets = {one.partition: min(begins[one], at) for one, at in reached.items()}
    if not any(offsets.values()):
        return Beginning(offsets, 0, {}, [])
    # of rules that reach further all alerts are told that may not have been told before
    moments = {name: left - max(MARGIN_MS, back - reach) for name, reach in edges.reaches.items()}
    return Beginning(offsets, left - back, moments, edges.short_sighted(back))


def certain_from(settings: Settings, begun: Beginning | None) -> Mapping[str, int]:
    """What a job is to be told of the past (`udfs.spec.JobSpec`): it goes with the state, for a job
    may fail while it reads again."""
    if begun is not None:
        return begun.certain_from
    known = begun_with(settings) if settings.flink.restore else None
    return known.certain_from if known else {}


def _judged(settings: Settings) -> dict[tuple[str, int], int]:
    """The offset behind what was judged, by topic and partition. A broker that was just started
    does not know its groups at once."""
    until = time.monotonic() + _PATIENCE_S
    while True:
        try:
            return committed(settings, judging_group(settings))
        except NoAnswer as error:
            if time.monotonic() > until:
                raise MingjianError(
                    f"Kafka does not tell what was judged: {error}",
                    f"Kafka 未能告知已判定的位置：{error}",
                    fix_en="see the broker's log",
                    fix_zh="请查看 Kafka 日志",
                ) from None
            time.sleep(_PAUSE_S)


def _time_at(
    settings: Settings, topics: Topics, place: TopicPartition, offsets: tuple[int, int, int]
) -> int:
    """Event time (UTC ms) of the last records before an offset, else of the first behind it; 0:
    there are none. `offsets`: the first one, that one, and the one behind the last."""
    decoder = Decoder(settings.tenant, settings.limits.record_bytes)
    decoder.at(time.time_ns() // 1_000_000)
    first, at, last = offsets
    size = _SAMPLE
    while True:  # an offset may be a transaction's, and hold no record
        before = (max(first, at - size), at)
        if times := [_time_of(settings, decoder, one) for one in topics.between({place: before})]:
            return median_low(times[-_SAMPLE:])
        if before[0] == first:
            break
        size *= 10
    behind = topics.between({place: (at, min(at + _SAMPLE, last))})
    return median_low([_time_of(settings, decoder, one) for one in behind] or [0])


def _time_of(settings: Settings, decoder: Decoder, record: Stored) -> int:
    if settings.source.event_time == "record":
        try:
            return decoder.decode(record.value).time
        except RecordError:
            pass  # a heartbeat, or nothing that can be read: when it came is near enough
    return record.time

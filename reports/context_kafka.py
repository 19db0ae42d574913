"""Context from a Kafka topic, as the cluster profile keeps its messages.

A conversation stays in one partition (the key of a record is its conversation), so it is read from
the partition in which its members stand; the actor's events are looked for in all partitions. The
consumer belongs to no group and commits nothing.
"""

from __future__ import annotations

import time
from typing import Any

from kafka import KafkaConsumer, TopicPartition  # type: ignore[import-untyped]
from kafka.errors import KafkaError  # type: ignore[import-untyped]

from reports.context import Found, Sieve, Wanted
from rules.alert import Position
from rules.decode import Decoder
from rules.errors import MingjianError


class KafkaContext:
    """Reads the neighbourhood of a case from `topic`.

    Args:
        client: settings of the Kafka client (`bootstrap_servers`, security).
        max_records: most records read per partition; what lies beyond is named as a limit.
        timeout: seconds after which reading stops; what was not reached is named as a limit.
    """

    def __init__(
        self,
        topic: str,
        decoder: Decoder,
        client: dict[str, Any],
        max_records: int = 200_000,
        timeout: float = 30.0,
    ) -> None:
        self._topic, self._decoder, self._client = topic, decoder, client
        self._max_records, self._timeout = max_records, timeout

    def fetch(self, wanted: Wanted) -> Found:
        """See `ContextSource`."""
        found = Found(source=f"kafka:{self._topic}")
        sieve = Sieve(wanted, self._decoder, found)
        try:
            consumer = KafkaConsumer(
                **self._client, group_id=None, enable_auto_commit=False, auto_offset_reset="none"
            )
        except KafkaError as error:
            raise self._unreachable(error) from None
        try:
            for reach in self._ranges(consumer, wanted, found):
                self._read(consumer, reach, sieve, found)
        except KafkaError as error:
            raise self._unreachable(error) from None
        finally:
            consumer.close()
        found.sort()
        return found

    def _ranges(
        self, consumer: KafkaConsumer, wanted: Wanted, found: Found
    ) -> list[tuple[TopicPartition, int, int]]:
        """(partition, first offset, offset after the last) to read."""
        numbers = sorted(consumer.partitions_for_topic(self._topic) or ())
        near: dict[int, list[int]] = {}
        for position in wanted.near:
            if position.source == f"kafka:{self._topic}":
                near.setdefault(position.partition, []).append(position.offset)
        if near and not (wanted.acts or wanted.talk):
            numbers = [number for number in numbers if number in near]
        partitions = [TopicPartition(self._topic, number) for number in numbers]
        if not partitions:
            found.limits.append(
                (
                    f"the topic {self._topic} is not there or has no partition",
                    f"主题 {self._topic} 不存在或没有分区",
                )
            )
            return []
        first, last = wanted.reach()
        oldest, newest = consumer.beginning_offsets(partitions), consumer.end_offsets(partitions)
        since = consumer.offsets_for_times(dict.fromkeys(partitions, max(first, 0)))
        until = consumer.offsets_for_times(dict.fromkeys(partitions, max(last, 0) + 1))
        ranges = []
        for partition in partitions:
            start = since[partition].offset if since.get(partition) else newest[partition]
            end = until[partition].offset if until.get(partition) else newest[partition]
            # The topic's own timestamps may be those of the transport; the members' places hold.
            for offset in near.get(partition.partition, ()):
                start = min(start, offset - self._max_records // 4)
                end = max(end, offset + self._max_records // 4)
            start, end = max(start, oldest[partition]), min(end, newest[partition])
            if end - start > self._max_records:
                start, end = self._narrowed(start, end, near.get(partition.partition, []))
                found.limits.append(
                    (
                        f"partition {partition.partition}: more than {self._max_records:,} records"
                        f" in that time, only the offsets {start} to {end - 1} were read",
                        f"分区 {partition.partition}：时间范围内超过 {self._max_records:,} 条，"
                        f"只读取了偏移 {start} 至 {end - 1}",
                    )
                )
            if start < end:
                ranges.append((partition, start, end))
        return ranges

    def _narrowed(self, start: int, end: int, near: list[int]) -> tuple[int, int]:
        """At most `max_records` offsets of [start, end), around the members where there are any."""
        middle = (min(near) + max(near)) // 2 if near else start + self._max_records // 2
        begin = max(start, min(middle - self._max_records // 2, end - self._max_records))
        return begin, min(end, begin + self._max_records)

    def _read(
        self,
        consumer: KafkaConsumer,
        reach: tuple[TopicPartition, int, int],
        sieve: Sieve,
        found: Found,
    ) -> None:
        partition, start, end = reach
        consumer.assign([partition])
        consumer.seek(partition, start)
        deadline, reached = time.monotonic() + self._timeout, start
        while reached < end:
            batch = consumer.poll(timeout_ms=500, max_records=5000).get(partition, ())
            for record in batch:
                if record.offset >= end:
                    return
                self._offer(record, sieve, found)
            # The position also passes markers and compacted gaps, which are no records.
            reached = max(reached, consumer.position(partition))
            if time.monotonic() > deadline:
                found.limits.append(
                    (
                        f"partition {partition.partition}: read up to the offset {reached - 1} in"
                        f" {self._timeout:.0f} s, from there to {end - 1} it was not read",
                        f"分区 {partition.partition}：{self._timeout:.0f} 秒内读到偏移"
                        f" {reached - 1}，其后至 {end - 1} 未读取",
                    )
                )
                return

    def _offer(self, record: Any, sieve: Sieve, found: Found) -> None:
        found.scanned += 1
        value = record.value
        if not value or not any(needle in value for needle in sieve.needles):
            return
        if sieve.may_matter(value):
            position = Position(
                source=f"kafka:{self._topic}", partition=record.partition, offset=record.offset
            )
            sieve.take(value, position)

    def _unreachable(self, error: KafkaError) -> MingjianError:
        return MingjianError(
            f"cannot read the messages around the case from Kafka topic '{self._topic}': {error}",
            f"无法从 Kafka 主题“{self._topic}”读取案件前后的会话：{error}",
            fix_en="start the broker, or use --no-context to build the pack without surroundings",
            fix_zh="请启动 Kafka，或用 --no-context 生成不含上下文的证据包",
        )

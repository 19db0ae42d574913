"""Tells the job that time goes on while nobody talks, so that an absence is noticed.

Event time moves with records. A heartbeat is a record in every partition that says: everything up
to this time has been handed on. Whoever collects knows that best; this sender, for sources without
such a collector, trusts that nothing comes later than `delay`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from config.settings import Settings
from jobs.kafka_client import opened, unreachable
from rules.decode import heartbeat
from rules.errors import EXIT_USAGE, MingjianError


def beat(
    settings: Settings,
    *,
    every: float,
    delay: float,
    stop: threading.Event,
    once: bool = False,
    on_beat: Callable[[int, int], None] = lambda _time, _partitions: None,
) -> int:
    """Send one heartbeat to each partition every so many seconds until `stop` is set.

    Args:
        delay: seconds by which the time that is told stays behind the clock.
        on_beat: called with that time (UTC ms) and the number of partitions.

    Returns: how many times.

    Raises:
        MingjianError: the source is no topic, the topic is not there, the broker is not reached.
    """
    if settings.source.kind != "kafka":
        raise MingjianError(
            "heartbeats are for a Kafka source",
            "心跳只用于 Kafka 数据源",
            exit_code=EXIT_USAGE,
            fix_en="set source.kind=kafka",
            fix_zh="请设置 source.kind=kafka",
        )
    from kafka import KafkaProducer  # noqa: PLC0415
    from kafka.errors import KafkaError  # noqa: PLC0415

    topic = settings.source.topic
    producer = opened(settings.kafka, KafkaProducer, acks="all", max_block_ms=15_000)
    beats = 0
    try:
        while not stop.is_set():
            partitions = sorted(producer.partitions_for(topic) or ())
            if not partitions:
                raise MingjianError(
                    f"Kafka has no topic '{topic}'",
                    f"Kafka 上没有主题“{topic}”",
                    fix_en="start the job or the collector first",
                    fix_zh="请先启动检测作业或采集",
                )
            now = int(time.time() * 1000)
            told = now - int(delay * 1000)
            record = heartbeat(settings.tenant, told, now)
            sent = [
                producer.send(topic, record, partition=number, timestamp_ms=told)
                for number in partitions
            ]
            for one in sent:
                one.get(timeout=30)
            beats += 1
            on_beat(told, len(partitions))
            if once or stop.wait(every):
                break
    except KafkaError as error:
        raise unreachable(settings.kafka, error) from None
    finally:
        producer.close(timeout=5)
    return beats

"""Tells the job that time goes on while nobody talks, so that an absence is noticed.

Event time moves with records. A heartbeat is a record in every partition that says: everything up
to this time has been handed on. Whoever collects knows that best; this sender, for sources without
such a collector, trusts that nothing comes later than `delay`.

It waits for a broker that is away as collectors do, and goes on by itself: a heartbeat that ended
with its broker would leave event time standing after everything else is back.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from config.settings import Settings
from ingest.kafka_producer import Item, Producer
from ingest.waiting import Stopped, Tell, Wait, silent
from jobs.kafka_client import connection
from jobs.topics import ensure_topics
from rules.decode import heartbeat
from rules.errors import EXIT_USAGE, MingjianError

ONCE_S = 30.0  # so long a single heartbeat waits for a broker


def beat(
    settings: Settings,
    *,
    every: float,
    delay: float,
    stop: threading.Event,
    once: bool = False,
    on_beat: Callable[[int, int], None] = lambda _time, _partitions: None,
    tell: Tell = silent,
) -> int:
    """Send one heartbeat to each partition every so many seconds until `stop` is set.

    Args:
        delay: seconds by which the time that is told stays behind the clock.
        once: send one, and wait for a broker that is away for `ONCE_S` at most.
        on_beat: called with that time (UTC ms) and the number of partitions.
        tell: told when the broker is away, and when it is back.

    Returns: how many times.

    Raises:
        MingjianError: the source is no topic, the broker refuses us (KafkaRefusal), or with `once`
            it stays away (NotNow).
    """
    if settings.source.kind != "kafka":
        raise MingjianError(
            "heartbeats are for a Kafka source",
            "心跳只用于 Kafka 数据源",
            exit_code=EXIT_USAGE,
            fix_en="set source.kind=kafka",
            fix_zh="请设置 source.kind=kafka",
        )
    producer = Producer(
        connection(settings.kafka),
        lambda: ensure_topics(settings),
        settings.kafka.max_record_bytes,
    )
    beats = 0
    try:
        while not stop.is_set():
            wait = Wait(ONCE_S if once else None, stop, tell)
            told, partitions = _one(settings, producer, delay, wait)
            beats += 1
            on_beat(told, partitions)
            if once or stop.wait(every):
                break
    except Stopped:
        pass  # told to end while it waited: nothing was promised
    finally:
        producer.close()
    return beats


def _one(settings: Settings, producer: Producer, delay: float, wait: Wait) -> tuple[int, int]:
    """Send one heartbeat to each partition; its time and their number. The clock is read when the
    broker answers, so that one that was away is not told a time long past."""
    topic = settings.source.topic
    partitions = producer.partitions(topic, wait)
    now = int(time.time() * 1000)
    told = now - int(delay * 1000)
    record = heartbeat(settings.tenant, told, now)
    items = [Item(topic, record, None, number, told, [], None) for number in range(partitions)]
    producer.send(items, wait)
    return told, partitions

"""Which alerts the job has written, whether or not anybody has delivered them."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from config.settings import Settings
from jobs.delivery.files import FileOutputs
from jobs.kafka_client import connection, unreachable
from rules.alert import FINAL

_MARGIN_MS = 86_400_000  # alerts are written after their time, a day behind it at most
_POLL_MS = 1_000


class _Told(msgspec.Struct):
    alert_id: str = ""
    status: str = ""


_read = msgspec.json.Decoder(_Told).decode


def told(settings: Settings, wanted: set[str], since: int) -> set[str]:
    """Of these ids those that stand as final alerts in the outputs.

    Args:
        since: time (UTC ms) of the earliest of them.

    Raises:
        MingjianError: the outputs cannot be read.
    """
    found: set[str] = set()
    if not wanted:
        return found
    bodies = _of_topic if settings.outputs.kind == "kafka" else _of_files
    for body in bodies(settings, since):
        try:
            one = _read(body)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            continue  # the deliverer sets aside what is no record
        if one.status == FINAL and one.alert_id in wanted:
            found.add(one.alert_id)
            if len(found) == len(wanted):
                break
    return found


def _of_files(settings: Settings, _since: int) -> Iterator[bytes]:
    outputs = FileOutputs(settings.outputs.path, {}, ("alerts",))
    while (batch := outputs.poll()) is not None:
        yield from (record.body for record in batch.records)


def _of_topic(settings: Settings, since: int) -> Iterator[bytes]:
    topic = f"{settings.outputs.topic_prefix}alerts"
    try:
        consumer = KafkaConsumer(
            **connection(settings.kafka),
            client_id="mingjian-replay",
            group_id=None,
            enable_auto_commit=False,
            allow_auto_create_topics=False,
        )
    except (KafkaError, OSError, ValueError) as error:
        raise unreachable(settings.kafka, error) from None
    try:
        places = [TopicPartition(topic, n) for n in consumer.partitions_for_topic(topic) or ()]
        if not places:
            return
        left = consumer.end_offsets(places)
        firsts = consumer.offsets_for_times(dict.fromkeys(places, max(0, since - _MARGIN_MS)))
        consumer.assign(places)
        for one in places:
            if firsts.get(one):
                consumer.seek(one, firsts[one].offset)
            else:
                consumer.seek(one, left[one])
        while any(consumer.position(one) < left[one] for one in places):
            for messages in consumer.poll(timeout_ms=_POLL_MS).values():
                yield from (message.value or b"" for message in messages)
    except (KafkaError, OSError) as error:
        raise unreachable(settings.kafka, error) from None
    finally:
        consumer.close()

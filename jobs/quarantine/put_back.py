"""Puts records back where the job reads, at their own event time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kafka import KafkaProducer

from config.settings import Settings
from ingest.envelope import identity_of, key_of, partition_of
from jobs.quarantine.durable import broker, put_file, send_all
from jobs.quarantine.verdict import Fit
from rules.alert import content_id
from rules.message import Message

ORIGIN = "mingjian-origin"  # Kafka header: where the record was set aside


def put_back(settings: Settings, fits: Sequence[Fit]) -> None:
    """Write them to the source; they are durable when this returns.

    To a topic with the key, the partition and the timestamp a collector gives them, and a header
    that says where the original stands. To a folder as `messages-replay-<digest>-<n>.jsonl`: a new
    file each time, for a job that follows the folder has read the one before.

    Raises:
        MingjianError: the folder cannot be written, or the broker did not take them.
    """
    if not fits:
        return
    if settings.source.kind == "kafka":
        with broker(settings) as producer:
            send_all(
                settings,
                [
                    producer.send(
                        settings.source.topic,
                        key=key_of(fit.message).encode() or None,
                        partition=_partition(producer, settings.source.topic, fit.message),
                        value=fit.raw,
                        timestamp_ms=fit.message.time,
                        headers=[(ORIGIN, origin(fit.row["position"]).encode())],
                    )
                    for fit in fits
                ],
            )
        return
    ordered = sorted(fits, key=lambda fit: (fit.message.time, fit.message.seq, fit.message.msgid))
    body = b"".join(fit.raw + b"\n" for fit in ordered)
    folder, name = Path(settings.source.path), f"messages-replay-{content_id(body)}"
    number = sum(1 for _ in folder.glob(f"{name}-*.jsonl"))
    put_file(folder / f"{name}-{number + 1}.jsonl", body)


def origin(position: dict[str, Any]) -> str:
    """Where a record stood: topic/partition/offset, or path:line."""
    source: str = position["source"]
    if source.startswith("kafka:"):
        topic = source.removeprefix("kafka:")
        return f"{topic}/{position.get('partition', 0)}/{position.get('offset', 0)}"
    return f"{source.removeprefix('file:')}:{position.get('line', 0)}"


def _partition(producer: KafkaProducer, topic: str, message: Message) -> int:
    """The one a collector writes it to: the rest of its conversation is judged there."""
    partitions = len(producer.partitions_for(topic))
    identity = identity_of(message.tenant, message.msgid)
    return partition_of(key_of(message), identity, partitions)

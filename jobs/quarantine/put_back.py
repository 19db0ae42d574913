"""Puts records back where the job reads, at their own event time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from config.settings import Settings
from jobs.quarantine.durable import broker, put_file, send_all
from jobs.quarantine.verdict import Fit
from rules.alert import content_id

ORIGIN = "mingjian-origin"  # Kafka header: where the record was set aside


def put_back(settings: Settings, fits: Sequence[Fit]) -> None:
    """Write them to the source; they are durable when this returns.

    To a topic with the key and the timestamp a collector gives them, and a header that says where
    the original stands. To a folder as `messages-replay-<digest>.jsonl`, so that the same records
    are there once however often they are put back.

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
                        key=_key(fit),
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
    put_file(Path(settings.source.path) / f"messages-replay-{content_id(body)}.jsonl", body)


def origin(position: dict[str, Any]) -> str:
    """Where a record stood: topic/partition/offset, or path:line."""
    source: str = position["source"]
    if source.startswith("kafka:"):
        topic = source.removeprefix("kafka:")
        return f"{topic}/{position.get('partition', 0)}/{position.get('offset', 0)}"
    return f"{source.removeprefix('file:')}:{position.get('line', 0)}"


def _key(fit: Fit) -> bytes | None:
    """A conversation stays in one partition, an event in that of who acted."""
    name = fit.message.conversation or fit.message.sender
    return name.encode() if name else None

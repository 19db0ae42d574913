"""A collector as the settings say: what it remembers, where it writes, how it waits."""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Iterator
from pathlib import Path

from config.checks import writable
from config.settings import Settings
from ingest.book import Book
from ingest.collector import Collector, Ends, Sealing
from ingest.ends import Outputs, Records
from ingest.envelope import Envelopes
from ingest.folder_ends import FolderOutputs, FolderRecords
from ingest.kafka_ends import TopicOutputs, TopicRecords
from ingest.kafka_producer import Producer
from ingest.waiting import Tell, Wait, silent
from jobs.clock import now_ms
from jobs.kafka_client import connection
from jobs.topics import ensure_topics
from rules.errors import EXIT_USAGE, MingjianError
from sinks.sealing import Sealer

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def book_path(settings: Settings, source: str) -> Path:
    """The file in which the collector `source` remembers what it has taken."""
    return Path(settings.data_dir) / "ingest" / f"{source}.db"


@contextlib.contextmanager
def ends(
    settings: Settings,
    stop: threading.Event,
    *,
    patience: float | None = None,
    tell: Tell = silent,
) -> Iterator[Ends]:
    """Where collectors of these settings write.

    Args:
        patience: seconds one write waits for a broker or disk that is away; None: for ever.
        stop: set when the collector is to end; it ends waiting too.
        tell: told when something is away, and when it is back.
    """
    producer: Producer | None = None
    records: Records
    outputs: Outputs
    if "kafka" in (settings.source.kind, settings.outputs.kind):
        producer = Producer(
            connection(settings.kafka),
            lambda: ensure_topics(settings),
            settings.kafka.max_record_bytes,
        )
    if settings.source.kind == "kafka":
        assert producer is not None  # noqa: S101 - made above
        records = TopicRecords(producer, settings.source.topic)
    else:
        records = FolderRecords(writable(settings.source.path, "source.path"))
    if settings.outputs.kind == "kafka":
        assert producer is not None  # noqa: S101 - made above
        outputs = TopicOutputs(producer, settings.outputs.topic_prefix)
    else:
        outputs = FolderOutputs(settings.outputs.path)
    try:
        yield Ends(records, outputs, lambda: Wait(patience, stop, tell))
    finally:
        if producer is not None:
            producer.close()


@contextlib.contextmanager
def collector(settings: Settings, source: str, where: Ends) -> Iterator[Collector]:
    """The collector of the name `source`.

    Raises:
        MingjianError: a name that cannot be, another collector of this name, no evidence key.
    """
    if not _NAME.fullmatch(source):
        raise MingjianError(
            f"'{source}' is no name for a collector: 1 to 64 of A-Z a-z 0-9 _ -, first a letter or"
            " digit",
            f"“{source}”不能作为采集器的名字：1 到 64 个字符，限 A-Z a-z 0-9 _ -，以字母或数字开头",
            exit_code=EXIT_USAGE,
        )
    writable(settings.data_dir, "data_dir")
    made = Collector(
        source,
        settings.tenant,
        Book(book_path(settings, source), settings.ingest.remember_days),
        where,
        Envelopes(settings.tenant, settings.limits.record_bytes),
        Sealing(Sealer.from_dir(settings.keys_dir).seal, settings.limits.quarantine_keep_bytes),
        now_ms,
        settings.kafka.max_record_bytes,
    )
    try:
        yield made
    finally:
        made.close()

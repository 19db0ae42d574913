"""Writing so that it stays: a file whole or not at all, a topic only once the broker has it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kafka import KafkaProducer
from kafka.errors import KafkaError

from config.settings import Settings
from ingest.folder_ends import sync_folder
from jobs.kafka_client import opened
from rules.errors import MingjianError

_CONFIRMED_S = 30


def put_file(path: Path, content: bytes) -> None:
    """The file appears under its name when all of it is on the disk. One that is there stays.

    Raises:
        MingjianError: the folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():  # its name says what is in it
            return
        handle, draft = tempfile.mkstemp(dir=path.parent, prefix=".draft-")
        try:
            with os.fdopen(handle, "wb") as file:
                os.fchmod(file.fileno(), 0o644)
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(draft, path)
        except BaseException:
            Path(draft).unlink(missing_ok=True)
            raise
        sync_folder(path.parent)
    except OSError as error:
        raise MingjianError(
            f"cannot write {path}: {error.strerror or error}",
            f"无法写入 {path}：{error.strerror or error}",
            fix_en="nothing was changed; make the folder writable and run it again",
            fix_zh="没有任何改动；请使目录可写后重新执行",
        ) from None


@contextmanager
def broker(settings: Settings) -> Iterator[KafkaProducer]:
    """A producer whose `send` counts only once all replicas have the record."""
    producer = opened(
        settings.kafka,
        KafkaProducer,
        acks="all",
        max_block_ms=15_000,
        max_request_size=2 * settings.kafka.max_record_bytes,
    )
    try:
        yield producer
    except KafkaError as error:
        raise _not_taken(settings, error) from None
    finally:
        producer.close(timeout=5)


def send_all(settings: Settings, sent: Sequence[Any]) -> None:
    """Wait until the broker has confirmed all. Raises MingjianError when it does not."""
    try:
        for one in sent:
            one.get(timeout=_CONFIRMED_S)
    except KafkaError as error:
        raise _not_taken(settings, error) from None


def _not_taken(settings: Settings, error: Exception) -> MingjianError:
    return MingjianError(
        f"Kafka at {settings.kafka.bootstrap} did not confirm the records: {error}",
        f"Kafka（{settings.kafka.bootstrap}）没有确认收到记录：{error}",
        fix_en="run it again when the broker is back; what it has already is ignored",
        fix_zh="请在 Kafka 恢复后重新执行；已写入的会被自动忽略",
    )

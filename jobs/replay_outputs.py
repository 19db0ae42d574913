"""Adds records to the outputs of the job, as if it had written them itself."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from kafka import KafkaProducer
from kafka.errors import KafkaError

from config.settings import Settings
from jobs.kafka_client import opened, unreachable
from rules.errors import MingjianError
from sinks.base import Record

_PENDING = 1_000  # records on their way to the broker


class OutputWriter:
    """Writes to the topics or folders of the settings; each id once. All is there when `with` ends
    well; of files nothing before.

    Attributes:
        written: records, by kind.
    """

    def __init__(self, settings: Settings) -> None:
        self.written: Counter[str] = Counter()
        self._ids: set[tuple[str, str]] = set()
        self._to: _Topics | _Files = (
            _Topics(settings) if settings.outputs.kind == "kafka" else _Files(settings)
        )

    def write(self, record: Record) -> None:
        """Add one record."""
        if (record.topic, record.id) not in self._ids:
            self._ids.add((record.topic, record.id))
            self._to.write(record)
            self.written[record.topic] += 1

    def __enter__(self) -> OutputWriter:
        """Begin."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: object, _trace: TracebackType | None
    ) -> None:
        """Make what was written stand, unless something failed."""
        self._to.close(keep=kind is None)


class _Topics:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._producer: Any = opened(
            settings.kafka,
            KafkaProducer,
            acks="all",
            max_request_size=settings.kafka.max_record_bytes,
        )
        self._sent: list[Any] = []

    def write(self, record: Record) -> None:
        try:
            topic = self._settings.outputs.topic_prefix + record.topic
            self._sent.append(self._producer.send(topic, record.body))
            if len(self._sent) >= _PENDING:
                self._confirmed()
        except KafkaError as error:
            raise unreachable(self._settings.kafka, error) from None

    def _confirmed(self) -> None:
        for one in self._sent:
            one.get(timeout=60)
        self._sent.clear()

    def close(self, *, keep: bool) -> None:
        try:
            if keep:
                self._confirmed()
        except KafkaError as error:
            raise unreachable(self._settings.kafka, error) from None
        finally:
            self._producer.close(timeout=10)


class _Files:
    """One part file a kind, named after its content: the same replay again adds nothing."""

    def __init__(self, settings: Settings) -> None:
        self._root = Path(settings.outputs.path)
        self._open: dict[str, tuple[Path, IO[bytes], Any]] = {}

    def write(self, record: Record) -> None:
        try:
            if record.topic not in self._open:
                half = self._root / record.topic / f".replay-{os.getpid()}.half"
                half.parent.mkdir(parents=True, exist_ok=True)
                self._open[record.topic] = (half, half.open("wb"), hashlib.sha256())
            _, file, digest = self._open[record.topic]
            line = record.body + b"\n"
            file.write(line)
            digest.update(line)
        except OSError as error:
            raise self._unwritable(error) from None

    def close(self, *, keep: bool) -> None:
        """The order of `write` is kept: what was begun first stands first."""
        try:
            for half, file, digest in self._open.values():
                if keep:
                    file.flush()
                    os.fsync(file.fileno())
                file.close()
                if keep:
                    half.replace(half.with_name(f"part-replay-{digest.hexdigest()[:16]}.jsonl"))
        except OSError as error:
            raise self._unwritable(error) from None
        finally:
            for half, _, _ in self._open.values():
                half.unlink(missing_ok=True)

    def _unwritable(self, error: OSError) -> MingjianError:
        return MingjianError(
            f"cannot write to {self._root} (outputs.path): {error.strerror or error}",
            f"无法写入 {self._root}（outputs.path）：{error.strerror or error}",
            fix_en="make room or give the right to write, then replay again",
            fix_zh="请腾出空间或赋予写权限，然后重新回放",
        )

"""Where the records go: partition files, standard output or a Kafka topic."""

from __future__ import annotations

import gzip
import os
import socket
import sys
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, Any, NamedTuple, Protocol

from ingest.simulate.mint import line
from ingest.simulate.run import FIRST_SEQ, Run
from rules.errors import EXIT_USAGE, MingjianError

_PACE = 200  # records between two looks at the clock
_REPORT = 5000  # records between two progress reports


class Summary(NamedTuple):
    """What a run wrote."""

    messages: int
    events: int
    bytes: int
    seconds: float
    by_type: dict[str, int]
    planted: dict[str, int]
    decoys: int
    files: list[str]

    def as_json(self) -> dict[str, Any]:
        """For `--output json`."""
        return self._asdict()


class Target(Protocol):
    """Takes records in event-time order."""

    partitions: int

    def put(self, partition: int, key: str, event_time: int, data: bytes) -> None:
        """Take one record."""

    def finish(self, truth: Iterable[bytes]) -> list[str]:
        """Make everything visible; names of what was written."""

    def abandon(self) -> None:
        """Remove what is unfinished."""


class Files:
    """`messages-p<N>.jsonl` (or .jsonl.gz) and truth.jsonl in a directory.

    Files appear under their names when they are complete; until then their names are hidden, so
    that a job that watches the directory never reads half a file.
    """

    def __init__(
        self, directory: Path, partitions: int, compress: bool, truth: Path | None
    ) -> None:
        self.partitions, self._directory = partitions, directory
        self._truth = truth or directory / "truth.jsonl"
        suffix = ".jsonl.gz" if compress else ".jsonl"
        self._names = [directory / f"messages-p{n}{suffix}" for n in range(partitions)]
        self._raw: list[IO[bytes]] = []
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self._truth.parent.mkdir(parents=True, exist_ok=True)
            self._raw = [_hidden(name).open("wb", buffering=1 << 20) for name in self._names]
        except OSError as error:
            raise _not_writable(directory, error) from None
        self._out: list[Any] = [
            gzip.GzipFile("", "wb", 6, raw, mtime=0) if compress else raw for raw in self._raw
        ]

    def put(self, partition: int, key: str, event_time: int, data: bytes) -> None:
        """Append to the partition's file."""
        self._out[partition].write(data)

    def finish(self, truth: Iterable[bytes]) -> list[str]:
        """Rename the files into place, the truth first."""
        for out, raw in zip(self._out, self._raw, strict=True):
            if out is not raw:
                out.close()
            raw.flush()
            os.fsync(raw.fileno())
            raw.close()
        write_truth(self._truth, truth)
        for old in {*self._directory.glob("messages-p*.jsonl*")} - {*self._names}:
            old.unlink()  # a run with fewer partitions must not leave files of another run
        for name in self._names:
            _hidden(name).replace(name)
        return [str(name) for name in (*self._names, self._truth)]

    def abandon(self) -> None:
        """Remove the hidden files."""
        for raw, name in zip(self._raw, self._names, strict=False):
            raw.close()
            _hidden(name).unlink(missing_ok=True)


class Stdout:
    """Every record to standard output, in one order."""

    partitions = 1

    def __init__(self, truth: Path | None) -> None:
        self._truth, self._out = truth, sys.stdout.buffer

    def put(self, partition: int, key: str, event_time: int, data: bytes) -> None:
        """Print it."""
        self._out.write(data)

    def finish(self, truth: Iterable[bytes]) -> list[str]:
        """Flush; the truth goes to its file when one was named."""
        self._out.flush()
        return _truth_beside(self._truth, truth)

    def abandon(self) -> None:
        """Nothing is left behind."""


class Topic:
    """A Kafka topic; the conversation key decides the partition as in the files.

    Args:
        options: how a kafka-python client reaches the broker (address, credentials).
    """

    def __init__(self, options: dict[str, Any], topic: str, truth: Path | None) -> None:
        # imported here, because no other target needs the client
        from kafka import KafkaProducer  # type: ignore[import-untyped]  # noqa: PLC0415
        from kafka.errors import KafkaError  # type: ignore[import-untyped]  # noqa: PLC0415

        addresses = options["bootstrap_servers"]
        self._topic, self._truth, self._error = topic, truth, KafkaError
        self._where = f"{','.join(addresses)}/{topic}"
        self._failed: list[BaseException] = []
        self._knock(addresses)
        try:
            self._producer = KafkaProducer(
                **options, acks="all", linger_ms=20, batch_size=1 << 18, max_block_ms=15_000
            )
            self.partitions = len(self._producer.partitions_for(topic) or ())
        except KafkaError as error:
            raise self._unreachable(error) from None
        except ValueError as error:  # a name that no topic can have
            raise MingjianError(
                f"Kafka topic '{topic}': {error}",
                f"Kafka 主题“{topic}”：{error}",
                exit_code=EXIT_USAGE,
            ) from None
        if not self.partitions:
            raise MingjianError(
                f"Kafka has no topic {self._where}", f"Kafka 上没有主题 {self._where}"
            )

    def _knock(self, addresses: list[str]) -> None:
        """Say at once when nobody listens; the client itself would try for half a minute."""
        refused: OSError | None = None
        for address in addresses:
            host, _, port = address.rpartition(":")
            try:
                socket.create_connection((host, int(port)), timeout=5).close()
            except ValueError:
                raise MingjianError(
                    f"'{address}' is not HOST:PORT",
                    f"“{address}”不是 主机:端口 的形式",
                    exit_code=EXIT_USAGE,
                ) from None
            except OSError as error:
                refused = error
            else:
                return
        raise self._unreachable(refused or OSError("no address")) from None

    def put(self, partition: int, key: str, event_time: int, data: bytes) -> None:
        """Send one record; the newline of the file format is left out."""
        if self._failed:
            raise self._unreachable(self._failed[0])
        try:
            self._producer.send(
                self._topic,
                data[:-1],
                key=key.encode(),
                partition=partition,
                timestamp_ms=event_time,
            ).add_errback(self._failed.append)
        except self._error as error:
            raise self._unreachable(error) from None

    def finish(self, truth: Iterable[bytes]) -> list[str]:
        """Wait until the broker has everything."""
        try:
            self._producer.flush(timeout=120)
        except self._error as error:
            raise self._unreachable(error) from None
        if self._failed:
            raise self._unreachable(self._failed[0])
        self._producer.close()
        return [f"kafka:{self._where}", *_truth_beside(self._truth, truth)]

    def abandon(self) -> None:
        """Close without waiting; what the broker has stays there."""
        self._producer.close(timeout=1)

    def _unreachable(self, error: BaseException) -> MingjianError:
        return MingjianError(
            f"cannot write to Kafka {self._where}: {error}",
            f"写不进 Kafka {self._where}：{error}",
            fix_en="is the broker running, and is the address right? (--bootstrap)",
            fix_zh="请检查服务器是否在运行、地址是否正确（--bootstrap）",
        )


def write(
    run: Run, target: Target, rate: float = 0, progress: Callable[[int, int], None] | None = None
) -> Summary:
    """Send every record of the run to the target.

    Args:
        rate: records a second; 0 is as fast as possible.
        progress: called now and then with (messages so far, event time of the last record).

    Raises:
        MingjianError: the target cannot be written; nothing half-written stays visible.
    """
    began = time.monotonic()
    try:
        messages, events, size, by_type = _pump(run, target, rate, progress, began)
        files = target.finish(run.truth_lines())
    except BrokenPipeError:  # the reader of standard output has seen enough
        target.abandon()
        raise
    except OSError as error:
        target.abandon()
        raise _not_writable(Path("."), error) from None
    except BaseException:
        target.abandon()
        raise
    return Summary(
        messages,
        events,
        size,
        round(time.monotonic() - began, 3),
        dict(by_type.most_common()),
        dict(sorted(Counter(case.rule for case in run.truth if case.alert).items())),
        sum(not case.alert for case in run.truth),
        files,
    )


def _pump(
    run: Run,
    target: Target,
    rate: float,
    progress: Callable[[int, int], None] | None,
    began: float,
) -> tuple[int, int, int, Counter[str]]:
    seq, count, size = FIRST_SEQ, 0, 0
    by_type: Counter[str] = Counter()
    tenant, partitions, put, crc = run.tenant, target.partitions, target.put, zlib.crc32
    for item in run.records():
        key = item[2]
        data = line(item, tenant, seq).encode()
        put(crc(key.encode()) % partitions if partitions > 1 else 0, key, item[0], data)
        seq += not item[5]
        count += 1
        size += len(data)
        by_type[item[4]] += 1
        if rate and count % _PACE == 0:
            time.sleep(max(0.0, count / rate - (time.monotonic() - began)))
        if progress and count % _REPORT == 0:
            progress(seq - FIRST_SEQ, item[0])
    messages = seq - FIRST_SEQ
    return messages, count - messages, size, by_type


def write_truth(path: Path, truth: Iterable[bytes]) -> None:
    """truth.jsonl under its name only when complete."""
    hidden = _hidden(path)
    with hidden.open("wb") as file:
        file.writelines(truth)
    hidden.replace(path)


def _truth_beside(path: Path | None, truth: Iterable[bytes]) -> list[str]:
    if path is None:
        return []
    path.parent.mkdir(parents=True, exist_ok=True)
    write_truth(path, truth)
    return [str(path)]


def _hidden(path: Path) -> Path:
    return path.with_name(f".{path.name}.part")


def _not_writable(where: Path, error: OSError) -> MingjianError:
    place = error.filename or where
    return MingjianError(
        f"cannot write {place}: {error.strerror}",
        f"写不了 {place}：{error.strerror}",
        fix_en="check the directory, its rights and the free space",
        fix_zh="请检查目录、权限和剩余空间",
    )

"""Records of the past, read again from wherever the job reads them."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Protocol

from config.settings import Settings
from jobs.ends import UNSPLITTABLE, Part, in_order, source_files
from jobs.past_topics import Extent, TopicPast


class Place(NamedTuple):
    """Where a record stands, and how far event time (UTC ms) is there."""

    source: str
    partition: int
    offset: int
    time: int


class Past(Protocol):
    """A part of the source."""

    complete_after: int | None  # all records later than this (UTC ms) are there; None: all ever

    def records(self) -> Iterator[tuple[bytes, Place]]:
        """Of each partition or file in order."""

    def part(self, disorder: int) -> Part:
        """The same for the job; `disorder`: ms by which a record may stand behind a newer one."""

    def close(self) -> None:
        """Release connections."""


def past_of(settings: Settings, start: int, until: int) -> Past:
    """All records from `start` (UTC ms) on, up to where they are later than `until`; perhaps more.

    Raises:
        MingjianError: no source there.
    """
    if settings.source.kind == "kafka":
        return _OfTopic(settings, start, until)
    return _OfFiles(settings)


class _OfTopic:
    def __init__(self, settings: Settings, start: int, until: int) -> None:
        self._topic = TopicPast(settings)
        self._extent: Extent = self._topic.extent(start, until)
        self._source = f"kafka:{settings.source.topic}"
        self._by_record = settings.source.event_time == "record"
        self.complete_after = self._extent.complete_after

    def records(self) -> Iterator[tuple[bytes, Place]]:
        for one in self._topic.records(self._extent):
            time = time_of(one.value) if self._by_record else one.time
            yield one.value, Place(self._source, one.partition, one.offset, time)

    def part(self, disorder: int) -> Part:
        return Part(self._extent.offsets, disorder)

    def close(self) -> None:
        self._topic.close()


class _OfFiles:
    """Files have no index of time and are read whole: nothing of the past is missing."""

    complete_after: int | None = None

    def __init__(self, settings: Settings) -> None:
        self._files = source_files(settings.source.path)
        self._parallelism = settings.flink.parallelism

    def records(self) -> Iterator[tuple[bytes, Place]]:
        for number, path in enumerate(self._files):
            for raw in _lines(path):
                yield raw, Place(f"file:{path}", number, 0, time_of(raw))

    def part(self, disorder: int) -> Part:
        return Part({}, disorder if in_order(self._files, self._parallelism) else None)

    def close(self) -> None:
        """Nothing is kept open."""


def _lines(path: Path) -> Iterator[bytes]:
    with gzip.open(path) if path.suffix in UNSPLITTABLE else path.open("rb") as lines:
        for line in lines:
            raw = line.rstrip(b"\r\n")
            if raw and not raw.isspace():
                yield raw


def time_of(raw: bytes) -> int:
    """The time that a record carries, as the job's source finds it (`jobs.ends`); 0: none."""
    _, found, rest = raw.partition(b'time":')
    digits = rest[:14].strip(b" ,}")
    return int(digits) if found and digits.isdigit() else 0

"""Records on which rules are tried before they judge: the newest of the source."""

from __future__ import annotations

import gzip
import time
import zlib
from collections import deque
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from config.settings import Settings
from ingest.simulate.mint import line
from ingest.simulate.run import FIRST_SEQ, Parameters, Run
from jobs import ends
from rules.errors import MingjianError

ENOUGH = 200  # with fewer records than this of the source, simulated ones are tried instead
_TAIL_BYTES = 16 * 1024 * 1024  # read of one file, or unpacked of a packed one
_SECONDS = 5.0


class Sample(NamedTuple):
    """Raw records, oldest first, and where they are from (English, Chinese)."""

    records: list[bytes]
    en: str
    zh: str


def newest(settings: Settings, most: int) -> Sample:
    """The newest records of the source, at most so many; simulated ones where it has too few or
    does not answer."""
    source = settings.source
    if source.kind == "kafka":
        found, place = _of_topic(settings, most), f"kafka:{source.topic}"
    else:
        found, place = _of_files(source.path, most), source.path
    if len(found) >= ENOUGH:
        return Sample(found, f"the newest records of {place}", f"{place} 中最新的记录")
    return Sample(
        simulated(most),
        f"simulated records, for {place} gave {len(found)}",
        f"模拟记录（{place} 只有 {len(found)} 条）",
    )


def simulated(most: int) -> list[bytes]:
    """Records of an ordinary working day, always the same."""
    run = Run(Parameters(messages=max(most, 10_000), violations=0))
    items = islice(run.records(), most)
    return [line(item, run.tenant, FIRST_SEQ + at).encode() for at, item in enumerate(items)]


def _of_files(folder: str, most: int) -> list[bytes]:
    try:
        files = ends.source_files(folder, may_be_empty=True)
    except MingjianError:
        return []
    found: list[bytes] = []
    for file in sorted(files, key=lambda one: one.stat().st_mtime_ns, reverse=True):
        found = [*_tail(file, most - len(found)), *found]
        if len(found) >= most:
            break
    return found


def _tail(file: Path, most: int) -> list[bytes]:
    kept: deque[bytes] = deque(maxlen=most)
    try:
        if file.suffix == ".gz":
            with gzip.open(file) as packed:
                kept.extend(_lines(packed.read(_TAIL_BYTES).split(b"\n")))
        else:
            with file.open("rb") as plain:
                size = plain.seek(0, 2)
                plain.seek(max(0, size - _TAIL_BYTES))
                lines = plain.read(_TAIL_BYTES).split(b"\n")
                kept.extend(_lines(lines[1:] if size > _TAIL_BYTES else lines))
    except (OSError, EOFError, zlib.error):  # the job says what is wrong with it
        return []
    return list(kept)


def _lines(lines: Iterable[bytes]) -> Iterable[bytes]:
    return (one for one in lines if one.strip())


def _of_topic(settings: Settings, most: int) -> list[bytes]:
    from jobs.topic_reading import OutOfTime, Topics  # noqa: PLC0415

    found: list[tuple[int, bytes]] = []
    try:
        topics = Topics(settings, time.monotonic() + _SECONDS)
    except MingjianError:
        return []
    try:
        places = topics.places([settings.source.topic])
        first, end = topics.firsts(places), topics.ends(places)
        each = most // len(places) + 1 if places else 0
        newest = {one: (max(first[one], end[one] - each), end[one]) for one in places}
        for one in topics.between(newest):
            if one.value:
                found.append((one.time, one.value))
    except (MingjianError, OutOfTime):
        pass  # what was read is tried
    finally:
        topics.close()
    return [value for _, value in sorted(found, key=lambda one: one[0])][-most:]

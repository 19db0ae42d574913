"""Step one: what collectors have in their books, against what stands where the job reads."""

from __future__ import annotations

import gzip
import re
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from config.settings import Settings
from ingest.ends import SOURCE_HEADER
from ingest.envelope import UNDECODED, UNTIMED, Envelopes
from jobs.completeness.lines import HOUR_MS, Cell, Line, collected
from jobs.ends import source_files
from jobs.topic_reading import OutOfTime, Progress, Topics
from rules.decode import HEARTBEAT
from rules.errors import MingjianError
from sinks.read_only import read_only

_FILE = re.compile(r"messages-([A-Za-z0-9][A-Za-z0-9_-]{0,63})-\d{13}-\d{4}\.jsonl")
_NOT_PLACED = (UNDECODED, UNTIMED, HEARTBEAT)  # they have no hour that could be found again
_CACHE_KIB = 32 * 1024
_LOOK = 5_000


class Collected(NamedTuple):
    """`lines` of every cell; `others`: records where the job reads that no collector wrote;
    `unplaced`: records of collectors without a time of their own; `sources`: names of collectors,
    with the time (UTC ms) up to which their books have been written."""

    lines: list[Line]
    others: int
    unplaced: int
    sources: tuple[str, ...]


class Span(NamedTuple):
    """Event times, UTC ms; `end` is not part of it."""

    begin: int
    end: int


def books(settings: Settings) -> list[Path]:
    """The files in which collectors remember."""
    found = (Path(settings.data_dir) / "ingest").glob("*.db")
    # no name of a collector has a dot: "archive.kept.db" holds messages that could not be opened
    return sorted(path for path in found if "." not in path.stem)


def look(
    settings: Settings, span: Span, on_progress: Progress, until: float = float("inf")
) -> Collected:
    """Compare. Memory stays bounded: ids are told apart in a temporary file.

    Args:
        until: of `time.monotonic`; afterwards no more is read.

    Raises:
        MingjianError: a book, the topic or the folder cannot be read.
    """
    paths = books(settings)
    before, unplaced = _counted(paths, span)
    there, held_from, whole, others = _standing(settings, span, on_progress, until)
    later, _ = _counted(paths, span)
    named = {path.stem for path in paths}
    known = Counter({cell: count for cell, count in there.items() if cell.source in named})
    others += sum(there.values()) - sum(known.values())
    lines = collected(before, known, later, held_from=held_from, whole=whole)
    return Collected(lines, others, unplaced, tuple(sorted(named)))


def _counted(paths: list[Path], span: Span) -> tuple[Counter[Cell], int]:
    """What the books say, and how many records they could not place in time."""
    found: Counter[Cell] = Counter()
    unplaced = 0
    first = span.begin // HOUR_MS * HOUR_MS
    for path in paths:
        try:
            with closing(read_only(path)) as db:
                rows = db.execute(
                    "SELECT hour, actor, kind, count FROM counts WHERE hour >= ? AND hour < ?",
                    (first, span.end),
                ).fetchall()
        except sqlite3.Error as error:
            raise MingjianError(
                f"cannot read {path}: {error}",
                f"读不了 {path}：{error}",
                fix_en="run this where the collector runs, as a user who may read data_dir",
                fix_zh="请在采集器所在的机器上、以可读 data_dir 的用户运行",
            ) from None
        for hour, actor, kind, count in rows:
            if kind in _NOT_PLACED:
                unplaced += count if kind != HEARTBEAT else 0
            else:
                found[Cell(path.stem, hour, actor, kind)] += count
    return found, unplaced


def _standing(
    settings: Settings, span: Span, on_progress: Progress, until: float
) -> tuple[Counter[Cell], int, bool, int]:
    """(cells, time from which on everything is held, whether all was read, records of nobody)."""
    sieve = _Sieve(settings, span)
    whole, held_from = True, 0
    try:
        if settings.source.kind == "kafka":
            topics = Topics(settings, until)
            try:
                places = topics.places([settings.source.topic])
                held_from = topics.held_from(places)
                first = span.begin // HOUR_MS * HOUR_MS
                for one in topics.records(places, first, on_progress):
                    sieve.take(dict(one.headers).get(SOURCE_HEADER, b"").decode(), one.value)
            finally:
                topics.close()
        else:
            for number, (source, line) in enumerate(_lines(settings), start=1):
                sieve.take(source, line)
                if number % _LOOK == 0:
                    on_progress(number, 0)
                    if time.monotonic() > until:
                        raise OutOfTime
    except OutOfTime:
        whole = False
    finally:
        sieve.close()
    return sieve.cells, held_from, whole, sieve.others


def _lines(settings: Settings) -> Iterator[tuple[str, bytes]]:
    for path in source_files(settings.source.path, may_be_empty=True):
        named = _FILE.fullmatch(path.name)
        unpacked = gzip.open if path.suffix == ".gz" else open
        try:
            with unpacked(path, "rb") as lines:
                for line in lines:
                    if line.strip():
                        yield (named[1] if named else ""), line.rstrip(b"\r\n")
        except (OSError, EOFError) as error:
            raise MingjianError(f"cannot read {path}: {error}", f"读不了 {path}：{error}") from None


class _Sieve:
    """Counts records, each once."""

    def __init__(self, settings: Settings, span: Span) -> None:
        self._envelopes = Envelopes(settings.tenant, settings.limits.record_bytes)
        self._first, self._end = span.begin // HOUR_MS * HOUR_MS, span.end
        self._now = time.time_ns() // 1_000_000
        self.cells: Counter[Cell] = Counter()
        self.others = 0
        self._db = sqlite3.connect("", isolation_level=None)  # a temporary file, gone when closed
        self._db.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        self._db.execute("PRAGMA journal_mode = OFF")
        self._db.execute(
            "CREATE TABLE seen (source TEXT, id BLOB, mark BLOB, PRIMARY KEY (source, id, mark))"
            " WITHOUT ROWID"
        )
        self._db.execute("BEGIN")

    def take(self, source: str, value: bytes) -> None:
        """One record that `source` wrote; "" is no collector."""
        made = self._envelopes.of(value, self._now)
        hour = made.time // HOUR_MS * HOUR_MS
        if made.kind in _NOT_PLACED or not made.time or not self._first <= hour < self._end:
            return
        if not source:
            self.others += 1
            return
        new = self._db.execute(
            "INSERT OR IGNORE INTO seen VALUES (?, ?, ?)", (source, made.identity, made.mark)
        )
        if new.rowcount:
            self.cells[Cell(source, hour, made.actor, made.kind)] += 1

    def close(self) -> None:
        """Remove the temporary file."""
        self._db.close()

"""What the job and others told, in a temporary file: distinct ids with their place and hour."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Mapping
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

import msgspec

from config.settings import Settings
from jobs.completeness.collected import Span
from jobs.completeness.lines import HOUR_MS
from jobs.delivery.files import part_files
from jobs.delivery.source import read_record
from jobs.topic_reading import OutOfTime, Progress, Topics
from rules.canary_marks import FLAG_CANARY, is_person
from rules.operations import DELIVERED
from sinks.base import Record

# A record is written after its event; the topic's own time of it may be a little before that.
_SLACK_MS = HOUR_MS
_CACHE_KIB = 32 * 1024
_LOOK = 5_000


class _Facts(msgspec.Struct):
    tenant: str = ""
    time: int = 0
    actor: str = ""
    sender: str = ""
    flags: tuple[str, ...] = ()


_facts = msgspec.json.Decoder(_Facts).decode


class Place(NamedTuple):
    """Where a record stands: the name of a position (`sinks.progress`), and what a position has
    to be for it to be done."""

    name: str
    done: int


class Told:
    """Ids that were told with an event time in the span; of quarantined records, which have none,
    those that were written since it began. `whole`: all was read."""

    def __init__(self, settings: Settings, span: Span) -> None:
        self._settings, self._span = settings, span
        self.whole = True
        self._db = sqlite3.connect("", isolation_level=None)
        self._db.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        self._db.execute("PRAGMA journal_mode = OFF")
        self._db.execute(
            "CREATE TABLE told (kind TEXT, id TEXT, hour INTEGER, name TEXT, done INTEGER,"
            " tenant TEXT, PRIMARY KEY (kind, id)) WITHOUT ROWID"
        )
        self._db.execute("BEGIN")

    def read(self, on_progress: Progress, until: float = float("inf")) -> None:
        """Read the outputs up to what is there now. Raises MingjianError."""
        try:
            if self._settings.outputs.kind == "kafka":
                self._read_topics(on_progress, until)
            else:
                self._read_files(on_progress, until)
        except OutOfTime:
            self.whole = False

    def _read_topics(self, on_progress: Progress, until: float) -> None:
        prefix = self._settings.outputs.topic_prefix
        topics = Topics(self._settings, until)
        try:
            places = topics.places([f"{prefix}{kind}" for kind in DELIVERED])
            for one in topics.records(places, self._span.begin - _SLACK_MS, on_progress):
                place = Place(f"kafka:{one.topic}:{one.partition}", one.offset + 1)
                self._take(one.topic.removeprefix(prefix), one.value, place)
        finally:
            topics.close()

    def _read_files(self, on_progress: Progress, until: float) -> None:
        root, count = Path(self._settings.outputs.path), 0
        for kind in DELIVERED:
            for file in part_files(root / kind):
                name = f"file:{kind}/{file.relative_to(root / kind)}"
                with file.open("rb") as lines:
                    while line := lines.readline():
                        self._take(kind, line.rstrip(b"\r\n"), Place(name, lines.tell()))
                        count += 1
                        if count % _LOOK == 0:
                            on_progress(count, 0)
                            if time.monotonic() > until:
                                raise OutOfTime

    def _take(self, kind: str, body: bytes, place: Place) -> None:
        record = read_record(kind, body) if body else None
        if not isinstance(record, Record):
            return  # it is no record: no target can have it, and each sets it aside
        try:
            facts = _facts(body)
        except msgspec.MsgspecError:
            return
        if FLAG_CANARY in facts.flags and is_person(facts.actor or facts.sender):
            return  # looked for one by one (`jobs.canaries`), and not kept everywhere
        tenant = facts.tenant or self._settings.tenant
        moment = facts.time
        if moment and not self._span.begin <= moment < self._span.end:
            return
        self._db.execute(
            "INSERT OR IGNORE INTO told VALUES (?, ?, ?, ?, ?, ?)",
            (kind, record.id, moment // HOUR_MS * HOUR_MS, *place, tenant),
        )

    def hours(self) -> list[tuple[str, int]]:
        """Every kind and hour of which something was told."""
        rows = self._db.execute("SELECT DISTINCT kind, hour FROM told ORDER BY kind, hour")
        return rows.fetchall()

    def batches(
        self, kind: str, hour: int, positions: Mapping[str, int], size: int = 1_000
    ) -> Iterator[tuple[str, list[str], int]]:
        """The ids of a kind and hour, those of one tenant at a time: the tenant, those a target
        has been offered, and how many it has not. A message may name another tenant than the
        settings do; its alert is that tenant's, and is kept as such."""
        cursor = self._db.execute(
            "SELECT tenant, id, name, done FROM told WHERE kind = ? AND hour = ? ORDER BY tenant",
            (kind, hour),
        )
        while rows := cursor.fetchmany(size):
            for tenant, some in groupby(rows, key=itemgetter(0)):
                held = list(some)
                offered = [one for _, one, name, done in held if done <= positions.get(name, 0)]
                yield tenant, offered, len(held) - len(offered)

    def close(self) -> None:
        """Remove the temporary file."""
        self._db.close()

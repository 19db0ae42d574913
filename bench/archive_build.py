"""Fills an archive, batch by batch: what was interrupted goes on where it was."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from bench.archive_load import A_DAY, Said, said
from jobs.ledger_signer import NoteSigner
from reports.signing import Signer
from rules.decode import Decoder
from sinks.archive.archiver import MAX_RECORDS, Archiver
from sinks.archive.keystore import Keystore
from sinks.archive.leaves import ALERT, OtherLeaf
from sinks.archive.objects import LocalObjects
from sinks.archive.rows import HitRow
from sinks.archive.sink import INDEX_FILE, LEDGER_FOLDER, SEGMENTS_FOLDER, origin_of
from sinks.archive.sqlite_index import SqliteIndex
from sinks.archive.terms import Terms, search_key
from sinks.ledger.log import Ledger

TENANT = "demo"
_POSITION = "bench"
_FIGURES = "batches.json"
_SIGNED_EVERY = 5  # batches


class Batch(NamedTuple):
    """What one flush of so many records took: seconds of CPU and of the clock; the load then."""

    records: int
    cpu: float
    wall: float
    load: float


class Archive:
    """The parts of an archive in a folder, put together as a running installation does."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.keys = Keystore(folder / "keys", TENANT, at=1)
        self.objects = LocalObjects(folder / SEGMENTS_FOLDER)
        self.index = SqliteIndex(folder / INDEX_FILE)
        self.ledger = Ledger(
            folder / LEDGER_FOLDER, origin_of(TENANT), at_least=self.index.leaves()
        )
        self.terms = Terms(search_key(self.index, self.keys))
        self.decoder = Decoder(TENANT)
        self.archiver = Archiver(
            TENANT,
            objects=self.objects,
            ledger=self.ledger,
            index=self.index,
            keys=self.keys,
            terms=self.terms,
            decoder=self.decoder,
            now=lambda: time.time_ns() // 1_000_000,
        )
        self._signer = NoteSigner(Signer.from_dir(folder / "keys"), origin_of(TENANT))

    def sign(self) -> None:
        """Sign the head of the ledger."""
        self.ledger.checkpoint([self._signer], time.time_ns() // 1_000_000)

    def close(self) -> None:
        """Release files."""
        self.ledger.close()
        self.index.close()


def fill(
    archive: Archive,
    messages: int,
    *,
    a_day: int = A_DAY,
    batch: int = MAX_RECORDS,
    progress: Callable[[int], object] = lambda _done: None,
) -> list[Batch]:
    """Archive records until there are so many; what each batch took. `progress` is told how many
    are there. Making the records is not counted."""
    figures = archive.folder / _FIGURES
    taken = [Batch(*one) for one in json.loads(figures.read_text())] if figures.exists() else []
    done = archive.index.positions().get(_POSITION, 0)
    progress(done)
    if done >= messages:
        return taken
    source = said(messages, a_day=a_day, skip=done)
    while records := list(islice(source, batch)):
        done += len(records)
        taken.append(_taken(archive, records, done))
        if len(taken) % _SIGNED_EVERY == 0 or done == messages:
            archive.sign()
        figures.write_text(json.dumps(taken))
        progress(done)
    return taken


def _taken(archive: Archive, records: list[Said], done: int) -> Batch:
    archiver = archive.archiver
    cpu, wall = time.process_time(), time.perf_counter()
    archiver.add([one.raw for one in records])
    for alert in (one.alert for one in records if one.alert):
        msgid, at, rule = alert
        name = f"alert-{msgid}"
        leaf = OtherLeaf(ALERT, name, hashlib.new("sm3", name.encode()).hexdigest())
        archiver.enter(leaf, [HitRow(at, msgid, name, rule)])
    archiver.stand({_POSITION: done})
    archiver.flush()
    return Batch(
        len(records),
        time.process_time() - cpu,
        time.perf_counter() - wall,
        psutil.getloadavg()[0],
    )


def told(archive: Archive, taken: list[Batch]) -> dict[str, Any]:
    """Rates of the whole, of its first and of its last tenth, and bytes on disk."""
    tenth = max(1, len(taken) // 10)
    loads = sorted(one.load for one in taken)
    messages = archive.index.database.execute("SELECT count(*) FROM messages").fetchone()[0]
    return {
        "messages": messages,
        "alerts": archive.index.database.execute("SELECT count(*) FROM hits").fetchone()[0],
        **_rates("", taken),
        **_rates("first_tenth_", taken[:tenth]),
        **_rates("last_tenth_", taken[-tenth:]),
        "longest_batch_seconds": max((one.wall for one in taken), default=0.0),
        "load_median": loads[len(loads) // 2] if loads else 0.0,
        "load_most": loads[-1] if loads else 0.0,
        "bytes": {
            "segments": _size(archive.folder / SEGMENTS_FOLDER),
            "index": sum(path.stat().st_size for path in archive.folder.glob(f"{INDEX_FILE}*")),
            "ledger": _size(archive.folder / LEDGER_FOLDER),
        },
    }


def _rates(name: str, taken: list[Batch]) -> dict[str, float]:
    records = sum(one.records for one in taken)
    return {
        f"{name}per_core_second": records / (sum(one.cpu for one in taken) or 1),
        f"{name}per_second": records / (sum(one.wall for one in taken) or 1),
    }


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in _files(folder))


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())

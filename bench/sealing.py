"""Messages a second of one core through sealing and the ledger, and what takes how much of it.

CPU time of batches of 20,000 records, as the archive takes them; the rounds of all parts alternate,
so that what others do on the machine meets them alike. A part is what one would save without it:
its own function over the same records.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

from bench.archive_build import TENANT, Archive
from bench.archive_load import said
from bench.setting import HOME
from rules.message import Message
from sinks.archive.archiver import MAX_RECORDS
from sinks.archive.kept import message_of
from sinks.archive.leaves import MessageLeaf, message_entry
from sinks.archive.packing import pack
from sinks.archive.postings import Numbers, postings
from sinks.archive.segment import Entry, seal_segment
from sinks.archive.terms import Terms
from sinks.ledger.log import Ledger
from sinks.ledger.proofs import leaf_hash
from sinks.sealing import Sealer
from sinks.sm4 import seal

GOAL = 10_000
ROUNDS = 5
_KEY = bytes(range(16))
WHOLE = "the archiver, all of it"
SEALED = "sealing and ledger"
PARTS = (
    "zlib with the dictionary",
    "SM4-GCM",
    "SM3 of the record",
    "frames, SM3 of the segment, file",
    "entry for the ledger",
    "leaf hash (SM3)",
    "ledger: tiles, sync",
)
ARCHIVED = ("decoding", "terms (HMAC-SM3)", "index: SQLite and rows")
BESIDE = (
    "postings for PostgreSQL, without it",
    "a record of evidence sealed (not in the archive)",
)


def measure(folder: Path, records: int = MAX_RECORDS, rounds: int = ROUNDS) -> dict[str, Any]:
    """µs of CPU a message by part: median, least and most of the rounds. `folder` is for files,
    and is emptied."""
    raws = [one.raw for one in said(records)]
    before = psutil.getloadavg()[0]
    taken: dict[str, list[float]] = {}
    for number in range(rounds):
        for name, seconds in _round(folder / str(number), raws).items():
            taken.setdefault(name, []).append(seconds / len(raws) * 1e6)
        shutil.rmtree(folder / str(number))
    parts = {
        name: {"median": statistics.median(took), "least": min(took), "most": max(took)}
        for name, took in taken.items()
    }
    return {
        "records": len(raws),
        "bytes_per_record": sum(map(len, raws)) / len(raws),
        "rounds": rounds,
        "load_before": before,
        "load_after": psutil.getloadavg()[0],
        "goal_per_second": GOAL,
        "sealed_per_second": 1e6 / parts[SEALED]["median"],
        "sealed_per_second_best": 1e6 / parts[SEALED]["least"],
        "archived_per_second": 1e6 / parts[WHOLE]["median"],
        "archived_per_second_best": 1e6 / parts[WHOLE]["least"],
        "microseconds": parts,
    }


def _round(folder: Path, raws: list[bytes]) -> dict[str, float]:
    """Seconds of CPU of each part."""
    clock = _Clock()
    archive = Archive(folder / "archive")
    with clock.of(WHOLE):
        archive.archiver.add(raws)
        archive.archiver.flush()
    with clock.of("decoding"):
        messages = [message_of(archive.decoder, raw) for raw in raws]
    kept = [(raw, one) for raw, one in zip(raws, messages, strict=True) if one is not None]
    ledger = Ledger(folder / "ledger", "bench")
    with clock.of(SEALED):
        entries = _sealed(archive, kept)
        ledger.append(entries)
    with clock.of("ledger: tiles, sync"):
        ledger.append(entries)
    ledger.close()
    _parts(clock, archive, kept, entries)
    archive.close()
    return clock.told()


def _sealed(archive: Archive, kept: list[tuple[bytes, Message]]) -> list[bytes]:
    """A segment of these, stored, and their entries: what the archiver does before the ledger."""
    name = "1700000000000-bench"
    sealed = seal_segment(
        [Entry(one.msgid, one.seq, raw) for raw, one in kept],
        tenant=TENANT, name=name, keys=archive.keys, created_at=1,
    )  # fmt: skip
    archive.objects.put(name, sealed.data)
    return [
        _entry(one, hashlib.new("sm3", raw).hexdigest(), name, number)
        for number, (raw, one) in enumerate(kept)
    ]


def _entry(message: Message, sm3: str, segment: str, number: int) -> bytes:
    return message_entry(
        MessageLeaf(message.msgid, message.seq, message.time, sm3, segment, number)
    )


def _parts(
    clock: _Clock, archive: Archive, kept: list[tuple[bytes, Message]], entries: list[bytes]
) -> None:
    with clock.of("zlib with the dictionary"):
        packed = [pack(raw) for raw, _ in kept]
    bound = b'["demo","1700000000000-1a2b3c4d",12345,"16805380912134071469_1704155778",48213980]'
    with clock.of("SM4-GCM"):
        for number, body in enumerate(packed):
            seal(_KEY, number.to_bytes(12, "big"), body, bound)
    with clock.of("SM3 of the record"):
        digests = [hashlib.new("sm3", raw).hexdigest() for raw, _ in kept]
    with clock.of("entry for the ledger"):
        for number, (_, one) in enumerate(kept):
            _entry(one, digests[number], "1700000000000-bench", number)
    with clock.of("leaf hash (SM3)"):
        for entry in entries:
            leaf_hash(entry)
    terms = Terms(_KEY)
    with clock.of("terms (HMAC-SM3)"):
        told = [terms.of(one) for _, one in kept]
    numbers = Numbers(_KEY)
    with clock.of("postings for PostgreSQL, without it"):
        postings((leaf, numbers.of_all(one.split())) for leaf, one in enumerate(told))
    sealer = Sealer("k", {"k": _KEY})
    with clock.of("a record of evidence sealed (not in the archive)"):
        for raw, one in kept:
            sealer.seal(raw, one.msgid)


class _Clock:
    """Seconds of CPU by name."""

    def __init__(self) -> None:
        self._taken: dict[str, float] = {}

    @contextmanager
    def of(self, name: str) -> Iterator[None]:
        """What is done in it takes so long."""
        begun = time.process_time()
        yield
        self._taken[name] = time.process_time() - begun

    def told(self) -> dict[str, float]:
        """All of them, and what is left where a part has a name of its own."""
        took = dict(self._taken)
        took["ledger: tiles, sync"] -= took["leaf hash (SM3)"]
        took["frames, SM3 of the segment, file"] = took[SEALED] - sum(
            took[name] for name in PARTS if name in took
        )
        took["index: SQLite and rows"] = took[WHOLE] - sum(
            took[name] for name in (SEALED, "decoding", "terms (HMAC-SM3)")
        )
        return took


def table(figures: dict[str, Any]) -> Table:
    """A line for each part, as a share of what it is a part of."""
    took = figures["microseconds"]
    shown = Table(
        title=f"{figures['sealed_per_second']:,.0f} messages/s of one core sealed and in the ledger"
        f" (goal {GOAL:,}), {figures['archived_per_second']:,.0f} archived;"
        f" load {figures['load_before']:.1f} to {figures['load_after']:.1f}",
        title_justify="left",
    )
    for name in ("part", "µs a message", "least–most", "share"):
        shown.add_column(name, justify="left" if name == "part" else "right")
    for name in (WHOLE, *ARCHIVED, SEALED, *PARTS, *BESIDE):
        whole = SEALED if name in PARTS else WHOLE
        share = "" if name in BESIDE else f"{took[name]['median'] / took[whole]['median']:.0%}"
        inner = f"  {name}" if name in (*ARCHIVED, SEALED) else f"    {name}"
        shown.add_row(
            name if name == WHOLE or name in BESIDE else inner,
            f"{took[name]['median']:.1f}",
            f"{took[name]['least']:.1f}–{took[name]['most']:.1f}",
            share,
        )
    return shown


def main() -> None:
    """Print the table and store the figures."""
    parser = argparse.ArgumentParser(prog="python -m bench.sealing", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args()
    figures = measure(HOME / "run" / "sealing", rounds=options.rounds)
    Console().print(table(figures))
    target = HOME / "sealing.json"
    target.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    print(f"figures: {target}")


if __name__ == "__main__":
    main()

"""From ten keyword rules to ten thousand while messages are judged: how long until they judge, and
how long no batch is judged meanwhile.

One process judges without a break, as a worker does (`udfs.match`): the hardest case, for a worker
mostly waits. `mingjian rules publish` runs beside it. Both use the same cores.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from itertools import count, pairwise
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import orjson
import psutil
from rich.console import Console
from rich.table import Table

from bench.workload import SEED, made_up_words, short, simulated, write_keyword_rules
from config.settings import Settings, load
from jobs.detect import job_spec
from rules.compiled import CompiledRules
from rules.matcher import Matcher
from rules.published import starts
from rules.ruleset import RuleSet
from udfs import collector
from udfs.ahead import Ahead, Compiled
from udfs.kept import KeptPatterns
from udfs.live_rules import LiveRules

BEFORE, AFTER = 10, 10_000
_BATCH = 1_000  # records judged together
_RECORDS = 20_000
_QUIET_S = 3.0  # judged before anything is published, and after all is done
_LONGEST_S = 240.0


class Batch(NamedTuple):
    """When it was done (seconds of the clock that only goes forward), and how long it took."""

    end: float
    took: float


class Worker:
    """Judges batches in a thread of its own, as `udfs.match.MatchRecords` does."""

    def __init__(self, settings: Settings, records: list[tuple[bytes, bytes]]) -> None:
        spec, _ = job_spec(settings)
        timeline = spec.timeline()
        assert isinstance(timeline, LiveRules)  # noqa: S101
        self.timeline = timeline
        self._compiled = Compiled(KeptPatterns())
        self.marks: list[tuple[str, float, float]] = []  # what, when it was done, CPU of its thread
        self.ahead = Ahead(timeline, self._ready)
        self.ahead.begin()
        self._decoder = spec.decoder()
        self._matcher = Matcher(timeline, self._decoder, spec.calendar(), ready=self._compiled)
        collector.rest()
        self._records = records
        self.batches: list[Batch] = []
        self.hits = 0
        self.stop = threading.Event()

    def _ready(self, ruleset: RuleSet) -> CompiledRules:
        self.marks.append(("read", time.monotonic(), time.thread_time()))
        found = self._compiled(ruleset)
        self.marks.append(("compiled", time.monotonic(), time.thread_time()))
        return found

    def run(self) -> None:
        """Judge until `stop` is set."""
        for some in self._endless():
            if self.stop.is_set():
                return
            self.judge(some)

    def judge(self, records: list[bytes]) -> None:
        """One batch."""
        began = time.monotonic()
        if self.ahead.look():
            self._matcher.renew()
        self._decoder.at(int(time.time() * 1000))
        found = self._matcher.match_many(records, [("bench", 0, at) for at in range(len(records))])
        self.hits += sum(one is not None for one in found)
        end = time.monotonic()
        self.batches.append(Batch(end, end - began))

    def _endless(self) -> Iterator[list[bytes]]:
        """The records again and again, each time with other ids: what came before is not judged."""
        for batch in count():
            at = batch * _BATCH % (len(self._records) - _BATCH)
            yield [
                b"%b%012d%b" % (head, batch * _BATCH + number, tail)
                for number, (head, tail) in enumerate(self._records[at : at + _BATCH])
            ]


def measure(home: Path, *, rules: int = AFTER, shared: bool = True) -> dict[str, Any]:
    """Figures in seconds, those of pauses in ms.

    Args:
        shared: worker and publisher have one cache folder, as on one machine; else the worker
            reads and compiles by itself.
    """
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    write_keyword_rules(home / "before", BEFORE)
    write_keyword_rules(home / "after", rules)
    os.environ["MINGJIAN_CACHE"] = str(home / "cache")
    records = _records()
    (home / "messages").mkdir()
    (home / "messages" / "messages-p0.jsonl").write_bytes(
        b"".join(
            b"%b\n" % one.replace(_ID.encode(), b"%d" % at)
            for at, one in enumerate(records[:5_000])
        )
    )
    settings = _settings(home)
    cut = [(head, tail) for head, _, tail in (one.partition(_ID.encode()) for one in records)]
    worker = Worker(load("embedded", settings), cut)
    threading.Thread(target=worker.run, daemon=True).start()
    time.sleep(_QUIET_S)
    worker.marks.clear()
    folder = worker.timeline.registry
    began = time.monotonic()
    cache = home / "cache" if shared else home / "cache-of-publisher"
    publisher = subprocess.Popen(
        [sys.executable, "-m", "jobs.cli.main", "rules", "publish", str(home / "after"),
         "-c", str(settings), "-o", "json"],
        stdout=subprocess.DEVNULL, env={**os.environ, "MINGJIAN_CACHE": str(cache)},
    )  # fmt: skip
    written = _wait(lambda: bool(starts(folder)))
    _wait(lambda: worker.ahead.newest > 0)
    ready = time.monotonic()
    exited = publisher.wait()
    if exited:
        message = f"publishing ended with {exited}"
        raise SystemExit(message)
    time.sleep(_QUIET_S)
    worker.stop.set()
    time.sleep(0.5)
    before, during = _split(worker.batches, began, ready)
    effective = starts(folder)[0]
    said = made_up_words(rules * 5, SEED)[-1]
    new = [_saying(records[0], said, effective + 1_000, number) for number in range(_BATCH)]
    worker.hits = 0
    worker.judge(new)
    if worker.hits != _BATCH:
        message = f"the new rules hit {worker.hits} of {_BATCH}"
        raise SystemExit(message)
    (_, read, cpu_read), (_, compiled, cpu_compiled) = worker.marks[-2:]
    return {
        "rules": rules,
        "shared_cache": shared,
        "publish_to_written": written - began,
        "written_to_read": read - written,
        "read_to_compiled": compiled - read,
        "cpu_read": cpu_read,
        "cpu_compile": cpu_compiled - cpu_read,
        "publish_to_ready": ready - began,
        "written_to_ready": ready - written,
        "first_batch_of_new_ms": worker.batches[-1].took * 1e3,
        "batch_ms_before": _ms(before),
        "batch_ms_while": _ms(during),
        "memory_mb": psutil.Process().memory_info().rss / 1e6,
        "load": psutil.getloadavg()[0],
    }


def _split(batches: list[Batch], began: float, ready: float) -> tuple[list[float], list[float]]:
    """Times between the ends of batches, before and while the rules came."""
    gaps = [(later.end, later.end - first.end) for first, later in pairwise(batches)]
    before = [gap for end, gap in gaps if end <= began]
    return before, [gap for end, gap in gaps if began < end <= ready + 1]


def _ms(gaps: list[float]) -> dict[str, float]:
    return {"median": median(gaps) * 1e3, "longest": max(gaps) * 1e3, "batches": len(gaps)}


def _wait(seen: Any) -> float:
    end = time.monotonic() + _LONGEST_S
    while not seen():
        if time.monotonic() > end:
            message = "nothing came of it"
            raise SystemExit(message)
        time.sleep(0.01)
    return time.monotonic()


def _records() -> list[bytes]:
    told = [one for record in simulated(SEED, _RECORDS) if (one := short(record))]
    for one in told:
        one["payload"]["msgid"] = _ID
    return [orjson.dumps(one) for one in told]


_ID = "the id of the message"


def _saying(record: bytes, text: str, at: int, number: int) -> bytes:
    """A text message that says this, sent and received at that time."""
    told = orjson.loads(record)
    said = {
        **{key: told["payload"][key] for key in ("from", "tolist", "roomid", "action")},
        "msgid": f"new{number}",
        "msgtime": at,
        "msgtype": "text",
        "text": {"content": text},
    }
    return orjson.dumps({**told, "time": at, "received_at": at, "payload": said, "seq": number})


def _settings(home: Path) -> Path:
    file = home / "settings.yaml"
    file.write_text(
        "profile: embedded\ntenant: demo\ntargets: []\n"
        f"data_dir: {home}/data\nkeys_dir: {home}/keys\n"
        f"source: {{kind: files, path: {home}/messages}}\n"
        f"outputs: {{kind: files, path: {home}/outputs}}\n"
        f"rules: {{path: {home}/before, registry: {home}/rulesets}}\n",
        encoding="utf-8",
    )
    return file


def tables(figures: list[dict[str, Any]]) -> Iterator[Table]:
    """What `measure` gave, a row each."""
    table = Table(title=f"{BEFORE} → {AFTER:,} keyword rules while messages are judged")
    shown = (
        "rules", "shared_cache", "publish_to_written", "written_to_read", "read_to_compiled",
        "written_to_ready", "publish_to_ready", "cpu_read", "cpu_compile", "first_batch_of_new_ms",
        "memory_mb", "load",
    )  # fmt: skip
    for name in (*shown, "longest pause before, ms", "longest pause while, ms"):
        table.add_column(name)
    for one in figures:
        told = [f"{one[name]:.2f}" if isinstance(one[name], float) else str(one[name])
                for name in shown]  # fmt: skip
        told += [f"{one[key]['longest']:.0f}" for key in ("batch_ms_before", "batch_ms_while")]
        table.add_row(*told)
    yield table


def main() -> None:
    """`python -m bench.reload`: both with and without a cache that was filled by publishing."""
    parser = argparse.ArgumentParser(prog="python -m bench.reload", description=__doc__)
    parser.add_argument("--home", type=Path, default=Path("var/bench/reload"))
    parser.add_argument("--rules", type=int, default=AFTER)
    parser.add_argument("--cache", choices=("shared", "own"), default="shared")
    options = parser.parse_args()
    found = measure(options.home.resolve(), rules=options.rules, shared=options.cache == "shared")
    console = Console(width=200)
    for table in tables([found]):
        console.print(table)
    console.print_json(json.dumps(found))


if __name__ == "__main__":
    main()

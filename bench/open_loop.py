"""Messages that come on a schedule, whatever the job does meanwhile: what all who measure so need.

A plan of messages of which a share are alerts, its sender, a deliverer, and who took how much of a
core between which seconds of the schedule.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import NamedTuple

import orjson

from bench import feed, streaming, workload
from bench.shares import Look, Shares, between
from jobs.topics import PARTITIONS

RULE = "bench_words"
FIRST_MS = 1_772_590_000_000  # event time of the first message
_UP_S = 120.0
_LOOK_S = 0.5


class Played(NamedTuple):
    """UTC second of the beginning, by how much (seconds) the sender was late at most, and what
    processes had taken by when (UTC seconds)."""

    begun: float
    belated: float
    looks: list[tuple[float, Look]]

    def cores(self, first: float, last: float) -> dict[str, float]:
        """Cores by process between these seconds of the schedule."""
        some = [look for at, look in self.looks if first <= at - self.begun <= last]
        lasted = some[-1].at - some[0].at
        return {name: spent / lasted for name, spent in between(some[0], some[-1]).items()}


def records_of(
    rules: Path, times: Sequence[int], share: float, words: int
) -> tuple[list[bytes], frozenset[int]]:
    """The workload's records, and the numbers of those that hold a word of its lexicon."""
    stream = streaming.workload_of(rules, len(times), words, times)
    listed, random = workload.made_up_words(words), Random(workload.SEED)
    said = [at for at, record in enumerate(stream.records) if b'"msgtype":"text"' in record]
    hits = frozenset(random.sample(said, round(share * len(times))))
    for at in hits:
        told = orjson.loads(stream.records[at])
        told["payload"]["text"]["content"] = f"今天的{random.choice(listed)}怎么样"
        stream.records[at] = orjson.dumps(told)
    return stream.records, hits


def planned(
    folder: Path, due: Sequence[float], share: float, words: int
) -> tuple[Path, frozenset[int]]:
    """The rules in `folder`, and a plan of when (seconds) each record is sent; the numbers of those
    that are alerts."""
    folder.mkdir(parents=True, exist_ok=True)
    times = [FIRST_MS + int(second * 1000) for second in due]
    records, hits = records_of(folder / "rules", times, share, words)
    plan = folder / "plan"
    feed.keep(feed.schedule(records, times, due, PARTITIONS), plan)
    return plan, hits


def command(*arguments: str) -> None:
    """Run `mingjian`, and fail where it does."""
    subprocess.run(
        [sys.executable, "-m", "jobs.cli.main", *arguments],
        check=True,
        stdout=subprocess.DEVNULL,
        timeout=_UP_S,
    )


def delivering(settings: Path) -> subprocess.Popen[bytes]:
    """A deliverer that follows the job."""
    return _staying("deliver", "--follow", "-c", str(settings))


def keeping(settings: Path) -> subprocess.Popen[bytes]:
    """A keeper that watches over the job."""
    return _staying("detect", "--keep", "-c", str(settings))


def _staying(*arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "jobs.cli.main", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def play(
    place: streaming.Place,
    plan: Path,
    shares: Shares,
    *,
    every: float = _LOOK_S,
    meanwhile: Callable[[], None] = lambda: None,
) -> Played:
    """Send a plan by a process of its own; `meanwhile` is called every so many seconds."""
    sender = subprocess.Popen(
        [sys.executable, "-m", "bench.feed", place.broker.address, "messages", str(plan)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        looks = [(time.time(), shares.look())]
        while sender.poll() is None:
            time.sleep(every)
            looks.append((time.time(), shares.look()))
            meanwhile()
        printed, _ = sender.communicate()
    finally:
        if sender.poll() is None:
            sender.kill()
    begun, belated = map(float, printed.split())
    return Played(begun, belated, looks)

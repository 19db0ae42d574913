"""Kafka → job → deliverer → Elasticsearch with alerts in 5 % of the messages: does it keep up?

Messages come at a given rate whether or not anybody is in time (`bench.feed`). While they do, how
many alerts, each with its evidence, can be found in Elasticsearch is compared with how many were
due: the difference, as the seconds by which the index is behind. It keeps up where that does not
grow and the last alert is there soon after the last message. Everything shares the machine's cores.
"""

from __future__ import annotations

import json
import threading
import time
from bisect import bisect_right
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import psutil
from elasticsearch import ApiError, Elasticsearch
from kafka import KafkaConsumer, TopicPartition
from rich.table import Table

from bench import streaming, workload
from bench.alone import alone
from bench.open_loop import RULE, Played, command, delivering, planned, play
from bench.shares import Shares
from jobs.servers import elasticsearch
from jobs.topics import PARTITIONS

RATE, SECONDS, PLANTED = 30_000.0, 60.0, 0.05
# before it is looked at: nothing is compiled in the JVMs yet, and they share two cores
FIRST_S, FIRST_SHARE = 90.0, 0.2
SOON_S = 5.0  # behind the last message, and at any time
_PREFIX = "keepingup"
_EVERY_S = 1.5
_PATIENCE_S = 120.0
_KINDS = ("alerts", "evidence")


class Look(NamedTuple):
    """UTC second, how many planted alerts have been indexed with their evidence, and how many
    alerts the job had written."""

    at: float
    seen: int
    written: int = 0


class Index:
    """Counts what can be found every `_EVERY_S`, in a thread."""

    def __init__(self, url: str, broker: str) -> None:
        self._client = Elasticsearch(url)
        self._consumer = KafkaConsumer(bootstrap_servers=[broker], check_crcs=False)
        self._parts = [TopicPartition("alerts", number) for number in range(PARTITIONS)]
        self.looks = [Look(time.time(), 0)]
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _look(self) -> None:
        """The planted alerts that can be found, or their evidence, of which there are fewer."""
        names = [f"{_PREFIX}-{kind}" for kind in _KINDS]
        self._client.indices.refresh(index=names, ignore_unavailable=True)
        alerts = self._client.count(
            index=names[0], query={"term": {"rule.name": RULE}}, ignore_unavailable=True
        )["count"]
        evidence = self._client.count(index=names[1], ignore_unavailable=True)["count"]
        written = sum(self._consumer.end_offsets(self._parts).values())
        self.looks.append(Look(time.time(), min(alerts, evidence), written))

    def _run(self) -> None:
        while not self._done.wait(_EVERY_S):
            with suppress(ApiError):  # an index is just being made
                self._look()

    def stop(self) -> None:
        """Count no more."""
        self._done.set()
        self._thread.join()
        self._client.close()
        self._consumer.close()


def measure(
    folder: Path,
    *,
    rate: float = RATE,
    seconds: float = SECONDS,
    first: float = FIRST_S,
    planted: float = PLANTED,
    words: int = workload.WORDS,
) -> dict[str, Any]:
    """How far the index was behind, by second, and what took how much of a core."""
    slow = rate * FIRST_SHARE
    due = [number / slow for number in range(int(slow * first))]
    due += [first + number / rate for number in range(int(rate * seconds))]
    plan, hits = planned(folder, due, planted, words)
    waited_for = [due[one] for one in sorted(hits)]
    with streaming.servers(folder, folder / "rules") as place:
        server = elasticsearch.launch(folder / "elasticsearch")
        try:
            server.wait()
            pid = json.loads(server.pid_file.read_bytes())["pid"]
            looks, played = _run(place, server.address, pid, plan, len(hits))
        finally:
            server.stop()
    return {
        "rate": rate,
        "seconds": seconds,
        "planted": len(hits),
        "missing": len(hits) - looks[-1].seen,
        **behind(looks, waited_for, played.begun, first),
        "cores": played.cores(first, due[-1]),
        "feed_belated_ms": played.belated * 1e3,
        "load": psutil.getloadavg()[0],
    }


def _run(
    place: streaming.Place, url: str, pid: int, plan: Path, count: int
) -> tuple[list[Look], Played]:
    targets = f"[{{kind: elasticsearch, name: index, url: '{url}', index_prefix: {_PREFIX}}}]"
    settings = streaming.settings_file(place, "index", source="follow: true", targets=targets)
    command("detect", "-c", str(settings), "--detach")
    deliverer = delivering(settings)
    index = Index(url, place.broker.address)
    more = {"deliverer": deliverer.pid, "Elasticsearch": pid}
    shares = Shares(streaming.roots(place, **more))
    try:
        played = play(place, plan, shares)
        until = time.monotonic() + _PATIENCE_S
        while index.looks[-1].seen < count and time.monotonic() < until:
            time.sleep(_EVERY_S)
    finally:
        index.stop()
        shares.stop()
        deliverer.terminate()
        deliverer.wait(60)
    command("detect", "-c", str(settings), "--stop")
    return index.looks, played


def behind(
    looks: Sequence[Look], due: Sequence[float], begun: float, first: float
) -> dict[str, float]:
    """Seconds by which the index is behind. Of each look: how long before it the oldest planted
    message was due that cannot be found; that is never less than the time between two looks."""
    late, done, written = list[float](), 0.0, 0.0
    for at, seen, alerts in looks:
        second = at - begun
        were = bisect_right(due, second)
        if first <= second <= due[-1]:
            late.append(second - due[seen] if seen < were else 0.0)
        if seen >= len(due) and not done:
            done = second
        if alerts < looks[-1].written:
            written = second
    half = len(late) // 2
    return {
        "behind_median_s": float(np.median(late)),
        "behind_first_half_s": float(np.median(late[:half])),
        "behind_second_half_s": float(np.median(late[half:])),
        "behind_most_s": max(late),
        "last_after_s": done - due[-1] if done else float("inf"),
        "last_written_after_s": max(0.0, written - due[-1]),
    }


def tables(figures: dict[str, Any]) -> list[Table]:
    """How far it was behind, and what took how much."""
    shown = Table(
        title=f"{figures['rate']:,.0f} messages/s for {figures['seconds']:.0f} s,"
        f" {figures['planted']:,} alerts with evidence, to Elasticsearch:"
        f" {figures['missing']:,} missing; seconds by which it was behind",
        title_justify="left",
    )
    names = (
        "first half", "second half", "most", "after the last message", "of that the job", "cores"
    )  # fmt: skip
    for name in names:
        shown.add_column(name, justify="right")
    keys = (
        "behind_first_half_s", "behind_second_half_s", "behind_most_s", "last_after_s",
        "last_written_after_s",
    )  # fmt: skip
    shown.add_row(
        *(f"{figures[key]:.1f}" for key in keys),
        ", ".join(f"{name} {cores:.2f}" for name, cores in sorted(figures["cores"].items())),
    )
    return [shown]


def keeps_up(figures: dict[str, Any]) -> bool:
    """Nothing is missing, and neither at its end nor on the way was it far behind."""
    return (
        not figures["missing"]
        and figures["last_after_s"] <= SOON_S
        and figures["behind_most_s"] <= SOON_S
    )


def main() -> None:
    """By itself."""
    alone("keeping_up", __doc__, measure, tables, {"rate": RATE, "seconds": SECONDS})


if __name__ == "__main__":
    main()

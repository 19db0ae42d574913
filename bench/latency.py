"""How long an alert takes: from when its message was due until it can be read, by share of load.

Messages are sent on a fixed schedule, whatever the job does meanwhile (open loop), and latency is
counted from when a message was due, not from when it was sent: what waits because something stood
still counts whole. Producer, broker, job and reader have one clock, that of this machine. Some of
the messages hold a word of the workload's own lexicon and nothing else that concerns a rule: their
alerts are told at once, and are counted by the ids of their messages.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import orjson
import psutil
from kafka import KafkaConsumer, TopicPartition
from redis import Redis
from rich.table import Table

from bench import streaming, workload
from bench.alone import alone
from bench.open_loop import RULE, command, delivering, planned, play
from bench.shares import Shares
from jobs.servers import redis
from jobs.topics import PARTITIONS
from sinks.redis_keys import Keys

RATE = 30_000.0  # messages a second that a warm cluster takes beside everything else
SHARES = (0.25, 0.5, 0.75)
WARM_S, COUNTED_S = 5.0, 20.0  # of each load
_FIRST_S = (
    15.0  # at the highest of the loads, before the first: nothing is compiled in the JVMs yet
)
PLANTED = 0.002  # of all messages
_SETTLE_S = 20.0  # for what is under way at the end


class Load(NamedTuple):
    """A stretch of the schedule, in seconds from its beginning, and the numbers of its messages."""

    share: float
    rate: float
    counted_from: float
    ends: float
    numbers: range


def measure(
    folder: Path,
    *,
    rate: float = RATE,
    shares: Sequence[float] = SHARES,
    planted: float = PLANTED,
    words: int = workload.WORDS,
    flink: str = "",
) -> dict[str, Any]:
    """Latencies at shares of `rate` (messages a second): to the topic of alerts, and to Redis."""
    loads, due = _loads(rate, shares)
    plan, hits = planned(folder, due, planted, words)
    with streaming.servers(folder, folder / "rules") as place:
        server = redis.launch(folder / "redis").wait()
        try:
            return {
                "rate": rate,
                "planted": len(hits),
                "loads": _run(place, server.address, server.pid, loads, due, hits, plan, flink),
            }
        finally:
            server.stop()


def _loads(rate: float, shares: Sequence[float]) -> tuple[list[Load], list[float]]:
    most, begin = max(shares) * rate, _FIRST_S
    loads, due = list[Load](), [number / most for number in range(int(most * _FIRST_S))]
    for share in shares:
        first, count = len(due), int(share * rate * (WARM_S + COUNTED_S))
        due += [begin + number / (share * rate) for number in range(count)]
        end = begin + WARM_S + COUNTED_S
        loads.append(Load(share, share * rate, begin + WARM_S, end, range(first, len(due))))
        begin = end
    return loads, due


def _run(
    place: streaming.Place,
    url: str,
    redis_pid: int,
    loads: Sequence[Load],
    due: Sequence[float],
    hits: frozenset[int],
    plan: Path,
    flink: str,
) -> list[dict[str, Any]]:
    targets = f"[{{kind: redis, name: redis, url: '{url}'}}]"
    settings = streaming.settings_file(
        place, "latency", source="follow: true", targets=targets, flink=flink
    )
    command("detect", "-c", str(settings), "--detach")
    deliverer = delivering(settings)
    reader = AlertReader(place.broker.address)
    more = {"deliverer": deliverer.pid, "Redis": redis_pid}
    shares = Shares(streaming.roots(place, **more))
    try:
        played = play(place, plan, shares)
        time.sleep(_SETTLE_S)
    finally:
        shares.stop()
        reader.stop()
        deliverer.terminate()
        deliverer.wait(60)
    visible = _in_redis(url)
    out = []
    for load in loads:
        some = [n for n in load.numbers if n in hits and due[n] >= load.counted_from]
        out.append(
            {
                "share": load.share,
                "rate": load.rate,
                "planted": len(some),
                "topic": _quantiles(some, due, played.begun, reader.seen),
                "redis": _quantiles(some, due, played.begun, visible),
                "cores": played.cores(load.counted_from, load.ends),
                "feed_belated_ms": played.belated * 1000,
                "load": psutil.getloadavg()[0],
            }
        )
    command("detect", "-c", str(settings), "--stop")
    return out


class AlertReader:
    """Reads the topic of alerts, in a thread, as somebody would who waits for them.

    Args:
        begin: read what is there already ("earliest"), or only what comes ("latest").

    Attributes:
        seen: UTC second at which the alert of a message was read, by its number.
    """

    def __init__(self, address: str, begin: str = "earliest") -> None:
        self.seen: dict[int, float] = {}
        self._consumer = KafkaConsumer(
            bootstrap_servers=[address],
            enable_auto_commit=False,
            check_crcs=False,  # without a C library the client does them in Python
        )
        parts = [TopicPartition("alerts", number) for number in range(PARTITIONS)]
        self._consumer.assign(parts)
        if begin == "earliest":
            self._consumer.seek_to_beginning(*parts)
        else:
            self._consumer.seek_to_end(*parts)
        for part in parts:
            self._consumer.position(part)  # where that is, is asked now
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._done.is_set():
            came = self._consumer.poll(timeout_ms=200)
            now = time.time()
            for messages in came.values():
                for message in messages:
                    _note(message.value, now, self.seen)
        self._consumer.close()

    def stop(self) -> None:
        """Read no more."""
        self._done.set()
        self._thread.join()


def _note(body: bytes, at: float, seen: dict[int, float]) -> None:
    told = orjson.loads(body)
    if told["rule"]["name"] == RULE:
        seen.setdefault(int(told["members"][0]["msgid"]), at)


def _in_redis(url: str) -> dict[int, float]:
    """When each alert was there, by Redis's own clock, which it puts into the ids of a stream."""
    seen: dict[int, float] = {}
    client: Any = Redis.from_url(url)  # typed as a union with its asynchronous twin
    last = "-"
    while rows := client.xrange(Keys(workload.TENANT).stream, last, count=10_000):
        for number, fields in rows:
            _note(fields[b"body"], int(number.partition(b"-")[0]) / 1000, seen)
        last = f"({rows[-1][0].decode()}"
    return seen


def _quantiles(
    numbers: Sequence[int], due: Sequence[float], begun: float, seen: Mapping[int, float]
) -> dict[str, float]:
    """Milliseconds from when a message was due; how many were never seen."""
    took = [(seen[one] - begun - due[one]) * 1000 for one in numbers if one in seen]
    told = {"seen": float(len(took)), "missing": float(len(numbers) - len(took))}
    if took:
        p50, p99 = np.percentile(took, (50, 99))
        told |= {"p50": float(p50), "p99": float(p99), "max": max(took)}
    return told


def tables(figures: dict[str, Any]) -> list[Table]:
    """Milliseconds to the topic and to Redis, and what takes how much of a core."""
    shown = Table(
        title=f"Alert latency, shares of {figures['rate']:,.0f} messages/s; "
        f"{figures['planted']:,} planted hits, ms from when a message was due",
        title_justify="left",
    )
    for name in ("load", "messages/s", "alerts", "missing"):
        shown.add_column(name, justify="right")
    for place in ("topic", "Redis"):
        for name in ("p50", "p99", "max"):
            shown.add_column(f"{place} {name}", justify="right")
    shown.add_column("cores")
    for one in figures["loads"]:
        shown.add_row(
            f"{one['share']:.0%}",
            f"{one['rate']:,.0f}",
            f"{one['redis']['seen']:,.0f}",
            f"{one['redis']['missing']:,.0f}",
            *(
                f"{one[place].get(name, float('nan')):,.0f}"
                for place in ("topic", "redis")
                for name in ("p50", "p99", "max")
            ),
            ", ".join(f"{name} {cores:.2f}" for name, cores in sorted(one["cores"].items())),
        )
    return [shown]


def main() -> None:
    """By itself."""
    alone("latency", __doc__, measure, tables, {"rate": RATE})


if __name__ == "__main__":
    main()

"""The deliverer: alerts with their evidence from Kafka to a real Redis and a real Elasticsearch.

The records are those of `bench.alerts`, each alert with its evidence. Broker, servers and deliverer
share the machine's cores. Throughput: all that is there is delivered, once to each target by itself
and once to both. Latency: alerts come evenly at a given rate; from when one was due, whether or not
the sender was in time, until Redis has told it to somebody who listens.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import shutil
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import psutil
from kafka import KafkaProducer
from redis import Redis
from rich.console import Console
from rich.table import Table

from bench.alerts import behaviour, hits
from bench.setting import HOME
from bench.workload import TENANT
from config.settings import Kafka, Outputs, Settings, Source, Target
from jobs import deliver
from jobs.delivery.lane import LaneState
from jobs.servers import elasticsearch, kafka, redis
from jobs.servers.process import Server
from jobs.topics import ensure_topics
from rules.ruleset import RuleTimeline

ALERTS, ROUNDS, RATE, SECONDS = 15_000, 3, 750, 20
GOAL, GOAL_MS = 3_000, 100
_PARTITIONS = 2
_RECORDS = {"redis": 1, "elasticsearch": 2}  # that a target counts, of an alert with its evidence
_CASES = (("redis",), ("elasticsearch",), ("redis", "elasticsearch"))


def measure(
    folder: Path,
    alerts: int = ALERTS,
    rounds: int = ROUNDS,
    rate: int = RATE,
    seconds: int = SECONDS,
) -> dict[str, Any]:
    """Alerts a second, µs of CPU an alert by process, and ms from the topic to Redis. `folder` is
    for the servers, and is emptied."""
    timeline = RuleTimeline.load()
    keyed = behaviour(timeline)
    outputs = [keyed.add(None, one, 0).outputs for one in hits(timeline, alerts)]
    before = psutil.getloadavg()[0]
    with _servers(folder) as servers:
        passes = [
            {"targets": "+".join(kinds), **_delivered(folder, servers, outputs, kinds, number)}
            for number in range(rounds)
            for kinds in _CASES
        ]
        waited = _waited(folder, servers, outputs[: rate * seconds], rate)
    return {
        "alerts": alerts,
        "bytes_an_alert": sum(len(body) for told in outputs for _, body in told) / len(outputs),
        "goal_per_second": GOAL,
        "goal_milliseconds": GOAL_MS,
        "load_before": before,
        "load_after": psutil.getloadavg()[0],
        "passes": passes,
        "latency": waited,
    }


@contextmanager
def _servers(folder: Path) -> Iterator[dict[str, Server]]:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    begun: dict[str, Server] = {}
    try:
        for module in (kafka, redis, elasticsearch):
            begun[module.NAME] = module.launch(folder / module.NAME)
        for server in begun.values():
            server.wait()
        yield begun
    finally:
        for server in begun.values():
            server.stop()


def _settings(
    folder: Path, servers: dict[str, Server], prefix: str, kinds: tuple[str, ...]
) -> Settings:
    settings = Settings(
        profile="cluster",
        tenant=TENANT,
        data_dir=str(folder / "data"),
        keys_dir=str(folder / "keys"),
        source=Source(kind="kafka", topic=f"{prefix}.messages"),
        outputs=Outputs(kind="kafka", topic_prefix=f"{prefix}."),
        kafka=Kafka(bootstrap=servers[kafka.NAME].address),
        targets=tuple(
            Target(kind=kind, name=f"{prefix}-{kind}", url=servers[kind].address,
                   index_prefix=prefix)
            for kind in kinds
        ),
    )  # fmt: skip
    ensure_topics(settings, partitions=_PARTITIONS)
    return settings


def _delivered(
    folder: Path,
    servers: dict[str, Server],
    outputs: list[list[tuple[str, bytes]]],
    kinds: tuple[str, ...],
    number: int,
) -> dict[str, Any]:
    prefix = f"{'-'.join(kinds)}-{number}"
    settings = _settings(folder, servers, prefix, kinds)
    with Redis.from_url(servers[redis.NAME].address) as client:
        client.flushall()
    producer = KafkaProducer(bootstrap_servers=settings.kafka.bootstrap, linger_ms=5)
    for told in outputs:
        for kind, body in told:
            producer.send(f"{prefix}.{kind}", body)
    producer.flush()
    producer.close()
    watched = {name: _process(server) for name, server in servers.items()}
    used = {name: _cpu(process) for name, process in watched.items()}
    own, begun = time.process_time(), time.monotonic()
    seen: list[tuple[float, float]] = []

    def note(states: tuple[LaneState, ...]) -> None:
        shares = (one.written / (_RECORDS[_kind(one)] * len(outputs)) for one in states)
        seen.append((time.monotonic(), min(shares)))

    report = deliver.run(settings, once=True, on_progress=note)
    took = time.monotonic() - begun
    # without the seconds in which connections are made and the groups find their partitions
    first, since = next((at, done) for at, done in seen if done)
    last = next(at for at, done in seen if done == seen[-1][1])
    steady = (seen[-1][1] - since) * len(outputs) / (last - first) if last > first else 0.0
    cpu = {name: _cpu(process) - used[name] for name, process in watched.items()}
    return {
        "seconds": took,
        "alerts_per_second": steady,
        "alerts_per_second_with_the_start": len(outputs) / took,
        "written": {_kind(state): state.written for state in report.targets},
        "cpu_microseconds_an_alert": {
            name: used / len(outputs) * 1e6
            for name, used in {"deliverer": time.process_time() - own, **cpu}.items()
        },
    }


def _kind(state: LaneState) -> str:
    return state.target.rpartition("-")[2]


def _process(server: Server) -> psutil.Process:
    return psutil.Process(json.loads(server.pid_file.read_bytes())["pid"])


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _keep_delivering(settings: Settings, stop: Any) -> None:
    ends = threading.Event()
    thread = threading.Thread(target=deliver.run, args=(settings,),
                              kwargs={"once": False, "stop": ends})  # fmt: skip
    thread.start()
    stop.wait()
    ends.set()
    thread.join()


def _waited(
    folder: Path, servers: dict[str, Server], outputs: list[list[tuple[str, bytes]]], rate: int
) -> dict[str, float]:
    """Milliseconds from the topic until Redis tells the alert, both targets being delivered to."""
    settings = _settings(folder, servers, "latency", _CASES[-1])
    url = servers[redis.NAME].address
    with Redis.from_url(url) as client:
        client.flushall()
    spawn = multiprocessing.get_context("spawn")
    stop = spawn.Event()
    worker = spawn.Process(target=_keep_delivering, args=(settings, stop))
    worker.start()
    seen: dict[str, float] = {}
    listener = threading.Thread(target=_listen, args=(url, seen, len(outputs)))
    listener.start()
    ids = [msgspec.json.decode(told[0][1])["alert_id"] for told in outputs]
    producer = KafkaProducer(bootstrap_servers=settings.kafka.bootstrap)
    warm = time.monotonic() + 15  # the group finds its partitions
    time.sleep(max(0.0, warm - time.monotonic()))
    begun = time.monotonic() + 0.1
    for number, told in enumerate(outputs):
        if (left := begun + number / rate - time.monotonic()) > 0:
            time.sleep(left)
        for kind, body in told:
            producer.send(f"latency.{kind}", body)
    producer.flush()
    producer.close()
    listener.join(timeout=60)
    stop.set()
    worker.join()
    taken = sorted(
        (seen[one] - begun - number / rate) * 1e3 for number, one in enumerate(ids) if one in seen
    )
    found = statistics.quantiles(taken, n=1000)
    return {
        "rate": rate, "alerts": len(outputs), "seen": len(taken),
        "p50": found[499], "p90": found[899], "p99": found[989], "p999": found[998],
        "most": taken[-1],
    }  # fmt: skip


def _listen(url: str, seen: dict[str, float], wanted: int) -> None:
    with Redis.from_url(url) as client:
        last, silent = b"0", time.monotonic() + 90
        while len(seen) < wanted and time.monotonic() < silent:
            for _, entries in client.xread({f"mingjian:{{{TENANT}}}:alerts": last}, block=1000):
                now = time.monotonic()
                silent = now + 30
                for last, fields in entries:  # noqa: B007 - the last one is where to go on
                    seen.setdefault(fields[b"id"].decode(), now)


def tables(figures: dict[str, Any]) -> list[Table]:
    """Throughput by targets, and latency."""
    load = f"load {figures['load_before']:.1f} to {figures['load_after']:.1f}"
    speed = Table(
        title=f"{figures['alerts']:,} alerts, each with its evidence, delivered"
        f" (goal {GOAL:,}/s); {load}",
        title_justify="left",
    )
    processes = ("deliverer", *(module.NAME for module in (kafka, redis, elasticsearch)))
    for name in ("to", "alerts/s", "least–most", *(f"µs {name}" for name in processes)):
        speed.add_column(name, justify="left" if name == "to" else "right")
    for kinds in _CASES:
        some = [one for one in figures["passes"] if one["targets"] == "+".join(kinds)]
        rates = [one["alerts_per_second"] for one in some]
        speed.add_row(
            " and ".join(kinds),
            f"{statistics.median(rates):,.0f}",
            f"{min(rates):,.0f}–{max(rates):,.0f}",
            *(
                f"{statistics.median(one['cpu_microseconds_an_alert'][name] for one in some):.0f}"
                for name in processes
            ),
        )
    waited = figures["latency"]
    late = Table(
        title=f"milliseconds until Redis tells an alert, {waited['rate']} a second to both targets"
        f" ({waited['seen']:,} of {waited['alerts']:,} seen; goal p99 {GOAL_MS})",
        title_justify="left",
    )
    for name in ("p50", "p90", "p99", "p999", "most"):
        late.add_column(name, justify="right")
    late.add_row(*(f"{waited[name]:.0f}" for name in ("p50", "p90", "p99", "p999", "most")))
    return [speed, late]


def main() -> None:
    """Print the tables and store the figures."""
    parser = argparse.ArgumentParser(prog="python -m bench.delivery", description=__doc__)
    parser.add_argument("--alerts", type=int, default=ALERTS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--rate", type=int, default=RATE, help="alerts a second, for latency")
    parser.add_argument("--seconds", type=int, default=SECONDS, help="of alerts, for latency")
    options = parser.parse_args()
    figures = measure(
        HOME / "run" / "delivery", options.alerts, options.rounds, options.rate, options.seconds
    )
    for shown in tables(figures):
        Console().print(shown)
    target = HOME / "delivery.json"
    target.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    print(f"figures: {target}")


if __name__ == "__main__":
    main()

"""The whole job on the workload of `bench.workload`: Kafka → job → Kafka on a real cluster.

Broker, JobManager, two TaskManagers of one slot, their Python workers and the command share the
cores of this machine. A pass begins with a job of its own; the rate is that between a fifth and
four fifths of the messages, when all workers are there and none has ended yet.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import psutil
from rich.table import Table

from bench import feed, workload
from bench.alone import alone
from bench.shares import Look, Shares, between
from config.settings import Kafka, Outputs, Settings, Source
from jobs.progress import JobMonitor, running
from jobs.servers import flink, kafka
from jobs.servers.process import Server
from jobs.topics import PARTITIONS, ensure_topics
from rules.compiled import compile_timeline
from udfs.kept import KeptPatterns

MESSAGES, PASSES = 1_000_000, 3
FROM, TO = 0.2, 0.8  # shares of the messages between which the rate is taken
_LOOK_S = 0.5


class Place(NamedTuple):
    """Servers that run, and the rules and messages of the workload."""

    folder: Path
    broker: Server
    cluster: list[Server]
    settings: str  # YAML that all settings of the bench begin with


def measure(
    folder: Path, *, messages: int = MESSAGES, passes: int = PASSES, words: int = workload.WORDS
) -> dict[str, Any]:
    """Passes over the same messages, each by a job of its own on the same cluster."""
    folder.mkdir(parents=True, exist_ok=True)
    rules = folder / "rules"
    stream = workload_of(rules, messages, words)
    with servers(folder, rules) as place:
        write(place, stream.records, workload.times_of(len(stream.records)))
        settings = settings_file(place, "passes")
        found = [one_pass(place, settings, messages) for _ in range(passes)]
    return {
        "messages": messages,
        "hits": stream.hits,
        "bytes_per_record": stream.mean_bytes,
        "words": words,
        "passes": found,
    }


def workload_of(
    rules: Path, messages: int, words: int = workload.WORDS, times: Sequence[int] = ()
) -> workload.Stream:
    """The rules of the workload, written to `rules`, and a stream judged by them."""
    timeline = workload.catalogue_and(rules, words)
    compiled = compile_timeline(timeline, KeptPatterns())[timeline.rulesets[0].digest]
    return workload.stream(messages, compiled, timeline, times=times)


@contextmanager
def servers(folder: Path, rules: Path, options: dict[str, str] | None = None) -> Iterator[Place]:
    """A broker and a cluster that are up, with the topics of the settings.

    Args:
        options: of Flink, beside those of `jobs.servers.flink`.
    """
    started: list[Server] = []
    try:
        broker = kafka.launch(folder / "kafka")
        started.append(broker)
        cluster = flink.launch(folder / "flink", options=options)
        started += cluster
        for server in started:
            server.wait()
        settings = (
            f"profile: cluster\ntenant: {workload.TENANT}\noutputs: {{kind: kafka}}\n"
            f"kafka: {{bootstrap: '{broker.address}'}}\n"
            f"rules: {{path: {rules}, registry: {folder}/rulesets}}\n"
            f"data_dir: {folder}/data\nkeys_dir: {folder}/keys\n"
        )
        ensure_topics(
            Settings(
                profile="cluster",
                tenant=workload.TENANT,
                source=Source(kind="kafka"),
                outputs=Outputs(kind="kafka"),
                kafka=Kafka(bootstrap=broker.address),
                targets=(),
            )
        )
        yield Place(folder, broker, cluster, settings)
    finally:
        for server in reversed(started):
            server.stop()


def settings_file(
    place: Place, name: str, *, flink: str = "", source: str = "", targets: str = "[]"
) -> Path:
    """Settings for the job on `place`. `flink`, `source`: further keys of these sections, in YAML's
    short form."""
    file = place.folder / f"{name}.yaml"
    rest, store = place.cluster[0].address, f"{place.folder}/checkpoints/{name}"
    file.write_text(
        f"{place.settings}source: {{kind: kafka, topic: messages{source and ', '}{source}}}\n"
        f"targets: {targets}\n"
        f"flink: {{rest_url: '{rest}', checkpoint_dir: '{store}'{flink and ', '}{flink}}}\n",
        encoding="utf-8",
    )
    return file


def write(place: Place, records: Sequence[bytes], times: Sequence[int]) -> None:
    """Write messages to the topic, as fast as the broker takes them."""
    feed.at_once(place.broker.address, "messages", records, times, PARTITIONS)


def roots(place: Place, **more: int) -> dict[str, int]:
    """Pid by name of what runs, for `Shares`."""
    first, *managers = place.cluster
    return {
        "broker": place.broker.pid,
        "JobManager": first.pid,
        **{f"TaskManagers {number}": one.pid for number, one in enumerate(managers, 1)},
        **more,
    }


class Pass:
    """Follows a job of the tenant on the cluster by Flink's interface."""

    def __init__(self, url: str, shares: Shares) -> None:
        self._url, self._shares = url, shares
        self._monitor: JobMonitor | None = None
        self.looks: list[tuple[Look, int]] = []  # with the records judged until then

    def look(self) -> int:
        """Records judged until now."""
        if self._monitor is None:
            ids = running(self._url, f"mingjian-detect-{workload.TENANT}")
            if not ids:
                return 0
            self._monitor = JobMonitor(self._url, ids[0])
        seen = self._monitor.look()
        if seen is not None and seen.records and seen.state == "RUNNING":
            self.looks.append((self._shares.look(), seen.records))
        return seen.records if seen is not None else 0


def one_pass(place: Place, settings: Path, messages: int) -> dict[str, Any]:
    """One job over all messages of the topic."""
    command = [sys.executable, "-m", "jobs.cli.main", "detect", "-c", str(settings), "-o", "json"]
    begun = time.monotonic()
    client = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    shares = Shares(roots(place, client=client.pid))
    followed = Pass(place.cluster[0].address, shares)
    try:
        while client.poll() is None:
            followed.look()
            time.sleep(_LOOK_S)
        printed, _ = client.communicate()
    finally:
        if client.poll() is None:
            client.kill()
        shares.stop()
    if client.returncode:
        raise SystemExit(f"the job ended with {client.returncode}")
    report = json.loads(printed.strip().splitlines()[-1])
    return {
        **steady(followed.looks, messages),
        "first_result_seconds": followed.looks[0][0].at - begun,
        "start_seconds": report["start_seconds"],
        "run_seconds": report["run_seconds"],
        "hits": report["last"]["counters"].get("hits", 0),
        "memory_mb": {name: peak / 1e6 for name, peak in shares.peak.items()},
        "load": psutil.getloadavg()[0],
    }


def steady(looks: Sequence[tuple[Look, int]], messages: int) -> dict[str, Any]:
    """Rate, and µs of CPU a message by process, between `FROM` and `TO` of the messages."""
    some = [one for one in looks if FROM * messages <= one[1] <= TO * messages]
    if len(some) < 2:  # noqa: PLR2004 - too few messages to tell
        some = list(looks)
    (first, before), (last, after) = some[0], some[-1]
    spent, judged = between(first, last), max(1, after - before)
    return {
        "per_second": judged / (last.at - first.at) if last.at > first.at else 0.0,
        "steady_seconds": last.at - first.at,
        "micros": {name: seconds / judged * 1e6 for name, seconds in spent.items()},
    }


def tables(figures: dict[str, Any]) -> list[Table]:
    """The passes, and where the CPU went."""
    shown = Table(
        title=f"Kafka → job → Kafka: {figures['messages']:,} messages of "
        f"{figures['bytes_per_record']:.0f} bytes, {figures['hits'] / figures['messages']:.1%} of "
        f"them touched by a rule, the catalogue and {figures['words']:,} words more, "
        "checkpoints every 5 s",
        title_justify="left",
    )
    names = sorted({name for one in figures["passes"] for name in one["micros"]})
    for name in ("pass", "messages/s", "steady s", "first result s", "load"):
        shown.add_column(name, justify="right")
    for name in (*names, "all"):
        shown.add_column(f"{name} µs", justify="right")
    shown.add_column("TaskManager MB", justify="right")
    for number, one in enumerate(figures["passes"], 1):
        spent = one["micros"]
        peak = max(mb for name, mb in one["memory_mb"].items() if name.startswith("TaskManager"))
        shown.add_row(
            str(number),
            f"{one['per_second']:,.0f}",
            f"{one['steady_seconds']:.1f}",
            f"{one['first_result_seconds']:.1f}",
            f"{one['load']:.1f}",
            *(f"{spent.get(name, 0.0):.1f}" for name in names),
            f"{sum(spent.values()):.1f}",
            f"{peak:,.0f}",
        )
    return [shown]


def main() -> None:
    """By itself."""
    alone("streaming", __doc__, measure, tables, {"messages": MESSAGES, "passes": PASSES})


if __name__ == "__main__":
    main()

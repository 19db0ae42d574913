"""From the command to the first alert: the job is started on a cluster that is up, messages wait.

The first start is that of a cluster that has not run a job yet, with nothing compiled; those that
follow find both. When the job and its tasks were there is told by Flink.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
from rich.table import Table

from bench import latency, streaming, workload
from bench.alone import alone
from bench.open_loop import records_of
from jobs.progress import read

MESSAGES, STARTS = 4_000, 3
PARTS = ("command", "tasks", "workers and rules")
_BEFORE = ("SCHEDULED", "DEPLOYING", "INITIALIZING")  # states of a task before it runs
_PATIENCE_S = 180.0
_POLL_S = 0.05


def measure(
    folder: Path,
    *,
    words: int = workload.WORDS,
    starts: int = STARTS,
    flink: dict[str, str] | None = None,
) -> dict[str, Any]:
    """Starts of the job on one new cluster with an empty folder of compiled patterns.

    Args:
        flink: further options of the cluster.
    """
    folder.mkdir(parents=True, exist_ok=True)
    times = workload.times_of(MESSAGES)
    records, hits = records_of(folder / "rules", times, 0.05, words)
    before = os.environ.get("MINGJIAN_CACHE")
    os.environ["MINGJIAN_CACHE"] = str(folder / "cache")
    try:
        with streaming.servers(folder, folder / "rules", flink) as place:
            streaming.write(place, records, times)
            found = [_start(place, number) for number in range(starts)]
    finally:
        if before is None:
            del os.environ["MINGJIAN_CACHE"]
        else:
            os.environ["MINGJIAN_CACHE"] = before
    return {"messages": MESSAGES, "planted": len(hits), "words": words, "starts": found}


def _start(place: streaming.Place, number: int) -> dict[str, float]:
    settings = streaming.settings_file(place, f"start{number}")
    reader = latency.AlertReader(place.broker.address, "latest")
    url = place.cluster[0].address
    command = [sys.executable, "-m", "jobs.cli.main", "detect", "-c", str(settings), "-o", "json"]
    begun = time.time()
    client = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    until = time.monotonic() + _PATIENCE_S
    try:
        while not reader.seen and time.monotonic() < until:
            time.sleep(_POLL_S)
        if not reader.seen:
            raise SystemExit("no alert came")
        alert = min(reader.seen.values())
        created, running = _told(url)
        client.wait(_PATIENCE_S)
    finally:
        reader.stop()
        if client.poll() is None:
            client.kill()
    return {
        "command": created - begun,
        "tasks": running - created,
        "workers and rules": alert - running,
        "first alert": alert - begun,
        "load": psutil.getloadavg()[0],
    }


def _told(url: str) -> tuple[float, float]:
    """UTC seconds at which the newest job was there, and at which the last of its tasks ran."""
    jobs = read(f"{url}/jobs/overview")["jobs"]
    newest = max(jobs, key=lambda one: one["start-time"])
    job = read(f"{url}/jobs/{newest['jid']}")
    times = []
    for vertex in job["vertices"]:
        told = read(f"{url}/jobs/{newest['jid']}/vertices/{vertex['id']}")
        for one in told["subtasks"]:
            took = one["status-duration"]  # -1 of what it was not in
            before = sum(max(0, took.get(state, 0)) for state in _BEFORE)
            times.append(one["start-time"] + before)
    return newest["start-time"] / 1000, max(times) / 1000


def tables(figures: dict[str, Any]) -> list[Table]:
    """Seconds of each start."""
    shown = Table(
        title=f"Cold start, the catalogue and {figures['words']:,} words more, seconds; at the"
        " first one nothing is compiled, and the cluster has not run a job yet",
        title_justify="left",
    )
    for name in ("start", *PARTS, "first alert", "load"):
        shown.add_column(name, justify="right")
    for number, one in enumerate(figures["starts"], 1):
        shown.add_row(
            str(number), *(f"{one[name]:.1f}" for name in (*PARTS, "first alert", "load"))
        )
    return [shown]


def main() -> None:
    """By itself."""
    alone("cold_start", __doc__, measure, tables, {"starts": STARTS})


if __name__ == "__main__":
    main()

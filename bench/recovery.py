"""How long alerts wait after something dies, and until all is as it was before.

Messages come at a given rate whatever the job does meanwhile (`bench.open_loop`). A Python worker
is killed (-9), then a TaskManager with all it started. As where it is deployed, whatever dies is
started again, and `mingjian detect --keep` watches over the job. Alerts are read from their topic,
and are late from when their message was due.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import nan
from pathlib import Path
from statistics import median
from typing import Any

import psutil
from rich.table import Table

from bench import streaming, workload
from bench.alone import alone
from bench.latency import AlertReader
from bench.open_loop import command, keeping, planned, play
from bench.shares import Shares
from jobs.servers import flink

RATE = 7_500.0  # messages a second
PLANTED = 0.01  # of all messages
FIRST_S, WORKER_S, MANAGER_S = 40.0, 90.0, 90.0  # until the first fault, and after each
LATE_S = 1.0  # an alert that takes longer waits for the recovery
_SETTLE_S = 20.0


class Scene:
    """What is killed at which second, and whoever starts again what died.

    Attributes:
        done: (name, UTC second) of each fault.
    """

    def __init__(self, place: streaming.Place) -> None:
        self._place = place
        self._waiting = [
            (FIRST_S, "a Python worker", self._worker),
            (FIRST_S + WORKER_S, "a TaskManager", self._manager),
        ]
        self._begun = time.time()
        self.done: list[tuple[str, float]] = []

    def look(self) -> None:
        """Start again what is gone, then do what is due."""
        first, *managers = self._place.cluster
        for number, manager in enumerate(managers, 1):
            if not manager.pid:
                flink.add_task_manager(self._place.folder / "flink", first.address, number)
        if self._waiting and time.time() - self._begun >= self._waiting[0][0]:
            _, name, deed = self._waiting.pop(0)
            self.done.append((name, time.time()))
            deed()

    def _worker(self) -> None:
        workers = [pid for one in self._place.cluster[1:] for pid in flink.workers(one)]
        os.kill(workers[0], signal.SIGKILL)

    def _manager(self) -> None:
        self._place.cluster[-1].kill()


def measure(folder: Path, *, rate: float = RATE, words: int = workload.WORDS) -> dict[str, Any]:
    """Seconds after each fault."""
    lasts = FIRST_S + WORKER_S + MANAGER_S
    due = [number / rate for number in range(int(rate * lasts))]
    plan, hits = planned(folder, due, PLANTED, words)
    with streaming.servers(folder, folder / "rules") as place:
        settings = streaming.settings_file(place, "recovery", source="follow: true")
        command("detect", "-c", str(settings), "--detach")
        keeper = keeping(settings)
        reader, shares = AlertReader(place.broker.address), Shares(streaming.roots(place))
        scene = Scene(place)
        try:
            played = play(place, plan, shares, meanwhile=scene.look)
            time.sleep(_SETTLE_S)
        finally:
            shares.stop()
            reader.stop()
            keeper.terminate()
            keeper.wait(60)
        command("detect", "-c", str(settings), "--stop")
    ends = [at for _, at in scene.done[1:]] + [played.begun + lasts]
    waited_for = {number: played.begun + due[number] for number in hits}
    return {
        "rate": rate,
        "planted": len(hits),
        "missing": sum(number not in reader.seen for number in hits),
        "faults": [
            {"what": name, **after(waited_for, reader.seen, at, until)}
            for (name, at), until in zip(scene.done, ends, strict=True)
        ],
        "load": psutil.getloadavg()[0],
    }


def after(
    due: Mapping[int, float], seen: Mapping[int, float], killed: float, until: float
) -> dict[str, float]:
    """Seconds for which no alert was seen at all, from the fault until the last late alert was
    there, and by which the latest was late; the median before the fault and after that.

    Args:
        due, seen: UTC seconds by number; `killed`, `until`: whose alerts are looked at, those under
            way at the fault included, and not those under way at the next.
    """
    here = sorted((seen[one], seen[one] - at) for one, at in due.items()
                  if one in seen and at < until - LATE_S and seen[one] >= killed)  # fmt: skip
    times = [killed, *(at for at, _ in here)]
    whole = max((at for at, by in here if by > LATE_S), default=killed)
    return {
        "silent_s": max((b - a for a, b in pairwise(times)), default=0.0),
        "whole_again_s": whole - killed,
        "most_s": max((by for _, by in here), default=0.0),
        "before_s": _median([at - due[one] for one, at in seen.items() if at < killed][-500:]),
        "afterwards_s": _median([by for at, by in here if at > whole]),
    }


def _median(values: Sequence[float]) -> float:
    return median(values) if values else nan


def tables(figures: dict[str, Any]) -> list[Table]:
    """A line for each fault."""
    shown = Table(
        title=f"Recovery at {figures['rate']:,.0f} messages/s,"
        f" {figures['planted']:,} alerts, {figures['missing']:,} missing; seconds",
        title_justify="left",
    )
    shown.add_column("killed")
    for name in ("no alert for", "all in time after", "latest", "median before", "afterwards"):
        shown.add_column(name, justify="right")
    keys = ("silent_s", "whole_again_s", "most_s", "before_s", "afterwards_s")
    for one in figures["faults"]:
        shown.add_row(one["what"], *(f"{one[key]:.1f}" for key in keys))
    return [shown]


def main() -> None:
    """By itself."""
    alone("recovery", __doc__, measure, tables, {"rate": RATE})


if __name__ == "__main__":
    main()

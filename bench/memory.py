"""Memory of the TaskManagers over an hour of the same load, each with its Python workers.

The catalogue with 10,000 words, messages at a rate that leaves the machine time for others, in the
event time that the clock has, so that windows open and close as in life. Heaps fill for minutes and
are then emptied: what is told are the medians of stretches, and how much the second half grows.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench import streaming, workload
from bench.alone import alone
from bench.open_loop import Played, command, planned, play
from bench.shares import Shares

RATE, MINUTES, PLANTED = 1_500.0, 60.0, 0.002
MOST_MB = 1.5 * 1024**3 / 1e6  # that a TaskManager may take
FLAT = 0.02  # growth in the second half that is none
STRETCHES = 6
PYTHON = ", its workers"  # their part of it
_EVERY_S = 5.0


def measure(
    folder: Path,
    *,
    rate: float = RATE,
    minutes: float = MINUTES,
    words: int = workload.WORDS,
) -> dict[str, Any]:
    """MB by TaskManager and minute."""
    due = [number / rate for number in range(int(rate * minutes * 60))]
    plan, hits = planned(folder, due, PLANTED, words)
    with streaming.servers(folder, folder / "rules") as place:
        settings = streaming.settings_file(place, "memory", source="follow: true")
        command("detect", "-c", str(settings), "--detach")
        looks, played = _watched(place, plan)
        command("detect", "-c", str(settings), "--stop")
    return {
        "rate": rate,
        "minutes": minutes,
        "planted": len(hits),
        "looks": looks,
        "cores": played.cores(0, due[-1]),
        "load": psutil.getloadavg()[0],
        **told(looks),
    }


def _watched(place: streaming.Place, plan: Path) -> tuple[dict[str, list[float]], Played]:
    """MB of each TaskManager, and of its workers, every `_EVERY_S` while messages come."""
    looks: dict[str, list[float]] = {}
    shares, begun = Shares(streaming.roots(place)), time.monotonic()

    def note() -> None:
        for name, size in shares.memory.items():
            if name.startswith("TaskManager"):
                one_of_them = name.replace("TaskManagers", "TaskManager")
                looks.setdefault(one_of_them, []).append(size / 1e6)
                looks.setdefault(one_of_them + PYTHON, []).append(shares.python[name] / 1e6)
        now = ", ".join(f"{one[-1]:,.0f} MB" for name, one in looks.items() if _is_whole(name))
        line.update(Text(f"{(time.monotonic() - begun) / 60:.1f} minutes, {now}"))

    try:
        with Console(stderr=True).status("") as line:
            return looks, play(place, plan, shares, every=_EVERY_S, meanwhile=note)
    finally:
        shares.stop()


def told(looks: dict[str, Sequence[float]]) -> dict[str, Any]:
    """Medians of equal stretches, the most, and the growth from the third quarter to the last."""
    found = {}
    for name, seen in looks.items():
        parts = [float(np.median(one)) for one in np.array_split(np.array(seen), STRETCHES)]
        third, fourth = np.array_split(np.array(seen[len(seen) // 2 :]), 2)
        found[name] = {
            "medians_mb": parts,
            "most_mb": float(max(seen)),
            "growth": float(np.median(fourth) / np.median(third) - 1),
        }
    return {"task_managers": found}


def _is_whole(name: str) -> bool:
    return not name.endswith(PYTHON)


def flat(figures: dict[str, Any]) -> bool:
    """Below the limit, and not growing any more."""
    return all(
        one["most_mb"] <= MOST_MB and one["growth"] <= FLAT
        for name, one in figures["task_managers"].items()
        if _is_whole(name)
    )


def tables(figures: dict[str, Any]) -> list[Table]:
    """A line for each TaskManager."""
    minutes = figures["minutes"]
    shown = Table(
        title=f"MB of a TaskManager with its workers, {figures['rate']:,.0f} messages/s for"
        f" {minutes:.0f} minutes: {'flat' if flat(figures) else 'not flat'}"
        f" (at most {MOST_MB:,.0f} MB, growth of the second half at most {FLAT:.0%})",
        title_justify="left",
    )
    shown.add_column("")
    for number in range(STRETCHES):
        shown.add_column(f"to minute {minutes * (number + 1) / STRETCHES:.0f}", justify="right")
    shown.add_column("most", justify="right")
    shown.add_column("growth", justify="right")
    for name, one in figures["task_managers"].items():
        parts = (f"{part:,.0f}" for part in one["medians_mb"])
        shown.add_row(name, *parts, f"{one['most_mb']:,.0f}", f"{one['growth']:+.1%}")
    return [shown]


def main() -> None:
    """By itself."""
    alone("memory", __doc__, measure, tables, {"minutes": MINUTES, "rate": RATE})


if __name__ == "__main__":
    main()

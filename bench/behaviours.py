"""`python -m bench.behaviours`: behaviours in a real Flink job, beside other ways to write them.

Every run is a process of its own with one slot, over files of events that are prepared before. The
clock runs from the WARM-th event to the end of the input. CPU seconds are of the whole JVM with its
Python: checkpoints, compiling and garbage collection among them, and the bench's own way to the
keyed stage, which `passed` shows by itself. Those of its thread are what the keyed stage takes.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

import msgspec
import psutil
from rich.console import Console
from rich.table import Table

from bench.behaviours_events import TYPES, Case, prepare
from bench.behaviours_job import FIGURES

CASES = (
    *(Case(kind) for kind in TYPES),
    Case("event_count", groups=1),
    Case("event_count", groups=10_000, window=1),
    Case("value_count", groups=4, window=1_000),
    Case("value_count", groups=1, window=10_000),
    Case("event_count", displaced=1),
    Case("event_count", displaced=20),
)
STATE = (
    (1, 2_000, "hashmap"), (2, 2_000, "hashmap"), (10, 2_000, "hashmap"),
    (1, 20_000, "hashmap"), (1, 20_000, "rocksdb"),
    (1, 200_000, "hashmap"), (1, 200_000, "rocksdb"),
)  # fmt: skip
COLUMNS = (
    "type", "groups", "window", "displaced", "kind", "signals/s of CPU", "of its thread",
    "a second", "µs inside", "alerts", "late",
)  # fmt: skip
PEERS = {
    "event_count": ("ours", "passed", "naive", "sql"),
    "temporal_ordered": ("ours", "naive", "sql"),
}


def measure(case: Case, kind: str, prepared: Path) -> dict[str, Any]:
    """One run: what its function told, and how many of each output there are."""
    with tempfile.TemporaryDirectory(prefix="mingjian-bench-") as name:
        folder = Path(name)
        for part in ("rules", "events"):
            shutil.copytree(prepared / part, folder / part)
        told = _run(folder, kind, case)
        figures: dict[str, Any] = {"job": told}
        if (folder / FIGURES).exists():
            figures |= json.loads((folder / FIGURES).read_bytes())
        for output in sorted((folder / "outputs").iterdir()):
            lines = [f.read_bytes().count(b"\n") for f in output.rglob("part-*") if f.is_file()]
            figures[output.name] = sum(lines)
        return figures


def _run(folder: Path, kind: str, case: Case) -> dict[str, Any]:
    process = subprocess.Popen(_command(folder, kind, case), stdout=subprocess.PIPE, text=True)
    printed, _ = process.communicate()
    if process.returncode:
        raise SystemExit(f"{kind} {case} ended with {process.returncode}")
    return dict(json.loads(printed.strip().splitlines()[-1]))


def _command(folder: Path, kind: str, case: Case) -> list[str]:
    written = msgspec.json.encode(case).decode()
    return [sys.executable, "-m", "bench.behaviours_job", str(folder), kind, written]


def open_groups(messages: int, groups: int, backend: str = "hashmap") -> tuple[float, float]:
    """(bytes of Flink's checkpoint, of the memory of the job's process) for each open group that
    holds so many messages."""
    case = Case("event_count", groups, window=1_000, events=groups * messages, backend=backend)
    with tempfile.TemporaryDirectory(prefix="mingjian-bench-") as name:
        folder = Path(name)
        prepare(case, folder)
        process = subprocess.Popen(
            [*_command(folder, "ours", case), "open"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert process.stdin is not None  # noqa: S101
        assert process.stdout is not None  # noqa: S101
        try:
            size = _settled_size(json.loads(process.stdout.readline())["job"])
            below = psutil.Process(process.pid).children(recursive=True)
            memory = sum(one.memory_info().rss for one in below)
        finally:
            process.communicate("\n")
        return size / groups, memory / groups


def _settled_size(job: str) -> int:
    """Bytes of the checkpoint when two in a row are of one size."""
    sizes: list[int] = []
    while len(sizes) < 3 or sizes[-1] != sizes[-2] or sizes[-1] < 10_000:  # noqa: PLR2004
        time.sleep(6)
        with urllib.request.urlopen(f"{job}/checkpoints", timeout=60) as answer:  # noqa: S310
            latest = json.load(answer)["latest"]["completed"]
        sizes.append(latest["state_size"] if latest else 0)
    return sizes[-1]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.behaviours", description=__doc__)
    parser.add_argument("--events", type=int, default=120_000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--only", choices=("types", "peers", "state"), default="")
    options = parser.parse_args()
    wanted = {options.only} if options.only else {"types", "peers", "state"}
    console = Console(width=120)
    shown = Table(title=f"load before: {psutil.getloadavg()[0]:.1f}", title_justify="left")
    for column in COLUMNS:
        shown.add_column(column, justify="left" if column in ("type", "kind") else "right")
    jobs = [(case, ("ours",)) for case in CASES] if "types" in wanted else []
    if "peers" in wanted:
        jobs += [(Case(name, displaced=late), kinds) for name, kinds in PEERS.items()
                 for late in (0, 20)]  # fmt: skip
    for case, kinds in jobs:
        sized = msgspec.structs.replace(case, events=options.events)
        with tempfile.TemporaryDirectory(prefix="mingjian-bench-") as name:
            prepare(sized, Path(name))
            for _ in range(options.rounds):
                for kind in kinds:
                    row = _row(sized, kind, measure(sized, kind, Path(name)))
                    shown.add_row(*row)
                    console.print(" | ".join(row), style="dim")
    if shown.rows:
        console.print(shown)
    if "state" in wanted:
        for messages, groups, backend in STATE:
            size, memory = open_groups(messages, groups, backend)
            console.print(
                f"{groups:,} open groups of {messages} in {backend}: each {size:,.0f} bytes of "
                f"checkpoint; {memory * groups / 1e6:,.0f} MB in all processes"
            )


def _row(case: Case, kind: str, found: dict[str, Any]) -> list[str]:
    first = [case.type, f"{case.groups:,}", f"{case.window:,}", f"{case.displaced} %", kind]
    if "elements" not in found:
        whole = f"{case.events / found['job']['cpu']:,.0f} (start and all)"
        return [*first, whole, "", "", "", str(found["alerts"]), ""]
    return [
        *first,
        f"{found['elements'] / found['cpu']:,.0f}",
        f"{found['elements'] / found['thread']:,.0f}",
        f"{found['elements'] / found['wall']:,.0f}",
        f"{found['inside'] / found['elements'] * 1e6:,.0f}",
        str(found["alerts"]),
        str(found.get("late", "")),
    ]


if __name__ == "__main__":
    main()

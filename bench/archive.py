"""An archive of many messages: how fast it is filled, how large it is, how fast it is searched.

`python -m bench.archive` takes 200,000 messages; `--messages 10000000 --folder PLACE` is the figure
of docs/performance-archive.md, takes an hour or so and 6 GB, and goes on where it was interrupted.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import platform
import resource
import shutil
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn
from rich.table import Table

from bench import archive_searches
from bench.archive_build import Archive, fill, told
from bench.archive_load import A_DAY
from bench.setting import HOME

MESSAGES = 200_000
QUERIES = 200
COLD = 54


def main() -> None:
    """Fill, measure, print tables, store the figures."""
    parser = argparse.ArgumentParser(prog="python -m bench.archive", description=__doc__)
    parser.add_argument("--messages", type=int, default=MESSAGES)
    parser.add_argument("--queries", type=int, default=QUERIES, help="of each kind")
    parser.add_argument("--cold", type=int, default=COLD, help="questions with nothing in memory")
    parser.add_argument("--folder", type=Path, help="where it is kept; left out: removed at last")
    options = parser.parse_args()
    folder = options.folder or HOME / "run" / "archive"
    console = Console(width=140)
    figures = measure(folder, options.messages, options.queries, options.cold, console=console)
    if not options.folder:
        shutil.rmtree(folder)
    for shown in tables(figures):
        console.print(shown)
    HOME.mkdir(parents=True, exist_ok=True)
    target = HOME / "archive.json"
    target.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    console.print(f"figures: {target}")


def measure(
    folder: Path,
    messages: int = MESSAGES,
    queries: int = QUERIES,
    cold: int = COLD,
    *,
    a_day: int = A_DAY,
    console: Console | None = None,
) -> dict[str, Any]:
    """Fill the archive in `folder` up to so many messages, and search it."""
    archive = Archive(folder)
    columns = BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console or Console(quiet=True)) as bar:
        task = bar.add_task("", total=messages)
        taken = fill(
            archive, messages, a_day=a_day, progress=lambda done: bar.update(task, completed=done)
        )
    figures: dict[str, Any] = {
        "measured_at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "filled": told(archive, taken),
        "load_before_searches": psutil.getloadavg()[0],
        "searches": archive_searches.measure(archive, queries),
        "load_after_searches": psutil.getloadavg()[0],
        "cold": archive_searches.measure_cold(archive, cold),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    archive.close()
    return figures


def tables(figures: dict[str, Any]) -> list[Table]:
    """How it was filled, and how it was searched."""
    filled = figures["filled"]
    messages = filled["messages"]
    shown = Table(
        title=f"an archive of {messages:,} messages, load {filled['load_median']:.1f} "
        f"(most {filled['load_most']:.1f}), {figures['cores']} cores",
        title_justify="left",
    )
    for name in ("what", "all", "first tenth", "last tenth"):
        shown.add_column(name, justify="left" if name == "what" else "right")
    for name, key in (("messages/s of CPU", "per_core_second"), ("messages/s", "per_second")):
        cells = (f"{filled[part + key]:,.0f}" for part in ("", "first_tenth_", "last_tenth_"))
        shown.add_row(name, *cells)
    for name, size in filled["bytes"].items():
        shown.add_row(f"bytes a message, {name}", f"{size / messages:,.0f}")
    shown.add_row("bytes a message", f"{sum(filled['bytes'].values()) / messages:,.0f}")
    return [
        shown,
        archive_searches.table(figures["searches"], messages),
        archive_searches.cold_table(figures["cold"]),
    ]


if __name__ == "__main__":
    main()

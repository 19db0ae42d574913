"""Correlations on one core: events a second, and bytes an open group.

`python -m bench.correlations` prints tables and stores the figures in
`var/bench/correlations.json`; it takes a minute or two for the two types whose speed has a goal,
`--all` half an hour or so for every type and axis. CPU time; the rounds of all cases alternate,
figures are medians with the least and the most. `reference` is the rate of a small fixed piece of
Python in the same minutes: on a machine that others use too it says how much of a core there was.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import platform
from typing import Any, NamedTuple

import psutil
from rich.console import Console
from rich.table import Table

from bench import correlation_memory, correlation_speed
from bench.correlation_load import AIMED, PLAIN, TYPES
from bench.machine import reference
from bench.setting import HOME

PARTS = ("types", "group", "windows", "groups", "rules", "late", "memory")
TITLES = {
    "types": "the whole engine by type, 100 groups, 1,000 events in the window",
    "group": "one group's evaluator, by events in the window",
    "windows": "the whole engine, one group, by events in the window",
    "groups": "the whole engine, by open groups",
    "rules": "the whole engine, by correlations that read each event",
    "late": "the whole engine, by share of late events",
}


class Size(NamedTuple):
    """How much is measured."""

    all: bool
    events: int
    rounds: int
    open_groups: int


SHORT = Size(False, 20_000, 1, 20_000)
ALL = Size(True, 30_000, 3, 100_000)


def main() -> None:
    """Measure what was asked for, all by default."""
    parser = argparse.ArgumentParser(prog="python -m bench.correlations", description=__doc__)
    parser.add_argument("--all", action="store_true", help="every type, three rounds")
    parser.add_argument("--only", choices=PARTS, action="append", help="may be given several times")
    parser.add_argument("--type", choices=TYPES, action="append", help="of the speeds")
    parser.add_argument("--events", type=int, help="that are measured, of a case")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--open", type=int, help="groups of the memory figures")
    options = parser.parse_args()
    console = Console()
    size = ALL if options.all else SHORT
    figures = measure(
        tuple(options.only or PARTS),
        tuple(options.type or ()),
        Size(
            options.all,
            options.events or size.events,
            options.rounds or size.rounds,
            options.open or size.open_groups,
        ),
    )
    for shown in tables(figures):
        console.print(shown)
    console.print(told(figures))
    HOME.mkdir(parents=True, exist_ok=True)
    target = HOME / "correlations.json"
    target.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    console.print(f"figures: {target}")


def measure(
    parts: tuple[str, ...] = PARTS, kinds: tuple[str, ...] = (), size: Size = SHORT
) -> dict[str, Any]:
    """The figures of these parts, with those of the machine; no kinds are all that `size` has."""
    found: dict[str, Any] = {
        "measured_at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "load_before": psutil.getloadavg()[0],
        "reference_per_second": reference(),
    }
    speed = {
        "types": correlation_speed.types,
        "group": correlation_speed.windows,
        "windows": correlation_speed.whole_windows,
        "groups": correlation_speed.groups,
        "rules": correlation_speed.rules,
        "late": correlation_speed.late,
    }
    for part in parts:
        if part == "memory":
            found[part] = correlation_memory.memory(size.open_groups, PLAIN if size.all else AIMED)
            continue
        names = kinds
        if not names and part == "types":
            names = tuple(TYPES) if size.all else PLAIN
        elif not names:
            names = AIMED if not size.all else tuple(TYPES) if part == "group" else PLAIN
        found[part] = speed[part](size.events, size.rounds, names)
    found["load_after"] = psutil.getloadavg()[0]
    return found


def told(figures: dict[str, Any]) -> str:
    """What the machine did besides."""
    return (
        f"reference: {figures['reference_per_second']:,} steps a second; "
        f"load {figures['load_before']:.1f} before, {figures['load_after']:.1f} after, "
        f"{figures['cores']} cores"
    )


def _rate(row: dict[str, Any]) -> str:
    """The median; of several rounds with the least and the most, in thousands."""
    if row["least"] == row["most"]:
        return f"{row['per_second']:,}"
    return f"{row['per_second']:,} ({row['least'] // 1000}–{row['most'] // 1000})"


def tables(figures: dict[str, Any]) -> list[Table]:
    """One for each part."""
    found = []
    for part, title in TITLES.items():
        if part not in figures:
            continue
        rows = figures[part]
        by = next(key for key in rows[0] if key not in ("type", "per_second", "least", "most"))
        values = list(dict.fromkeys(row[by] for row in rows))
        shown = Table(title=f"{title}: events a second", title_justify="left")
        shown.add_column("type", no_wrap=True)
        for value in values:
            shown.add_column(f"{value:.0%}" if by == "late" else f"{value:,}", justify="right")
        for name in dict.fromkeys(row["type"] for row in rows):
            cells = [_rate(row) for row in rows if row["type"] == name]
            shown.add_row(name, *cells)
        found.append(shown)
    if "memory" in figures:
        shown = Table(title="bytes an open group")
        for head in ("type", "events", "live", "without evidence", "written", "without messages"):
            shown.add_column(head, justify="left" if head == "type" else "right")
        for row in figures["memory"]:
            shown.add_row(
                row["type"],
                str(row["events"]),
                f"{row['live']:,}",
                f"{row['live_without_evidence']:,}",
                f"{row['state']:,}",
                f"{row['state_without_messages']:,}",
            )
        found.append(shown)
    return found


if __name__ == "__main__":
    main()

"""Measure peers beside ours, print a table, store the figures: `python -m bench.peers`."""

from __future__ import annotations

import argparse
import datetime as dt
import importlib
import json
import os
import platform
import tempfile
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

from bench.peers.rounds import ROUNDS
from bench.peers.work import make
from bench.setting import HOME
from udfs import collector

# in this order; each is imported when its turn comes
PEERS = ("bare", "rsigma", "loop", "naive_job", "flink_sql", "sensitive_word", "presidio")


def main() -> None:
    """Run the chosen peers, all by default."""
    parser = argparse.ArgumentParser(prog="python -m bench.peers", description=__doc__)
    parser.add_argument("--only", choices=PEERS, action="append", help="may be given again")
    parser.add_argument("--messages", type=int, default=40_000)
    parser.add_argument("--rules", type=int, default=1_000, help="of five words each")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args()
    console = Console()
    found = list[dict[str, Any]]()
    figures: dict[str, Any] = {
        "measured_at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "load_before": psutil.getloadavg()[0],
        "peers": found,
    }
    with tempfile.TemporaryDirectory(prefix="mingjian-bench-") as name:
        console.print("making messages and rules …", style="dim")
        work = make(Path(name) / "rules", options.messages, options.rules)
        collector.rest()  # as a worker does before its first record
        figures["bytes_per_record"] = sum(map(len, work.records)) / len(work.records)
        for one in options.only or PEERS:
            console.print(f"measuring beside {one} …", style="dim")
            found += importlib.import_module(f"bench.peers.{one}").measure(work, options.rounds)
    figures["load_after"] = psutil.getloadavg()[0]
    HOME.mkdir(parents=True, exist_ok=True)
    target = HOME / "peers.json"
    target.write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    console.print(table(figures))
    console.print(f"figures: {target}")


def table(figures: dict[str, Any]) -> Table:
    """Messages a second of CPU, and how many times those of the peer ours are."""
    shown = Table(
        title=f"messages a second of CPU (median); {figures['bytes_per_record']:.0f} bytes a "
        f"record; load {figures['load_before']:.1f} to {figures['load_after']:.1f}",
        title_justify="left",
    )
    for head in ("peer", "messages", "rules", "peer /s", "ours /s", "ours ÷ peer", "hits"):
        shown.add_column(head, justify="left" if head in ("peer", "hits") else "right")
    for one in figures["peers"]:
        if "missing" in one:
            shown.add_row(one["name"], "", "", "missing", "", "", one["missing"])
            continue
        ratios = one["ratios"]
        hits = f"{one['hits']:,}"
        if not one["same_hits"]:
            hits += "" if one["same_hits"] is None else f" (ours {one['ours_hits']:,})"
        shown.add_row(
            f"{one['name']} {one['version']}",
            f"{one['messages']:,}",
            f"{one['rules']:,}",
            f"{one['per_second']:,.0f}",
            f"{one['ours_per_second']:,.0f}",
            f"{one['ratio']:.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})",
            hits,
        )
    return shown


if __name__ == "__main__":
    main()

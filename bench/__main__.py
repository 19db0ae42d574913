"""`make bench`: measure, print a table, store the figures as JSON."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import platform
import shutil
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

from bench import archive, core, corpus, correlations, jobs, sealing
from ingest.simulate.run import Parameters, Run
from ingest.simulate.write import Files, write

HOME = Path("var/bench").resolve()
PARTS = ("core", "correlations", "archive", "sealing", "embedded", "kafka")


def main() -> None:
    """Run the chosen parts, all by default."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--messages", type=int, default=800_000, help="of the job runs")
    parser.add_argument("--only", choices=PARTS, default="")
    parser.add_argument("--sigma", metavar="CORPUS", help="a clone of a repository of Sigma rules")
    options = parser.parse_args()
    shutil.rmtree(HOME / "run", ignore_errors=True)
    wanted = {options.only} if options.only else set(PARTS)
    console = Console()
    figures: dict[str, Any] = {
        "measured_at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "load_before": psutil.getloadavg()[0],
    }
    day = HOME / "run" / "day"
    write(Run(Parameters()), Files(day, 2, False, None), 0)
    records = [
        line
        for file in sorted(day.glob("messages*.jsonl"))
        for line in file.read_bytes().splitlines()
    ]
    console.print("measuring the core …", style="dim")
    figures["core"] = core.measure(records)
    if options.sigma:
        console.print("compiling the Sigma corpus …", style="dim")
        figures["sigma"] = corpus.measure(options.sigma)
    if "correlations" in wanted:
        console.print("measuring correlations of plain events …", style="dim")
        figures["correlations"] = correlations.measure()
    if "sealing" in wanted:
        console.print("measuring sealing and the ledger …", style="dim")
        figures["sealing"] = sealing.measure(HOME / "run" / "sealing")
    if "archive" in wanted:
        console.print("measuring an archive …", style="dim")
        figures["archive"] = archive.measure(HOME / "run" / "archive", console=console)
    if "embedded" in wanted:
        console.print("measuring the embedded job …", style="dim")
        figures["embedded_day"] = jobs.embedded(HOME / "run" / "embedded-day", day.resolve())
        many = HOME / "run" / "many"
        write(Run(Parameters(messages=options.messages)), Files(many, 2, True, None), 0)
        figures["embedded"] = jobs.embedded(HOME / "run" / "embedded", many.resolve())
    if "kafka" in wanted:
        console.print("measuring Kafka → job → Kafka …", style="dim")
        figures["kafka"] = jobs.kafka_to_kafka(HOME / "run" / "kafka", options.messages)
    HOME.mkdir(parents=True, exist_ok=True)
    target = HOME / "latest.json"
    target.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    console.print(table(figures))
    if "correlations" in wanted:
        for shown in correlations.tables(figures["correlations"]):
            console.print(shown)
        console.print(correlations.told(figures["correlations"]))
    if "sealing" in wanted:
        console.print(sealing.table(figures["sealing"]))
    if "archive" in wanted:
        for shown in archive.tables(figures["archive"]):
            console.print(shown)
    console.print(f"figures: {target}")


def table(figures: dict) -> Table:  # type: ignore[type-arg]
    """Messages per second with the rule count and the hit rate."""
    inner = figures["core"]
    title = (
        f"{inner['alerting_rules']} alerting rules ({inner['rules']} with signals), "
        f"{inner['touched_share']:.1%} of records touched, "
        f"{inner['bytes_per_record']:.0f} bytes a record, {figures['cores']} cores"
    )
    shown = Table(title=title, title_justify="left")
    for name in ("path", "records", "messages/s", "note"):
        shown.add_column(name, justify="left" if name in ("path", "note") else "right")
    for key, note in (("match_per_second", "decode, fold, match"), ("engine_per_second", "all")):
        shown.add_row(
            "pure core, 1 core", f"{inner['records']:,}", f"{inner[key]:,.0f}", f"CPU time; {note}"
        )
    shown.add_row(
        "compile the catalogue",
        "",
        "",
        f"CPU: read {inner['load_seconds']:.1f} s, compile {inner['compile_seconds']:.1f} s",
    )
    if "sigma" in figures:
        sigma = figures["sigma"]
        shown.add_row(
            "compile the Sigma corpus",
            "",
            "",
            f"{sigma['rules']:,} rules of {sigma['files']:,} files, {sigma['refused']} refused: "
            f"{sigma['cpu_seconds']:.1f} s of CPU, {sigma['memory_mb']:.0f} MB",
        )
    runs = [
        (name, figures[key])
        for key, name in (
            ("embedded_day", "embedded job, the demo's day"),
            ("embedded", "embedded job"),
        )
        if key in figures
    ]
    runs += [
        (f"Kafka → job → Kafka, pass {number}", run)
        for number, run in enumerate(figures.get("kafka", ()), 1)
    ]
    for name, run in runs:
        shown.add_row(
            name,
            f"{run['records']:,}",
            f"{run['steady_per_second']:,.0f}",
            f"steady over {run['steady_seconds']:.1f} s; run {run['run_seconds']:.1f} s, "
            f"start {run['start_seconds']:.1f} s, client {run['client_peak_mb']:.0f} MB",
        )
    return shown


if __name__ == "__main__":
    main()

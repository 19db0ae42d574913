"""Correlations beside rsigma: `python -m bench.correlation_peer --rsigma PATH`.

Both read the same Sigma rules and the same NDJSON file, decode it, match the base rules and
correlate; each run is a process of its own, in turn. CPU seconds of the process; what a run over
one line takes, start and rules, is taken off. Install the peer with
`cargo install rsigma --locked --version 0.23.0` (Rust 1.95).

rsigma counts in order of arrival and keeps no event back; ours puts events in order of time first.
The events here come in order, where both have to say the same.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console
from rich.table import Table

TYPES: dict[str, dict[str, Any]] = {
    "event_count": {"rules": ["a"], "condition": {"gte": 1_000}},
    "value_count": {"rules": ["a"], "condition": {"gte": 1_000, "field": "v"}},
    "temporal_ordered": {"rules": ["a", "b"]},
}
GROUPS = (1, 100, 10_000, 1_000_000)
WINDOW = 100  # events of one group, where there are as many
COMPLETE = 7  # of a hundred groups the one whose orders are complete


def prepare(folder: Path, kind: str, groups: int, events: int) -> None:
    """Writes rules.yml, events.jsonl and one.jsonl; a group's events are evenly spread."""
    documents: list[dict[str, Any]] = [
        {
            "title": f"base {name}",
            "id": f"00000000-0000-4000-8000-00000000000{name}",  # the peer goes by ids
            "name": name,
            "status": "test",
            "level": "low",
            "logsource": {"product": "bench"},
            "detection": {"it": {"k": name}, "condition": "it"},
        }
        for name in ("a", "b")
    ]
    how = {"type": kind, "group-by": ["h"], "timespan": f"{WINDOW * groups}s", **TYPES[kind]}
    identity = "00000000-0000-4000-8000-00000000000c"
    documents.append({"title": kind, "id": identity, "level": "high", "correlation": how})
    text = "---\n".join(yaml.safe_dump(one, sort_keys=False) for one in documents)
    (folder / "rules.yml").write_text(text, encoding="utf-8")
    with (folder / "events.jsonl").open("w", encoding="utf-8") as out:
        for number in range(events):
            # chains begin all the time; in one group of a hundred one is complete
            last = (
                kind == "temporal_ordered" and number % groups % 100 == COMPLETE and number > groups
            )
            event = {
                "timestamp": 1_700_000_000 + number,
                "h": f"host-{number % groups:07d}",
                "k": "b" if last else "a",
                "v": f"value-{number % 997}",
            }
            out.write(json.dumps(event) + "\n")
    with (folder / "events.jsonl").open(encoding="utf-8") as lines:
        (folder / "one.jsonl").write_text(next(lines), encoding="utf-8")


def commands(rsigma: str, folder: Path, events: str) -> dict[str, list[str]]:
    """Both ways over one file of events."""
    rules, file = str(folder / "rules.yml"), str(folder / events)
    return {
        "rsigma": [rsigma, "engine", "eval", "-r", rules, "-e", f"@{file}", "--no-detections",
                   "-q", "--timestamp-field", "timestamp",
                   "--max-state-entries", "2000000", "--max-group-entries", "2000000"],
        "ours": [sys.executable, "-m", "jobs.cli.main", "rules", "eval", "--rules", rules,
                 "--events", file, "--time-field", "timestamp", "-o", "json"],
    }  # fmt: skip


def run(command: list[str]) -> tuple[float, float, int]:
    """(CPU seconds, peak megabytes, lines that name the correlation)."""
    with tempfile.TemporaryFile() as printed:
        process = subprocess.Popen(command, stdout=printed)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        printed.seek(0)
        text = printed.read()
    if process.returncode not in (0, 1):
        raise SystemExit(f"{command[0]} ended with {process.returncode}")
    told = sum(
        line.count(b'"group"') or line.count(b"correlation") > 0 for line in text.split(b"\n")
    )
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, told


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.correlation_peer", description=__doc__)
    parser.add_argument("--rsigma", required=True, help="path of the program")
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--groups", type=int, action="append", choices=GROUPS)
    options = parser.parse_args()
    shown = Table(title="events a second of CPU, decoding included (median)")
    for head in ("type", "groups", "who", "a second", "peak MB", "lines out"):
        shown.add_column(head, justify="left" if head in ("type", "who") else "right")
    for kind in TYPES:
        for groups in options.groups or GROUPS:
            with tempfile.TemporaryDirectory(prefix="mingjian-bench-") as name:
                folder = Path(name)
                count = max(options.events, 2 * groups)
                prepare(folder, kind, groups, count)
                start = {who: run(one)[0] for who, one in
                         commands(options.rsigma, folder, "one.jsonl").items()}  # fmt: skip
                found: dict[str, list[tuple[float, float, int]]] = {"rsigma": [], "ours": []}
                for _ in range(options.rounds):
                    for who, one in commands(options.rsigma, folder, "events.jsonl").items():
                        found[who].append(run(one))
            for who, runs in found.items():
                seconds = statistics.median(one[0] for one in runs) - start[who]
                rate, peak = count / max(seconds, 1e-3), max(one[1] for one in runs)
                shown.add_row(kind, f"{groups:,}", who, f"{rate:,.0f}", f"{peak:,.0f}",
                              str(runs[0][2]))  # fmt: skip
    Console().print(shown)


if __name__ == "__main__":
    main()

"""The embedded job, as `mingjian detect` starts it on files: the demo's day, and more messages."""

from __future__ import annotations

from typing import Any

from rich.table import Table

from bench import jobs
from bench.setting import Setting
from ingest.simulate.run import Parameters, Run
from ingest.simulate.write import Files, write


def measure(setting: Setting) -> dict[str, Any]:
    """Both."""
    home = setting.folder("embedded")
    day, many = home / "day", home / "many"
    write(Run(Parameters()), Files(day, 2, False, None), 0)
    write(Run(Parameters(messages=setting.job_messages)), Files(many, 2, True, None), 0)
    return {
        "runs": {
            "the demo's day": jobs.embedded(home / "run-day", day),
            "more messages": jobs.embedded(home / "run-many", many),
        }
    }


def tables(figures: dict[str, Any]) -> list[Table]:
    """A line for each."""
    return [runs_table("Embedded job, files", figures["runs"])]


def runs_table(title: str, runs: dict[str, dict[str, Any]]) -> Table:
    """A line for each run of a job."""
    shown = Table(title=title, title_justify="left")
    for head in (
        "run",
        "messages",
        "messages/s, steady",
        "over s",
        "run s",
        "start s",
        "client MB",
    ):
        shown.add_column(head, justify="left" if head == "run" else "right", no_wrap=True)
    for name, one in runs.items():
        shown.add_row(
            name,
            f"{one['records']:,}",
            f"{one['steady_per_second']:,.0f}",
            f"{one['steady_seconds']:.1f}",
            f"{one['run_seconds']:.1f}",
            f"{one['start_seconds']:.1f}",
            f"{one['client_peak_mb']:,.0f}",
        )
    return shown

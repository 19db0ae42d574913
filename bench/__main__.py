"""`make bench`: measure, print tables, store the figures in var/bench/latest.json.

Without names it measures what is "always" and "standard" in the list that --list prints: some
twenty minutes. What was measured before stays in var/bench/runs.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench import goals, machine
from bench.alone import at_least_one, stoppable
from bench.parts import NAMES, PARTS, Part, chosen
from bench.setting import HOME, QUICK, Setting

WIDTH = 120  # columns
_NAMED = 3  # parts that the name of a file tells


def main(arguments: list[str] | None = None) -> None:
    """Measure the chosen parts and print."""
    options = parser().parse_args(arguments)
    console = Console(width=WIDTH)
    if options.list:
        console.print(listed())
        return
    setting = setting_of(options, console)
    shutil.rmtree(setting.home, ignore_errors=True)
    parts = chosen(options.only, quick=options.quick, everything=options.all)
    figures = measured(parts, setting)
    target = HOME / "latest.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    told = json.dumps(figures, indent=1, ensure_ascii=False) + "\n"
    names = "-".join(part.name for part in parts) if len(parts) <= _NAMED else "many"
    run = HOME / "runs" / f"{figures['machine']['measured_at'].replace(':', '')}-{names}.json"
    run.parent.mkdir(exist_ok=True)
    for file in (run, target):
        file.write_text(told, encoding="utf-8")
    show(figures, console)
    console.print(f"figures: {target}", highlight=False)


def parser() -> argparse.ArgumentParser:
    """The options."""
    found = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    found.add_argument("--only", choices=NAMES, action="append", default=[], metavar="PART",
                       help="a part or a group of parts; may be given again")  # fmt: skip
    found.add_argument("--all", action="store_true", help="also parts that take long")
    found.add_argument("--list", action="store_true", help="name the parts and do nothing")
    found.add_argument("--quick", action="store_true", help="fewer messages: shows that it works")
    found.add_argument("--sigma", type=Path, metavar="CORPUS", help="a clone of SigmaHQ/sigma")
    found.add_argument("--messages", type=at_least_one,
                       help="of each workload of the core, and of peers")  # fmt: skip
    found.add_argument("--job-messages", type=at_least_one, help="of jobs")
    found.add_argument("--rounds", type=at_least_one,
                       help="of everything that is compared")  # fmt: skip
    found.add_argument("--seed", type=int)
    return found


def setting_of(options: argparse.Namespace, console: Console) -> Setting:
    """How much is measured."""
    setting = (QUICK if options.quick else Setting())._replace(console=console, sigma=options.sigma)
    given = {
        name: value
        for name in ("messages", "job_messages", "rounds", "seed")
        if (value := getattr(options, name)) is not None
    }
    return setting._replace(**given)


def measured(parts: list[Part], setting: Setting) -> dict[str, Any]:
    """The figures of these parts, with those of the machine and what the goals say of them."""
    found: dict[str, Any] = {"machine": machine.facts(), "setting": setting.told(), "parts": {}}
    reached: dict[str, float] = {}
    for part in parts:
        setting.console.print(f"{part.name}: {part.about} …", style="dim", highlight=False)
        with machine.watched() as around:
            figures = part.measure(setting)
        found["parts"][part.name] = {**around, **figures}
        reached |= part.reached(found["parts"][part.name])
    found["goals"] = goals.compared(reached)
    return found


def show(figures: dict[str, Any], console: Console) -> None:
    """All tables: the machine first, the goals last."""
    known = {part.name: part for part in PARTS}
    console.print(machine_table(figures))
    for name, of_part in figures["parts"].items():
        console.print()
        for one in known[name].tables(of_part):
            console.print(one, highlight=False)
        console.print(
            f"load {of_part['load_before']:.1f} → {of_part['load_after']:.1f}, reference "
            f"{of_part['reference_before'] / 1e6:.1f} → {of_part['reference_after'] / 1e6:.1f} "
            f"million steps/s, {of_part['seconds']:.0f} s",
            style="dim",
            highlight=False,
        )
    console.print()
    console.print(goals.table(figures["goals"], quick=figures["setting"]["quick"]))


def machine_table(figures: dict[str, Any]) -> Table:
    """What everything was measured on."""
    of, setting = figures["machine"], figures["setting"]
    shown = Table(show_header=False, title="Measured on", title_justify="left")
    shown.add_column(no_wrap=True)
    shown.add_column()
    packages = ", ".join(f"{name} {version}" for name, version in of["packages"].items())
    for name, value in (
        ("when", of["measured_at"]),
        ("machine", f"{of['processor']}, {of['cores']} cores, {of['memory_gb']:.0f} GB"),
        ("system", of["system"]),
        ("versions", f"Python {of['python']}, {packages}"),
        ("seed", f"{setting['seed']}; {setting['rounds']} rounds in turn, "
                 f"{setting['messages']:,} messages a workload"),
        ("figures", "median (least–most) of the rounds, CPU seconds of one core unless said"),
    ):  # fmt: skip
        shown.add_row(name, str(value))
    return shown


def listed() -> Table:
    """The parts."""
    shown = Table(title="Parts", title_justify="left")
    for head in ("part", "group", "when", "minutes", "what"):
        shown.add_column(head, justify="right" if head == "minutes" else "left")
    for one in PARTS:
        shown.add_row(one.name, one.group, one.when, f"{one.minutes:g}", one.about)
    return shown


if __name__ == "__main__":
    stoppable(main)

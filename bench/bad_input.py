"""`python -m bench.bad_input [WORD]`: how long it takes to refuse each file of `bench.bad_inputs`.

Processor time of `mingjian rules check` with its output, and of loading, which says the first error
only; without the start of Python. Each is the best of three.
"""

from __future__ import annotations

import io
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table

from bench.bad_inputs import INPUTS, written
from jobs.cli import rules_check
from jobs.cli.rules_check import Form, Level
from rules.conditions import compiled
from rules.errors import MingjianError
from rules.packs import load_packs
from rules.ruleset import load_ruleset

ROUNDS = 3


def main() -> None:
    """Print a table of all inputs, or of those whose name holds a word of the command line."""
    table = Table("file", "KB", "code", "check, ms", "load, ms")
    for one in INPUTS:
        if not sys.argv[1:] or any(word in f"{one.path} {one.name}" for word in sys.argv[1:]):
            with tempfile.TemporaryDirectory() as name:
                folder = written(Path(name), one)
                size = (folder / one.path).stat().st_size / 1000
                times = f"{milliseconds(check, folder):.0f}", f"{milliseconds(load, folder):.0f}"
                table.add_row(f"{one.path}: {one.name}", f"{size:.0f}", one.code, *times)
    Console(width=120).print(table)


def milliseconds(work: Callable[[Path], object], folder: Path) -> float:
    """Processor time of one run, the best of some."""
    spent = []
    for _ in range(ROUNDS):
        compiled.cache_clear()  # else patterns are compiled in the first run only
        begun = time.process_time()
        work(folder)
        spent.append(time.process_time() - begun)
    return min(spent) * 1000


def check(folder: Path) -> None:
    """As `mingjian rules check FOLDER`."""
    rules_check.out.file = io.StringIO()
    with suppress(typer.Exit):
        rules_check.check(
            str(folder),
            output=Form.text,
            level=Level.warning,
            fail_level=Level.error,
            fix=False,
            dry_run=False,
            baseline="",
            today="2026-12-31",
            explain="",
        )


def load(folder: Path) -> None:
    """As a job loads rules."""
    with suppress(MingjianError):
        load_ruleset(folder)
        load_packs(folder / "packs")


if __name__ == "__main__":
    main()

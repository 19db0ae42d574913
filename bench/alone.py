"""One part by itself, as `python -m bench.<part> FOLDER`: its options, its tables, its figures."""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

STOPPED = 130  # exit code of what was interrupted


def at_least_one(text: str) -> int:
    """A count that something can be measured of."""
    if (count := int(text)) < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return count


def above_nothing(text: str) -> float:
    """A rate or a time."""
    if not (value := float(text)) > 0:
        raise argparse.ArgumentTypeError("more than 0")
    return value


def stoppable(run: Callable[[], None]) -> None:
    """Run it; Ctrl-C and SIGTERM end it with its servers, and without a traceback."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        run()
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        sys.exit(STOPPED)


def alone(
    name: str,
    about: str | None,
    measure: Callable[..., dict[str, Any]],
    tables: Callable[[dict[str, Any]], list[Table]],
    options: Mapping[str, float],
) -> None:
    """Measure a part in a folder, which is emptied.

    Args:
        options: what `measure` takes besides the folder, with the defaults: whole numbers of
            counts, others of rates and times.
    """
    parser = argparse.ArgumentParser(prog=f"python -m bench.{name}", description=about)
    parser.add_argument("folder", type=Path, help="for servers and messages; it is emptied")
    for key, default in options.items():
        kind = at_least_one if isinstance(default, int) else above_nothing
        told = f"{default:,} unless said"
        parser.add_argument(f"--{key.replace('_', '-')}", type=kind, default=default, help=told)
    given = vars(parser.parse_args())
    folder = given.pop("folder").resolve()
    if folder.exists() and any(folder.iterdir()) and not (folder / "rules").is_dir():
        parser.error(f"{folder} holds something else")

    def run() -> None:
        shutil.rmtree(folder, ignore_errors=True)
        figures = measure(folder, **given)
        for table in tables(figures):
            Console().print(table)
        print(json.dumps(figures))

    stoppable(run)

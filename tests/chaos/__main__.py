"""`python -m tests.chaos ROW[,ROW…] [--seeds N] [--folder DIR]`: rows of the fault matrix."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from tests.chaos.cycle import Outcome, run_cycle
from tests.chaos.faults import ROWS, SYSTEMS, Row
from tests.chaos.system import System


def main() -> int:
    """Run the rows; 1 when a cycle fails."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("rows", nargs="?", default="all", help="numbers with commas, or all")
    parser.add_argument("--seeds", type=int, help="cycles a row; by default what each row needs")
    parser.add_argument("--first", type=int, default=1, help="number of the first seed")
    parser.add_argument("--folder", type=Path, help="of the servers; else a temporary one")
    parser.add_argument("--history", type=Path, default=Path("var/chaos/history.jsonl"))
    given = parser.parse_args()
    names = list(ROWS) if given.rows == "all" else given.rows.split(",")
    if unknown := [name for name in names if name not in ROWS]:
        parser.error(f"no row {', '.join(unknown)}; there are {', '.join(ROWS)}")
    root = given.folder or Path(tempfile.mkdtemp(prefix="chaos-"))
    given.history.parent.mkdir(parents=True, exist_ok=True)
    failed, began = 0, time.monotonic()
    for kind in dict.fromkeys(ROWS[name].system for name in names):
        rows = [ROWS[name] for name in names if ROWS[name].system == kind]
        failed += _run(System(root / kind, **SYSTEMS[kind]), rows, given)
    _say(f"{failed} failed; history in {given.history}; {time.monotonic() - began:.0f} s in all")
    return 1 if failed else 0


def _run(system: System, rows: list[Row], given: argparse.Namespace) -> int:
    """How many cycles of these rows failed."""
    failed, began = 0, time.monotonic()
    try:
        _say(f"starting the system in {system.folder}")
        system.start()
        _say(f"it judges after {time.monotonic() - began:.0f} s")
        for row in rows:
            for seed in range(given.first, given.first + (given.seeds or row.seeds)):
                outcome = run_cycle(
                    system,
                    row.number,
                    str(seed),
                    row.fault,
                    seconds=row.seconds,
                    within_s=row.within_s,
                    prepare=row.shape,
                )
                if row.finds:  # a promise was switched off, so the checker has to say so
                    found = bool(getattr(outcome.verdict, row.finds))
                    outcome.passed = found
                    outcome.why = f"as it must be: {outcome.why}" if found else "nothing was found"
                failed += not outcome.passed
                _tell(outcome)
                with given.history.open("ab") as history:
                    history.write(msgspec.json.encode(outcome) + b"\n")
    finally:
        system.end()
    return failed


def _tell(outcome: Outcome) -> None:
    verdict = outcome.verdict
    _say(
        f"{'ok  ' if outcome.passed else 'FAIL'} row {outcome.row} seed {outcome.seed}:"
        f" {verdict.expected} expected, {len(verdict.lost)} lost, {len(verdict.phantom)} phantom,"
        f" {len(verdict.twice)} twice, {verdict.repeats} repeats, {verdict.refused} refused,"
        f" live again after {verdict.recovery_s} s (seen {verdict.visible_s} s),"
        f" worst {verdict.worst_s} s, restarts {outcome.restarts}"
        f" {outcome.why}"
    )


def _say(text: str) -> None:
    sys.stdout.write(f"{time.strftime('%H:%M:%S')} {text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

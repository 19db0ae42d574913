"""`python -m tests.chaos.report HISTORY…`: the tables of docs/reliability.md, from histories or
folders of them."""

from __future__ import annotations

import statistics
import sys
from pathlib import Path

import msgspec

from tests.chaos.check import INDEXED_S
from tests.chaos.cycle import Outcome
from tests.chaos.faults import ROWS

_HEAD = (
    "| row | nemesis | cycles | alerts expected | lost | phantom | twice | without evidence | late"
    " | live again after, median / worst | result |\n"
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n"
)


def table(outcomes: list[Outcome]) -> str:
    """Markdown, a line a row of the matrix, in the order of `ROWS`."""
    lines = []
    for number, row in ROWS.items():
        mine = [one for one in outcomes if one.row == number]
        if not mine:
            continue
        verdicts = [one.verdict for one in mine]
        times = [one.verdict.recovery_s for one in mine]
        # an outage of a target is seen in the target, not in the topic
        for name, later in (("visible_s", 1.0), ("indexed_s", INDEXED_S)):
            seen = [getattr(one.verdict, name) for one in mine]
            times = seen if max(seen) > max(times) + later else times
        passed = sum(one.passed for one in mine)
        cells = [
            number,
            row.nemesis,
            str(len(mine)),
            f"{sum(one.expected for one in verdicts):,}",
            *(
                str(sum(len(getattr(one, name)) for one in verdicts))
                for name in ("lost", "phantom", "twice", "without_evidence")
            ),
            str(sum(one.late for one in verdicts)),
            f"{statistics.median(times):.1f} s / {max(times):.1f} s" if max(times) else "–",
            "passed" if passed == len(mine) else f"{len(mine) - passed} failed",
        ]
        lines.append("| " + " | ".join(cells) + " |\n")
    return _HEAD + "".join(lines)


def memory(outcomes: list[Outcome]) -> str:
    """Markdown: resident memory of each part after a cycle, early and late in the history. Parts
    that were killed begin anew, so those that never are say most."""
    lines = ["| part | cycles | first fifth, median | last fifth, median | most |\n"]
    lines.append("| --- | --- | --- | --- | --- |\n")
    for part in sorted({name for one in outcomes for name in one.memory}):
        sizes = [one.memory[part] / 2**20 for one in outcomes if part in one.memory]
        few = max(1, len(sizes) // 5)
        early, late = statistics.median(sizes[:few]), statistics.median(sizes[-few:])
        cells = [part, str(len(sizes)), *(f"{one:.0f} MiB" for one in (early, late, max(sizes)))]
        lines.append("| " + " | ".join(cells) + " |\n")
    return "".join(lines)


def read(paths: list[Path]) -> list[Outcome]:
    """Every cycle of these histories, those of a folder in the order of their names."""
    files = [
        file
        for path in paths
        for file in (sorted(path.glob("*.jsonl")) if path.is_dir() else [path])
    ]
    return [
        msgspec.json.decode(line, type=Outcome)
        for file in files
        for line in file.read_bytes().splitlines()
    ]


if __name__ == "__main__":
    histories = read([Path(name) for name in sys.argv[1:]])
    sys.stdout.write(f"{table(histories)}\n{memory(histories)}")

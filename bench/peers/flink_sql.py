"""Flink SQL, without any Python in the job: LIKE and REGEXP over words, MATCH_RECOGNIZE over two.

`flink_sql_job` is the job, on Flink's mini-cluster in a process of its own: JSON from a file, ids
of what was found to a file. CPU seconds are those of client and JVM; what a short file takes is
taken off a long one. The JVM's compiler stays in the figure, so the file is as long as patience
allows.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from bench.peers import sequences
from bench.peers.metered import Missing
from bench.peers.naive_job import by_flink, flink_version
from bench.peers.rounds import ROUNDS, in_turn, missing
from bench.peers.work import Round, Work, ours
from rules.errors import MingjianError

NAME = "Flink SQL"
SHORT = 100  # messages of the run that start-up is measured with
_WORDS = (
    "conditions on fields, joined with AND and OR; a row says that some rule hit, not which; "
    "a new rule is a new job; no folding"
)
_SEQUENCE = (
    "steps of one key in order of event time within a while; greedy or not, with conditions "
    "between steps; one query for each sequence. Ours lets a second sequence join an alert that "
    "still stands, so it has a few alerts less than the query has rows"
)


class _Case(NamedTuple):
    title: str
    kind: str
    rules: int
    most: int  # messages of the long run


_CASES = (
    _Case("LIKE for each word", "like", 10, 200_000),
    _Case("LIKE for each word", "like", 100, 20_000),
    _Case("LIKE for each word", "like", 1_000, 2_000),
    _Case("REGEXP for each rule", "regexp", 10, 400_000),
    _Case("REGEXP for each rule", "regexp", 100, 40_000),
    _Case("REGEXP for each rule", "regexp", 1_000, 2_000),
    _Case("one REGEXP for all", "pattern", 1_000, 40_000),
)
_SEQUENCES = 200_000  # messages of the long run


def measure(work: Work, rounds: int = ROUNDS) -> list[dict[str, Any]]:
    """Every way with 10, 100 and 1,000 rules, and one sequence."""
    found = list[dict[str, Any]]()
    with tempfile.TemporaryDirectory(prefix="mingjian-bench-") as name:
        for number, case in enumerate(_CASES):
            folder = Path(name) / str(number)
            some = work.by_rules(folder / "rules", case.rules).first(case.most)
            title = f"{NAME}, {case.title}"
            found.append(_measured(some, folder, title, case, rounds, _WORDS, ours))
        folder = Path(name) / "sequence"
        some = sequences.make(folder / "rules", sequences.going_on(work.quiet, _SEQUENCES))
        case = _Case("MATCH_RECOGNIZE", "sequence", 1, _SEQUENCES)
        title = f"{NAME}, {case.title}"
        found.append(_measured(some, folder, title, case, rounds, _SEQUENCE, sequences.ours))
    return found


def _measured(
    work: Work,
    folder: Path,
    title: str,
    case: _Case,
    rounds: int,
    expresses: str,
    beside: Callable[[Work], Round],
) -> dict[str, Any]:
    listed = folder / "rules.json"
    listed.write_text(json.dumps(work.rules), encoding="utf-8")

    def command(messages: Path, outputs: Path) -> list[str]:
        job = [sys.executable, "-m", "bench.peers.flink_sql_job", case.kind]
        return [*job, str(messages), str(listed), str(outputs)]

    sequence = case.kind == "sequence"
    times = max(1, case.most // len(work.records))
    try:
        once = by_flink(work, folder, command, short=SHORT, times=times, by_message=not sequence)
        return in_turn(
            work,
            once,
            name=title,
            version=flink_version(),
            expresses=expresses,
            rounds=rounds,
            beside=beside,
        )
    except (Missing, MingjianError) as why:
        return {**missing(title, why), "rules": case.rules}

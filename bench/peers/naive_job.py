"""The naive PyFlink job: every rule asked of every message in a keyed function that keeps a count.

`naive_flink` is the job: a text file, `json.loads`, `key_by(sender)`, a KeyedProcessFunction in
process mode. It runs with Flink's mini-cluster in a process of its own. CPU seconds are those of
all its processes (client, JVM, Python worker); what a short file takes is taken off a long one.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from bench.peers.metered import Missing, metered
from bench.peers.rounds import ROUNDS, in_turn, missing
from bench.peers.work import Round, Work
from config.java import java_home
from jobs.flink import python_path
from rules.errors import MingjianError

NAME = "naive PyFlink job"
EXPRESSES = "whatever Python can say, with keyed state and timers; each rule asked of each message"
SHORT = 1_000  # messages of the run that start-up is measured with
_MOST = 50_000_000  # words asked of texts in the long run
_LIMIT = 200  # seconds of CPU of one run


def measure(work: Work, rounds: int = ROUNDS) -> list[dict[str, Any]]:
    """The job over a file, beside ours over the same messages in memory."""
    some = work.first(max(2 * SHORT, _MOST // sum(map(len, work.rules))))
    try:
        with tempfile.TemporaryDirectory(prefix="mingjian-bench-") as name:
            rules = Path(name) / "rules.json"
            rules.write_text(json.dumps(some.rules), encoding="utf-8")

            def command(messages: Path, outputs: Path) -> list[str]:
                job = [sys.executable, "-m", "bench.peers.naive_flink"]
                return [*job, str(messages), str(rules), str(outputs)]

            once = by_flink(some, Path(name), command, short=SHORT)
            told = in_turn(
                some, once, name=NAME, version=flink_version(), expresses=EXPRESSES, rounds=rounds
            )
            return [told]
    except (Missing, MingjianError) as why:
        return [missing(NAME, why)]


def flink_version() -> str:
    """Of PyFlink.

    Raises:
        Missing: it is not installed.
    """
    try:
        return version("apache-flink")
    except PackageNotFoundError:
        raise Missing("apache-flink is not installed") from None


def by_flink(
    work: Work,
    folder: Path,
    command: Callable[[Path, Path], list[str]],
    *,
    short: int,
    times: int = 1,
    by_message: bool = False,
) -> Callable[[], Round]:
    """What runs a job over the records; the figures are for one pass over them. What the same job
    takes over `short` records is measured first, once.

    Args:
        command: of (file of messages, folder for what it finds), the program.
        times: how often the records stand in the file, where one pass takes it a moment.
        by_message: it writes a line for a message, not for a message and a rule.

    Raises:
        Missing: the job fails.
    """
    environ = {"PYTHONPATH": python_path(), "JAVA_HOME": str(java_home())}

    def run(messages: Path) -> tuple[float, float, int]:
        outputs = folder / "outputs"
        shutil.rmtree(outputs, ignore_errors=True)
        done = metered(command(messages, outputs), environ=environ, limit=_LIMIT)
        return done.cpu, done.wall, _lines(outputs)

    first = work.write(folder / "short.jsonl", short)
    every = work._replace(records=work.records * times).write(folder / "long.jsonl")
    share = len(work.records) / (len(work.records) * times - short)
    cpu_short, wall_short, _ = run(first)

    def once() -> Round:
        cpu, wall, lines = run(every)
        found = lines // times
        return Round(
            (cpu - cpu_short) * share,
            found,
            (wall - wall_short) * share,
            found if by_message else -1,
        )

    return once


def _lines(folder: Path) -> int:
    files = (one for one in folder.rglob("*") if one.is_file() and "crc" not in one.suffix)
    return sum(file.read_bytes().count(b"\n") for file in files)

"""rsigma, a Sigma engine in Rust: the same rules as Sigma, the same records as generic JSON.

`cargo install` (Rust 1.95) puts it into var/bench/tools on first use. It takes up to half an hour,
for its daemon comes with it: 0.23.0 does not build without. It is built with its index over the
words of all rules, an option that is made for many rules; both ways are measured. It is a process
of its own on one core; its CPU seconds over a short file are taken off those over a long one, start
and rules with them.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from bench.peers.metered import Missing, metered
from bench.peers.rounds import ROUNDS, in_turn, missing
from bench.peers.work import Round, Work
from bench.workload import hash_of

NAME = "rsigma"
VERSION = "0.23.0"
_BUILD = ("--locked", "--version", VERSION, "--features=daachorse-index")
_WAYS = {NAME: (), f"{NAME} --cross-rule-ac": ("--cross-rule-ac",)}
EXPRESSES = (
    "Sigma with all its conditions, modifiers and correlations over any JSON; no folding of "
    "disguised words, no schema, no duplicates, no order of time, no evidence"
)
TOOLS = Path("var/bench/tools").resolve()
SHORT = 100  # records of the run that start-up is measured with
_TIMES = 10  # the records that often in the long file: one pass takes it a moment


def measure(work: Work, rounds: int = ROUNDS) -> list[dict[str, Any]]:
    """Its `engine eval` over a file, beside ours."""
    try:
        program = installed()
        with tempfile.TemporaryDirectory(prefix="mingjian-bench-") as name:
            folder = Path(name)
            rules = write_rules(work, folder / "rules.yml")
            short = work.write(folder / "short.jsonl", SHORT)
            long = work._replace(records=work.records * _TIMES).write(folder / "long.jsonl")
            run = partial(evaluated, work, program, rules, short, long)
            return [
                _one(work, way, partial(run, options), rounds) for way, options in _WAYS.items()
            ]
    except Missing as why:
        return [missing(NAME, why)]


def _one(work: Work, way: str, run: Callable[[], Round], rounds: int) -> dict[str, Any]:
    """One way of its by itself: an option that it was not built with says nothing of the other."""
    try:
        return in_turn(work, run, name=way, version=VERSION, expresses=EXPRESSES, rounds=rounds)
    except Missing as why:
        return missing(way, why)


def installed() -> str:
    """Path of the program.

    Raises:
        Missing: neither there nor to be built.
    """
    root = TOOLS / f"rsigma-{VERSION}"
    program = root / "bin" / "rsigma"
    if program.exists():
        return str(program)
    cargo = shutil.which("cargo")
    if cargo is None:
        raise Missing("cargo is not installed, and rsigma is built from source")
    command = [cargo, "install", "rsigma", *_BUILD, "--root", str(root)]
    built = {**os.environ, "CARGO_TARGET_DIR": str(TOOLS / "rsigma-build")}
    try:
        done = subprocess.run(command, env=built, capture_output=True, text=True, check=False)
    except OSError as error:
        raise Missing(f"cargo: {error.strerror}") from None
    if done.returncode:
        raise Missing(f"cargo install rsigma: {' '.join(done.stderr.strip().splitlines()[-1:])}")
    shutil.rmtree(TOOLS / "rsigma-build", ignore_errors=True)
    return str(program)


def write_rules(work: Work, file: Path) -> Path:
    """The rules as Sigma for generic JSON."""
    rules = []
    for number, words in enumerate(work.rules):
        name = f"bench_{number:05d}"
        rules.append(
            {
                "title": name,
                "id": f"00000000-0000-4000-8000-{hash_of(name) % 10**12:012d}",
                "status": "test",
                "level": "low",
                "logsource": {"product": "bench"},
                "detection": {
                    "words": {"payload.text.content|contains": list(words)},
                    "condition": "words",
                },
            }
        )
    file.write_text(
        "---\n".join(yaml.safe_dump(one, allow_unicode=True) for one in rules), encoding="utf-8"
    )
    return file


def evaluated(
    work: Work, program: str, rules: Path, short: Path, long: Path, options: tuple[str, ...] = ()
) -> Round:
    """One run over the long file less one over the short one, for one pass over the records."""

    def run(file: Path) -> tuple[float, int]:
        command = [program, "engine", "eval", "-r", str(rules), "-e", f"@{file}", "-q"]
        done = metered([*command, *options], core=min(os.sched_getaffinity(0)), ends=(0, 1))
        return done.cpu, sum(b'"rule_title"' in line for line in done.printed.splitlines())

    start, _ = run(short)
    cpu, hits = run(long)
    share = len(work.records) / (len(work.records) * _TIMES - SHORT)
    return Round((cpu - start) * share, hits // _TIMES)

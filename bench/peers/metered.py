"""Run a program and say what CPU it and all that it started took.

`python -m bench.peers.metered FILE LIMIT COMMAND...` writes what it measured to FILE, as JSON.
A job of Flink is a client, a JVM and workers of Python, some of which outlive the one that started
them: this process takes in such orphans, waits for them, and so has the seconds of them all.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import IO, NamedTuple

import psutil

_NEARLY = 0.95  # of the limit: the kernel counts in ticks
_ADOPT = 36  # PR_SET_CHILD_SUBREAPER of Linux


class Missing(Exception):
    """A peer cannot be had on this machine; the message says why, in one line."""


class Metered(NamedTuple):
    """What a program took in all its processes: seconds of CPU, of the clock; and what it said."""

    cpu: float
    wall: float
    peak_mb: float
    printed: bytes


def metered(
    command: list[str],
    *,
    environ: dict[str, str] | None = None,
    core: int | None = None,
    ends: tuple[int, ...] = (0,),
    limit: int = 600,
) -> Metered:
    """Run `command`, on one core if one is named.

    Args:
        ends: exit codes that are no failure.
        limit: seconds of CPU, of any of its processes, after which that one is ended.

    Raises:
        Missing: it could not be started, or failed; with the line that says why.
    """
    pinned = ["taskset", "-c", str(core)] if core is not None else []
    with tempfile.TemporaryDirectory(prefix="mingjian-bench-") as name:
        figures, printed = Path(name) / "figures.json", Path(name) / "printed"
        meter = [sys.executable, "-m", "bench.peers.metered", str(figures), str(limit)]
        with printed.open("wb") as out, (Path(name) / "said").open("w+b") as said:
            _run([*meter, *pinned, *command], out, said, environ or {})
            said.seek(0)
            why = _reason(said.read().decode(errors="replace"))
        if not figures.exists():
            raise Missing(why or f"{command[0]} could not be started")
        taken = json.loads(figures.read_text(encoding="utf-8"))
        if taken["status"] not in ends:
            # of a JVM that was ended its client only knows that it is gone
            if taken["status"] == -signal.SIGXCPU or taken["cpu"] > _NEARLY * limit:
                raise Missing(f"not done within {limit} seconds of CPU")
            program, why = Path(command[0]).name, why or "said nothing"
            raise Missing(f"{program} ended with {taken['status']}: {why}")
        return Metered(taken["cpu"], taken["wall"], taken["peak_mb"], printed.read_bytes())


def _reason(said: str) -> str:
    """The line that is called an error, which hints may follow; else the last."""
    lines = said.strip().splitlines()
    errors = [one for one in lines if one.casefold().startswith("error")]
    return (errors or lines[-1:] or [""])[0]


def _run(command: list[str], out: IO[bytes], said: IO[bytes], environ: dict[str, str]) -> None:
    process = subprocess.Popen(command, stdout=out, stderr=said, env={**os.environ, **environ})
    try:
        process.wait()
    except BaseException:  # nothing that was started here stays
        for one in (*psutil.Process(process.pid).children(recursive=True), process):
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()
        process.wait()
        raise


def _meter(limit: int, command: list[str]) -> dict[str, float]:
    ctypes.CDLL(None, use_errno=True).prctl(_ADOPT, 1, 0, 0, 0)
    resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 5))
    begun = time.perf_counter()
    try:
        status = subprocess.run(command, check=False).returncode
    except OSError as error:
        raise SystemExit(f"{command[0]}: {error.strerror}") from None
    wall = time.perf_counter() - begun
    with contextlib.suppress(ChildProcessError):
        while True:  # orphans that it left
            os.wait()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "cpu": used.ru_utime + used.ru_stime,
        "wall": wall,
        "peak_mb": used.ru_maxrss / 1024,
        "status": status,
    }


if __name__ == "__main__":
    _figures = _meter(int(sys.argv[2]), sys.argv[3:])
    Path(sys.argv[1]).write_text(json.dumps(_figures), encoding="utf-8")

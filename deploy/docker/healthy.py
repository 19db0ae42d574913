"""Health check of the containers: exit code 0 means healthy. Only the standard library.

healthy.py URL             the page answers with 200
healthy.py --job URL       Flink's list of jobs has one whose tasks all run
healthy.py --process WORD  process 1 was started with WORD and is not a zombie
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from urllib.request import urlopen


def page(url: str) -> bytes:
    """Body of a page of our own containers."""
    with urlopen(url, timeout=4) as answer:  # noqa: S310 - the address is in docker-compose.yml
        return bytes(answer.read())


def job_runs(overview: bytes) -> bool:
    """Whether Flink's /jobs/overview names a job that is RUNNING with every task RUNNING."""
    for job in json.loads(overview)["jobs"]:
        tasks = job["tasks"]
        if job["state"] == "RUNNING" and tasks["running"] == tasks["total"] > 0:
            return True
    return False


def process_runs(word: str, root: Path = Path("/proc/1")) -> bool:
    """Whether the container's first process has WORD among its arguments and is alive."""
    arguments = (root / "cmdline").read_bytes().split(b"\0")
    state = (root / "stat").read_text().rpartition(")")[2].split()[0]
    return word.encode() in arguments and state not in {"Z", "X"}


def main(arguments: list[str]) -> int:
    """Run the check that the arguments ask for."""
    try:
        match arguments:
            case ["--job", url]:
                healthy = job_runs(page(url))
            case ["--process", word]:
                healthy = process_runs(word)
            case [url]:
                healthy = bool(page(url))
            case _:
                sys.stderr.write(f"{__doc__}\n")
                return 2
    except (OSError, ValueError, KeyError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0 if healthy else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

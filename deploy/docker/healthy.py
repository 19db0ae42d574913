"""Health check of the containers: exit code 0 means healthy.

- healthy.py URL: the page answers with 200
- healthy.py --job URL: Flink's list of jobs has one whose tasks all run
- healthy.py --written FILE SECONDS: the file was written in the last so many seconds
- healthy.py --reading BROKER GROUP...: each consumer group is reading
"""

from __future__ import annotations

import json
import sys
import time
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


def groups_read(bootstrap: str, groups: list[str]) -> bool:
    """Whether every consumer group has members that agreed on who reads what."""
    from kafka.admin import KafkaAdminClient  # noqa: PLC0415 - the other checks do without

    admin = KafkaAdminClient(
        bootstrap_servers=bootstrap, bootstrap_timeout_ms=3000, request_timeout_ms=3000
    )
    try:
        described = admin.describe_groups(groups)
    finally:
        admin.close()
    return all(described[group]["group_state"] == "Stable" for group in groups)


def main(arguments: list[str]) -> int:
    """Run the check that the arguments ask for."""
    try:
        match arguments:
            case ["--job", url]:
                healthy = job_runs(page(url))
            case ["--reading", bootstrap, *groups]:
                healthy = groups_read(bootstrap, groups)
            case ["--written", path, seconds]:
                healthy = time.time() - Path(path).stat().st_mtime <= float(seconds)
            case [url]:
                healthy = bool(page(url))
            case _:
                sys.stderr.write(f"{__doc__}\n")
                return 2
    except Exception as error:  # whatever it is, it is not healthy, and the log says why
        sys.stderr.write(f"{error}\n")
        return 1
    return 0 if healthy else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

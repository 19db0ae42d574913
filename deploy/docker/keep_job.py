"""Sees to it that the cluster has the detection job exactly once. Only the standard library.

Called as: keep_job.py REST_URL COMMAND...

Runs COMMAND, which submits and returns, whenever the cluster has no live job: at the start, and
after a JobManager came back without its jobs. A second submission would wait for ever for slots
that the first one holds, so a job that is live in any state, also restarting, is left alone.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from urllib.request import urlopen

OVER = {"FINISHED", "CANCELED", "FAILED", "SUSPENDED"}
LOOK_EVERY_SECONDS = 10


def has_live_job(overview: bytes) -> bool:
    """Whether Flink's /jobs/overview names a job that is not over."""
    return any(job["state"] not in OVER for job in json.loads(overview)["jobs"])


def look(rest_url: str) -> bytes | None:
    """The list of jobs; None while the JobManager does not answer."""
    try:
        with urlopen(f"{rest_url}/jobs/overview", timeout=5) as answer:  # noqa: S310 - our own
            return bytes(answer.read())
    except OSError:
        return None


def main(rest_url: str, command: list[str]) -> int:
    """Watch until stopped; the command's exit code when it fails, so that Docker starts anew."""
    while True:
        overview = look(rest_url)
        if overview is not None and not has_live_job(overview):
            sys.stdout.write("no job is running: submitting it\n")
            code = subprocess.run(command, check=False).returncode
            if code:
                return code
        time.sleep(LOOK_EVERY_SECONDS)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))

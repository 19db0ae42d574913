"""Reads a published set in a process of its own and keeps it.

Python lets one thread of a process run at a time. One that reads ten thousand files beside one that
judges gives way at each of them, and gets its turn again after 5 ms: 100 s in all. And what it
takes in between is missing where messages are judged.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from rules.errors import MingjianError
from rules.published import Kept, kept_in
from udfs.kept import KeptPatterns

LEAST = 500  # rules of a set that is worth a process
_LONGEST_S = 300


def read_apart(kept: Kept) -> bool:
    """Have the set read, checked against its digest, and kept. False where it could not be:
    whoever reads it then will see why."""
    if not Path(sys.executable).name.startswith("python"):  # inside the JVM there is no Python
        return False
    command = [sys.executable, "-m", "udfs.apart", str(kept.folder)]
    try:
        done = subprocess.run(
            command,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=_LONGEST_S,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def main() -> int:
    """0 when the set in the folder that is named is kept."""
    keep = KeptPatterns()
    folder = Path(sys.argv[1])
    try:
        with keep.first(folder.name):
            kept_in(folder).whole(keep)
    except MingjianError as error:
        sys.stderr.write(f"{error.en}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

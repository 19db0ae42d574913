"""What compiling thousands of Sigma rules costs: the corpus of SigmaHQ, in a process of its own.

python -m bench.corpus CORPUS      # prints JSON; CORPUS is a clone, bare or with files
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
import tracemalloc
from typing import Any

from rules.sigma.collection import load_collection
from scripts.sigma_corpus import FOLDERS, read_corpus


def measure(place: str) -> dict[str, Any]:
    """Files, rules, refusals; CPU seconds to compile them all; MB of Python objects they are."""
    process = subprocess.run(
        [sys.executable, "-m", "bench.corpus", place], check=True, stdout=subprocess.PIPE
    )
    found: dict[str, Any] = json.loads(process.stdout)
    return found


def _measure(place: str) -> dict[str, Any]:
    chosen = [
        (path, data.decode())
        for path, data in read_corpus(place).items()
        if path.startswith(FOLDERS) and path.endswith((".yml", ".yaml"))
    ]
    begun = time.process_time()
    load_collection(chosen)
    seconds = time.process_time() - begun
    tracemalloc.start()  # makes it slow, so not while the time is taken
    found = load_collection(chosen)
    size, _ = tracemalloc.get_traced_memory()
    return {
        "files": len(chosen),
        "rules": len(found.rules),
        "refused": len(found.problems),
        "cpu_seconds": seconds,
        "memory_mb": size / 1e6,
    }


if __name__ == "__main__":
    print(json.dumps(_measure(sys.argv[1])))

"""What a figure was measured on: processor, versions, other load, how much of a core there was."""

from __future__ import annotations

import datetime as dt
import gc
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

from udfs import collector

PACKAGES = ("hyperscan", "google-re2", "pyarrow", "msgspec", "orjson", "apache-flink")
_STEPS = 300_000
_CPU_INFO = Path("/proc/cpuinfo")


def facts() -> dict[str, Any]:
    """The machine, and the versions that a run depends on; "none": there is no such package."""
    return {
        "measured_at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "processor": processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
    }


def processor() -> str:
    """The model of the processor as the system names it."""
    if _CPU_INFO.exists():
        for line in _CPU_INFO.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"


def reference(steps: int = _STEPS) -> int:
    """Steps a second of CPU of a piece of Python that never changes: what a core is worth just now,
    on a machine that others use too."""
    rates = []
    for _ in range(5):
        counts: dict[str, int] = {}
        begun = time.process_time()
        for number in range(steps):
            key = str(number & 1023)
            counts[key] = counts.get(key, 0) + 1
        rates.append(steps / (time.process_time() - begun))
    return round(sorted(rates)[2])


@contextmanager
def watched(steps: int = _STEPS) -> Iterator[dict[str, Any]]:
    """A dict that has, at the end of the block, load and reference before and after, and the
    seconds of the clock in between."""
    found: dict[str, Any] = {
        "load_before": round(psutil.getloadavg()[0], 2),
        "reference_before": reference(steps),
    }
    begun = time.perf_counter()
    yield found
    found["seconds"] = round(time.perf_counter() - begun, 1)
    found["load_after"] = round(psutil.getloadavg()[0], 2)
    found["reference_after"] = reference(steps)


@contextmanager
def at_rest() -> Iterator[None]:
    """The collector of cycles as a worker of the job has it; as it was before, afterwards."""
    before = gc.get_threshold()
    collector.rest()
    try:
        yield
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)

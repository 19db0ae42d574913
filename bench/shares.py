"""Which process takes how much: CPU seconds and memory of servers, of what they started, of us."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

import psutil

_EVERY_S = 0.5
_PYTHON = "Python workers"


class Look(NamedTuple):
    """One look: monotonic second, CPU seconds by name so far."""

    at: float
    cpu: dict[str, float]


class Shares:
    """Looks at processes twice a second, in a thread, until `stop`.

    Args:
        roots: pid by name. What a process started counts as its own, but Python beneath a
            TaskManager counts as `Python workers`.

    Attributes:
        memory: resident memory (bytes) at the last look, by name; a TaskManager with its workers.
        python: what of a TaskManager's the workers have.
        peak: the largest seen.
    """

    def __init__(self, roots: Mapping[str, int]) -> None:
        self._roots = {name: psutil.Process(pid) for name, pid in roots.items()}
        self._cpu: dict[tuple[str, int, float], float] = {}  # the last of each, also of the gone
        self.memory: dict[str, int] = {}
        self.python: dict[str, int] = {}
        self.peak: Counter[str] = Counter()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def look(self) -> Look:
        """CPU seconds until now."""
        for name, root in self._roots.items():
            memory: Counter[str] = Counter()
            for one in self._family(root):
                with contextlib.suppress(psutil.Error):
                    whose, size = self._count(name, one, is_root=one.pid == root.pid)
                    memory[whose] += size
            self.memory[name], self.python[name] = memory.total(), memory[_PYTHON]
            self.peak[name] = max(self.peak[name], memory.total())
        total: Counter[str] = Counter()
        for (name, _, _), seconds in list(self._cpu.items()):
            total[name] += seconds
        return Look(time.monotonic(), dict(total))

    def _count(self, name: str, one: psutil.Process, *, is_root: bool) -> tuple[str, int]:
        with one.oneshot():
            spent, started = one.cpu_times(), one.create_time()
            python = name.startswith("TaskManager") and not is_root and one.name() != "java"
            whose = _PYTHON if python else name.partition(" ")[0]
            self._cpu[whose, one.pid, started] = spent.user + spent.system
            return whose, int(one.memory_info().rss)

    @staticmethod
    def _family(root: psutil.Process) -> list[psutil.Process]:
        try:
            return [root, *root.children(recursive=True)]
        except psutil.Error:
            return []

    def _run(self) -> None:
        while not self._done.wait(_EVERY_S):
            self.look()

    def stop(self) -> None:
        """Look no more."""
        self._done.set()
        self._thread.join()


def between(first: Look, last: Look) -> dict[str, float]:
    """CPU seconds by name between two looks."""
    return {
        name: spent - first.cpu.get(name, 0.0)
        for name, spent in last.cpu.items()
        if spent - first.cpu.get(name, 0.0) > 0
    }

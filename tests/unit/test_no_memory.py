"""A worker that gets no more memory must not stay and do nothing."""

from __future__ import annotations

import subprocess
import sys

import pytest

from udfs import no_memory

# a process whose main module has this name, as one that was started with -m
WORKER = """
import resource, sys, types
from importlib.machinery import ModuleSpec
sys.modules["__main__"].__spec__ = ModuleSpec({name!r}, None)
from udfs import no_memory
no_memory.guard()
no_memory.guard()
resource.setrlimit(resource.RLIMIT_DATA, ({limit}, resource.RLIM_INFINITY))
sys.stdin.read()
"""
NONE, ENOUGH = 1 << 20, 8 << 30


@pytest.mark.parametrize(
    ("name", "limit", "ends"),
    [
        (no_memory._WORKER, NONE, True),
        (no_memory._WORKER, ENOUGH, False),
        ("somebody.else", NONE, False),  # Flink embedded: the process is the user's
    ],
)
def test_only_a_worker_without_memory_ends_itself(name, limit, ends):
    code = WORKER.format(name=name, limit=limit)
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        if not ends:
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(4)
            process.stdin.close()
            assert process.wait(60) == 0
            assert process.stderr.read() == ""
        else:
            assert process.wait(60) == no_memory.EXIT
            said = process.stderr.read()
            assert "gets no more memory" in said
            assert said.count("\n") == 1
    finally:
        process.kill()
        process.wait()

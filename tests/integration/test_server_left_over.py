"""A PostgreSQL whose shell was killed runs on without anybody to end it: it is ended, and started
where it was."""

from __future__ import annotations

from pathlib import Path

import psutil

from jobs.servers import postgres
from jobs.servers.process import running


def postmaster(data: Path) -> psutil.Process:
    """The process that keeps a data folder, as the first line of its lock file says; its children
    come and go while they are looked at."""
    return psutil.Process(int((data / "postmaster.pid").read_text().splitlines()[0]))


def test_a_server_that_lost_its_shell_is_taken_over(tmp_path):
    first = postgres.launch(tmp_path).wait()
    shell = running(first.pid_file)
    assert shell is not None
    server = postmaster(tmp_path / "data")
    shell.kill()
    psutil.wait_procs([shell], timeout=20)
    assert first.ready(), "it goes on"
    second = postgres.launch(tmp_path, first.port).wait()
    try:
        assert server not in psutil.wait_procs([server], timeout=5)[1], "the old one has ended"
        assert second.address == first.address
        now = postmaster(tmp_path / "data")
        assert now.pid != server.pid
        assert psutil.Process(second.pid) in now.parents()
    finally:
        second.stop()
    assert not second.ready()

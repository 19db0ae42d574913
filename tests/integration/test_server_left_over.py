"""A PostgreSQL whose shell was killed runs on without anybody to end it: it is ended, and started
where it was."""

from __future__ import annotations

import psutil

from jobs.servers import postgres
from jobs.servers.process import running


def test_a_server_that_lost_its_shell_is_taken_over(tmp_path):
    first = postgres.launch(tmp_path).wait()
    shell = running(first.pid_file)
    assert shell is not None
    (server,) = [
        one for one in shell.children(recursive=True) if str(tmp_path / "data") in one.cmdline()
    ]
    shell.kill()
    psutil.wait_procs([shell], timeout=20)
    assert first.ready(), "it goes on"
    second = postgres.launch(tmp_path, first.port).wait()
    try:
        assert not server.is_running() or server.status() == psutil.STATUS_ZOMBIE
        assert second.address == first.address
        (now,) = [
            one
            for one in psutil.Process(second.pid).children(recursive=True)
            if str(tmp_path / "data") in one.cmdline()
        ]
        assert now.pid != server.pid
    finally:
        second.stop()
    assert not second.ready()

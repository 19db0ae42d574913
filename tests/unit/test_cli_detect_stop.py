"""`mingjian detect --stop` beside a keeper: it says that the job comes back, and who brings it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from typer.testing import CliRunner

from jobs.servers.process import free_port
from tests.support.command_line import app

ROOT = Path(__file__).resolve().parents[2]


class _NoJobs(BaseHTTPRequestHandler):
    """A cluster in which nothing runs (any more)."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"jobs": []}).encode())

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def cluster() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _NoJobs)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_a_job_that_is_kept_is_said_to_come_back(tmp_path, cluster, monkeypatch):
    monkeypatch.setenv("MINGJIAN_LANG", "en")
    data = ["--profile", "cluster", "--set", f"data_dir={tmp_path}"]
    stop = ["detect", "--stop", *data, "--set", f"flink.rest_url={cluster}"]
    away = f"flink.rest_url=http://127.0.0.1:{free_port()}"  # so it submits nothing
    keeper = subprocess.Popen(
        [sys.executable, "-m", "jobs.cli.main", "detect", "--keep", *data, "--set", away],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
    )
    try:
        assert keeper.stderr is not None
        assert b"cluster_away" in keeper.stderr.readline()
        done = CliRunner().invoke(app, stop)
        assert f"a keeper runs (pid {keeper.pid}" in done.stderr
        assert "submits the job again" in done.stderr
        told = CliRunner().invoke(app, [*stop, "--output", "json"])
        assert json.loads(told.stdout)["keeper"] == keeper.pid
        keeper.send_signal(signal.SIGTERM)
        keeper.wait(timeout=30)
    finally:
        keeper.kill()
        keeper.wait()
    done = CliRunner().invoke(app, stop)
    assert (done.exit_code, done.stderr) == (0, "")
    assert list(tmp_path.rglob("*.pid")) == []

"""`mingjian heartbeat` and a broker that is away: it waits, says so once, and ends when told."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from config.settings import load
from ingest.waiting import NotNow
from jobs import heartbeat
from jobs.servers.process import free_port

ROOT = Path(__file__).resolve().parents[2]


def settings_at(port: int):
    return load("cluster", overrides=(f"kafka.bootstrap=127.0.0.1:{port}",))


def test_it_waits_for_a_broker_says_so_once_and_ends_at_sigterm(tmp_path):
    address = f"127.0.0.1:{free_port()}"
    command = [sys.executable, "-m", "jobs.cli.main", "heartbeat", "--profile", "cluster"]
    running = subprocess.Popen(
        [*command, "--set", f"kafka.bootstrap={address}"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "MINGJIAN_LANG": "en"},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert running.stderr is not None
        first = running.stderr.readline()
        time.sleep(3)
        assert running.poll() is None, "it goes on"
        running.send_signal(signal.SIGTERM)
        began = time.monotonic()
        _, rest = running.communicate(timeout=20)
    finally:
        running.kill()
    assert first.startswith("waiting: ")
    assert address in first
    assert rest == ""
    assert running.returncode == 0
    assert time.monotonic() - began < 10


def test_a_single_one_does_not_wait_for_ever(monkeypatch):
    monkeypatch.setattr(heartbeat, "ONCE_S", 0.2)
    with pytest.raises(NotNow, match="no connection to Kafka at 127"):
        heartbeat.beat(
            settings_at(free_port()), every=1, delay=0, stop=threading.Event(), once=True
        )

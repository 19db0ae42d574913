"""Processes of the stack: ended by their own pid file and by nothing else."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time

import psutil
import pytest

from jobs.servers import jars
from jobs.servers.process import HOST, Server, answers, free_port, running, start, stop, take_port
from rules.errors import MingjianError


def test_stop_ends_the_process_and_what_it_started(tmp_path):
    code = "import subprocess, time; subprocess.Popen(['sleep', '60']); time.sleep(60)"
    pid_file, _ = start("parent", [sys.executable, "-c", code], tmp_path)
    parent = running(pid_file)
    end = time.monotonic() + 10
    while not parent.children():
        assert time.monotonic() < end
        time.sleep(0.05)
    child = parent.children()[0]
    assert stop(pid_file)
    assert not parent.is_running()
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
    assert not stop(pid_file), "a second time there is nothing to end"


def test_a_pid_used_again_by_another_process_is_left_alone(tmp_path):
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        pid_file = tmp_path / "x.pid"
        pid_file.write_text(json.dumps({"name": "x", "pid": stranger.pid, "started": 1.0}))
        assert running(pid_file) is None
        assert not stop(pid_file)
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def start_deaf(folder):
    """The pid file of a process that ignores SIGTERM."""
    code = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "print('deaf', flush=True); time.sleep(60)"
    )
    pid_file, log = start("deaf", [sys.executable, "-c", code], folder)
    while not log.read_text():
        time.sleep(0.05)
    return pid_file


def test_a_process_that_ignores_the_request_is_ended_all_the_same(tmp_path):
    pid_file = start_deaf(tmp_path)
    pid = running(pid_file).pid
    assert stop(pid_file, patience=0.3)
    assert not psutil.pid_exists(pid)


def test_a_process_that_is_started_again_while_the_old_one_ends_keeps_its_pid_file(tmp_path):
    pid_file = start_deaf(tmp_path)
    ending = threading.Thread(target=stop, args=(pid_file,), kwargs={"patience": 2})
    ending.start()
    time.sleep(0.5)
    start("deaf", ["sleep", "60"], tmp_path)
    ending.join()
    assert running(pid_file).name() == "sleep"
    assert stop(pid_file)


def test_a_server_that_ends_while_starting_shows_the_end_of_its_log(tmp_path):
    code = "print('no space left on device'); raise SystemExit(1)"
    pid_file, log = start("kafka", [sys.executable, "-c", code], tmp_path)
    server = Server("kafka", "-", 0, pid_file, log, lambda: False)
    with pytest.raises(
        MingjianError, match=r"kafka ended while starting: .*no space left"
    ) as caught:
        server.wait(timeout=20)
    assert str(log) in caught.value.fix_en


def test_a_port_in_use_is_one_clear_line():
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        listener.listen()
        port = listener.getsockname()[1]
        assert answers(port)
        who = f"by {psutil.Process().name()} \\(pid {os.getpid()}\\)"
        with pytest.raises(MingjianError, match=f"port {port} for redis is in use {who}") as caught:
            take_port(port, "redis")
        assert "--redis-port PORT" in caught.value.fix_en
        with pytest.raises(MingjianError) as caught:
            take_port(port, "flink.rest_port")
        assert "--set flink.rest_port=端口" in caught.value.fix_zh
    assert take_port(0, "redis") > 0
    wanted = free_port()
    assert take_port(wanted, "redis") == wanted


def test_without_maven_the_way_to_get_it_is_said(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(MingjianError, match="Maven") as caught:
        jars.find_maven()
    assert "apt-get install maven" in caught.value.fix_en


def test_a_server_does_not_inherit_what_pyflink_marks_a_process_with(tmp_path, monkeypatch):
    """Else its functions would run in the process that started it."""
    monkeypatch.setenv("PYTHON_LOOPBACK_SERVER_ADDRESS", "127.0.0.1:1")
    code = "import os; print(os.environ.get('PYTHON_LOOPBACK_SERVER_ADDRESS'), os.environ['OWN'])"
    _, log = start("server", [sys.executable, "-c", code], tmp_path, {"OWN": "here"})
    end = time.monotonic() + 20
    while log.read_text() != "None here\n":
        assert time.monotonic() < end, log.read_text()
        time.sleep(0.05)

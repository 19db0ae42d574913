"""`mingjian ingest http` as a process: its log, its readiness, what a killed one has left."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from config.settings import Ingest
from ingest.folder_ends import FolderOutputs, FolderRecords
from ingest.waiting import Wait
from rules.errors import MingjianError
from tests.support.collecting import bare, ids
from tests.support.endpoint import TOKEN, serving

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def running(folder: Path) -> Iterator[tuple[str, Path]]:
    """(address, file of the log) of a collector that writes beneath `folder`."""
    chosen = {
        "data_dir": folder / "data",
        "keys_dir": folder / "keys",
        "source.path": folder / "messages",
        "outputs.path": folder / "outputs",
        "ingest.wait_seconds": 1,
    }
    words = ["ingest", "http", "--port=0", "--json-logs"]
    words += [f"--set={key}={value}" for key, value in chosen.items()]
    told = folder / "log"
    with told.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "jobs.cli.main", *words],
            stderr=file,
            stdout=subprocess.DEVNULL,
            cwd=ROOT,
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "MINGJIAN_LANG": "en",
                "MINGJIAN_INGEST_TOKEN": TOKEN,
            },
        )
        try:
            address = ""
            end = time.monotonic() + 60
            while not address or not alive(address):
                assert process.poll() is None, told.read_text()
                assert time.monotonic() < end
                time.sleep(0.05)
                found = re.search(r"listening on (\S+)", told.read_text())
                address = found[1] if found else ""
            yield address, told
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


def alive(address: str) -> bool:
    try:
        return requests.get(f"{address}/healthz", timeout=10).ok
    except requests.ConnectionError:
        return False


def post(address: str, *bodies: bytes) -> requests.Response:
    headers = {"Content-Type": "application/x-ndjson", "Authorization": f"Bearer {TOKEN}"}
    body = b"\n".join(bodies)
    return requests.post(f"{address}/v1/records", data=body, headers=headers, timeout=60)


def until_ready(address: str, wanted: int) -> str:
    end = time.monotonic() + 30
    while True:
        answer = requests.get(f"{address}/readyz", timeout=30)
        if answer.status_code == wanted:
            return answer.text
        assert time.monotonic() < end
        time.sleep(0.1)


def say(address: str, text: bytes) -> None:
    host, port = urlsplit(address).hostname, urlsplit(address).port
    with socket.create_connection((host, port), timeout=30) as client:
        client.sendall(text)
        client.recv(65536)


def test_while_the_book_is_locked_it_is_not_ready_and_makes_no_copies(tmp_path: Path) -> None:
    batch = [bare(number) for number in range(20)]
    with running(tmp_path) as (address, _):
        until_ready(address, 200)
        book = tmp_path / "data" / "ingest" / "http.db"
        with closing(sqlite3.connect(book, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            assert [post(address, *batch).status_code for _ in range(2)] == [503, 503]
            assert "locked" in until_ready(address, 503)
            other.execute("ROLLBACK")
        assert post(address, *batch).json()["duplicates"] == 20
        until_ready(address, 200)
    assert len(ids(tmp_path)) == 20


def test_nobody_without_a_token_puts_lines_of_his_own_into_the_log(tmp_path: Path) -> None:
    with running(tmp_path) as (address, told):
        for _ in range(20):
            say(address, b"\x16\x03\x01garbage\r\n\r\n")
            say(
                address,
                b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"
                b"Upgrade: websocket\r\n\r\n",
            )
    first, *lines = told.read_text().splitlines()
    assert "listening on" in first
    events = [json.loads(line) for line in lines]
    said = [one["said"] for one in events if one["event"] == "server_said"]
    assert "Invalid HTTP request received." in said
    assert len(said) == len(set(said)), "each once a minute"


def test_what_a_killed_collector_has_left_is_removed_at_the_start(tmp_path: Path) -> None:
    folder = tmp_path / "messages"
    folder.mkdir()
    left = folder / ".messages-http.1234.part"
    others = [folder / name for name in (".messages-http-2.1234.part", ".messages-crm.7.part")]
    for path in (left, *others):
        path.write_bytes(b"half")
    with running(tmp_path):
        assert not left.exists()
        assert all(path.exists() for path in others), "another name is another collector"


def test_what_a_collector_is_writing_is_not_removed_by_one_of_the_same_name(tmp_path: Path) -> None:
    """With another data_dir it may well run: nothing else keeps the two apart."""
    ours, theirs = tmp_path / ".messages-x.1.part", tmp_path / ".messages-x.2.part"
    half = tmp_path / "quarantine" / ".part-ingest-x.1.part"
    half.parent.mkdir()
    half.write_bytes(b"half")
    ours.write_bytes(b"half")
    locking = (
        "import fcntl,sys;f=open(sys.argv[1],'wb');fcntl.flock(f,2);print(1,flush=True);input()"
    )
    command = [sys.executable, "-c", locking, str(theirs)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        wait = Wait(1, threading.Event())
        FolderRecords(tmp_path).write([], "x", wait)
        FolderOutputs(tmp_path).tell("quarantine", [b"{}"], "x", wait)
        assert theirs.exists()
        other.kill()
    assert not ours.exists()
    assert not half.exists()


def test_a_folder_that_no_write_fits_into_is_not_ready(tmp_path: Path) -> None:
    records = FolderRecords(tmp_path)
    assert records.ready() == ""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        why = records.ready()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert str(tmp_path) in why
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("settings", [Ingest(wait_seconds=1)])
def test_after_a_failed_write_it_is_not_ready_until_one_succeeds(
    tmp_path: Path, settings: Ingest
) -> None:
    """A broker that can be reached and takes nothing looks well to whoever only knocks."""
    with serving(tmp_path, settings) as (address, target):
        until_ready(address, 200)
        target.broken = MingjianError("no right to write", "无权写入")
        assert post(address, bare(1)).status_code == 503
        told = json.loads(until_ready(address, 503))["error"]
        assert "no right to write" in told["en"]
        assert "no right to write" in told["zh"]
        target.broken = None
        assert post(address, bare(1)).status_code == 200
        until_ready(address, 200)

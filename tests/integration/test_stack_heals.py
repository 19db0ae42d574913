"""`mingjian stack up` where parts have died: they are started again where they were, and whoever
waited for them goes on."""

from __future__ import annotations

import threading
import time

import psutil
import pytest

from config.settings import load
from jobs import progress, stack
from jobs.heartbeat import beat

ANY = stack.Ports(kafka=0, redis=0, elasticsearch=0, flink=0, postgres=0, s3=0)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where data and keys go
    yield tmp_path
    stack.down(tmp_path, wipe=True)


def kill(parts: list[stack.Part], *names: str) -> None:
    pids = [part.pid for part in parts if part.name in names]
    assert len(pids) == len(names)
    dying = [psutil.Process(pid) for pid in pids]
    for one in dying:
        one.kill()
    assert not psutil.wait_procs(dying, timeout=20)[1]


def seen_until(holds, seconds: float = 60) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if holds():
            return True
        time.sleep(0.2)
    return False


def test_what_died_is_started_where_it_was_and_a_heartbeat_goes_on(folder):
    first = stack.up(folder, ports=ANY)
    written = (folder / stack.SETTINGS_FILE).read_text()
    settings = load(path=folder / stack.SETTINGS_FILE)
    over, beats, news = threading.Event(), [], []
    beating = threading.Thread(
        target=beat,
        args=(settings,),
        kwargs={
            "every": 0.2,
            "delay": 0.0,
            "stop": over,
            "on_beat": lambda told, _: beats.append(told),
            "tell": lambda told: news.append(told.state),
        },
    )
    beating.start()
    try:
        assert seen_until(lambda: len(beats) > 2)
        kill(first, "redis", "kafka", "taskmanager-1", "postgres")
        assert seen_until(lambda: "away" in news)
        there = len(beats)
        again = stack.up(folder)
        assert [(part.name, part.address) for part in again] == [
            (part.name, part.address) for part in first
        ]
        assert all(part.pid for part in again)
        assert {part.name for part in again if part.pid not in {one.pid for one in first}} == {
            "redis",
            "kafka",
            "taskmanager-1",
            "postgres",
        }
        assert (folder / stack.SETTINGS_FILE).read_text() == written
        assert progress.free_slots(settings.flink.rest_url) == 2
        assert seen_until(lambda: len(beats) > there + 2), "it goes on by itself"
        assert news == ["away", "back"] or "waiting" in news
    finally:
        over.set()
        beating.join(timeout=20)
    assert not beating.is_alive()
    kill(again, "flink")
    stack.up(folder, ports=ANY)
    assert progress.free_slots(settings.flink.rest_url) == 2
    assert all(part.pid for part in stack.status(folder))

"""`mingjian stack`: servers up, a settings file that works, the deliverer running, all ended."""

from __future__ import annotations

import psutil
import pytest
from kafka import KafkaProducer

from config.settings import load
from jobs import stack
from rules.errors import MingjianError
from sinks.readers import open_reader
from tests.support.records import alert

ANY = stack.Ports(kafka=0, redis=0, elasticsearch=0, flink=0, postgres=0, s3=0)


def test_up_gives_a_working_system_and_down_ends_just_that(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where data and keys go
    said: list[str] = []
    try:
        parts = stack.up(
            tmp_path,
            ports=ANY,
            task_managers=1,
            with_deliver=True,
            say=lambda en, _: said.append(en),
        )
        names = [part.name for part in parts]
        assert names == [
            "redis", "kafka", "elasticsearch", "flink", "taskmanager-1", "postgres", "s3",
            "deliver",
        ]  # fmt: skip
        assert all(part.pid for part in parts)
        assert any("kafka is up at 127.0.0.1:" in line for line in said)
        settings = load(path=tmp_path / stack.SETTINGS_FILE)
        assert settings.flink.parallelism == 1
        reader = open_reader(settings)
        producer = KafkaProducer(bootstrap_servers=settings.kafka.bootstrap)
        producer.send("alerts", alert(1).body).get(timeout=10)
        producer.close()
        rows, _ = reader.follow("", timeout=25)
        assert [row["alert_id"] for row in rows] == [alert(1).id]
        again = stack.up(tmp_path, ports=ANY, task_managers=1)
        assert {p.name: p.pid for p in again} == {p.name: p.pid for p in parts}
    finally:
        ended = stack.down(tmp_path, wipe=True)
    assert ended == len(names)
    assert not any(psutil.pid_exists(part.pid) for part in parts)
    assert stack.status(tmp_path) == []


def test_a_port_in_use_ends_what_was_started_and_says_which(tmp_path, redis_server, monkeypatch):
    monkeypatch.chdir(tmp_path)
    taken = stack.Ports(
        redis=0, kafka=redis_server.port, elasticsearch=0, flink=0, postgres=0, s3=0
    )
    with pytest.raises(MingjianError, match=f"port {redis_server.port} for kafka is in use"):
        stack.up(tmp_path, ports=taken)
    assert stack.status(tmp_path) == []
    assert redis_server.ready(), "a stranger's server is left alone"

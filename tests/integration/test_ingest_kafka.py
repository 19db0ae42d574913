"""The collector on a real broker: killed, cut off and restarted, it loses nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
import requests
import yaml
from kafka import KafkaConsumer, TopicPartition

from config.settings import Kafka, Settings
from ingest.collector import Collector
from ingest.intake import Taken
from ingest.waiting import NotNow, Told
from jobs.collecting import collector, ends
from jobs.servers import kafka as kafka_server
from jobs.servers.process import free_port
from rules.operations import incident
from tests.support.collecting import T0, bare, enveloped, event

PATIENCE_S = 150.0
ROOT = Path(__file__).resolve().parents[2]
TOKEN = "0123456789abcdef0123"


@contextmanager
def opened(settings: Settings, source: str = "x", **how) -> Iterator[Collector]:
    with (
        ends(settings, threading.Event(), **how) as where,
        collector(with_keys(settings), source, where) as intake,
    ):
        yield intake


def with_keys(settings: Settings) -> Settings:
    return msgspec.structs.replace(settings, keys_dir=f"{settings.data_dir}/keys")


def in_topic(settings: Settings, topic: str = "") -> list:
    """Every record of a topic, by default of the one the job reads."""
    topic = topic or settings.source.topic
    consumer = KafkaConsumer(
        bootstrap_servers=settings.kafka.bootstrap,
        consumer_timeout_ms=15_000,
        max_partition_fetch_bytes=32 << 20,
        fetch_max_bytes=64 << 20,
    )
    parts = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic)]
    consumer.assign(parts)
    consumer.seek_to_beginning()
    total = sum(consumer.end_offsets(parts).values())
    records = [record for _, record in zip(range(total), consumer, strict=False)]
    consumer.close()
    assert len(records) == total
    return records


def msgids(records: list) -> Counter[str]:
    return Counter(json.loads(record.value)["payload"]["msgid"] for record in records)


def names(count: int) -> set[str]:
    return {f"m{number}" for number in range(count)}


def until(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.05)


def test_records_stand_in_the_topic_as_the_job_expects_them(cluster_settings) -> None:
    settings = cluster_settings
    soon = int(time.time() * 1000) + 20 * 3600 * 1000  # a clock that is most of a day ahead
    bodies = [
        enveloped(1),
        bare(2, roomid="wrROOM"),
        event(3),
        b"\xff no json",
        bare(4, msgtime=soon),
    ]
    with opened(settings) as intake:
        assert intake.take(bodies) == Taken(new=5, undecoded=1)
        assert intake.take(bodies) == Taken(duplicates=5)
        intake.beat(T0)
        one = incident("sequence_gap", tenant="demo", source="x", key="1", time=T0)
        intake.incident(one)
    records = {
        record.key: record for record in in_topic(settings) if b"heartbeat" not in record.value
    }
    assert set(records) == {b"wmAAAAAAAAAAAA|zhangsan", b"wrROOM", b"lisi", None}
    for key, record in records.items():
        assert record.headers == [("mingjian-source", b"x")]
        if key:
            assert record.partition == zlib.crc32(key) % 2
    assert records[b"wrROOM"].timestamp == records[b"lisi"].timestamp == T0
    assert records[None].value == b"\xff no json"
    beats = [record for record in in_topic(settings) if b"heartbeat" in record.value]
    assert sorted(record.partition for record in beats) == [0, 1]
    assert {record.timestamp for record in beats} == {T0}
    assert msgids([record for record in in_topic(settings) if b'"m4"' in record.value]) == {"m4": 1}
    (told,) = in_topic(settings, f"{settings.outputs.topic_prefix}incidents")
    assert json.loads(told.value)["incident_id"] == one.incident_id


def test_what_the_topic_cannot_carry_is_set_aside_and_the_rest_goes_on(cluster_settings) -> None:
    small = msgspec.structs.replace(cluster_settings.kafka, max_record_bytes=1 << 20)
    ours = msgspec.structs.replace(cluster_settings, kafka=small)
    large = bare("large", "x" * ((1 << 20) - 600))  # fits by itself, not with what is around it
    with opened(ours) as intake:
        assert intake.take([large, bare(0)]) == Taken(new=1, set_aside=1)
    assert msgids(in_topic(ours)) == {"m0": 1}
    (aside,) = in_topic(ours, f"{ours.outputs.topic_prefix}quarantine")
    assert json.loads(aside.value)["reason"] == "too_large"


def test_what_the_broker_refuses_as_too_large_is_set_aside_too(cluster_settings) -> None:
    """Its own limit may be lower than our setting."""
    from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient  # noqa: PLC0415

    settings = cluster_settings
    admin = KafkaAdminClient(bootstrap_servers=settings.kafka.bootstrap)
    admin.alter_configs(
        [
            ConfigResource(
                ConfigResourceType.TOPIC,
                settings.source.topic,
                configs={"max.message.bytes": "20000"},
            )
        ]
    )
    admin.close()
    bodies = [bare(number) for number in range(200)]
    bodies.insert(100, bare("large", "x" * 50_000))
    with opened(settings) as intake:
        assert intake.take(bodies) == Taken(new=200, set_aside=1)
    assert msgids(in_topic(settings)) == dict.fromkeys(names(200), 1)


def command(settings: Settings, folder: Path, *words: str) -> list[str]:
    """The command line of a collector of these settings."""
    file = folder / "settings.yaml"
    file.write_text(
        yaml.safe_dump(
            {
                "profile": "cluster",
                "tenant": settings.tenant,
                "data_dir": str(folder / "data"),
                "keys_dir": str(folder / "keys"),
                "source": {"kind": "kafka", "topic": settings.source.topic},
                "outputs": {"kind": "kafka", "topic_prefix": settings.outputs.topic_prefix},
                "kafka": {"bootstrap": settings.kafka.bootstrap},
                "ingest": {"wait_seconds": 2},
                "targets": [],
            }
        ),
        encoding="utf-8",
    )
    return [sys.executable, "-m", "jobs.cli.main", "ingest", *words, "--config", str(file)]


def start(words: list[str], **how) -> subprocess.Popen:
    environment = {
        **os.environ, "PYTHONPATH": str(ROOT), "MINGJIAN_LANG": "en",
        "MINGJIAN_INGEST_TOKEN": TOKEN,
    }  # fmt: skip
    return subprocess.Popen(words, env=environment, text=True, cwd=ROOT, **how)


def end_offset(settings: Settings) -> int:
    consumer = KafkaConsumer(bootstrap_servers=settings.kafka.bootstrap)
    topic = settings.source.topic
    parts = [TopicPartition(topic, n) for n in consumer.partitions_for_topic(topic) or ()]
    total = sum(consumer.end_offsets(parts).values())
    consumer.close()
    return total


COUNT = 16_000


def ended_at(settings: Settings, words: list[str], share: float) -> bool:
    """Kill a collector when so much of all is written; False when it was faster."""
    process = start(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until(
        lambda: end_offset(settings) >= share * COUNT or process.poll() is not None,
        "nothing was written",
    )
    early = process.poll() is None
    process.kill()
    process.wait()
    return early


@pytest.fixture
def export(tmp_path: Path) -> Path:
    file = tmp_path / "export.jsonl"
    file.write_bytes(b"".join(bare(number) + b"\n" for number in range(COUNT)))
    return file


def test_a_collector_that_is_killed_goes_on_and_has_lost_nothing(
    cluster_settings, tmp_path: Path, export: Path
) -> None:
    words = command(cluster_settings, tmp_path, "files", str(export))
    killed = sum(ended_at(cluster_settings, words, share) for share in (0.2, 0.6))
    assert killed
    done = subprocess.run(
        [*words, "-o", "json"], capture_output=True, text=True, check=True, cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert json.loads(done.stdout)["set_aside"] == 0
    found = msgids(in_topic(cluster_settings))
    assert set(found) == names(COUNT)
    # only the batch in hand at a kill may stand there twice
    assert sum(found.values()) - COUNT <= killed * 2000


def test_a_broker_that_ends_is_waited_for_and_everything_arrives(
    cluster_settings, tmp_path: Path, export: Path
) -> None:
    port = free_port()
    folder = tmp_path / "broker"
    broker = kafka_server.launch(folder, port).wait()
    own = msgspec.structs.replace(cluster_settings, kafka=Kafka(bootstrap=broker.address))
    log = (tmp_path / "log").open("w+")
    process = start(command(own, tmp_path, "files", str(export)), stdout=log, stderr=log)
    try:
        until(lambda: topic_is_there(own) and end_offset(own) > 0, "nothing was written")
        broker.kill()
        until(lambda: "waiting" in (tmp_path / "log").read_text(), "nobody says that it waits")
        assert process.poll() is None
        broker = kafka_server.launch(folder, port).wait()
        assert process.wait(PATIENCE_S) == 0
        said = (tmp_path / "log").read_text()
        assert "there again after" in said
        assert f"{COUNT:,} new records" in said
        assert set(msgids(in_topic(own))) == names(COUNT)
    finally:
        process.kill()
        process.wait()
        broker.stop()
        log.close()


def topic_is_there(settings: Settings) -> bool:
    consumer = KafkaConsumer(bootstrap_servers=settings.kafka.bootstrap)
    there = settings.source.topic in consumer.topics()
    consumer.close()
    return there


def test_over_http_a_broker_that_is_away_means_later_and_never_lost(
    cluster_settings, tmp_path: Path
) -> None:
    port = free_port()
    folder = tmp_path / "broker"
    own = msgspec.structs.replace(cluster_settings, kafka=Kafka(bootstrap=f"127.0.0.1:{port}"))
    listening = free_port()
    words = command(own, tmp_path, "http", "--port", str(listening), "-o", "json")
    process = start(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{listening}"
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/x-ndjson"}

    def post(number: int) -> requests.Response:
        return requests.post(f"{address}/v1/records", bare(number), headers=headers, timeout=30)

    broker = None
    try:
        until(lambda: answers(f"{address}/healthz"), "the endpoint did not start")
        assert requests.get(f"{address}/readyz", timeout=30).status_code == 503
        away = post(0)
        assert (away.status_code, away.headers["Retry-After"]) == (503, "5")
        broker = kafka_server.launch(folder, port).wait()
        until(lambda: post(0).ok, "it did not come back")
        assert post(0).json()["duplicates"] == 1
        assert post(1).json()["new"] == 1
        broker.kill()
        assert post(2).status_code == 503
        broker = kafka_server.launch(folder, port).wait()
        until(lambda: post(2).ok, "it did not come back")
        assert set(msgids(in_topic(own))) == names(3)
        process.send_signal(signal.SIGTERM)
        summary, _ = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 0
        assert json.loads(summary)["sources"]["http"]["new"] == 3
    finally:
        process.kill()
        process.wait()
        if broker:
            broker.stop()


def answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).ok
    except requests.ConnectionError:
        return False


def test_without_a_broker_patience_ends_and_says_why(tmp_path: Path, cluster_settings) -> None:
    kafka = Kafka(bootstrap=f"127.0.0.1:{free_port()}")
    settings = msgspec.structs.replace(cluster_settings, kafka=kafka)
    told: list[Told] = []
    with (
        pytest.raises(NotNow, match="no connection to Kafka"),
        opened(settings, patience=1.0, tell=told.append) as intake,
    ):
        intake.take([bare(1)])
    assert told[0].state == "away"

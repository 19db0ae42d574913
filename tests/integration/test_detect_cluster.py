"""The cluster profile end to end: Kafka → job on a Flink cluster → Kafka → Redis, Elasticsearch."""

from __future__ import annotations

import contextlib
import json
import time
import zlib

import msgspec
import pytest
from kafka import KafkaConsumer, KafkaProducer

from config.settings import Flink, Settings
from jobs import deliver, progress
from jobs.detect import job_name, run, stop
from rules.alert import OUTPUTS
from rules.calendar import load_calendar
from rules.decode import Decoder
from rules.engine import Engine
from rules.errors import MingjianError
from rules.ruleset import RuleTimeline
from sinks.readers import open_reader
from tests.support.flows import catalogue_records, comparable

BAD = [b"{", b"\xff\xfe", b'{"v":1,"kind":"archive","payload":{"msgid":"x"}}', b"y" * 2_000_000]


@pytest.fixture
def settings(cluster_settings, flink_cluster, tmp_path) -> Settings:
    """The job on the cluster of all tests, keys and checkpoints in a folder of its own."""
    return msgspec.structs.replace(
        cluster_settings,
        keys_dir=str(tmp_path / "keys"),
        flink=Flink(
            parallelism=2,
            rest_url=flink_cluster.address,
            checkpoint_interval_ms=1000,
            checkpoint_dir=str(tmp_path / "checkpoints"),
        ),
    )


def produce(settings: Settings, records: list[bytes]) -> None:
    """As the collector writes them: one company stays in one partition, and the timestamp is the
    message's own time, or of what cannot be read that of the message before."""
    producer = KafkaProducer(bootstrap_servers=settings.kafka.bootstrap, max_request_size=4_000_000)
    tenant, time_ms = "", 0
    for raw in records:
        with contextlib.suppress(ValueError, KeyError):
            read = json.loads(raw)
            tenant, time_ms = read["tenant"], read["time"]
        partition = zlib.crc32(tenant.encode()) % 2
        producer.send(settings.source.topic, raw, partition=partition, timestamp_ms=time_ms)
    producer.flush()
    producer.close()


def consume(settings: Settings) -> dict[str, list[dict]]:
    """Everything that stands in the output topics."""
    found = {}
    for output in OUTPUTS:
        consumer = KafkaConsumer(
            settings.outputs.topic_prefix + output,
            bootstrap_servers=settings.kafka.bootstrap,
            auto_offset_reset="earliest",
            consumer_timeout_ms=2000,
        )
        found[output] = [json.loads(record.value) for record in consumer]
        consumer.close()
    return found


def test_kafka_to_targets_agrees_with_the_pure_engine(settings, redis_target, elasticsearch_target):
    """All catalogue cases, and bad records between them, through real servers only."""
    catalogue = catalogue_records()
    produce(settings, [*catalogue[:50], *BAD, *catalogue[50:]])

    assert run(settings).state == "FINISHED"
    found = consume(settings)

    engine = Engine(RuleTimeline.load(), Decoder(settings.tenant), load_calendar())
    expected: dict[str, list] = {name: [] for name in OUTPUTS}
    for kind, body in engine.run(catalogue):
        expected[kind].append(json.loads(body))
    assert comparable({"alerts": found["alerts"]}) == comparable({"alerts": expected["alerts"]})
    assert comparable({"evidence": found["evidence"]}) == comparable(
        {"evidence": expected["evidence"]}
    )
    assert sorted(row["reason"] for row in found["quarantine"]) == [
        "missing_field",
        "not_json",
        "not_utf8",
        "too_large",
    ]
    for row in found["quarantine"]:
        assert row["position"]["source"] == f"kafka:{settings.source.topic}"
        assert row["position"].get("offset", 0) >= 0

    targets = (redis_target, elasticsearch_target)
    with_targets = msgspec.structs.replace(settings, targets=targets)
    deliver.run(with_targets, once=True)
    report = deliver.run(with_targets, once=True)  # a second time: nothing new
    assert {state.written for state in report.targets} == {0}

    for tenant in {alert["tenant"] for alert in expected["alerts"]}:
        reader = open_reader(msgspec.structs.replace(with_targets, tenant=tenant))
        wanted = {a["alert_id"] for a in expected["alerts"] if a["tenant"] == tenant}
        assert {alert["alert_id"] for alert in reader.alerts(limit=1000)[0]} == wanted


def test_a_job_left_running_says_how_far_it_is_until_it_is_stopped(settings):
    settings = msgspec.structs.replace(
        settings, source=msgspec.structs.replace(settings.source, follow=True)
    )
    catalogue = [raw for raw in catalogue_records() if json.loads(raw)["tenant"]]
    produce(settings, [*catalogue, b"{"])
    report = run(settings, detached=True)
    url = settings.flink.rest_url
    assert progress.running(url, job_name(settings)) == [report.job_id]

    monitor = progress.JobMonitor(url, report.job_id)
    seen = wait_for(monitor.look, lambda look: look and look.records == len(catalogue) + 1)

    assert seen.state == "RUNNING"
    assert seen.counters["quarantined"] == 1
    assert 0 < seen.counters["hits"] < seen.records
    assert seen.counters["open_groups"] > 0
    assert monitor.problem() == ""
    with pytest.raises(MingjianError, match="is running there"):
        run(settings)
    crowded = msgspec.structs.replace(
        settings, tenant="other", flink=msgspec.structs.replace(settings.flink, parallelism=99)
    )
    with pytest.raises(MingjianError, match="free slots, the job needs 99"):
        run(crowded)
    assert list(stop(settings)) == [report.job_id]
    wait_for(monitor.look, lambda look: look and look.state == "CANCELED")
    assert stop(settings) == {}


def wait_for(look, enough, seconds=60):
    """The first look that is enough; fails when none is in time."""
    until = time.monotonic() + seconds
    while not enough(seen := look()):
        assert time.monotonic() < until, f"after {seconds} s still {seen}"
        time.sleep(0.2)
    return seen

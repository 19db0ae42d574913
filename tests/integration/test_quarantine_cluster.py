"""Quarantine with a way back on real Kafka, Flink, Redis and Elasticsearch."""

from __future__ import annotations

import json
import zlib

import msgspec
import pytest
import yaml
from elasticsearch import Elasticsearch
from kafka import KafkaConsumer, KafkaProducer
from redis import Redis
from typer.testing import CliRunner

from config.settings import Limits, Rules, Settings
from jobs import deliver
from jobs.detect import run
from rules.cases import record
from rules.decode import Decoder
from rules.engine import Engine
from rules.errors import EXIT_FINDINGS
from rules.ruleset import RuleTimeline
from tests.support.command_line import app
from tests.support.flows import changed
from tests.support.records import alert, with_field
from tests.support.rule_files import CALENDAR, SIMPLE, outputs, ruleset

SAID = {"at": "10:00", "from": "zhangwei", "to": "c1"}


def call(settings: Settings, folder, *words: str, code: int = 0) -> dict:
    """Run a command with these settings; what it says as JSON."""
    file = folder / "settings.yaml"
    file.write_text(yaml.safe_dump(msgspec.to_builtins(settings)))
    done = CliRunner().invoke(app, [*words, "--output", "json", "--config", str(file)])
    assert done.exit_code == code, (done.exception, done.output)
    return json.loads(done.stdout.splitlines()[-1])


def produce(settings: Settings, topic: str, *values: bytes) -> None:
    producer = KafkaProducer(bootstrap_servers=settings.kafka.bootstrap)
    for value in values:
        producer.send(topic, value, partition=0, timestamp_ms=1_772_589_600_000)
    producer.flush()
    producer.close()


def everything(settings: Settings, topic: str) -> list:
    consumer = KafkaConsumer(
        topic,
        bootstrap_servers=settings.kafka.bootstrap,
        auto_offset_reset="earliest",
        consumer_timeout_ms=3000,
    )
    found = list(consumer)
    consumer.close()
    return found


@pytest.fixture
def site(cluster_settings, flink_cluster, redis_target, elasticsearch_target, tmp_path):
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "words.yaml").write_text(SIMPLE, encoding="utf-8")
    return changed(
        cluster_settings,
        keys_dir=str(tmp_path / "keys"),
        targets=(redis_target, elasticsearch_target),
        limits=Limits(record_bytes=5000),
        rules=Rules(path=str(rules)),
        flink={
            "parallelism": 2,
            "rest_url": flink_cluster.address,
            "checkpoint_interval_ms": 1000,
            "checkpoint_dir": str(tmp_path / "checkpoints"),
        },
    )


def test_fixed_and_replayed_records_give_the_alerts_they_would_have_given(site, tmp_path):
    good, broken, long = (
        record({**SAID, "text": text}, f"m{n}", n, site.tenant)
        for n, text in enumerate(["这款保本", "那款保本", "也保本" + "好" * 2000], start=1)
    )
    topic = site.source.topic
    produce(site, topic, good, broken[:-1], long, b"\xff")
    timeline = RuleTimeline([(0, ruleset(tmp_path / "plain", SIMPLE))])
    plain = Engine(timeline, Decoder(site.tenant), CALENDAR).run([good, broken, long])
    expected = {
        row["alert_id"]: row["members"][0]["msgid"] for row in outputs(list(plain), "alerts")
    }
    assert sorted(expected.values()) == ["m1", "m2", "m3"]

    def judged() -> list[str]:
        assert run(site).state == "FINISHED"
        deliver.run(site, once=True)
        rows = call(site, tmp_path, "alerts", "list")["alerts"]
        assert all(expected[row["alert_id"]] == row["members"][0]["msgid"] for row in rows)
        with Redis.from_url(site.targets[0].url) as client:
            told = client.xrange(f"mingjian:{{{site.tenant}}}:alerts")
        assert sorted(fields[b"id"].decode() for _, fields in told) == sorted(
            row["alert_id"] for row in rows
        )
        return sorted(row["members"][0]["msgid"] for row in rows)

    assert judged() == ["m1"]
    waiting = call(site, tmp_path, "quarantine", "list")["quarantine"]
    by_reason = {row["reason"]: row["quarantine_id"] for row in waiting}
    assert set(by_reason) == {"not_json", "too_large", "not_utf8"}

    (tmp_path / "fixed.json").write_bytes(msgspec.json.format(broken, indent=2))
    fix = ("quarantine", "fix", by_reason["not_json"], "--file", str(tmp_path / "fixed.json"))
    for _ in range(2):
        assert call(site, tmp_path, *fix)["msgid"] == "m2"
    site = changed(site, limits=Limits(record_bytes=50_000))
    for _ in range(2):  # nothing was delivered in between: the second time it is still open
        told = call(site, tmp_path, "quarantine", "replay", "--all", "--yes", "--reason",
                    "too_large")  # fmt: skip
        assert told["replayed"] == [by_reason["too_large"]]
    told = call(site, tmp_path, "quarantine", "replay", "--all", "--yes", "--reason", "not_utf8",
                code=EXIT_FINDINGS)  # fmt: skip
    assert told["replayed"] == []

    back = [one for one in everything(site, topic) if one.headers]
    assert [one.value for one in back] in (
        [broken, broken, long, long],
        [long, long, broken, broken],
    )
    assert {dict(one.headers)["mingjian-origin"] for one in back} == {
        f"{topic}/0/1".encode(),
        f"{topic}/0/2".encode(),
    }
    assert {one.partition for one in back} == {zlib.crc32(back[0].key) % 2}, "as a collector does"
    assert {one.timestamp for one in back} == {json.loads(broken)["time"]}

    assert judged() == ["m1", "m2", "m3"]
    rows = call(site, tmp_path, "quarantine", "list", "--all")["quarantine"]
    assert len(rows) == 3, "what is read a second time is not set aside a second time"
    waiting = call(site, tmp_path, "quarantine", "list")["quarantine"]
    assert [row["reason"] for row in waiting] == ["not_utf8"]
    call(site, tmp_path, "quarantine", "drop", by_reason["not_utf8"], "--reason", "line noise")
    deliver.run(site, once=True)
    assert call(site, tmp_path, "quarantine", "list")["quarantine"] == []
    counts = call(site, tmp_path, "alerts", "stats")
    assert (counts["alerts"], counts["handled"]) == (3, 5)


def test_what_a_strict_mapping_refused_is_stored_after_the_mapping_was_mended(
    cluster_settings, redis_target, elasticsearch_target, tmp_path
):
    site = changed(cluster_settings, targets=(redis_target, elasticsearch_target))
    odd = with_field(alert(1, tenant=site.tenant), "surprise", "a field of a newer job")
    fine = alert(2, tenant=site.tenant)
    produce(site, f"{site.outputs.topic_prefix}alerts", odd.body, fine.body)
    deliver.run(site, once=True)
    target = ("--target", "elasticsearch")
    refused = call(site, tmp_path, "quarantine", "list", *target)["refused"]
    assert [(one["kind"], one["id"]) for one in refused] == [("alerts", odd.id)]
    assert "surprise" in refused[0]["reason"]
    again = call(site, tmp_path, "quarantine", "replay", "--all", "--yes", *target,
                 code=EXIT_FINDINGS)  # fmt: skip
    assert (again["stored"], len(again["refused"])) == ([], 1)

    name = f"{elasticsearch_target.index_prefix}-alerts"
    with Elasticsearch(elasticsearch_target.url) as client:
        client.indices.put_mapping(index=name, properties={"surprise": {"type": "keyword"}})
    for _ in range(2):
        told = call(site, tmp_path, "quarantine", "replay", odd.id, *target)
        assert told["stored"] == [odd.id]
    deliver.run(site, once=True)
    assert call(site, tmp_path, "quarantine", "list", *target)["refused"] == []
    rows = call(site, tmp_path, "alerts", "list")["alerts"]
    assert sorted(row["alert_id"] for row in rows) == sorted([odd.id, fine.id])

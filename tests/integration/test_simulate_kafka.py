"""The simulator against a real broker."""

from __future__ import annotations

import json
import uuid
import zlib

import pytest
import typer
from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.admin import NewTopic
from typer.testing import CliRunner

from jobs.cli import simulate
from rules.errors import MingjianError

pytestmark = pytest.mark.integration


def call(*options: str):
    cli = typer.Typer()
    cli.callback()(lambda: None)
    simulate.register(cli)
    return CliRunner().invoke(cli, ["simulate", "--format", "kafka", *options])


def test_every_record_arrives_once_in_order_in_its_partition(kafka, tmp_path) -> None:
    topic = f"simulated-{uuid.uuid4().hex[:8]}"
    admin = KafkaAdminClient(bootstrap_servers=kafka.address)
    admin.create_topics([NewTopic(topic, 3, 1)])
    admin.close()
    truth = tmp_path / "truth.jsonl"
    options = ["--bootstrap", kafka.address, "--topic", topic, "--truth", str(truth), "-n", "3000"]
    result = call(*options, "--violations", "1", "-o", "json")
    assert result.exit_code == 0, result.exception
    summary = json.loads(result.stdout)
    assert truth.is_file()

    consumer = KafkaConsumer(bootstrap_servers=kafka.address, consumer_timeout_ms=4000)
    parts = [TopicPartition(topic, n) for n in range(3)]
    consumer.assign(parts)
    consumer.seek_to_beginning()
    total = sum(consumer.end_offsets(parts).values())
    records = [record for _, record in zip(range(total), consumer, strict=False)]
    consumer.close()
    assert len(records) == total == summary["messages"] + summary["events"]
    last = [0, 0, 0]
    for record in records:
        body = json.loads(record.value)
        assert record.timestamp == body["time"] >= last[record.partition]
        assert zlib.crc32(record.key) % 3 == record.partition
        last[record.partition] = body["time"]


def test_a_name_that_no_topic_can_have_is_refused(kafka) -> None:
    result = call("--bootstrap", kafka.address, "--topic", "bad topic name", "--violations", "0")
    assert isinstance(result.exception, MingjianError)
    assert "bad topic name" in result.exception.en

"""Event time goes on while nobody talks, and where nobody ever has."""

from __future__ import annotations

import json
import threading
import time

import msgspec
import pytest
from kafka import KafkaConsumer, KafkaProducer

from jobs import progress
from jobs.detect import run, stop
from jobs.heartbeat import beat
from rules.alert import OUTPUTS
from rules.cases import record
from tests.integration.test_detect_cluster import produce, wait_for
from tests.support.flows import changed
from tests.support.rule_files import at

NO_ANSWER = """\
name: t_asked
detection: {it: {type: text, text|contains: 在吗}, condition: it}
mingjian: {signal: true}
---
name: t_answered
detection: {it: {sender_kind: employee}, condition: it}
mingjian: {signal: true}
---
title: 客户问话无人回答
id: 6a53a4e5-0d0a-4c55-8a54-1c8a7c1c1e0c
name: t_no_answer
correlation:
  type: temporal_ordered
  condition: t_asked and not t_answered
  group-by: [conversation]
  timespan: 2s
level: high
mingjian: {version: 1, item: A11-10, response: 2}
"""


@pytest.fixture
def asking(cluster_settings, flink_cluster, tmp_path):
    """A job that waits two seconds for answers."""
    rules = tmp_path / "rules" / "no_answer.yaml"
    rules.parent.mkdir()
    rules.write_text(NO_ANSWER, encoding="utf-8")
    return changed(
        cluster_settings,
        source={"follow": True},
        flink={
            "parallelism": 2,
            "rest_url": flink_cluster.address,
            "checkpoint_dir": str(tmp_path / "checkpoints"),
            "checkpoint_interval_ms": 500,
            "allowed_lateness_ms": 1000,
        },
        rules=msgspec.structs.replace(cluster_settings.rules, path=str(rules.parent)),
        keys_dir=str(tmp_path / "keys"),
    )


@pytest.fixture
def alerts(asking):
    consumer = KafkaConsumer(
        f"{asking.outputs.topic_prefix}alerts",
        bootstrap_servers=asking.kafka.bootstrap,
        auto_offset_reset="earliest",
        consumer_timeout_ms=60_000,
    )
    yield consumer
    consumer.close()


def said(when, text, **more):
    """One message of the company "demo", all of whose messages stand in one partition."""
    message = {"at": "10:00", "from": "c1", "to": "zhangwei", "text": text} | more
    return at(when, record(message, text, 1))


def test_an_absence_is_told_while_nobody_talks(asking, alerts):
    """One question and silence: without heartbeats event time stands still."""
    now = int(time.time() * 1000)
    produce(asking, [said(now, "在吗")])
    report = run(asking, detached=True)
    monitor = progress.JobMonitor(asking.flink.rest_url, report.job_id)
    over = threading.Event()
    beating = threading.Thread(
        target=beat, args=(asking,), kwargs={"every": 0.5, "delay": 1.0, "stop": over}
    )
    try:
        wait_for(monitor.look, lambda look: look and look.records == 1)
        time.sleep(4)  # twice the time in which an answer was due
        assert alerts.poll(timeout_ms=0) == {}
        beating.start()
        alert = json.loads(next(alerts).value)
    finally:
        over.set()
        if beating.is_alive():
            beating.join()
        saved = stop(asking, savepoint=True)
    assert alert["rule"]["name"] == "t_no_answer"
    assert alert["time"] == now + 2000
    (place,) = saved.values()
    assert place.startswith("file:")
    seen = monitor.look()
    assert seen is None or seen.counters.get("quarantined", 0) == 0


def test_a_partition_in_which_nothing_stands_does_not_hold_event_time(asking, alerts):
    """The other one tells what time it is, once the empty one has been idle for long enough."""
    settings = changed(asking, flink={"idle_timeout_ms": 1500})
    now = int(time.time() * 1000)
    later = said(now + 10_000, "你好", to="lina")
    produce(settings, [said(now, "在吗"), later])
    run(settings, detached=True)
    try:
        alert = json.loads(next(alerts).value)
    finally:
        stop(settings)
    assert alert["rule"]["name"] == "t_no_answer"
    assert alert["time"] == now + 2000


def test_a_clock_that_is_wrong_keeps_nobodys_messages_out(cluster_settings):
    """A broker refuses, unless it is told, a whole batch in which one record is dated far ahead."""
    settings = cluster_settings
    producer = KafkaProducer(bootstrap_servers=settings.kafka.bootstrap, linger_ms=200)
    now = int(time.time() * 1000)
    times = (now, now + 2 * 3_600_000, 4_102_444_800_000, 0)
    names = [settings.source.topic, *(settings.outputs.topic_prefix + name for name in OUTPUTS)]
    sent = [
        producer.send(name, b"{}", partition=0, timestamp_ms=stamp)
        for name in names
        for stamp in times
    ]
    assert all(one.get(timeout=30).offset >= 0 for one in sent)
    producer.close()

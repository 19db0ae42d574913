"""State and positions outlive a job: stopped and started again, on fewer or more slots; and event
time goes on while nobody talks."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
import time
import zlib

import msgspec
import pytest
from kafka import KafkaConsumer

from jobs import progress
from jobs.detect import job_name, run, stop
from jobs.heartbeat import beat
from jobs.servers.process import free_port
from rules.calendar import load_calendar
from rules.cases import record
from rules.decode import Decoder, heartbeat
from rules.engine import Engine
from rules.errors import MingjianError
from rules.ruleset import RuleTimeline
from tests.integration.test_detect_cluster import consume, produce, wait_for
from tests.support.flows import LONGEST_WINDOW, comparable, records_of_behaviours

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


def changed(settings, *, source=None, flink=None, **more):
    return msgspec.structs.replace(
        settings,
        source=msgspec.structs.replace(settings.source, **(source or {})),
        flink=msgspec.structs.replace(settings.flink, **(flink or {})),
        **more,
    )


def started(settings, folder, *, slots, restore=""):
    """(`mingjian detect` in a process of its own, address of its Flink): as users start it."""
    port = free_port()
    told = {
        "source.kind": "kafka",
        "source.topic": settings.source.topic,
        "source.follow": "true",
        "outputs.kind": "kafka",
        "outputs.topic_prefix": settings.outputs.topic_prefix,
        "kafka.bootstrap": settings.kafka.bootstrap,
        "flink.parallelism": slots,
        "flink.rest_port": port,
        "flink.checkpoint_interval_ms": 500,
        "tenant": settings.tenant,
        "data_dir": folder,
        "keys_dir": folder / "keys",
        "rules.registry": folder / "rulesets",
        "targets": "[]",
    }
    command = [sys.executable, "-m", "jobs.cli.main", "detect", "--from", restore, "-o", "json"]
    command += [part for key, value in told.items() for part in ("--set", f"{key}={value}")]
    return subprocess.Popen(command, stdout=subprocess.PIPE), f"http://127.0.0.1:{port}"


def the_job(url, name):
    """Its id, once it is there."""

    def look():
        try:
            return progress.running(url, name)
        except OSError:
            return []

    return wait_for(look, bool, 120)[0]


def test_state_survives_stop_and_start_on_one_two_four_and_one_slots(cluster_settings, tmp_path):
    """The cases of every behaviour over time, cut into four runs: many windows are open when a run
    is stopped."""
    settings, records = cluster_settings, records_of_behaviours()
    quarter = len(records) // 4 + 1
    # a heartbeat in each partition after the last record: all windows are over then
    end = max(json.loads(raw)["time"] for raw in records) + LONGEST_WINDOW
    last = [heartbeat(tenant, end, end) for tenant in ("first", "other")]
    assert {zlib.crc32(json.loads(raw)["tenant"].encode()) % 2 for raw in last} == {0, 1}
    saved = ""
    for number, slots in enumerate((1, 2, 4, 1)):
        part = records[number * quarter : (number + 1) * quarter]
        if number == 3:
            part += last
        produce(settings, part)
        process, url = started(settings, tmp_path, slots=slots, restore=saved)
        try:
            job = the_job(url, job_name(settings))
            look = progress.JobMonitor(url, job).look
            wait_for(look, _has_read(len(part)), 240)
            if part[-1] is last[-1]:
                wait_for(
                    look, lambda seen: seen and seen.watermark > end - LONGEST_WINDOW // 2, 240
                )
            saved = _stopped(process, url, job, tmp_path / "saved")
        finally:
            process.kill()
    found = consume(settings)

    engine = Engine(RuleTimeline.load(), Decoder(settings.tenant), load_calendar())
    expected: dict[str, list] = {name: [] for name in found}
    for kind, body in engine.run(records):
        expected[kind].append(json.loads(body))
    assert found["late"] == []
    assert found["quarantine"] == []
    assert comparable(found) == comparable(expected)


def _stopped(process, url, job, folder):
    """End the job with a savepoint; the path of it. Flink may be gone before it can be asked for
    the path, since it ends with its job."""
    with contextlib.suppress(OSError):
        progress.stop_with_savepoint(url, job, f"file://{folder}")
    assert process.wait(60) == 0
    return str(max(folder.glob("*/_metadata"), key=lambda file: file.stat().st_mtime_ns).parent)


def _has_read(count):
    return lambda look: look and look.records >= count


def test_a_place_without_state_is_refused(cluster_settings, tmp_path):
    for wanted, says in (
        (str(tmp_path), "no checkpoint or savepoint in"),
        ("latest", "no checkpoint or savepoint below"),
    ):
        settings = changed(
            cluster_settings,
            source={"follow": True},
            flink={"restore": wanted, "checkpoint_dir": str(tmp_path / "none")},
        )
        with pytest.raises(MingjianError, match=says):
            run(settings)
    settings = changed(
        cluster_settings, source={"follow": False}, flink={"restore": "s3://bucket/savepoint"}
    )
    with pytest.raises(MingjianError, match="does not end by itself"):
        run(settings)
    settings = changed(
        cluster_settings, source={"follow": True}, flink={"restore": "latest", "checkpoint_dir": ""}
    )
    with pytest.raises(MingjianError, match="'latest' is looked for in a folder"):
        run(settings)


def test_an_absence_is_told_while_nobody_talks(cluster_settings, flink_cluster, tmp_path):
    """One question and silence: without heartbeats event time stands still."""
    rules = tmp_path / "rules" / "no_answer.yaml"
    rules.parent.mkdir()
    rules.write_text(NO_ANSWER, encoding="utf-8")
    settings = changed(
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
    now = int(time.time() * 1000)
    question = {"at": "10:00", "from": "c1", "to": "zhangwei", "text": "在吗"}
    asked = json.loads(record(question, "q", 1))
    asked |= {"time": now, "received_at": now}
    asked["payload"]["msgtime"] = now
    produce(settings, [json.dumps(asked, separators=(",", ":")).encode()])
    report = run(settings, detached=True)
    monitor = progress.JobMonitor(flink_cluster.address, report.job_id)
    wait_for(monitor.look, lambda look: look and look.records == 1)
    over = threading.Event()
    beating = threading.Thread(
        target=beat, args=(settings,), kwargs={"every": 0.5, "delay": 1.0, "stop": over}
    )
    alerts = KafkaConsumer(
        f"{settings.outputs.topic_prefix}alerts",
        bootstrap_servers=settings.kafka.bootstrap,
        auto_offset_reset="earliest",
        consumer_timeout_ms=60_000,
    )
    try:
        time.sleep(4)  # twice the time in which an answer was due
        assert alerts.poll(timeout_ms=0) == {}
        beating.start()
        alert = json.loads(next(alerts).value)
    finally:
        over.set()
        if beating.is_alive():
            beating.join()
        alerts.close()
        saved = stop(settings, savepoint=True)
    assert alert["rule"]["name"] == "t_no_answer"
    assert alert["time"] == now + 2000
    (place,) = saved.values()
    assert place.startswith("file:")
    seen = monitor.look()
    assert seen is None or seen.counters.get("quarantined", 0) == 0

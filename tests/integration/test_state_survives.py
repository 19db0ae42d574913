"""State and positions outlive a job: stopped and started again, on fewer or more slots, with open
groups on the heap or on disk."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import zlib

import pytest

from jobs import progress
from jobs.detect import job_name, run
from jobs.servers.process import free_port
from rules.calendar import load_calendar
from rules.decode import Decoder, heartbeat
from rules.engine import Engine
from rules.errors import MingjianError
from rules.ruleset import RuleTimeline
from tests.integration.test_detect_cluster import consume, produce, wait_for
from tests.support.flows import LONGEST_WINDOW, changed, comparable, records_of_behaviours


def started(settings, folder, *, slots, restore="", **flink):
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
        **{f"flink.{key}": value for key, value in flink.items()},
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


def test_state_survives_stop_and_start_on_other_slots_and_backends(cluster_settings, tmp_path):
    """The cases of every behaviour over time, cut into three runs: many windows are open when a run
    is stopped. A savepoint is of one form, whichever backend wrote it."""
    settings, records = cluster_settings, records_of_behaviours()
    third = len(records) // 3 + 1
    # a heartbeat in each partition after the last record: all windows are over then
    end = max(json.loads(raw)["time"] for raw in records) + LONGEST_WINDOW
    last = [heartbeat(tenant, end, end) for tenant in ("first", "other")]
    assert {zlib.crc32(json.loads(raw)["tenant"].encode()) % 2 for raw in last} == {0, 1}
    saved = ""
    runs = (2, "hashmap"), (4, "rocksdb"), (1, "hashmap")
    for number, (slots, backend) in enumerate(runs):
        part = records[number * third : (number + 1) * third]
        if number == len(runs) - 1:
            part += last
        produce(settings, part)
        process, url = started(
            settings, tmp_path, slots=slots, restore=saved, state_backend=backend
        )
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
    assert_as_in_the_pure_engine(settings, records)


def test_a_job_that_was_killed_goes_on_from_its_last_checkpoint_on_disk(cluster_settings, tmp_path):
    """A checkpoint of RocksDB is a list of files, most of them older than it."""
    settings, records = cluster_settings, records_of_behaviours()
    half, kept = len(records) // 2, tmp_path / "checkpoints"
    end = max(json.loads(raw)["time"] for raw in records) + LONGEST_WINDOW
    on_disk = {"slots": 2, "state_backend": "rocksdb", "checkpoint_dir": kept}
    produce(settings, records[:half])
    process, url = started(settings, tmp_path, **on_disk)
    try:
        job = the_job(url, job_name(settings))
        wait_for(progress.JobMonitor(url, job).look, _has_read(half), 240)
        done = _newest(kept)
        wait_for(lambda: _newest(kept), lambda number: number >= done + 2, 60)
        own = tmp_path / "tmp" / f"flink-{process.pid}"
        assert list(own.glob("state*/*/db/*.sst"))
        assert not list((tmp_path / "log").glob("*_LOG"))
    finally:
        process.kill()
        process.wait()
    produce(settings, [*records[half:], *(heartbeat(one, end, end) for one in ("first", "other"))])
    process, url = started(settings, tmp_path, restore="latest", **on_disk)
    try:
        look = progress.JobMonitor(url, the_job(url, job_name(settings))).look
        wait_for(look, lambda seen: seen and seen.watermark > end - LONGEST_WINDOW // 2, 240)
        done = _newest(kept)
        wait_for(lambda: _newest(kept), lambda number: number >= done + 2, 60)
    finally:
        process.kill()
        process.wait()
    assert_as_in_the_pure_engine(settings, records)


def assert_as_in_the_pure_engine(settings, records):
    """What stands in the output topics is what the engine without Flink tells."""
    found = consume(settings)
    engine = Engine(RuleTimeline.load(), Decoder(settings.tenant), load_calendar())
    expected: dict[str, list] = {name: [] for name in found}
    for kind, body in engine.run(records):
        expected[kind].append(json.loads(body))
    assert found["late"] == []
    assert found["quarantine"] == []
    assert comparable(found) == comparable(expected)


def _newest(folder):
    """Number of the last checkpoint that is whole; 0 while there is none."""
    found = folder.glob("*/*/chk-*/_metadata")
    return max((int(file.parent.name.removeprefix("chk-")) for file in found), default=0)


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

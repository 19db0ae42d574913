"""Of what is over the job keeps nothing: no state and no timer of any key."""

from __future__ import annotations

import json
import urllib.request

import msgspec

from config.settings import Flink
from jobs.detect import run, stop
from jobs.progress import JobMonitor
from rules.decode import heartbeat
from tests.integration.test_detect_cluster import produce, wait_for
from tests.support.flows import LONGEST_WINDOW, records_of_behaviours


def test_after_all_windows_no_entry_and_no_timer_is_left(cluster_settings, flink_cluster, tmp_path):
    """A checkpoint of the keyed stages is, to the byte, as large as one before the first message:
    it holds their entries and their timers, and nothing else that could differ."""
    settings = msgspec.structs.replace(
        cluster_settings,
        source=msgspec.structs.replace(cluster_settings.source, follow=True),
        keys_dir=str(tmp_path / "keys"),
        flink=Flink(
            parallelism=2,
            rest_url=flink_cluster.address,
            checkpoint_interval_ms=500,
            checkpoint_dir=str(tmp_path / "checkpoints"),
        ),
    )
    records = records_of_behaviours()
    end = max(json.loads(raw)["time"] for raw in records) + LONGEST_WINDOW
    job = run(settings, detached=True).job_id
    monitor = JobMonitor(flink_cluster.address, job)
    try:
        empty = _next_sizes(flink_cluster.address, job)
        assert empty
        produce(settings, records)
        wait_for(monitor.look, lambda look: look and look.records == len(records), 240)
        open_windows = _next_sizes(flink_cluster.address, job)
        assert sum(open_windows.values()) > sum(empty.values()) + 10_000
        produce(settings, [heartbeat(tenant, end, end) for tenant in ("first", "other")])
        over = end - LONGEST_WINDOW // 2
        wait_for(monitor.look, lambda look: look and look.watermark > over, 240)
        assert _next_sizes(flink_cluster.address, job) == empty
    finally:
        stop(settings)


def _next_sizes(url, job):
    """Bytes of keyed state of each stage, from the second checkpoint that ends from now on: the
    first may have begun before."""

    def completed():
        return _get(url, job, "/checkpoints")["counts"]["completed"]

    done = completed()
    wait_for(completed, lambda n: n >= done + 2, 240)
    number = _get(url, job, "/checkpoints")["latest"]["completed"]["id"]
    names = {one["id"]: one["name"] for one in _get(url, job, "")["vertices"]}
    found = _get(url, job, f"/checkpoints/details/{number}")["tasks"]
    return {
        names[vertex]: task["state_size"]
        for vertex, task in found.items()
        if names[vertex].startswith("behave")
    }


def _get(url, job, path):
    with urllib.request.urlopen(f"{url}/jobs/{job}{path}", timeout=10) as answer:  # noqa: S310
        return json.load(answer)

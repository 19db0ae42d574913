"""What Flink and its Kafka clients are told."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from config.settings import load
from jobs.flink import flink_options
from jobs.kafka_client import flink_properties
from jobs.kept_state import state_folder


def test_a_checkpoint_folder_of_any_name_is_named_as_flink_reads_it(tmp_path):
    settings = load("cluster", overrides=(f"flink.checkpoint_dir={tmp_path}/检查点",))
    options, rest_url = flink_options(settings, ())
    assert options["execution.checkpointing.dir"] == (f"file://{tmp_path}/检查点/demo-2a97516c")
    assert rest_url == settings.flink.rest_url


def test_an_address_is_left_as_it_is():
    settings = load("cluster", overrides=("flink.checkpoint_dir=s3://bucket/checkpoints",))
    assert flink_options(settings, ())[0]["execution.checkpointing.dir"] == (
        "s3://bucket/checkpoints/demo-2a97516c"
    )


@pytest.mark.parametrize("tenant", ["..", "a/b", "公司", "DEMO", "demo "])
def test_every_tenant_has_a_folder_of_its_own(tmp_path, tenant):
    told = (f"flink.checkpoint_dir={tmp_path}",)
    one = load("cluster", overrides=told)
    other = load("cluster", overrides=(*told, f"tenant='{tenant}'"))
    place = Path(state_folder(other))
    assert place.parent == tmp_path
    assert place.name.lower() != Path(state_folder(one)).name.lower()


def test_what_flink_unpacks_goes_with_the_process_that_unpacked_it(tmp_path):
    settings = load("embedded", overrides=(f"data_dir={tmp_path}",))
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    left = tmp_path / "tmp" / f"flink-{gone.pid}"
    left.mkdir(parents=True)
    (left / "rpc.jar").write_bytes(b"x")
    options, _ = flink_options(settings, ())
    assert options["io.tmp.dirs"] == str(tmp_path / "tmp" / f"flink-{os.getpid()}")
    assert not left.exists()


def test_state_of_more_than_5_mb_does_not_end_a_run_without_a_checkpoint_folder(tmp_path):
    settings = load("embedded", overrides=(f"data_dir={tmp_path}",))
    options, _ = flink_options(settings, ())
    own = tmp_path / "tmp" / f"flink-{os.getpid()}"
    assert options["execution.checkpointing.dir"] == f"file://{own}/checkpoints"
    assert own.stat().st_mode & 0o077 == 0


def test_a_password_cannot_end_its_quotation(monkeypatch):
    monkeypatch.setenv("MINGJIAN_KAFKA_PASSWORD", 'a"b\\c')
    overrides = ("kafka.sasl_mechanism=PLAIN", "kafka.sasl_username=job")
    properties = flink_properties(load("cluster", overrides=overrides).kafka)
    assert properties["sasl.jaas.config"].endswith('username="job" password="a\\"b\\\\c";')


def test_only_an_input_that_goes_on_can_be_idle():
    """A slow start must not make a partition idle, and what it holds late."""
    idle = "table.exec.source.idle-timeout"
    for follow, wanted in (("true", "1500 ms"), ("false", "0 ms")):
        overrides = (f"source.follow={follow}", "flink.idle_timeout_ms=1500")
        assert flink_options(load("cluster", overrides=overrides), ())[0][idle] == wanted


def test_open_groups_are_on_the_heap_or_on_disk_and_then_below_what_goes_with_the_run(tmp_path):
    own = tmp_path / "tmp" / f"flink-{os.getpid()}"
    for backend, incremental in (("hashmap", "false"), ("rocksdb", "true")):
        overrides = (f"data_dir={tmp_path}", f"flink.state_backend={backend}")
        options, _ = flink_options(load("embedded", overrides=overrides), ())
        assert options["state.backend.type"] == backend
        assert options["execution.checkpointing.incremental"] == incremental
        assert Path(options["state.backend.rocksdb.localdir"]).parent == own
    # of a cluster each machine knows its own disk best
    options, _ = flink_options(load("cluster", overrides=("flink.state_backend=rocksdb",)), ())
    assert "state.backend.rocksdb.localdir" not in options

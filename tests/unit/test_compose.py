"""docker-compose.yml keeps its promises. Read as YAML: there need be no Docker to check them."""

from __future__ import annotations

import os
import re
import stat
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from config.settings import load
from deploy.docker.healthy import job_runs
from deploy.docker.healthy import main as healthy
from jobs.servers import jars
from rules.operations import DELIVERED

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
SETTINGS = load(path=ROOT / "deploy/docker/cluster.yaml")
ONE_SHOT = {"topics", "cli"}
SECRET_NAME = re.compile(r"PASSWORD|SECRET|TOKEN|KEY$")


def environment(service: dict[str, Any]) -> dict[str, str]:
    return {key: str(value) for key, value in service.get("environment", {}).items()}


def test_everything_the_system_needs_is_there() -> None:
    assert set(SERVICES) == {
        "kafka", "topics", "redis", "elasticsearch", "jobmanager", "taskmanager", "job",
        "deliverer", "canary", "completeness", "prometheus", "cli",
    }  # fmt: skip


@pytest.mark.parametrize("name", SERVICES)
class TestEveryService:
    def test_its_image_is_pinned_to_a_full_version(self, name: str) -> None:
        assert re.search(r":v?\d+\.\d+\.\d+(-\w+)?$", SERVICES[name]["image"])

    def test_it_is_watched_unless_it_ends_by_itself(self, name: str) -> None:
        check = SERVICES[name]["healthcheck"]
        if name in ONE_SHOT:
            assert check == {"disable": True}
        else:
            assert check["test"][0] in {"CMD", "CMD-SHELL"}
            assert {"interval", "timeout", "retries"} <= set(check)

    def test_it_cannot_take_the_whole_host(self, name: str) -> None:
        limits = SERVICES[name]["deploy"]["resources"]["limits"]
        assert set(limits) == {"cpus", "memory", "pids"}
        assert SERVICES[name]["logging"]["options"]["max-size"]

    def test_it_runs_without_privileges(self, name: str) -> None:
        service = SERVICES[name]
        user, _, _group = service["user"].partition(":")
        assert int(user) > 0
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert "privileged" not in service
        assert not any("docker.sock" in str(volume) for volume in service.get("volumes", []))

    def test_no_password_is_written_down_or_has_a_default(self, name: str) -> None:
        for key, value in environment(SERVICES[name]).items():
            if SECRET_NAME.search(key):
                assert re.fullmatch(r"\$\{\w+:\?[^}]+\}", value), f"{key} must come from .env"

    def test_only_this_host_can_reach_what_is_published(self, name: str) -> None:
        service = SERVICES[name]
        for port in service.get("ports", []):
            assert str(port).startswith("127.0.0.1:")
        # a network without a way out cannot publish; one with a way out is for pages only
        assert ("pages" in service["networks"]) == bool(service.get("ports"))

    def test_what_it_waits_for_is_waited_for_until_it_works(self, name: str) -> None:
        for other, how in SERVICES[name].get("depends_on", {}).items():
            wanted = "service_completed_successfully" if other in ONE_SHOT else "service_healthy"
            assert how == {"condition": wanted}


def test_the_inner_network_is_closed_and_the_volumes_are_named() -> None:
    assert COMPOSE["networks"]["inside"] == {"internal": True}
    named = set(COMPOSE["volumes"])
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            source, _, rest = volume.partition(":")
            assert source in named or (source.startswith("./") and rest.endswith(":ro"))


def test_what_is_ours_or_needs_no_writing_has_a_read_only_root() -> None:
    writable = {name for name, service in SERVICES.items() if not service.get("read_only")}
    assert writable == {"kafka", "topics", "elasticsearch"}  # these images write their own settings


def test_one_slot_a_task_manager_and_as_many_slots_as_the_job_asks_for() -> None:
    flink = yaml.safe_load((ROOT / "deploy/docker/flink/config.yaml").read_text(encoding="utf-8"))
    assert flink["taskmanager"]["numberOfTaskSlots"] == 1
    replicas = SERVICES["taskmanager"]["deploy"]["replicas"]
    assert f"--set=flink.parallelism={replicas}" in SERVICES["job"]["command"]
    for name in ("jobmanager", "taskmanager"):
        size = flink[name]["memory"]["process"]["size"]
        limit = SERVICES[name]["deploy"]["resources"]["limits"]["memory"]
        assert int(size.rstrip("m")) < int(limit.rstrip("m")), "room beside the JVM"


def test_the_settings_inside_the_containers_are_valid_and_name_its_services() -> None:
    settings = SETTINGS
    text = msgspec.json.encode(settings).decode()
    hosts = set(re.findall(r"(?:http|redis)://(\w+)[:/]", text)) | {
        settings.kafka.bootstrap.partition(":")[0]
    }
    assert hosts == {"kafka", "redis", "elasticsearch", "jobmanager"}
    assert hosts <= set(SERVICES)
    for target in settings.targets:
        assert f"MINGJIAN_{target.name.upper()}_PASSWORD" in environment(SERVICES["deliverer"])
    for folder in (settings.data_dir, settings.keys_dir, settings.rules.registry):
        assert any(volume.endswith(f":{folder}") for volume in SERVICES["job"]["volumes"])


def test_the_services_stay_and_the_deliverer_is_asked_about_its_real_groups() -> None:
    assert SETTINGS.source.follow, "without it the job ends with the topic's present end"
    assert "--follow" in SERVICES["deliverer"]["command"]
    groups = SERVICES["deliverer"]["healthcheck"]["test"][-len(SETTINGS.targets) :]
    assert groups == [f"mingjian-deliver-{target.name}" for target in SETTINGS.targets]


def test_every_topic_of_the_job_is_made() -> None:
    script = (ROOT / "deploy/docker/make_topics.sh").read_text(encoding="utf-8")
    made = set(re.findall(r"^make_topic ([\w.]+) \d+$", script, re.M))
    assert made == {
        "messages",
        *DELIVERED,
        *(f"rejected.{target.name}" for target in SETTINGS.targets),
    }


def test_containers_and_processes_run_the_same_versions() -> None:
    assert SERVICES["kafka"]["image"] == f"apache/kafka:{jars.KAFKA_VERSION}"
    assert SERVICES["elasticsearch"]["image"] == f"elasticsearch:{jars.ELASTICSEARCH_VERSION}"
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert f"\napache-flink=={jars.FLINK_VERSION} " in lock


def test_the_image_installs_by_hash_and_runs_as_nobody_special() -> None:
    lines = (ROOT / "deploy/docker/Dockerfile").read_text(encoding="utf-8")
    assert re.findall(r"^FROM (\S+)", lines, re.M)[0] == "python:3.11.13-slim-bookworm"
    for install in re.findall(r"pip install(.*?)(?=&&|\nFROM|\nRUN)", lines, re.S):
        assert "--require-hashes" in install or "--no-index" in install
    assert lines.rindex("USER 10001:10001") > lines.rindex("RUN ")
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    kept = {line[1:] for line in ignored if line.startswith("!")}
    assert "*" in ignored
    assert {".env", "var", ".venv", "tests"}.isdisjoint(kept)
    assert {"rules", "udfs", "jobs", "sinks", "reports", "desk", "config", "ingest"} <= kept


def test_the_made_env_has_every_variable_once_and_is_private(tmp_path: Path) -> None:
    (tmp_path / "scripts").mkdir()
    script = tmp_path / "scripts" / "make_env.sh"
    script.write_text((ROOT / "scripts/make_env.sh").read_text())
    subprocess.run(["bash", str(script)], check=True, capture_output=True)
    made = tmp_path / ".env"
    assert stat.S_IMODE(made.stat().st_mode) == 0o600
    values = dict(
        line.split("=", 1) for line in made.read_text().splitlines() if not line.startswith("#")
    )
    assert set(values) == set(re.findall(r"\$\{(\w+):\?", TEXT))
    assert all(len(value) >= 22 for value in values.values())
    assert len(set(values.values())) == len(values)
    before = made.read_bytes()
    subprocess.run(["bash", str(script)], check=True, capture_output=True)
    assert made.read_bytes() == before, "a second run must not lock people out of their data"


@pytest.mark.parametrize(
    ("overview", "healthy"),
    [
        ('{"jobs":[]}', False),
        ('{"jobs":[{"state":"RESTARTING","tasks":{"running":0,"total":4}}]}', False),
        ('{"jobs":[{"state":"RUNNING","tasks":{"running":3,"total":4}}]}', False),
        ('{"jobs":[{"state":"RUNNING","tasks":{"running":4,"total":4}}]}', True),
        (
            '{"jobs":[{"state":"FAILED","tasks":{"running":0,"total":4}},'
            '{"state":"RUNNING","tasks":{"running":2,"total":2}}]}',
            True,
        ),
    ],
)
def test_the_job_counts_as_healthy_only_when_all_of_it_runs(overview: str, healthy: bool) -> None:
    assert job_runs(overview.encode()) is healthy


def test_what_a_service_writes_now_and_then_has_to_be_new(tmp_path: Path) -> None:
    kept = tmp_path / "canary.db"
    asked = ["--written", str(kept), "900"]
    assert healthy(asked) == 1
    kept.write_bytes(b"")
    assert healthy(asked) == 0
    old = kept.stat().st_mtime - 1000
    os.utime(kept, (old, old))
    assert healthy(asked) == 1

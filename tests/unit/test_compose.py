"""docker-compose.yml keeps its promises. Read as YAML: there need be no Docker to check them."""

from __future__ import annotations

import json
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
from deploy.docker.make_storage import make as make_storage
from jobs.servers import jars
from rules.operations import DELIVERED

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
SETTINGS = load(path=ROOT / "deploy/docker/cluster.yaml")
ONE_SHOT = {"topics", "storage", "cli"}
ARCHIVE_SECRETS = {
    "MINGJIAN_POSTGRES_PASSWORD", "MINGJIAN_S3_ACCESS_KEY", "MINGJIAN_S3_SECRET_KEY",
    "MINGJIAN_ARCHIVE_PASSPHRASE",
}  # fmt: skip
SECRET_NAME = re.compile(r"PASSWORD|SECRET|TOKEN|KEY$")


def environment(service: dict[str, Any]) -> dict[str, str]:
    return {key: str(value) for key, value in service.get("environment", {}).items()}


def test_everything_the_system_needs_is_there() -> None:
    assert set(SERVICES) == {
        "kafka", "topics", "redis", "elasticsearch", "postgres", "storage", "s3", "jobmanager",
        "taskmanager", "job", "deliverer", "canary", "completeness", "prometheus", "cli",
    }  # fmt: skip


@pytest.mark.parametrize("name", SERVICES)
class TestEveryService:
    def test_its_image_is_pinned_to_a_full_version(self, name: str) -> None:
        numbers = r"\d+\.\d+" if name == "postgres" else r"\d+\.\d+\.\d+"  # it has two
        assert re.search(rf":v?{numbers}(-\w+)?$", SERVICES[name]["image"])

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
        networks = service.get("networks", [])
        assert networks or service["network_mode"] == "none"
        assert ("pages" in networks) == bool(service.get("ports"))

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
    hosts = set(re.findall(r"(?:http|redis|postgresql)://(\w+)[:/]", text)) | {
        settings.kafka.bootstrap.partition(":")[0]
    }
    assert hosts == {"kafka", "redis", "elasticsearch", "jobmanager", "s3", "postgres"}
    assert hosts <= set(SERVICES)
    for target in settings.targets:
        own = {f"MINGJIAN_{target.name.upper()}_PASSWORD"}
        wanted = ARCHIVE_SECRETS if target.kind == "archive" else own
        assert wanted <= set(environment(SERVICES["deliverer"]))
    for folder in (settings.data_dir, settings.keys_dir, settings.rules.registry):
        assert any(volume.endswith(f":{folder}") for volume in SERVICES["job"]["volumes"])


def test_what_opens_the_archive_is_given_to_those_alone_who_need_it() -> None:
    having = {name for name in SERVICES if ARCHIVE_SECRETS & set(environment(SERVICES[name]))}
    assert having == {
        "postgres", "storage", "deliverer", "canary", "completeness", "cli",
    }  # fmt: skip
    assert "MINGJIAN_ARCHIVE_PASSPHRASE" not in environment(SERVICES["s3"])
    mounts = {name for name, one in SERVICES.items() if "segments:" in str(one.get("volumes"))}
    assert mounts == {"storage", "s3"}, "everybody else goes through the server"


def test_nobody_may_look_into_the_archive_until_somebody_says_who() -> None:
    for settings in (SETTINGS, load("cluster")):
        assert not settings.access.open
        assert settings.access.people == ()
        (archive,) = [one for one in settings.targets if one.kind == "archive"]
        assert (archive.objects, archive.index) == ("s3", "postgres")
        named = Path(archive.path).parts
        embedded = load("embedded").targets[-1]
        assert named != Path(embedded.path).parts, "two archives in one folder spoil each other"


def test_mingjian_has_an_account_of_its_own_at_the_storage(tmp_path: Path) -> None:
    given = {"MINGJIAN_S3_ACCESS_KEY": "a", "MINGJIAN_S3_SECRET_KEY": "s"}
    for secret in ("s", "new"):
        make_storage(tmp_path, {**given, "MINGJIAN_S3_SECRET_KEY": secret})
        (file,) = (tmp_path / "accounts").iterdir()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        accounts = json.loads(file.read_text())["accessAccounts"]
        assert list(accounts) == ["a"]
        assert (accounts["a"]["secret"], accounts["a"]["role"]) == (secret, "userplus")
    folder = SERVICES["storage"]["command"][-1]
    assert SERVICES["s3"]["command"][-1] == f"{folder}/buckets"
    assert f"--iam-dir={folder}/accounts" in SERVICES["s3"]["command"]
    assert (tmp_path / "buckets").is_dir()
    image = (ROOT / "deploy/docker/Dockerfile").read_text(encoding="utf-8")
    assert f" {Path(folder).name}; do" in image, "so that the volume belongs to its user"


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


def test_an_env_of_an_earlier_version_keeps_what_it_has_and_gets_what_it_lacks(
    tmp_path: Path,
) -> None:
    (tmp_path / "scripts").mkdir()
    script = tmp_path / "scripts" / "make_env.sh"
    script.write_text((ROOT / "scripts/make_env.sh").read_text())
    old = "MINGJIAN_REDIS_PASSWORD=old\nMINGJIAN_TASKMANAGERS=5"  # its last line has no end
    (tmp_path / ".env").write_text(old)
    subprocess.run(["bash", str(script)], check=True, capture_output=True)
    text = (tmp_path / ".env").read_text()
    assert text.startswith(old + "\n")
    names = [line.partition("=")[0] for line in text.splitlines()]
    assert set(re.findall(r"\$\{(\w+):\?", TEXT)) <= set(names)
    assert len(names) == len(set(names))
    assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600
    assert not (tmp_path / ".env.new").exists()


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

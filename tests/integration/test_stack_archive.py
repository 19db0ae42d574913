"""The archive of a stack as whoever runs it sees it: everything by commands, with S3 away for a
while in the middle."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from kafka import KafkaProducer
from typer.testing import CliRunner

from config.settings import Settings, load
from jobs import stack
from jobs.servers.process import running, start, stop
from sinks.archive.places import index_of
from sinks.archive.postgres_session import PASSWORD_VARIABLE
from sinks.archive.s3_objects import ACCESS_VARIABLE, SECRET_VARIABLE
from sinks.archive.sink import LEDGER_FOLDER
from sinks.base import NoIndexYet
from sinks.ledger.reader import LedgerReader
from tests.support.command_line import app
from tests.support.rule_files import SIMPLE, write

ROOT = Path(__file__).resolve().parents[2]
ANY = stack.Ports(kafka=0, redis=0, elasticsearch=0, flink=0, postgres=0, s3=0)
VARIABLES = (PASSWORD_VARIABLE, ACCESS_VARIABLE, SECRET_VARIABLE)
PARTS = ("segments", "archive_index", "tenant_keys", "ledger")
HALF = 200


class Site:
    """A stack, and the commands of somebody in front of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "stack"
        self._work = folder / "work"
        self._work.mkdir()

    def up(self) -> list[stack.Part]:
        return stack.up(self.folder, ports=ANY, task_managers=1)

    def settle(self) -> None:
        """The stack's settings with an archive that need not be waited for, and rules that are
        quickly read."""
        values = yaml.safe_load((self.folder / stack.SETTINGS_FILE).read_text(encoding="utf-8"))
        for target in values["targets"]:
            if target["kind"] == "archive":
                target |= {"segment_seconds": 1, "sign_seconds": 1}
        write(self._work / "rules", SIMPLE)
        values["rules"] = {"path": str(self._work / "rules")}
        values["rules"]["registry"] = str(self._work / "rulesets")
        self.config = self._work / "site.yaml"
        self.config.write_text(yaml.safe_dump(values, allow_unicode=True), encoding="utf-8")
        self.settings = load(path=self.config)

    def environment(self) -> dict[str, str]:
        """That of a shell which has read the stack's file of passwords, as `up` says to."""
        file = shlex.quote(str(self.folder / stack.SECRETS_FILE))
        told = subprocess.run(
            ["sh", "-c", f". {file} && env -0"], capture_output=True, text=True, check=True,
            env={"PATH": os.environ["PATH"], "HOME": str(self._work)},
        ).stdout  # fmt: skip
        found = dict(one.split("=", 1) for one in told.split("\0") if "=" in one)
        return {**found, "PYTHONPATH": str(ROOT)}

    def deliver(self) -> Path:
        """The pid file of a deliverer that stays."""
        command = [sys.executable, "-m", "jobs.cli.main", "deliver", "--follow", "--json-logs"]
        pid_file, _ = start("deliver", [*command, "--config", str(self.config)], self._work,
                            self.environment())  # fmt: skip
        return pid_file

    def run(self, *words: str) -> tuple[int, str]:
        """Exit code and output of a command."""
        done = CliRunner().invoke(app, [*words, "--config", str(self.config)])
        return (
            done.exit_code,
            done.stdout if not done.exit_code else f"{done.output}{done.exception}",
        )

    def doctor(self) -> dict[str, list[dict[str, str]]]:
        """Findings by check."""
        told = CliRunner().invoke(app, ["doctor", "-o", "json", "-c", str(self.config)]).stdout
        page: dict[str, Any] = json.loads(told)
        found: dict[str, list[dict[str, str]]] = {}
        for one in page["findings"]:
            found.setdefault(one["check"], []).append(one)
        return found

    def say(self, first: int, last: int) -> None:
        """Messages with these numbers, into Kafka."""
        producer = KafkaProducer(bootstrap_servers=self.settings.kafka.bootstrap)
        for number in range(first, last):
            at, body = message(number)
            producer.send("messages", body, timestamp_ms=at)
        producer.flush(30)
        producer.close()


def message(number: int) -> tuple[int, bytes]:
    """(event time, record)."""
    at = time.time_ns() // 1_000_000
    payload = {
        "msgid": f"m{number}", "action": "send", "from": "zhangsan", "tolist": ["lisi"],
        "roomid": "", "msgtime": at, "msgtype": "text", "text": {"content": "这款产品保本"},
    }  # fmt: skip
    raw = {"v": 1, "kind": "archive", "time": at, "received_at": at, "tenant": "demo",
           "seq": number, "payload": payload}  # fmt: skip
    return at, json.dumps(raw, ensure_ascii=False).encode()


def archived(settings: Settings) -> int:
    """How many entries the index accounts for."""
    (target,) = [one for one in settings.targets if one.kind == "archive"]
    try:
        index = index_of(target, settings.tenant, writes=False)
    except NoIndexYet:
        return 0
    try:
        return index.leaves()
    finally:
        index.close()


def signed(settings: Settings) -> int:
    """How many entries the newest signed head covers."""
    (target,) = [one for one in settings.targets if one.kind == "archive"]
    return LedgerReader(Path(target.path) / LEDGER_FOLDER).size


def until(holds: Any, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.3)


@pytest.fixture
def site(tmp_path, monkeypatch) -> Iterator[Site]:
    monkeypatch.chdir(tmp_path)  # `data_dir` and `keys_dir` are where the stack was started
    made = Site(tmp_path)
    try:
        made.up()
        made.settle()
        monkeypatch.setenv("MINGJIAN_LANG", "en")
        for name in VARIABLES:
            monkeypatch.setenv(name, made.environment()[name])
        yield made
    finally:
        stack.down(made.folder, wipe=True)


def test_s3_away_for_a_while_is_told_and_caught_up_with(site):
    first = {part.name: part for part in stack.status(site.folder)}
    assert all(part.pid for part in first.values())
    assert set(first) >= {"postgres", "s3"}
    assert (site.folder / stack.SECRETS_FILE).stat().st_mode & 0o777 == 0o600
    assert site.settings.access.open, "whoever starts a stack may look at what it keeps"
    secrets = [site.environment()[name] for name in VARIABLES]
    assert not any(one in site.config.read_text() for one in secrets)

    deliver = site.deliver()
    try:
        site.say(0, HALF)
        until(lambda: archived(site.settings) >= HALF)

        stop(site.folder / "s3" / "s3.pid")
        site.say(HALF, 2 * HALF)
        until(lambda: "archive" in deliver.with_suffix(".log").read_text())
        told = site.doctor()
        (wrong,) = told["segments"]
        assert wrong["state"] == "fail"
        assert f"bucket mingjian at {first['s3'].address}: does not answer" in wrong["en"]
        assert wrong["fix_en"]
        assert {name: told[name][0]["state"] for name in PARTS[1:]} == dict.fromkeys(
            PARTS[1:], "ok"
        ), "what is away hides nothing else"
        (keys,) = told["tenant_keys"]
        assert "not tried" in keys["en"]

        again = {part.name: part for part in site.up()}
        assert again["s3"].address == first["s3"].address
        assert again["postgres"].pid == first["postgres"].pid
        until(lambda: archived(site.settings) >= 2 * HALF)
        until(lambda: signed(site.settings) >= 2 * HALF)
        told = site.doctor()
        assert "head of 400 entries" in told["ledger"][0]["en"]
        bad = {name: told[name] for name in (*PARTS, "targets", "delivery", "refused")
               if {one["state"] for one in told[name]} != {"ok"}}  # fmt: skip
        assert bad == {}
        assert running(deliver) is not None
    finally:
        stop(deliver)

    code, told_text = site.run("archive", "search", "--text", "保本", "--limit", "1000",
                               "--output", "json")  # fmt: skip
    assert code == 0, told_text
    found = json.loads(told_text)["messages"]
    assert sorted(one["msgid"] for one in found) == sorted(f"m{n}" for n in range(2 * HALF))
    for words in (("archive", "check"), ("ledger", "verify")):
        code, told_text = site.run(*words)
        assert code == 0, told_text
    said = deliver.with_suffix(".log").read_text()
    assert not any(one in said for one in secrets)

"""What `mingjian stack` says of servers, without starting any."""

from __future__ import annotations

import json
import sys

import pytest
import typer
from typer.testing import CliRunner

from jobs import stack as servers
from jobs.cli import stack
from jobs.servers.process import Server, free_port, start
from rules.errors import MingjianError

LONG = "a-folder-with-a-name-that-fills-half-a-line-of-a-terminal"


@pytest.fixture
def folder(tmp_path):
    """A stack in which one process runs and one has ended."""
    folder = tmp_path / LONG
    pid_file, log = start(
        "redis", [sys.executable, "-c", "import time; time.sleep(60)"], folder / "redis"
    )
    parts = [
        {
            "name": "redis",
            "address": "redis://127.0.0.1:1",
            "port": 0,
            "pid_file": str(pid_file),
            "log": str(log),
        },
        {
            "name": "flink",
            "address": "-",
            "port": 0,
            "pid_file": str(folder / "flink" / "no.pid"),
            "log": str(folder / "flink" / "jobmanager.log"),
        },
    ]
    (folder / "stack.json").write_text(json.dumps(parts))
    yield folder
    servers.down(folder)


def call(monkeypatch, *words: str):
    monkeypatch.setenv("MINGJIAN_LANG", "en")
    monkeypatch.setenv("COLUMNS", "80")
    app = typer.Typer()
    stack.register(app)
    app.command("other")(lambda: None)
    return CliRunner().invoke(app, ["stack", *words])


def test_status_names_the_log_of_what_is_down_in_one_piece(folder, monkeypatch):
    done = call(monkeypatch, "status", "--dir", str(folder))
    assert done.exit_code == 1
    assert f"  {folder / 'flink' / 'jobmanager.log'}" in done.stdout.splitlines()
    assert "redis.log" not in done.stdout, "it runs"


def test_down_leaves_no_pid_file_behind(folder, monkeypatch):
    (folder / "flink" / "pid").mkdir(parents=True)
    (folder / "flink" / "pid" / "flink-root-standalonesession.pid").write_text("1")
    done = call(monkeypatch, "down", "--dir", str(folder))
    assert "redis ended" in done.stdout
    assert list(folder.rglob("*.pid")) == []
    assert (folder / "redis" / "redis.log").exists(), "logs and data stay"


def test_data_without_a_flink_to_judge_it_is_an_earlier_run(folder):
    assert not servers.earlier_run(folder), "nothing was written yet"
    data = folder / "kafka" / "data"
    data.mkdir(parents=True)
    (data / "meta.properties").write_text("version=1\n")
    assert servers.earlier_run(folder)
    state = json.loads((folder / "stack.json").read_text())
    state[1]["pid_file"] = state[0]["pid_file"]
    (folder / "stack.json").write_text(json.dumps(state))
    assert not servers.earlier_run(folder), "Flink runs on, and its job with it"


@pytest.mark.parametrize("words", [("up",), ("down", "--wipe"), ("status",)])
def test_an_empty_folder_name_is_not_the_current_folder(monkeypatch, tmp_path, words):
    monkeypatch.chdir(tmp_path)
    done = call(monkeypatch, *words, "--dir", "")
    assert done.exit_code == 2
    assert "expected the name of a folder" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_what_is_still_down_after_up_is_told_by_the_exit_code(monkeypatch, tmp_path):
    parts = [
        servers.Part(name="redis", address="redis://127.0.0.1:1", pid=1, log="redis.log"),
        servers.Part(name="taskmanager-1", address="-", pid=0, log="taskmanager-1.log"),
    ]
    monkeypatch.setattr(servers, "up", lambda *_, **__: parts)
    done = call(monkeypatch, "up", "--dir", str(tmp_path))
    assert done.exit_code == 1
    assert "taskmanager-1.log" in done.stdout
    assert "mingjian detect" not in done.stdout, "nothing to go on with"
    told = call(monkeypatch, "up", "--dir", str(tmp_path), "--output", "json")
    assert (told.exit_code, len(json.loads(told.stdout)["parts"])) == (1, 2)


def test_a_server_that_is_started_again_listens_where_it_did(monkeypatch, folder):
    """The port of the record, not the usual one; another only when it is asked for."""
    state = json.loads((folder / "stack.json").read_text())
    was = free_port()
    state[1] |= {"port": was, "address": f"http://127.0.0.1:{was}"}
    (folder / "stack.json").write_text(json.dumps(state))
    asked: list[tuple[int, int]] = []

    def quiet(name):
        return Server(name, "-", 1, folder / "no.pid", folder / "no.log", lambda: True)

    def launch(_folder, port, task_managers):
        asked.append((port, task_managers))
        raise MingjianError("stopped here", "到此为止")

    monkeypatch.setattr(servers.flink, "launch", launch)
    monkeypatch.setattr(servers.kafka, "launch", lambda *_: quiet("kafka"))
    monkeypatch.setattr(servers.elasticsearch, "launch", lambda *_: quiet("elasticsearch"))
    other = free_port()
    for words in ((), ("--flink-port", "0"), ("--flink-port", str(other))):
        done = call(monkeypatch, "up", "--dir", str(folder), *words)
        assert "stopped here" in str(done.exception)
    assert asked == [(was, 2), (was, 2), (other, 2)]
    kept = {one["name"]: one["port"] for one in json.loads((folder / "stack.json").read_text())}
    assert kept["flink"] == was, "a start that failed forgets nothing"

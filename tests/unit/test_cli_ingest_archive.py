"""`mingjian ingest archive` on a simulated archive, as a user runs it."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ingest.archive.simulator_folder import Kind, fill
from ingest.waiting import Told
from jobs.cli.ingest import tell
from rules.errors import MingjianError
from tests.support.archive import NOON, write_key
from tests.support.collecting import ids, outputs
from tests.support.command_line import app

ROOT = Path(__file__).parents[2]
N = 60


def records(start: int = 0) -> list[bytes]:
    return [
        json.dumps(
            {"v": 1, "kind": "archive", "time": NOON + n, "received_at": NOON, "tenant": "demo",
             "seq": 0, "payload": {"msgid": f"m{n}", "action": "send", "from": "zhangsan",
                                   "tolist": ["wmAAAAAAAAAAAA"], "roomid": "", "msgtime": NOON + n,
                                   "msgtype": "text", "text": {"content": f"第 {n} 条\n完"}}},
            ensure_ascii=False,
        ).encode()
        for n in range(start, start + N)
    ]  # fmt: skip


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for version in (1, 2):  # small ones, which are quicker to make than its own
        write_key(tmp_path / "archive/keys", version)
    fill(tmp_path / "archive", records(), kind=Kind(failures=(0, 0, 10001)))
    (tmp_path / "mingjian.yaml").write_text(
        f"tenant: demo\ndata_dir: {tmp_path}/data\nkeys_dir: {tmp_path}/keys\n"
        f"source: {{kind: files, path: {tmp_path}/messages}}\n"
        f"outputs: {{kind: files, path: {tmp_path}/outputs}}\ntargets: []\n"
        "ingest: {archive: {limit: 7, gap_wait_seconds: 0, poll_seconds: 1,"
        f" keys_dir: {tmp_path}/no-keys}}}}\n"
    )
    return tmp_path


def words(folder: Path, *more: str) -> list[str]:
    config = str(folder / "mingjian.yaml")
    return ["ingest", "archive", "--config", config, "--output", "json", *more]


def run(folder: Path, *more: str) -> Any:
    return CliRunner().invoke(app, words(folder, "--simulator", str(folder / "archive"), *more))


def summary(done: Any) -> dict[str, Any]:
    return json.loads(next(one for one in done.stdout.splitlines() if one.startswith("{")))  # type: ignore[no-any-return]


def test_the_archive_is_collected_once_and_goes_on(folder: Path) -> None:
    done = run(folder, "--once")
    assert done.exit_code == 0, done.output
    assert {"new": N, "seq": str(N), "kept": {}}.items() <= summary(done).items()
    assert sorted(ids(folder)) == sorted(f"m{n}" for n in range(N))
    fill(folder / "archive", records(N), kind=Kind())
    assert summary(run(folder, "--once"))["new"] == N
    again = summary(run(folder, "--once", "--from", "3"))
    assert (again["new"], again["duplicates"]) == (0, 2 * N - 3)
    assert len(ids(folder)) == 2 * N


def test_what_a_missing_key_keeps_back_comes_when_the_key_does(folder: Path) -> None:
    second = folder / "archive/keys/2.pem"
    second.rename(folder / "2.pem")
    done = run(folder, "--once")
    assert done.exit_code == 1
    assert summary(done)["kept"] == {"key_missing": N // 2}
    # whoever collects tells nobody what was said
    assert "第" not in done.output
    assert run(folder, "--again").exit_code == 1

    (folder / "2.pem").rename(second)
    done = run(folder, "--again")
    assert done.exit_code == 0, done.output
    assert len(ids(folder)) == N
    told = {one["kind"]: one["status"] for one in outputs(folder, "incidents")}
    assert told["key_missing"] == "resolved"


@pytest.mark.parametrize("value", ["garbage", "-5", str(2**64), "1.5", "١"])
def test_a_damaged_number_is_told_as_what_it_is(folder: Path, value: str) -> None:
    assert run(folder, "--once").exit_code == 0
    memory = folder / "data/ingest/archive.db"
    with sqlite3.connect(memory) as book:
        book.execute("UPDATE cursors SET value = ?", (value,))
    book.close()
    error = run(folder, "--once").exception
    assert isinstance(error, MingjianError)
    assert error.en.startswith(f"{memory} is damaged: ")
    assert error.zh.startswith(f"{memory} 已损坏")
    assert "--from" in error.fix_en
    assert "--from" in error.fix_zh
    told = {one["kind"] for one in outputs(folder, "incidents")}
    assert "source_refused" not in told, "the archive was not asked"
    assert summary(run(folder, "--once", "--from", "0"))["duplicates"] == N
    assert run(folder, "--once").exit_code == 0


def test_a_file_that_holds_no_key_is_named_and_stops_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINGJIAN_LANG", "en")
    extra = folder / "archive/keys/3.pem"
    extra.touch(0o644)
    done = run(folder, "--once")
    assert done.exit_code == 0, done.output
    assert summary(done)["new"] == N
    assert f"{extra} is passed over: it is no private key in PEM" in done.stderr
    extra.write_bytes((folder / "archive/keys/2.pem").read_bytes())
    with pytest.raises(MingjianError, match="other users"):
        raise run(folder, "--once").exception or AssertionError


def test_a_locked_file_of_kept_messages_is_said_and_waited_for(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINGJIAN_LANG", "en")
    (folder / "archive/keys/2.pem").unlink()
    assert run(folder, "--again").exit_code == 0  # makes the file
    kept = folder / "data/ingest/archive.kept.db"
    with sqlite3.connect(kept, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")

        def release(told: Told) -> None:
            tell(told)
            if told.state == "away":
                other.execute("ROLLBACK")

        monkeypatch.setattr("jobs.cli.ingest_archive.tell", release)
        done = run(folder, "--once")
    assert summary(done)["kept"] == {"key_missing": N // 2}
    assert f"waiting: {kept}: database is locked" in done.stderr
    assert "there again after" in done.stderr
    assert len(ids(folder)) == N // 2


def test_a_collector_that_is_killed_loses_nothing(folder: Path) -> None:
    fill(folder / "archive", records(N), kind=Kind(failures=(0, 10003)), leave_out=[70])
    command = [sys.executable, "-m", "jobs.cli.main"]
    command += words(folder, "--simulator", str(folder / "archive"), "--set")
    command += ["ingest.archive.limit=2"]
    collecting = subprocess.Popen(command, cwd=ROOT)
    patience = time.monotonic() + 120
    while not list((folder / "messages").glob("messages*.jsonl")):
        assert time.monotonic() < patience
        time.sleep(0.05)
    collecting.kill()
    collecting.wait()
    done = run(folder, "--once")
    assert done.exit_code == 0, done.output
    assert {*ids(folder)} == {f"m{n}" for n in range(2 * N)}
    gaps = [one for one in outputs(folder, "incidents") if one["kind"] == "sequence_gap"]
    assert {"70 to 70" in one["detail"] for one in gaps} == {True}


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--from", "-1"], "2\\^64"),
        (["--from", "18446744073709551616"], "2\\^64"),
        (["--simulator", "nowhere"], "no private key"),
        ([], "no private key"),
        (["--set", "ingest.archive.keys_dir=KEYS"], "ingest.archive.library is not set"),
        (
            ["--set", "ingest.archive.keys_dir=KEYS", "--set", "ingest.archive.library=no.so",
             "--set", "ingest.archive.corpid=ww1"],
            "MINGJIAN_ARCHIVE_SECRET is not set",
        ),
    ],
)  # fmt: skip
def test_a_wrong_call_says_what_to_do(folder: Path, more: list[str], said: str) -> None:
    write_key(folder / "real", 1)
    done = CliRunner().invoke(
        app, words(folder, *(one.replace("KEYS", str(folder / "real")) for one in more))
    )
    assert isinstance(done.exception, MingjianError)
    with pytest.raises(MingjianError, match=said):
        raise done.exception
    assert done.exception.zh


def test_a_simulated_archive_is_made_of_simulated_records(tmp_path: Path) -> None:
    (tmp_path / "day").mkdir()
    (tmp_path / "day/messages-p0.jsonl").write_bytes(b"\n".join(records()) + b"\n")
    command = ["ingest", "simulate-archive", str(tmp_path / "a"), "--from", str(tmp_path / "day")]
    done = CliRunner().invoke(app, [*command, "--start", str(2**64 - 100), "--output", "json"])
    assert done.exit_code == 0, done.output
    assert {"messages": N, "first": 2**64 - 100, "skipped": 0}.items() <= summary(done).items()
    done = CliRunner().invoke(app, ["ingest", "simulate-archive", "x", "--from", str(tmp_path)])
    assert isinstance(done.exception, MingjianError)

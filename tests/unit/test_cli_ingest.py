"""`mingjian ingest` as a person or a script calls it."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rules.errors import EXIT_FINDINGS, EXIT_USAGE, MingjianError
from tests.support.collecting import bare, ids
from tests.support.command_line import app

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def signals(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The command takes the signals of its process, which here is that of the tests."""
    monkeypatch.setenv("MINGJIAN_LANG", "en")
    monkeypatch.delenv("MINGJIAN_INGEST_TOKEN", raising=False)
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def words(folder: Path, *given: str) -> list[str]:
    chosen = {
        "data_dir": "data",
        "keys_dir": "keys",
        "source.path": "messages",
        "outputs.path": "outputs",
    }
    options = [f"--set={key}={folder / name}" for key, name in chosen.items()]
    return ["ingest", *given, *options]


def call(folder: Path, *given: str):
    return CliRunner().invoke(app, words(folder, *given))


@pytest.fixture
def export(tmp_path: Path) -> Path:
    file = tmp_path / "export" / "a.jsonl"
    file.parent.mkdir()
    file.write_bytes(bare(1) + b"\n" + bare(2) + b"\nno json\n")
    return file


def test_files_are_taken_once_and_the_summary_says_so(tmp_path: Path, export: Path) -> None:
    first = call(tmp_path, "files", str(export.parent))
    assert first.exit_code == 0, first.exception
    assert "3 new records, 0 already there, 0 set aside" in first.stdout
    assert "1 cannot be read" in first.stdout
    assert "mingjian quarantine list" in first.stdout
    again = call(tmp_path, "files", str(export), "-o", "json")
    told = json.loads(again.stdout)
    assert (told["new"], told["source"], told["damaged"]) == (0, "files", [])
    other = json.loads(call(tmp_path, "files", str(export), "--name", "y", "-o", "json").stdout)
    assert other["new"] == 3, "what another collector took is not remembered here"


def test_a_damaged_file_is_named_and_is_a_finding(tmp_path: Path, export: Path) -> None:
    packed = gzip.compress(export.read_bytes())
    (export.parent / "b.jsonl.gz").write_bytes(packed[:-10])
    result = call(tmp_path, "files", str(export.parent), "-o", "json")
    assert result.exit_code == EXIT_FINDINGS
    (damaged,) = json.loads(result.stdout)["damaged"]
    assert damaged["path"].endswith("b.jsonl.gz")


@pytest.mark.parametrize(
    ("given", "what"),
    [
        (("files", "nothing-here"), "no file or folder"),
        (("files", "{folder}/messages"), "reads already"),
        (("files", "{folder}/empty"), r"no \.jsonl"),
        (("files", "{folder}/export", "--name", "a/b"), "no name for a collector"),
        (("http",), "MINGJIAN_INGEST_TOKEN is not set"),
    ],
)
def test_a_wrong_call_is_one_clear_line(
    tmp_path: Path, export: Path, given: tuple[str, ...], what: str
) -> None:
    (tmp_path / "messages").mkdir()
    (tmp_path / "empty").mkdir()
    result = call(tmp_path, *(word.format(folder=tmp_path) for word in given))
    error = result.exception
    assert isinstance(error, MingjianError)
    assert error.exit_code == EXIT_USAGE
    with pytest.raises(MingjianError, match=what):
        raise error
    assert error.zh != error.en


def test_standard_input_ends_cleanly_on_sigterm_with_all_that_was_read(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "jobs.cli.main", *words(tmp_path, "stdin", "-o", "json")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.stdin is not None
    process.stdin.write(bare(1) + b"\n" + bare(2) + b"\n")
    process.stdin.flush()
    while not (tmp_path / "messages").is_dir() or ids(tmp_path) != ["m1", "m2"]:
        assert process.poll() is None
    process.terminate()
    assert process.stdout is not None
    summary = json.loads(process.stdout.read())
    assert process.wait() == 0
    process.stdin.close()
    assert (summary["source"], summary["new"]) == ("stdin", 2)

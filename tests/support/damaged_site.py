"""A small archive that was signed twice, for tests that damage it, and the commands about it."""

from __future__ import annotations

import functools
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from jobs import deliver as delivery
from jobs.cli import archive, deliver, doctor, ledger, retention
from rules.errors import EXIT_OK, MingjianError
from tests.unit.test_archiver import record
from tests.unit.test_cli_archive import save, tree_of

APP = typer.Typer()
for one in (archive, deliver, doctor, ledger, retention):
    one.register(APP)
Call = Callable[..., tuple[int, str]]


def messages(folder: Path, first: int, last: int) -> None:
    path = folder / "messages" / f"messages-{first}.jsonl"
    lines = (record(number, f"第{number}条保本") + b"\n" for number in range(first, last))
    path.write_bytes(b"".join(lines))
    os.utime(path, (first + 1, first + 1))


def run(folder: Path, *words: str) -> tuple[int, str]:
    """(exit code, everything that was printed, in one line; for programs what they read)."""
    done = CliRunner().invoke(APP, [*words, "--config", str(folder / "settings.yaml")])
    told = done.stdout if "json" in words else " ".join(done.output.split())
    if isinstance(done.exception, MingjianError):
        error = done.exception
        return error.exit_code, " ".join((told, error.en, "→", error.fix_en))
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, told


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive of 300 messages that was signed twice, and a custody book of three lines."""
    folder = tmp_path_factory.mktemp("made")
    for name in ("messages", "outputs"):
        (folder / name).mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("jobs.archive.account", lambda: "zhao")
        save(folder, tree_of(folder))
        messages(folder, 0, 100)
        assert run(folder, "deliver", "--once")[0] == EXIT_OK
        messages(folder, 100, 300)
        for which in ("5", "6", "7"):
            assert run(folder, "archive", "show", which)[0] == EXIT_OK
        assert run(folder, "deliver", "--once")[0] == EXIT_OK
    return folder


@pytest.fixture
def site(made: Path, tmp_path: Path) -> Path:
    """A copy of it, with messages that wait to be archived."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    save(tmp_path, tree_of(tmp_path))
    messages(tmp_path, 300, 310)
    for path in (tmp_path / "archive").rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)
    return tmp_path


@pytest.fixture
def call(site: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Runs a command as somebody."""
    monkeypatch.setenv("MINGJIAN_LANG", "en")
    monkeypatch.setenv("COLUMNS", "250")
    short = functools.partial(delivery.run, patience_s=0.1)
    monkeypatch.setattr(deliver.delivery, "run", short)

    def as_(who: str, *words: str) -> tuple[int, str]:
        monkeypatch.setattr("jobs.archive.account", lambda: who)
        return run(site, *words)

    return as_


def ledger_of(site: Path) -> Path:
    return site / "archive" / "ledger"


def book_of(site: Path) -> Path:
    return site / "archive" / "custody.jsonl"


def cut(path: Path, length: int) -> None:
    with path.open("r+b") as file:
        file.truncate(length)


def state(site: Path) -> dict[str, bytes]:
    """The ledger, the custody book, the keys."""
    found = [*ledger_of(site).rglob("*"), book_of(site), *(site / "keys").iterdir()]
    return {str(one): one.read_bytes() for one in found if one.is_file() and one.name != "lock"}


def but_the_book(site: Path) -> dict[str, bytes]:
    """The ledger and the keys: that somebody checked them is a line of the book."""
    return {name: data for name, data in state(site).items() if name != str(book_of(site))}


def findings(call: Call) -> dict[str, dict[str, Any]]:
    """What the doctor says of each thing."""
    told = json.loads(call("guan", "doctor", "-o", "json")[1])
    found = {one["check"]: one for one in told["findings"]}
    assert told["verdict"]["trusted"] is not any(one["state"] == "fail" for one in found.values())
    return found

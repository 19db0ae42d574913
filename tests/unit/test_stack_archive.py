"""What a stack knows of the servers of its archive, without starting any."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml

from config.settings import load
from jobs import stack_archive
from jobs.servers import postgres
from jobs.stack_settings import write_settings
from rules.errors import MingjianError

ADDRESSES = {
    "kafka": "127.0.0.1:1", "redis": "redis://127.0.0.1:2/0", "flink": "http://127.0.0.1:3",
    "elasticsearch": "http://127.0.0.1:4", "s3": "http://127.0.0.1:5",
    "postgres": "postgresql://127.0.0.1:6/mingjian",
}  # fmt: skip


def said() -> tuple[list[tuple[str, str]], stack_archive.Say]:
    lines: list[tuple[str, str]] = []
    return lines, lambda en, zh: lines.append((en, zh))


def test_passwords_are_made_once_for_their_owner_alone(tmp_path):
    made, other = (stack_archive.secrets_of(tmp_path / name) for name in "ab")
    assert stack_archive.secrets_of(tmp_path / "a") == made
    assert not set(made) & set(other), "of every stack its own"
    assert all(len(one) >= 16 for one in made)
    file = tmp_path / "a" / stack_archive.SECRETS_FILE
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("harm", ["gone", "empty", "cut"])
def test_passwords_that_are_lost_are_not_replaced_under_the_data_they_open(tmp_path, harm):
    stack_archive.secrets_of(tmp_path)
    file = tmp_path / stack_archive.SECRETS_FILE
    data = tmp_path / "postgres" / "data"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("15\n")
    if harm == "gone":
        file.unlink()
    else:
        text = file.read_text()
        file.write_text("" if harm == "empty" else text[: text.index("\n")])
    with pytest.raises(MingjianError, match="missing or damaged") as told:
        stack_archive.secrets_of(tmp_path)
    assert str(file) in told.value.zh
    assert "stack down --wipe" in told.value.fix_en


@pytest.fixture
def without_postgresql(monkeypatch, tmp_path):
    monkeypatch.setattr(postgres, "_PLACES", tmp_path / "nowhere")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)


def test_without_postgresql_there_is_a_stack_without_an_archive_and_it_says_so(without_postgresql):
    lines, say = said()
    assert not stack_archive.may_run((), say)
    ((en, zh),) = lines
    assert "no archive in this stack" in en
    assert "apt-get install postgresql" in en
    assert "apt-get install postgresql" in zh


def test_a_stack_that_had_an_archive_is_not_started_without_it(without_postgresql):
    lines, say = said()
    with pytest.raises(MingjianError, match="PostgreSQL is not installed"):
        stack_archive.may_run(["kafka", "postgres", "s3"], say)
    assert lines == []


def test_the_settings_name_the_servers_and_no_password(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = stack_archive.secrets_of(tmp_path)
    settings = load(path=write_settings(tmp_path, ADDRESSES, 3))
    (archive,) = [one for one in settings.targets if one.kind == "archive"]
    assert (archive.s3_endpoint, archive.index_url) == (ADDRESSES["s3"], ADDRESSES["postgres"])
    assert archive.path == str(tmp_path / "archive")
    assert settings.access.open
    text = (tmp_path / "cluster.yaml").read_text()
    assert not any(one in text for one in given)
    assert stack_archive.SECRETS_FILE in text


def test_a_stack_without_an_archive_has_no_such_target(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    some = {name: at for name, at in ADDRESSES.items() if name not in stack_archive.NAMES}
    settings = load(path=write_settings(tmp_path, some, 3))
    assert {one.kind for one in settings.targets} == {"redis", "elasticsearch"}


def test_keys_stay_where_they_were_whoever_starts_the_stack_again(tmp_path, monkeypatch):
    for place in ("first", "second"):
        (tmp_path / place).mkdir()
        monkeypatch.chdir(tmp_path / place)
        file = write_settings(tmp_path, ADDRESSES, 2)
        settings = load(path=file)
        assert settings.keys_dir == str(tmp_path / "first" / "var" / "keys")
        assert settings.data_dir == str(tmp_path / "first" / "var")
    values = yaml.safe_load(file.read_text())
    file.write_text(yaml.safe_dump({**values, "keys_dir": "var/keys"}))  # of an earlier version
    assert load(path=write_settings(tmp_path, ADDRESSES, 2)).keys_dir == str(
        Path.cwd() / "var" / "keys"
    )

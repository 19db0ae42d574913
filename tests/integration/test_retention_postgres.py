"""Policies, plans, deletion and a lost index on the command line, with index and segments on real
servers."""

from __future__ import annotations

import json
import os

import psycopg
import pytest
import typer
from psycopg import sql
from typer.testing import CliRunner

from config.settings import load
from jobs.cli import archive, retention
from jobs.deliver import run
from jobs.servers import postgres, s3
from rules.errors import EXIT_FINDINGS, EXIT_OK, MingjianError
from sinks.archive.places import objects_of, schema_of
from sinks.archive.postgres_session import PASSWORD_VARIABLE
from sinks.archive.s3_objects import ACCESS_VARIABLE, SECRET_VARIABLE
from tests.support.disposal import CUSTOMER, record
from tests.unit.test_cli_archive import save, tree_of
from tests.unit.test_cli_retention import PEOPLE, YEAR

APP = typer.Typer()
for one in (archive, retention):
    one.register(APP)
RECORDS = [  # of whichever company reads them
    record(0, "这款产品保本", tenant=""),
    record(1, "内部讨论保本", sender="lisi", to=("wangwu",), tenant=""),
    record(2, "明年再说", days=30_000, tenant=""),
]


@pytest.fixture
def folder(postgres_server, s3_server, prefix, tmp_path, monkeypatch):
    for name, value in (
        (PASSWORD_VARIABLE, postgres.PASSWORD), (ACCESS_VARIABLE, s3.ACCESS_KEY),
        (SECRET_VARIABLE, s3.SECRET_KEY), ("MINGJIAN_LANG", "en"), ("COLUMNS", "200"),
    ):  # fmt: skip
        monkeypatch.setenv(name, value)
    for name in ("messages", "outputs"):
        (tmp_path / name).mkdir()
    path = tmp_path / "messages" / "messages-1.jsonl"
    path.write_bytes(b"\n".join(RECORDS) + b"\n")
    os.utime(path, (1, 1))
    tree = tree_of(tmp_path) | {"tenant": prefix}
    tree["access"] = {"people": [{"account": who, "roles": as_} for who, as_ in PEOPLE.items()]}
    tree["targets"][0] |= {
        "index": "postgres", "index_url": postgres_server.address, "username": postgres.USER,
        "objects": "s3", "s3_endpoint": s3_server.address, "s3_bucket": "retention",
    }  # fmt: skip
    save(tmp_path, tree)
    (tmp_path / "year.yaml").write_text(YEAR)
    return tmp_path


@pytest.fixture
def call(folder, monkeypatch):
    """Runs a command as somebody: (exit code, what was printed)."""

    def as_(who, *words):
        monkeypatch.setattr("jobs.archive.account", lambda: who)
        given = [*map(str, words), "--config", str(folder / "settings.yaml")]
        done = CliRunner().invoke(APP, given)
        if isinstance(done.exception, MingjianError):
            return done.exception.exit_code, done.output + done.exception.en
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done.exit_code, done.output

    return as_


@pytest.fixture
def told(call):
    def values(who, *words):
        code, said = call(who, *words, "-o", "json")
        assert code == EXIT_OK, said
        return [json.loads(line) for line in said.splitlines() if line.startswith("{")]

    return values


def settings(folder):
    return load(path=folder / "settings.yaml")


def deliver(folder):
    return run(settings(folder), once=True)


def test_a_plan_is_made_approved_carried_out_proved_and_survives_the_index(
    folder, call, told, postgres_server
):
    deliver(folder)
    words = ("retention", "policies", folder / "year.yaml", "--apply", "--why", "合规会")
    code, said = call("zhao", *words)
    assert (code, "due 0 by the schedule in force, 2 by this one" in said) == (EXIT_OK, True)
    hold = ("retention", "hold", "place", "H", "--person", "wangwu", "--why", "函 1")
    assert told("zhao", *hold)[0]["messages"] == 1
    (made,) = told("zhao", "retention", "plan", "--keep", "--why", "清理")
    assert (made["going"], made["held"]) == (1, 1)
    assert call("qian", "retention", "approve", made["plan"][:9], "--why", "已复核")[0] == EXIT_OK
    deliver(folder)
    (target,) = settings(folder).targets
    before = [one["leaf"] for one in told("zhao", "archive", "search")[0]["messages"]]
    gone = told("zhao", "archive", "show", "m0")
    assert (before, gone[0]["deleted"]) == ([2, 1], True)
    assert len(list(objects_of(target, settings(folder).tenant).names())) == 1
    assert told("shen", "retention", "check")[-1]["tombstones"] == 1
    assert told("shen", "archive", "check")[-1] == {
        "faults": 0, "messages": 3, "segments": 1, "signed": 12, "deleted": 1, "files": 0,
    }  # fmt: skip
    (answer,) = told("zhao", "retention", "subject", CUSTOMER, "--why", "T-1")
    assert answer["messages"] == 1

    name = sql.Identifier(schema_of(target, settings(folder).tenant))
    with psycopg.connect(
        postgres_server.address, user=postgres.USER, password=postgres.PASSWORD, autocommit=True
    ) as session:
        session.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(name))
    code, said = call("zhao", "archive", "search")
    assert (code != 0, "its index is gone" in said) == (True, True)
    (made,) = told("guan", "archive", "rebuild", "--why", "库被误删")
    assert (made["faults"], made["messages"], made["deleted"]) == (0, 3, 1)
    deliver(folder)
    assert [one["leaf"] for one in told("zhao", "archive", "search")[0]["messages"]] == before
    assert told("zhao", "archive", "show", "m0") == gone
    assert told("shen", "retention", "check")[-1]["faults"] == 0
    assert told("shen", "archive", "check")[-1]["faults"] == 0
    assert [one["hold"] for one in told("zhao", "retention", "hold", "list")] == ["H"]


def test_a_segment_that_is_missing_in_the_storage_is_named(folder, call):
    deliver(folder)
    (target,) = settings(folder).targets
    objects = objects_of(target, settings(folder).tenant)
    (name,) = objects.names()
    data = objects.get(name)
    objects.delete(name)
    code, said = call("guan", "archive", "rebuild")
    assert (code, f"segment {name} of the archive is not in" in said) == (EXIT_FINDINGS, True)
    code, said = call("shen", "archive", "check")
    assert code == EXIT_FINDINGS
    assert all(f"message m{n} is not in the index" in said for n in range(3))
    objects.put(name, data)
    assert call("guan", "archive", "rebuild")[0] == EXIT_OK
    assert call("shen", "archive", "check")[0] == EXIT_OK

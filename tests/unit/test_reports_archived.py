"""`mingjian report pack` where there is an archive: its ledger, its desk, its custody book."""

from __future__ import annotations

import json
import os
import shutil
import zipfile

import pytest
import typer
import yaml
from typer.testing import CliRunner

from config.settings import load
from jobs.cli import ledger, report, rules
from jobs.deliver import run
from reports.standalone.verify import verify
from rules.alert import sm3_raw
from rules.errors import EXIT_USAGE, MingjianError
from sinks.archive.leaves import OtherLeaf, read_other
from sinks.base import Record
from sinks.ledger.reader import LedgerReader
from sinks.sealing import Sealer
from tests.support import sample_case
from tests.support.records import write_part
from tests.support.rule_files import SIMPLE, write


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """An installation whose messages, alert and evidence have been delivered."""
    home = tmp_path_factory.mktemp("home")
    sample_case.write_day(home / "messages")
    os.utime(home / "messages" / "messages-p0.jsonl", (1, 1))
    alert, evidence = sample_case.alert_and_evidence(Sealer.from_dir(home / "keys"))
    write_part(
        home / "outputs",
        [
            Record("alerts", alert["alert_id"], json.dumps(alert).encode()),
            *(Record("evidence", row["evidence_id"], json.dumps(row).encode()) for row in evidence),
        ],
    )
    (home / "rule.yaml").write_text(sample_case.RULE, encoding="utf-8")
    return home


@pytest.fixture
def call(made, tmp_path, monkeypatch):
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    tree = {
        "tenant": "demo",
        "data_dir": str(tmp_path / "var"),
        "keys_dir": str(tmp_path / "keys"),
        "source": {"kind": "files", "path": str(tmp_path / "messages")},
        "outputs": {"kind": "files", "path": str(tmp_path / "outputs")},
        "targets": [
            {"kind": "sqlite", "name": "sqlite", "path": str(tmp_path / "index.db")},
            {"kind": "archive", "name": "archive", "path": str(tmp_path / "archive")},
        ],
        "access": {
            "people": [
                {"account": "zhao", "roles": ["officer"]},
                {"account": "shen", "roles": ["auditor"]},
            ]
        },
    }
    config = tmp_path / "settings.yaml"
    config.write_text(yaml.safe_dump(tree))
    run(load(path=config), once=True)
    app = typer.Typer()
    report.register(app)
    ledger.register(app)
    rules.register(app)
    monkeypatch.setenv("MINGJIAN_LANG", "en")

    def as_(who, *words):
        monkeypatch.setattr("jobs.archive.account", lambda: who)
        done = CliRunner().invoke(app, [*words, "--config", str(config)])
        if isinstance(done.exception, MingjianError):
            return done.exception.exit_code, done.exception.en
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done.exit_code, done.output

    return as_


def pack(call, tmp_path, who, *words):
    rule = str(tmp_path / "rule.yaml")
    return call(who, "report", "pack", "--alert", "worst", "--rule", rule, "-o", "json", *words)


def book(tmp_path):
    path = tmp_path / "archive" / "custody.jsonl"
    return [json.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []


def test_the_pack_shows_the_ledger_and_the_book_shows_the_pack(call, tmp_path):
    code, told = pack(call, tmp_path, "zhao", "--reason", "case 7")
    assert code == 0
    said = json.loads(told)
    # 15 of the case in its conversation and among its events, found in the archive
    assert said["counts"] == {"member": 2, "context": 13, "event": 3}
    checks = {one.name: (one.ok, one.en) for one in verify(said["archive"]).checks}
    assert all(ok is not False for ok, _ in checks.values()), checks
    assert checks["ledger entries"] == (True, "19, each leads to the signed root")
    (deed,) = book(tmp_path)
    assert (deed["who"], deed["role"], deed["action"]) == ("zhao", "officer", "exported")
    assert deed["why"] == "case 7"
    details = deed["details"]
    assert details["manifest_sm3"] == said["manifest_sm3"]
    assert (details["records"], len(details["leaves"]), details["unmasked"]) == (18, 18, False)
    with zipfile.ZipFile(said["archive"]) as files:
        source = json.loads(files.read("completeness.json"))["source"]
    assert source["name"] == "archive:archive"
    assert source["limits"] == []


def test_a_later_pack_goes_on_from_the_head_of_an_earlier_one(call, tmp_path):
    first = json.loads(pack(call, tmp_path, "zhao")[1])["archive"]
    head = tmp_path / "head.txt"
    with zipfile.ZipFile(first) as files:
        head.write_bytes(files.read("checkpoint.txt"))
    run(load(path=tmp_path / "settings.yaml"), once=True)  # the export is entered
    out = str(tmp_path / "later")
    code, told = pack(call, tmp_path, "zhao", "--given", str(head), "--out", out)
    assert code == 0
    checks = {one.name: one for one in verify(json.loads(told)["archive"]).checks}
    assert checks["ledger extends"].ok
    assert "unchanged" in checks["ledger extends"].en


@pytest.mark.parametrize(
    ("who", "words", "said"),
    [
        ("shen", (), "may not export messages"),
        ("nobody", (), "may not export messages"),
        ("zhao", ("--unmask",), "a reason is needed"),
        ("zhao", ("--unmask", "--reason", " "), "a reason is needed"),
        ("zhao", ("--given", "/nowhere"), "cannot read"),
    ],
)
def test_who_may_not_or_gives_no_reason_gets_no_file(call, tmp_path, who, words, said):
    code, told = pack(call, tmp_path, who, *words)
    assert code == EXIT_USAGE
    assert said in told
    assert not (tmp_path / "var" / "packs").exists()


def test_no_file_without_its_line_in_the_book(call, tmp_path):
    (tmp_path / "archive" / "custody.jsonl").mkdir()
    code, told = pack(call, tmp_path, "zhao")
    assert code != 0
    assert "custody book cannot be" in told
    assert not (tmp_path / "var" / "packs").exists()


def test_rules_that_are_published_are_in_the_book_and_in_the_ledger(call, tmp_path):
    mine = tmp_path / "rules"
    write(mine, SIMPLE, "simple.yaml")
    config = tmp_path / "settings.yaml"
    tree = yaml.safe_load(config.read_text())
    tree["rules"] = {"path": str(mine), "registry": str(tmp_path / "registry")}
    config.write_text(yaml.safe_dump(tree))
    code, told = call("shen", "rules", "publish", "--note", "first")
    assert (code, "may not publish rules" in told) == (EXIT_USAGE, True)
    code, told = call("zhao", "rules", "publish", "--note", "first", "--force", "-o", "json")
    assert code == 0, told
    said = json.loads(told)
    deed = book(tmp_path)[-1]
    assert (deed["who"], deed["role"], deed["action"]) == ("zhao", "officer", "published_rules")
    assert (deed["why"], deed["details"]["digest"]) == ("first", said["digest"])
    run(load(path=config), once=True)
    folder = tmp_path / "archive" / "ledger"
    entries = [read_other(entry) for _, entry in LedgerReader(folder).entries()]
    raw = (tmp_path / "archive" / "custody.jsonl").read_bytes().splitlines()[-1]
    assert OtherLeaf("custody", str(deed["n"]), sm3_raw(raw)) in entries

"""`mingjian report`: from an index on disk to a pack, and from a pack to a verdict."""

from __future__ import annotations

import json
import shlex
import zipfile

import pytest
import typer
from typer.testing import CliRunner

from jobs.account import account
from jobs.cli import report
from reports.signing import Signer
from rules.errors import MingjianError
from sinks.base import Record
from sinks.sealing import Sealer
from sinks.sqlite import SqliteSink
from tests.support import sample_case
from tests.support.packed import write_pack


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A small installation: messages, an index with one alert, keys, and the rule that judged."""
    home = tmp_path_factory.mktemp("home")
    sample_case.write_day(home / "messages")
    alert, evidence = sample_case.alert_and_evidence(Sealer.from_dir(home / "keys"))
    sink = SqliteSink("sqlite", home / "index.db")
    sink.open()
    back = {**alert, "alert_id": "e" * 32, "status": "retracted", "time": alert["time"] + 1}
    sink.write(
        [
            # newer, and taken back: not the worst one
            Record("alerts", back["alert_id"], json.dumps(back).encode()),
            Record("alerts", alert["alert_id"], json.dumps(alert).encode()),
            *(Record("evidence", row["evidence_id"], json.dumps(row).encode()) for row in evidence),
        ]
    )
    sink.close()
    (home / "rule.yaml").write_text(sample_case.RULE, encoding="utf-8")
    return home


@pytest.fixture
def mingjian(home, monkeypatch):
    monkeypatch.setenv("MINGJIAN_LANG", "en")
    settings = [
        f"data_dir={home}", f"keys_dir={home}/keys", f"source.path={home}/messages",
        f"targets=[{{kind: sqlite, name: sqlite, path: {home}/index.db}}]",
    ]  # fmt: skip

    def run(*arguments: str):
        overrides = [part for setting in settings for part in ("--set", setting)]
        app = typer.Typer()
        report.register(app)
        return CliRunner().invoke(app, ["report", *arguments, *overrides])

    return run


def test_pack_then_verify(mingjian, home):
    made = mingjian(
        "pack", "--alert", "worst", "--rule", str(home / "rule.yaml"), "--reason", "case 7",
        "--by", "li.na", "--output", "json",
    )  # fmt: skip
    assert made.exit_code == 0, made.output
    said = json.loads(made.output)
    assert said["counts"] == {"member": 2, "context": 13, "event": 3, "period": 0}
    assert said["name"] != "e" * 32
    archive = home / "packs" / f"{said['name']}.zip"
    assert said["archive"] == str(archive)

    for path in (archive, archive.with_suffix(".pdf")):
        good = mingjian("verify", str(path))
        assert good.exit_code == 0, good.output
        assert "whole and unaltered" in good.output
        assert "signed by the key of this installation" in good.output  # made here: it is known

    with zipfile.ZipFile(archive) as whole:
        files = {name: whole.read(name) for name in whole.namelist()}
    last = json.loads(files["custody.jsonl"].splitlines()[-1])
    # who is named as maker, and the account that ran it
    assert last["who"] == f"li.na ({account()})"
    assert (last["why"], last["action"]) == ("case 7", "pack_created")
    bad = home / "bad.zip"
    changed = files["alert.json"].replace(b"m05", b"m55")
    write_pack(bad, {**files, "alert.json": changed})
    failed = mingjian("verify", str(bad), "--output", "json")
    assert failed.exit_code == 1
    said = json.loads(failed.output)
    assert "alert.json" in [row["name"] for row in said["checks"] if row["ok"] is False]

    archive.with_suffix(".pdf").write_bytes(b"%PDF-1.7 another")
    other = mingjian("verify", str(archive.with_suffix(".pdf")))
    assert other.exit_code == 1
    assert "differs from report.pdf" in other.output


def run_as_shown(mingjian, output, *extra):
    """Run the command that `report pack` printed last."""
    words = shlex.split(output.splitlines()[-1].split("mingjian report ", 1)[1])
    return mingjian(*words, *extra)


def test_the_command_shown_after_a_pack_knows_the_key(home, monkeypatch, tmp_path):
    monkeypatch.setenv("MINGJIAN_LANG", "en")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)  # where no key lies
    config = tmp_path / "my settings.yaml"
    config.write_text(
        f"{{profile: embedded, tenant: demo, data_dir: '{home}', keys_dir: '{home}/keys',"
        f" source: {{kind: files, path: '{home}/messages'}},"
        f" targets: [{{kind: sqlite, name: sqlite, path: '{home}/index.db'}}]}}"
    )
    app = typer.Typer()
    report.register(app)

    def call(*arguments: str):
        return CliRunner().invoke(app, ["report", *arguments])

    options = ["--config", str(config), "--out", str(tmp_path / "packs")]
    made = call("pack", "--alert", "worst", "--rule", str(home / "rule.yaml"), *options)
    assert made.exit_code == 0, made.output
    good = run_as_shown(call, made.output)
    assert good.exit_code == 0
    assert "signed by the key of this installation" in good.output

    archive = next((tmp_path / "packs").glob("*.zip"))
    mark = json.loads(call("keys", "--config", str(config), "--output", "json").output)["key_sm3"]
    unknown = call("verify", str(archive))
    assert unknown.exit_code == 0
    last = unknown.output.splitlines()[-1]
    assert last.startswith("! ")
    assert "a key this installation does not know" in last
    assert mark in last
    assert f"SM2/SM3 valid, key {mark}" in unknown.output  # whole, on 80 columns too

    Signer.from_dir(tmp_path / "other")
    other = call("verify", str(archive), "--set", f"keys_dir={tmp_path}/other")
    assert other.exit_code == 1
    assert "not signed by the key of this installation" in other.output
    assert mark in other.output.splitlines()[-1]
    told = call("verify", str(archive), "--set", f"keys_dir={tmp_path}/other",
                "--fingerprint", mark, "--output", "json")  # fmt: skip
    said = json.loads(told.output)
    assert (said["ok"], said["key_known"], said["key_sm3"]) == (True, True, mark)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["pack", "--alert", "ffff"], "no alert"),
        (["pack", "--alert", "5f0c"], "is not the one that raised the alert"),
        (["pack", "--alert", "5f0c", "--rule", "nowhere.yaml"], "cannot read the rule file"),
        (["verify", "nowhere.zip"], "there is no file nowhere.zip"),
        (["verify", "nowhere.pdf"], "there is no file nowhere.pdf"),
    ],
)
def test_a_wrong_call_is_one_clear_error(mingjian, arguments, says):
    done = mingjian(*arguments)
    assert isinstance(done.exception, MingjianError)
    assert says in done.exception.en
    assert done.exception.fix_en or "rule file" in says


@pytest.mark.parametrize("place", ["keys/access.yaml", "messages", "packs/../x"])
def test_no_pack_is_put_beside_what_mingjian_keeps(mingjian, home, place):
    done = mingjian("pack", "--alert", "worst", "--out", str(home / place))
    assert isinstance(done.exception, MingjianError)
    assert "where Mingjian keeps its own files" in done.exception.en
    assert not (home / "keys/access.yaml").exists()


def test_keys_shows_what_an_auditor_needs(mingjian, home):
    said = json.loads(mingjian("keys", "--output", "json").output)
    assert said["public_pem"].startswith("-----BEGIN PUBLIC KEY-----")
    assert said["key_sm3"] in mingjian("keys").output
    assert "not certified" in mingjian("keys").output

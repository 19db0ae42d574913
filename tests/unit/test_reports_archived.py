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
from jobs.cli import archive, ledger, report, rules
from jobs.deliver import run
from jobs.registry import chosen_rules
from reports.standalone.verify import verify
from rules.alert import sm3_raw
from rules.errors import EXIT_USAGE, MingjianError
from sinks.archive.custody import CustodyBook
from sinks.archive.disposable import spans
from sinks.archive.hold_book import By
from sinks.archive.leaves import OtherLeaf, read_other
from sinks.archive.subjects import restrict
from sinks.base import Record
from sinks.ledger.reader import LedgerReader
from sinks.sealing import Sealer
from tests.support import sample_case
from tests.support.packed import write_pack
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
    archive.register(app)
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
    if not {"--reason", "--no-reason"} & set(words):
        words = (*words, "--reason", "case")
    words = [one for one in words if one != "--no-reason"]
    return call(who, "report", "pack", "--alert", "worst", "--rule", rule, "-o", "json", *words)


def book(tmp_path):
    path = tmp_path / "archive" / "custody.jsonl"
    return [json.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []


def test_the_pack_shows_the_ledger_and_the_book_shows_the_pack(call, tmp_path):
    code, told = pack(call, tmp_path, "zhao", "--reason", "case 7")
    assert code == 0
    said = json.loads(told)
    # 15 of the case in its conversation and among its events, found in the archive
    assert said["counts"] == {"member": 2, "context": 13, "event": 3, "period": 0}
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


def told_by(code_and_text):
    code, text = code_and_text
    assert code == 0, text
    return json.loads(text)


def named(archive):
    with zipfile.ZipFile(archive) as files:
        return {name: files.read(name) for name in files.namelist()}


def failed(archive, openings=b""):
    return {one.name: one.en for one in verify(archive, "", openings).checks if one.ok is False}


def test_who_looked_at_the_records_before_is_in_the_pack(call, tmp_path):
    assert call("zhao", "archive", "search", "--text", "个人账户", "--why", "case 7")[0] == 0
    assert call("zhao", "archive", "search", "--sender", "lisi") is not None  # about others alone
    assert call("shen", "archive", "show", "m05")[0] == EXIT_USAGE  # refused: tells of no record
    run(load(path=tmp_path / "settings.yaml"), once=True)  # what was done is entered
    archive = told_by(pack(call, tmp_path, "zhao", "--reason", "case 7"))["archive"]
    lines = [json.loads(line) for line in named(archive)["handling.jsonl"].splitlines()]
    assert [(one["who"], one["action"], one["why"]) for one in lines] == [
        ("zhao", "searched", "case 7")
    ]
    checks = {one.name: one for one in verify(archive).checks}
    assert checks["ledger entries"].en.startswith("20, each leads")
    assert failed(archive) == {}
    files = named(archive)
    files["handling.jsonl"] = files["handling.jsonl"].replace(b"case 7", b"case 8")
    bad = tmp_path / "bad.zip"
    write_pack(bad, files)
    assert "custody book: the ledger has another" in failed(str(bad))["ledger entries"]


def test_a_person_over_a_period_from_the_archive(call, tmp_path):
    words = ("report", "person", sample_case.EMPLOYEE, "--since", "2026-06-01", "--until",
             "2026-06-01", "--rule", "x")  # fmt: skip
    code, text = call("zhao", *words[:-2], "--reason", "x", "-o", "json")
    assert code != 0  # its rule is another one by now
    assert "is not the one that raised the alert" in text
    said = told_by(call("zhao", "report", "person", sample_case.CUSTOMER, "--since", "2026-06-01",
                        "--until", "2026-06-01", "--reason", "subject request", "-o", "json",
                        "--rule", str(tmp_path / "rule.yaml")))  # fmt: skip
    assert said["counts"] == {"member": 2, "context": 13, "event": 3, "period": 0}
    assert failed(said["archive"]) == {}
    deed = book(tmp_path)[-1]
    assert (deed["action"], deed["details"]["kind"]) == ("exported", "person")
    code, text = call("zhao", "report", "person", "nobody", "--since", "2026-06-01", "--until",
                      "2026-06-02", "--reason", "x")  # fmt: skip
    assert (code, "nothing about nobody in that time" in text) == (EXIT_USAGE, True)
    code, text = call("zhao", "report", "person", "x", "--since", "2026-06-02", "--until",
                      "2026-06-01")  # fmt: skip
    assert (code, "a time that ends after it begins" in text) == (EXIT_USAGE, True)
    assert call("shen", *words[:-2])[0] == EXIT_USAGE


def test_what_is_redacted_can_be_opened_with_a_reason_and_that_is_written_down(call, tmp_path):
    said = told_by(pack(call, tmp_path, "zhao", "--redact", "numbers", "--reason", "court"))
    archive = said["archive"]
    out = tmp_path / "open.json"
    words = ("report", "open", archive, "--out", str(out))
    for who, more, says in (
        ("shen", ("--reason", "x"), "may not see personal data unmasked"),
        ("zhao", (), "a reason is needed"),
        ("zhao", ("--reason", "court", "--record", "1"), "nothing was taken out of record 1"),
    ):
        code, text = call(who, *words, *more)
        assert (code, says in text, out.exists()) == (EXIT_USAGE, True, False), text
    told = told_by(call("zhao", *words, "--reason", "court order 9", "-o", "json"))
    assert told["holes"] == 2
    one = call("zhao", "report", "open", archive, "--out", str(tmp_path / "one.json"), "--record",
               str(told["records"][0]), "--reason", "court order 8")  # fmt: skip
    assert (one[0], "1 place in 1 record opened" in one[1]) == (0, True)
    assert out.stat().st_mode & 0o077 == 0
    assert failed(archive, out.read_bytes()) == {}
    deed = book(tmp_path)[-1]
    assert [(one["action"], one["why"]) for one in book(tmp_path)[-2:]] == [
        ("unmasked", "court order 9"), ("unmasked", "court order 8")
    ]  # fmt: skip
    assert deed["details"]["manifest_sm3"] == said["manifest_sm3"]
    code, text = call("zhao", *words, "--reason", "again")
    assert (code, "cannot write" in text) == (EXIT_USAGE, True)
    assert call("zhao", "report", "verify", archive, "--openings", str(out))[0] == 0
    (sealed,) = (tmp_path / "var" / "packs").glob("*.openings")
    assert sample_case.CARD[3:-4].encode() not in sealed.read_bytes()
    sealed.unlink()
    code, text = call("zhao", *words, "--reason", "again")
    assert (code, "nothing was taken out of this pack, or the file" in text) == (EXIT_USAGE, True)


def test_nothing_is_said_to_be_opened_that_could_not_be_written(call, tmp_path):
    """And nobody has the file while the book cannot say so."""
    said = told_by(pack(call, tmp_path, "zhao", "--redact", "numbers", "--reason", "court"))
    before = book(tmp_path)
    words = ("report", "open", said["archive"], "--reason", "court", "--out")
    code, text = call("zhao", *words, str(tmp_path / "nowhere" / "open.json"))
    assert (code, "cannot write" in text) == (EXIT_USAGE, True)
    assert book(tmp_path) == before
    shutil.move(tmp_path / "archive" / "custody.jsonl", tmp_path / "kept.jsonl")
    (tmp_path / "archive" / "custody.jsonl").mkdir()
    out = tmp_path / "out"
    out.mkdir()
    assert call("zhao", *words, str(out / "open.json"))[0] != 0
    assert list(out.iterdir()) == []


def test_redacted_and_unmasked_at_once_makes_no_sense(call, tmp_path):
    code, text = pack(call, tmp_path, "zhao", "--redact", "numbers", "--unmask", "--reason", "x")
    assert (code, "unmasked and redacted at once" in text) == (EXIT_USAGE, True)


def test_a_monthly_report_counts_alerts_looks_and_the_ledger(call, tmp_path):
    call("zhao", "archive", "search", "--text", "个人账户")
    said = told_by(
        call("zhao", "report", "month", "2026-06", "--reason", "regulator", "-o", "json")
    )
    assert (said["name"][:11], said["alerts"]) == ("mj-2026-06-", 1)
    assert failed(said["archive"]) == {}
    told = json.loads(named(said["archive"])["figures.json"])
    assert told["alerts"]["by_item"] == {"A02-03": 1}
    settings = load(path=tmp_path / "settings.yaml")
    awake = chosen_rules(settings).awake(settings.rules.feeds)
    mains = [one.main.ref.name for one in awake.files if one.main is not None]
    judge = sum(one in awake.detections or one in awake.correlations for one in mains)
    assert 0 < judge < len(mains)
    assert (told["rules"], told["rules_waiting"]) == (judge, len(mains) - judge)
    assert book(tmp_path)[-1]["details"]["kind"] == "month"
    code, text = call("zhao", "report", "month", "2099-01", "--reason", "x")
    assert (code, "has not begun" in text) == (EXIT_USAGE, True)
    for which in ("june", "9999-12", "1066-10", "0001-01"):
        code, text = call("zhao", "report", "month", which, "--reason", "x")
        assert (code, f"'{which}' is no month" in text) == (EXIT_USAGE, True)
    assert call("shen", "report", "month", "2026-06")[0] == EXIT_USAGE


def test_what_may_only_be_stored_is_left_out_or_needs_the_right_and_a_reason(call, tmp_path):
    """个人信息保护法 art. 47: of the conversation a message is restricted, then a member of it."""
    first = told_by(pack(call, tmp_path, "zhao", "--out", str(tmp_path / "first")))
    ledger = json.loads(named(first["archive"])["ledger.json"])
    events = [json.loads(row) for row in named(first["archive"])["events.jsonl"].splitlines()]
    numbers = {row["msgid"]: row["n"] for row in events}
    leaves = {one["id"]: one["leaf"] for one in ledger["entries"] if one["of"] == "record"}
    at = CustodyBook(tmp_path / "archive")
    restrict(
        at, {"restricted": spans([leaves[numbers["m02"]]])}, By("zhao", "officer", 1, "art. 47")
    )
    second = told_by(pack(call, tmp_path, "zhao", "--out", str(tmp_path / "second")))
    assert second["counts"]["context"] == first["counts"]["context"] - 1
    stated = json.loads(named(second["archive"])["completeness.json"])["source"]["limits"]
    assert any("may only be stored" in one["en"] for one in stated)
    restrict(
        at, {"restricted": spans([leaves[numbers["m05"]]])}, By("zhao", "officer", 1, "art. 47")
    )
    told_by(pack(call, tmp_path, "zhao", "--out", str(tmp_path / "third"), "--reason", "court"))
    assert book(tmp_path)[-1]["details"]["restricted"] == [leaves[numbers["m05"]]]


def test_a_pack_that_stands_in_the_book_and_could_not_be_written_is_noted_too(call, tmp_path):
    (tmp_path / "file").write_text("")
    code, text = pack(call, tmp_path, "zhao", "--out", str(tmp_path / "file" / "x"))
    assert code != 0
    assert "cannot write the pack" in text
    exported, undone = book(tmp_path)[-2:]
    assert (exported["action"], undone["action"]) == ("exported", "not_exported")
    assert undone["details"] == {"of_line": exported["n"]}


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_pack_whose_surroundings_cannot_be_read_says_so_at_the_command(
    call, tmp_path, monkeypatch, language
):
    """And names the segment in the pack, not where it would be on this machine."""
    monkeypatch.setenv("MINGJIAN_LANG", language)
    (segment,) = [one for one in (tmp_path / "archive").rglob("*") if one.parent.parent.name
                  == "segments" and one.is_file()]  # fmt: skip
    segment.unlink()
    words = ("report", "pack", "--alert", "worst", "--rule", str(tmp_path / "rule.yaml"),
             "--reason", "case", "--out", str(tmp_path / "packs"))  # fmt: skip
    code, told = call("zhao", *words)
    assert code == 0
    says = {"en": "16 records around the case could not be read (segment ",
            "zh": "案件前后有 16 条记录无法读取（分段 "}  # fmt: skip
    assert f"{says[language]}{segment.name}" in told
    code, told = call("zhao", *words, "-o", "json")
    said = json.loads(told[told.index("{") :])
    assert (said["unread"], said["unread_segments"]) == (16, [segment.name])
    source = json.loads(named(said["archive"])["completeness.json"])["source"]
    assert source["undecodable"] == 16
    assert source["unread_segments"] == [segment.name]
    (limit,) = source["limits"]
    assert f"segment {segment.name} of the archive is not there" in limit["en"]
    assert segment.name in limit["zh"]
    for name, data in named(said["archive"]).items():
        assert str(tmp_path).encode() not in data, name
    assert failed(said["archive"]) == {}


def test_a_pack_that_lacks_nothing_warns_of_nothing(call, tmp_path):
    assert "could not be read" not in pack(call, tmp_path, "zhao")[1]
    assert told_by(pack(call, tmp_path, "zhao"))["unread"] == 0


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
        ("nobody", ("--given", "/nowhere"), "may not export messages"),
        ("zhao", ("--no-reason",), "a reason is needed"),
        ("zhao", ("--unmask", "--no-reason"), "a reason is needed"),
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

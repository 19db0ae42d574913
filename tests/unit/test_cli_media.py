"""Files from the source into the archive and out again, as people do it on the command line."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import sqlite3

import pytest
import typer
from typer.testing import CliRunner

from ingest.archive.simulator_folder import MADE_UP_FILE
from jobs.cli import archive, ingest, ingest_media
from rules.errors import EXIT_FINDINGS, EXIT_USAGE, MingjianError
from sinks.archive.custody import CustodyBook
from sinks.archive.leaves import MEDIA, read_other
from sinks.ledger.reader import LedgerReader
from tests.support.media import sent
from tests.unit.test_archiver import record
from tests.unit.test_cli_archive import deliver, save, tree_of

PDF = b"%PDF-1.7 " + "合同金额三百万元".encode() * 9
FILES = {"pdf": PDF, "jpg": b"\xff\xd8 a photo", "same": PDF}
PHONE = "13800138000"
MESSAGES = [
    sent(1, "pdf", name=f"报价{PHONE}.pdf", md5="0" * 32), record(2), sent(3, "jpg", "same"),
    sent(4, "expired"),
]  # fmt: skip


@pytest.fixture(scope="module")
def archived(tmp_path_factory):
    """A folder with an archive of messages, and a simulated source that has their files."""
    folder = tmp_path_factory.mktemp("media")
    for name in ("messages", "outputs", "source/media"):
        (folder / name).mkdir(parents=True)
    path = folder / "messages" / "messages-1.jsonl"
    path.write_bytes(b"".join(one + b"\n" for one in MESSAGES))
    os.utime(path, (1, 1))
    (folder / "source/simulator.json").write_text("{}")
    for name, data in FILES.items():
        (folder / "source/media" / name).write_bytes(data)
    save(folder, tree_of(folder))
    deliver(folder)
    return folder


@pytest.fixture
def call(archived, tmp_path, monkeypatch):
    """Runs a command as somebody over a copy of it: (exit code, what was printed)."""
    shutil.copytree(archived, tmp_path, dirs_exist_ok=True)
    save(tmp_path, tree_of(tmp_path))
    app = typer.Typer()
    archive.register(app)
    ingest.register(app)
    ingest_media.register(app)
    monkeypatch.setenv("MINGJIAN_LANG", "en")
    monkeypatch.setenv("COLUMNS", "200")
    config = str(tmp_path / "settings.yaml")
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def as_(who, *words):
        monkeypatch.setattr("jobs.archive.account", lambda: who)
        done = CliRunner().invoke(app, [*words, "--config", config])
        if isinstance(done.exception, MingjianError):
            return done.exception.exit_code, done.output + done.exception.en
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done.exit_code, done.output

    yield as_
    for number, handler in handlers.items():
        signal.signal(number, handler)


def fetch(call, tmp_path, *more):
    words = ("ingest", "media", "--simulator", str(tmp_path / "source"), "--once", *more)
    return call("collector", *words)


@pytest.fixture
def fetched(call, tmp_path):
    code, told = fetch(call, tmp_path)
    assert code == EXIT_FINDINGS, "one is lost"
    assert "3 files stored" in told
    assert "1 lost" in told
    return call


def book(tmp_path):
    path = tmp_path / "archive" / "custody.jsonl"
    return [json.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []


def test_files_are_listed_with_what_became_of_them(fetched, tmp_path):
    code, told = fetched("fu", "archive", "media", "2", "-o", "json")
    assert code == 0
    files = json.loads(told)["files"]
    assert [(one["number"], one["state"], one["sm3"]) for one in files] == [
        (1, "stored", hashlib.new("sm3", FILES["jpg"]).hexdigest()),
        (2, "stored", hashlib.new("sm3", PDF).hexdigest()),
    ]
    code, told = fetched("fu", "archive", "media", "m1")
    assert code == 0
    assert "报价138****8000.pdf" in told
    assert PHONE not in told
    code, told = fetched("zhao", "archive", "media", "3")
    assert code == 0
    assert "lost" in told
    assert "code 10005" in told
    assert "carries no file" in fetched("fu", "archive", "media", "1")[1]
    deeds = [(one["who"], one["action"], one["details"]["leaf"]) for one in book(tmp_path)]
    assert deeds == [("fu", "saw", 2), ("fu", "saw", 0), ("zhao", "saw", 3), ("fu", "saw", 1)]


def test_before_anybody_looked_for_files_that_is_said(call):
    code, told = call("fu", "archive", "media", "0")
    assert code == 0
    assert "not looked for yet" in told
    code, told = call("zhao", "archive", "media", "0", "--out", "x.pdf", "--why", "T-1")
    assert code != 0
    assert "was not looked for yet" in told


def test_an_officer_takes_a_file_out_and_that_is_in_the_book_before_it_is_there(fetched, tmp_path):
    out = tmp_path / "out.pdf"
    code, told = fetched("zhao", "archive", "media", "0", "--out", str(out), "--why", " T-7 ")
    assert code == 0
    assert out.read_bytes() == PDF
    assert out.stat().st_mode & 0o777 == 0o600
    sm3 = hashlib.new("sm3", PDF).hexdigest()
    assert sm3 in told
    (deed,) = book(tmp_path)
    assert (deed["who"], deed["role"], deed["action"], deed["why"]) == (
        "zhao", "officer", "exported", "T-7",
    )  # fmt: skip
    assert deed["details"]["file_sm3"] == sm3
    assert deed["details"]["file_sha256"] == hashlib.sha256(PDF).hexdigest()
    assert deed["details"]["leaf"] == 0


def test_nothing_is_on_the_disk_when_the_book_cannot_be_written(fetched, tmp_path, monkeypatch):
    out = tmp_path / "taken" / "out.pdf"
    out.parent.mkdir()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("sinks.archive.custody.write_at", full)
    code, told = fetched("zhao", "archive", "media", "0", "--out", str(out), "--why", "T-7")
    assert code != 0
    assert "the custody book cannot be" in told
    assert list(out.parent.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (("0", "--out", "{out}"), "a reason is needed to export"),
        (("2", "--out", "{out}", "--why", "T"), "message 2 carries 2 files"),
        (("2", "--out", "{out}", "--why", "T", "--file", "3"), "no number 3"),
        (("1", "--out", "{out}", "--why", "T"), "message 1 carries no file"),
        (("7", "--out", "{out}", "--why", "T"), "no message 7"),
        (("3", "--out", "{out}", "--why", "T"), "was lost: it could not be fetched"),
        (("0", "--out", "{there}", "--why", "T"), "is there already"),
        (("0", "--out", "{out}/no/x", "--why", "T"), "cannot write"),
    ],
)
def test_what_cannot_be_taken_out_is_said_and_leaves_nothing(fetched, tmp_path, words, wanted):
    there = tmp_path / "there"
    there.write_text("mine")
    before = sorted(tmp_path.iterdir())
    places = {"out": tmp_path / "out.pdf", "there": there}
    code, told = fetched("zhao", "archive", "media", *(one.format(**places) for one in words))
    assert code != 0
    assert wanted in told
    assert sorted(tmp_path.iterdir()) == before
    assert there.read_text() == "mine"


@pytest.mark.parametrize("place", ["keys/access.yaml", "archive/media.jsonl.1", "messages/x.jsonl"])
def test_no_file_of_a_message_is_put_beside_what_mingjian_keeps(fetched, tmp_path, place):
    code, told = fetched(
        "zhao", "archive", "media", "0", "--out", str(tmp_path / place), "--why", "T"
    )
    assert (code, "where Mingjian keeps its own files" in told) == (EXIT_USAGE, True)
    assert not (tmp_path / place).exists()
    assert book(tmp_path) == []


def test_a_file_that_came_meanwhile_stays_and_that_is_noted(fetched, tmp_path, monkeypatch):
    out, write = tmp_path / "out.pdf", CustodyBook.write

    def noting(self, deed):
        out.write_text("theirs")
        return write(self, deed)

    monkeypatch.setattr(CustodyBook, "write", noting)
    code, told = fetched("zhao", "archive", "media", "0", "--out", str(out), "--why", "T")
    assert (code, "is there already" in told, out.read_text()) == (EXIT_USAGE, True, "theirs")
    assert [one["action"] for one in book(tmp_path)] == ["exported", "not_exported"]


MAY = {"guan": set(), "zhao": {"see", "export"}, "fu": {"see"}, "shen": set(),
       "both": {"see", "export"}, "nobody": set()}  # fmt: skip


@pytest.mark.parametrize("who", sorted(MAY))
def test_who_may_see_and_who_may_take_out(fetched, tmp_path, who):
    out = tmp_path / "out.pdf"
    commands = {"see": (), "export": ("--out", str(out), "--why", "T-1")}
    for what, more in commands.items():
        code, told = fetched(who, "archive", "media", "0", *more)
        assert code == (0 if what in MAY[who] else EXIT_USAGE), told
        if what not in MAY[who]:
            assert "may not" in told
            last = book(tmp_path)[-1]
            assert (last["who"], last["action"], last["details"]["right"]) == (
                who, "refused", what,
            )  # fmt: skip
    assert out.exists() == ("export" in MAY[who])


def test_lines_of_files_are_entered_in_the_ledger_with_the_next_delivery(fetched, tmp_path):
    deliver(tmp_path)
    deliver(tmp_path)
    ledger = LedgerReader(tmp_path / "archive" / "ledger")
    entered = [read_other(entry) for _, entry in ledger.entries()]
    lines = (tmp_path / "archive" / "media.jsonl").read_bytes().splitlines()
    assert [(one.id, one.sm3) for one in entered if one and one.kind == MEDIA] == [
        (str(n), hashlib.new("sm3", line).hexdigest()) for n, line in enumerate(lines, 1)
    ]
    assert len(lines) == 4
    incidents = [one for one in entered if one and one.kind == "incident"]
    assert incidents, "what was lost was told"


def test_a_lost_file_is_an_incident(fetched, tmp_path):
    files = sorted((tmp_path / "outputs" / "incidents").rglob("*"))
    told = [json.loads(line) for path in files if path.is_file()
            for line in path.read_bytes().splitlines()]  # fmt: skip
    (lost,) = [one for one in told if one["kind"] == "media_lost"]
    assert (lost["severity"], lost["status"], lost["source"]) == ("critical", "open", "media")
    assert "10005" in lost["detail"]
    assert "expired" not in lost["detail"], "no id of a file, which would fetch it"


# ---- the check ----------------------------------------------------------------------------------


def media_file(tmp_path, content):
    """Where the object of a stored file lies."""
    lines = (tmp_path / "archive" / "media.jsonl").read_bytes().splitlines()
    sha256 = hashlib.sha256(content).hexdigest()
    found = [json.loads(line)["details"] for line in lines]
    name = next(one["object"] for one in found if one.get("sha256") == sha256)
    (path,) = (tmp_path / "archive" / "segments").glob(f"*/{name}")
    path.chmod(0o600)
    return path


def test_a_sound_archive_with_files_is_said_to_be(fetched, tmp_path):
    deliver(tmp_path)
    code, told = fetched("shen", "archive", "check")
    assert code == 0, told
    assert "3 files: each is what was entered" in told
    assert json.loads(fetched("shen", "archive", "check", "-o", "json")[1])["files"] == 3


def flipped(path):
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def taken_away(path):
    path.unlink()


def emptied(path):
    path.write_bytes(b"")


@pytest.mark.parametrize("harm", [flipped, taken_away, emptied])
def test_a_damaged_file_is_named_and_cannot_be_taken_out(fetched, tmp_path, harm):
    deliver(tmp_path)
    path = media_file(tmp_path, FILES["jpg"])
    harm(path)
    code, told = fetched("shen", "archive", "check")
    assert code == EXIT_FINDINGS
    assert f"{path.name} entry 2: " in told
    assert "1 fault" in told
    out = tmp_path / "out.jpg"
    code, told = fetched("zhao", "archive", "media", "2", "--file", "1", "--out", str(out),
                         "--why", "T")  # fmt: skip
    assert code != 0
    assert not out.exists()
    assert "exported" not in {one["action"] for one in book(tmp_path)}


def test_two_files_that_were_exchanged_are_named(fetched, tmp_path):
    deliver(tmp_path)
    one, other = media_file(tmp_path, PDF), media_file(tmp_path, FILES["jpg"])
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)
    code, told = fetched("shen", "archive", "check")
    assert code == EXIT_FINDINGS
    assert "3 faults" in told


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        (lambda raw: raw.replace(b'"at":1', b'"at":2', 1), "media.jsonl"),
        (lambda raw: raw[: raw.rindex(b"\n", 0, -1) + 1], "its end is missing"),
        (lambda raw: b"".join(raw.splitlines(keepends=True)[1:]), "damaged at line 1"),
        (lambda raw: raw[:-60] + raw[-60:].replace(b'"why"', b'"Why"'), "damaged at line 4"),
    ],
)
def test_a_book_of_files_that_was_altered_is_named(fetched, tmp_path, change, wanted):
    deliver(tmp_path)
    path = tmp_path / "archive" / "media.jsonl"
    path.write_bytes(change(path.read_bytes()))
    code, told = fetched("shen", "archive", "check")
    assert code == EXIT_FINDINGS
    assert wanted in told


def test_a_last_line_that_is_not_the_one_that_was_entered_is_named(fetched, tmp_path):
    deliver(tmp_path)
    path = tmp_path / "archive" / "media.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    lines[-1] = lines[-1].replace(b'"who":"', b'"who":"x')
    path.write_bytes(b"".join(lines))
    code, told = fetched("shen", "archive", "check")
    assert code == EXIT_FINDINGS
    assert "media.jsonl:4: it is not the line that was entered" in told


# ---- the rest -----------------------------------------------------------------------------------


def test_nothing_readable_lies_in_the_archive(fetched, tmp_path):
    for path in (tmp_path / "archive").rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert "三百万".encode() not in data
            assert PHONE.encode() not in data
            assert "报价".encode() not in data
    assert list((tmp_path / "var" / "ingest" / "media-archive").iterdir()) == []


def test_ids_that_fetch_files_are_not_kept(fetched, tmp_path):
    with sqlite3.connect(tmp_path / "archive" / "media.db") as db:
        assert db.execute("SELECT count(*) FROM files WHERE file_id != ''").fetchone() == (0,)


def test_running_it_again_fetches_nothing_twice(fetched, tmp_path):
    code, told = fetch(fetched, tmp_path, "-o", "json")
    assert (code, json.loads(told)["stored"]) == (0, 0)


def test_without_an_archive_it_says_what_to_do(call, tmp_path):
    shutil.rmtree(tmp_path / "archive")
    code, told = fetch(call, tmp_path)
    assert code != 0
    assert "holds nothing yet" in told


def test_without_a_source_it_says_what_to_set(call):
    code, told = call("collector", "ingest", "media", "--once")
    assert code == EXIT_USAGE
    assert "ingest.archive.library is not set" in told


def test_a_folder_makes_up_files_of_made_up_messages(call, tmp_path):
    path = tmp_path / "messages" / "messages-2.jsonl"
    path.write_bytes(sent(9, f"{MADE_UP_FILE}abc") + b"\n")
    os.utime(path, (1, 1))
    deliver(tmp_path)
    assert "4 files stored" in fetch(call, tmp_path)[1]
    out = tmp_path / "out.bin"
    assert call("zhao", "archive", "media", "m9", "--out", str(out), "--why", "T")[0] == 0
    assert out.read_bytes().startswith(b"A FILE OF THE SIMULATOR, NOT WECOM'S\n")

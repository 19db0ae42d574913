"""What people see of the archive and the ledger on the command line, and what each role may do."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3

import pytest
import typer
import yaml
from typer.testing import CliRunner

from config.access import APART, ROLES
from config.settings import load
from jobs.cli import archive, ledger
from jobs.deliver import run
from rules.alert import sm3_raw
from rules.errors import EXIT_FINDINGS, EXIT_USAGE, MingjianError
from sinks.archive.custody import canonical
from tests.unit.test_archiver import record

APP = typer.Typer()
for one in (archive, ledger):  # once: what is registered again comes on top
    one.register(APP)
PHONE = "13800138000"
MASKED = "138****8000"
PEOPLE = {
    "guan": ["administrator"], "zhao": ["officer"], "fu": ["reviewer"], "shen": ["auditor"],
    "both": ["officer", "reviewer"],
}  # fmt: skip


def tree_of(folder):
    """Settings as a tree, with everything in this folder."""
    return {
        "tenant": "acme",
        "data_dir": str(folder / "var"),
        "keys_dir": str(folder / "keys"),
        "source": {"kind": "files", "path": str(folder / "messages")},
        "outputs": {"kind": "files", "path": str(folder / "outputs")},
        "targets": [{"kind": "archive", "name": "archive", "path": str(folder / "archive")}],
        "access": {"people": [{"account": who, "roles": as_} for who, as_ in PEOPLE.items()]},
    }


def save(folder, tree):
    (folder / "settings.yaml").write_text(yaml.safe_dump(tree))


def deliver(folder):
    run(load(path=folder / "settings.yaml"), once=True)


@pytest.fixture(scope="module")
def archived(tmp_path_factory):
    """A folder with an archive of five messages."""
    folder = tmp_path_factory.mktemp("archived")
    for name in ("messages", "outputs"):
        (folder / name).mkdir()
    texts = ["这款产品保本", f"电话 {PHONE}", "你好", "明天见", "保证不亏"]
    path = folder / "messages" / "messages-1.jsonl"
    path.write_bytes(b"".join(record(n, text) + b"\n" for n, text in enumerate(texts)))
    os.utime(path, (1, 1))
    save(folder, tree_of(folder))
    deliver(folder)
    return folder


@pytest.fixture
def written(archived, tmp_path):
    """Settings over a copy of that archive."""
    shutil.copytree(archived, tmp_path, dirs_exist_ok=True)
    tree = tree_of(tmp_path)
    save(tmp_path, tree)
    return tree


@pytest.fixture
def call(written, tmp_path, monkeypatch):
    """Runs a command as somebody: (exit code, what was printed)."""
    monkeypatch.setenv("MINGJIAN_LANG", "en")
    monkeypatch.setenv("COLUMNS", "200")
    config = str(tmp_path / "settings.yaml")

    def as_(who, *words):
        monkeypatch.setattr("jobs.archive.account", lambda: who)
        done = CliRunner().invoke(APP, [*words, "--config", config])
        if isinstance(done.exception, MingjianError):
            return done.exception.exit_code, done.output + done.exception.en
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done.exit_code, done.output

    return as_


def book(tmp_path):
    path = tmp_path / "archive" / "custody.jsonl"
    return [json.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []


def test_an_officer_finds_sees_and_unmasks_and_each_is_written_down(call, tmp_path):
    code, told = call("zhao", "archive", "search", "--text", "电话", "-o", "json")
    (found,) = json.loads(told)["messages"]
    assert (code, found["text"], found["leaf"]) == (0, f"电话 {MASKED}", 1)
    code, told = call("zhao", "archive", "show", "1")
    assert code == 0
    assert MASKED in told
    assert PHONE not in told
    assert "--unmask" in told
    code, told = call("zhao", "archive", "show", "m1", "--unmask", "--why", " T-7 ")
    assert code == 0
    assert PHONE in told
    deeds = [(one["who"], one["role"], one["action"], one["why"]) for one in book(tmp_path)]
    assert deeds == [
        ("zhao", "officer", "searched", ""),
        ("zhao", "officer", "saw", ""),
        ("zhao", "officer", "unmasked", "T-7"),
    ]
    assert book(tmp_path)[0]["details"] == {"query": {"text": "电话"}, "leaves": [1]}
    assert [one["details"]["leaf"] for one in book(tmp_path)[1:]] == [1, 1]


def test_what_was_looked_for_is_in_the_book_without_personal_data(call, tmp_path):
    call("zhao", "archive", "search", "--text", PHONE)
    assert book(tmp_path)[0]["details"]["query"] == {"text": MASKED}
    assert PHONE.encode() not in (tmp_path / "archive" / "custody.jsonl").read_bytes()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("6222 0212", 1), ("02 12", 1), ("62220212", 0), ("绝对稳", 1), ("绝对稳赚", 0), ("ABC", 1),
    ],
)  # fmt: skip
def test_words_are_looked_for_as_they_were_written(call, tmp_path, text, found):
    path = tmp_path / "messages" / "messages-2.jsonl"
    path.write_bytes(record(9, "卡 6222 0212，绝对稳 赚 ａｂｃ") + b"\n")
    os.utime(path, (2, 2))
    deliver(tmp_path)
    code, told = call("zhao", "archive", "search", "--text", text)
    assert (code, "绝对稳" in told, "no message" in told) == (0, bool(found), not found)
    assert ("as it was written" in told) is not bool(found)


def test_pages_follow_one_another(call):
    seen, cursor = [], ""
    for _ in range(3):
        words = ["--cursor", cursor] if cursor else []
        _, told = call("zhao", "archive", "search", "-n", "2", "-o", "json", *words)
        page = json.loads(told)
        seen += [one["leaf"] for one in page["messages"]]
        cursor = page["cursor"]
    assert (seen, cursor) == ([4, 3, 2, 1, 0], "")


COMMANDS = {
    "search": ("archive", "search"),
    "show": ("archive", "show", "1"),
    "unmask": ("archive", "show", "1", "--unmask", "--why", "T-1"),
    "custody": ("archive", "custody"),
    "check": ("archive", "check"),
    "keys": ("archive", "keys", "list"),
    "keys check": ("archive", "keys", "check"),
    "rotate": ("archive", "keys", "rotate"),
}
MAY = {
    "guan": {"check", "keys", "keys check", "rotate"},
    "zhao": {"search", "show", "unmask"},
    "fu": {"search", "show"},
    "shen": {"custody", "check"},
    "both": {"search", "show", "unmask"},
    "nobody": set(),
}


@pytest.mark.parametrize("who", sorted(MAY))
def test_each_role_may_do_its_own_and_what_else_was_wanted_is_written_down(call, tmp_path, who):
    for what, words in COMMANDS.items():
        code, told = call(who, *words)
        last = book(tmp_path)[-1] if book(tmp_path) else {}
        if what in MAY[who]:
            assert code == 0
            assert last.get("action") != "refused" or what == "keys"
            continue
        assert code == EXIT_USAGE
        assert "may not" in told
        assert "保本" not in told
        roles = ", ".join(PEOPLE.get(who, [])) or "none"
        assert (last["who"], last["role"], last["action"]) == (who, roles, "refused")


def test_a_machine_of_ones_own_may_be_open_and_the_book_says_so(call, written, tmp_path):
    save(tmp_path, {**written, "access": {"open": True}})
    assert call("anybody", "archive", "show", "1")[0] == 0
    assert call("anybody", "archive", "custody")[0] == 0
    assert {one["role"] for one in book(tmp_path)} == {"open"}


def test_nobody_looks_where_nobody_was_named(call, written, tmp_path):
    save(tmp_path, {key: value for key, value in written.items() if key != "access"})
    code, told = call("zhao", "archive", "search")
    assert code == EXIT_USAGE
    assert "do not say who may look" in told


@pytest.mark.parametrize("why", ["", "  ", "。", "\u200b"])
def test_personal_data_needs_a_reason(call, tmp_path, why):
    code, told = call("zhao", "archive", "show", "1", "--unmask", "--why", why)
    assert code == EXIT_USAGE
    assert "a reason is needed" in told
    assert PHONE not in told
    assert book(tmp_path) == []


def test_nothing_is_shown_when_the_book_cannot_be_written(call, tmp_path):
    (tmp_path / "archive" / "custody.jsonl").mkdir()
    for words in (("search",), ("show", "1"), ("show", "1", "--unmask", "--why", "T-1")):
        code, told = call("zhao", "archive", *words)
        assert code != 0
        assert "nothing is shown" in told
        assert "电话" not in told


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (("archive", "show", "99"), "no message 99"),
        (("archive", "show", "m99"), "no message m99"),
        (("archive", "show", "9" * 40), "no message 999"),
        (("archive", "search", "--text", "保"), "at least two letters"),
        (("archive", "search", "--cursor", "x"), "not a cursor"),
        (("archive", "search", "--since", "yesterday"), "is not a time"),
        (("archive", "search", "--target", "other"), "no target other"),
        (("ledger", "prove", "99"), "99 is not in the ledger"),
        (("ledger", "check", "/nowhere/proof.json"), "cannot read"),
    ],
)
def test_wrong_calls_say_what_is_wrong(call, words, wanted):
    code, told = call("zhao", *words)
    assert code == EXIT_USAGE
    assert wanted in told


def test_an_archive_that_was_never_written_says_so(call, written, tmp_path):
    written["targets"][0]["path"] = str(tmp_path / "other")
    save(tmp_path, written)
    code, told = call("zhao", "archive", "search")
    assert code != 0
    assert "holds nothing yet" in told


# ---- the auditor's view of the book -----------------------------------------------------------


@pytest.fixture
def entered(call, tmp_path):
    """A book of four deeds that are in the ledger."""
    for who, words in (("zhao", ("search",)), ("fu", ("show", "2")), ("zhao", ("show", "1"))):
        call(who, "archive", *words)
    call("zhao", "archive", "show", "1", "--unmask", "--why", "T-1")
    deliver(tmp_path)
    return tmp_path / "archive" / "custody.jsonl"


def test_an_auditor_sees_who_saw_a_message(call, entered):
    code, told = call("shen", "archive", "custody", "--message", "1", "-o", "json")
    lines = [json.loads(line) for line in told.splitlines() if line.startswith("{")]
    assert code == 0
    assert [(one["who"], one["action"]) for one in lines] == [
        ("zhao", "searched"), ("zhao", "saw"), ("zhao", "unmasked"),
    ]  # fmt: skip
    assert all(one["in_ledger"] for one in lines)
    _, told = call("shen", "archive", "custody", "--who", "fu")
    assert "fu   reviewer  saw" in told
    assert "zhao" not in told
    assert "an unbroken chain" in told


@pytest.mark.parametrize("number", range(4))
def test_an_altered_line_is_named(call, entered, number):
    lines = entered.read_bytes().splitlines(keepends=True)
    lines[number] = lines[number].replace(b'"at":1', b'"at":2', 1)
    entered.write_bytes(b"".join(lines))
    code, told = call("shen", "archive", "custody")
    assert code == EXIT_FINDINGS
    # that it is the third and not the fourth, behind which there is none, the ledger shows
    assert (
        f"is damaged at line {number + 1}: "
        if number < 3
        else "1 line is not what was entered in the ledger, the first is line 4"
    ) in " ".join(told.split())


def test_a_book_written_anew_is_not_the_one_in_the_ledger(call, entered):
    rows = [json.loads(line) for line in entered.read_bytes().splitlines()]
    rows[2]["who"] = "somebody"
    previous, lines = rows[0]["prev"], []
    for row in rows:
        raw = canonical({**row, "prev": previous})
        previous = sm3_raw(raw)
        lines.append(raw + b"\n")
    entered.write_bytes(b"".join(lines))
    code, told = call("shen", "archive", "custody")
    assert code == EXIT_FINDINGS
    assert "2 lines are not what was entered" in told


def test_a_book_that_was_cut_off_is_shorter_than_the_ledger_says(call, entered):
    entered.write_bytes(b"".join(entered.read_bytes().splitlines(keepends=True)[:2]))
    code, told = call("shen", "archive", "custody")
    assert code == EXIT_FINDINGS
    assert "the ledger has 4 lines of this book" in told or "not what was entered" in told


# ---- what is damaged is named -------------------------------------------------------------------


def test_a_sound_archive_is_said_to_be(call):
    assert "5 messages in 1 segment" in call("shen", "archive", "check")[1]
    assert "5 entries, 1 signed head" in call("shen", "ledger", "verify")[1]
    assert call("guan", "archive", "keys", "check")[0] == 0


def segment(tmp_path):
    (path,) = (tmp_path / "archive" / "segments").glob("*/*")
    return path


def test_a_damaged_record_is_named_and_the_rest_can_be_read(call, tmp_path):
    path = segment(tmp_path)
    data = bytearray(path.read_bytes())
    data[-33] ^= 1  # the last byte of the last record
    path.chmod(0o600)
    path.write_bytes(data)
    code, told = call("shen", "archive", "check")
    assert code == EXIT_FINDINGS
    assert f"{path.name} entry 4: " in told
    assert "record 5 (m4) was altered" in told
    assert "entry 3" not in told
    code, told = call("zhao", "archive", "show", "4")
    assert code == EXIT_FINDINGS
    assert "was altered" in told
    assert "明天见" in call("zhao", "archive", "show", "3")[1]
    _, told = call("zhao", "archive", "search")
    assert "was altered" in told
    assert "明天见" in told


def test_a_segment_that_is_gone_is_named_once(call, tmp_path):
    path = segment(tmp_path)
    path.unlink()
    code, told = call("shen", "archive", "check", "-o", "json")
    faults = [json.loads(line) for line in told.splitlines() if line]
    assert code == EXIT_FINDINGS
    assert [one.get("place") for one in faults] == [path.name, None]
    assert faults[-1]["faults"] == 1


@pytest.mark.parametrize(
    ("sql", "wanted"),
    [
        ("UPDATE messages SET time = 7 WHERE leaf = 2", "entry 2: the index says its time is 7"),
        ("UPDATE messages SET msgid = 'x' WHERE leaf = 0", "entry 0: the index says its id is x"),
        ("UPDATE messages SET sm3 = x'00' WHERE leaf = 1", "entry 1: the index says its digest"),
        ("UPDATE messages SET seq = 77 WHERE leaf = 1", "entry 1: the index says its sequence"),
        ("UPDATE messages SET number = 1 WHERE leaf = 3", "entry 3: its record is not the one"),
        ("UPDATE messages SET offset = 1 WHERE leaf = 3", "entry 3: the index says that its"),
        ("DELETE FROM messages WHERE leaf = 3", "entry 3: message m3 is not in the index"),
    ],
)
def test_an_index_that_says_otherwise_than_the_ledger_is_named(call, tmp_path, sql, wanted):
    with sqlite3.connect(tmp_path / "archive" / "index.db") as db:
        db.execute(sql)
    code, told = call("shen", "archive", "check")
    assert code == EXIT_FINDINGS
    assert wanted in told
    assert "1 fault" in told


def test_a_version_of_the_key_that_is_lost_is_named_before_it_hurts(call, tmp_path):
    assert call("guan", "archive", "keys", "rotate", "--why", "yearly")[0] == 0
    _, told = call("guan", "archive", "keys", "list", "-o", "json")
    assert [json.loads(line) for line in told.splitlines()] == [
        {"version": 1, "segments": 1, "files": 0, "search_key": True, "needed": True,
         "current": False, "fault": ""},
        {"version": 2, "segments": 0, "files": 0, "search_key": False, "needed": False,
         "current": True, "fault": ""},
    ]  # fmt: skip
    _, told = call("guan", "archive", "keys", "list")
    assert "version 1: 1 segment, the search key" in told
    assert "version 2: 0 segments  wraps now" in told
    path = tmp_path / "keys" / "archive.keys"
    stored = json.loads(path.read_text())
    del stored["versions"][0]
    path.write_text(json.dumps(stored))
    code, told = call("guan", "archive", "keys", "check")
    assert code == EXIT_FINDINGS
    assert "version 1 of the key of tenant acme is not in" in told
    assert call("guan", "archive", "keys", "list")[0] == EXIT_FINDINGS


def test_the_passphrase_is_changed_and_the_archive_opens_with_the_new_one(call, monkeypatch):
    words = ("archive", "keys", "passphrase")
    assert call("guan", *words)[0] == EXIT_USAGE
    monkeypatch.setenv("MINGJIAN_ARCHIVE_NEW_PASSPHRASE", "正确的马")
    assert call("guan", *words, "--none")[0] == EXIT_USAGE
    assert call("guan", *words)[0] == 0
    code, told = call("zhao", "archive", "show", "2")
    assert "does not open with this passphrase" in told
    monkeypatch.setenv("MINGJIAN_ARCHIVE_PASSPHRASE", "正确的马")
    code, told = call("zhao", "archive", "show", "2")
    assert (code, "你好" in told) == (0, True)


def test_what_a_check_of_the_ledger_found_is_in_the_book(call, tmp_path):
    (path,) = (tmp_path / "archive" / "ledger").glob("tile/entries/*.p/*")
    data = bytearray(path.read_bytes())
    data[40] ^= 1
    path.chmod(0o600)
    path.write_bytes(data)
    assert call("shen", "ledger", "verify")[0] == EXIT_FINDINGS
    assert book(tmp_path)[-1]["details"] == {"part": "ledger", "faults": 1, "entries": 5}


@pytest.mark.parametrize("words", [("prove", "1"), ("hand", "--given", "HEAD")], ids=lambda w: w[0])
def test_a_proof_overwrites_nothing_and_goes_nowhere_of_ours(call, tmp_path, words):
    file = tmp_path / "proof.json"
    file.write_bytes(b"something of somebody")
    head = str(tmp_path / "archive" / "ledger" / "checkpoint")
    told_words = ["ledger", *(head if one == "HEAD" else one for one in words), "--out", str(file)]
    code, told = call("shen", *told_words)
    assert code == EXIT_USAGE
    assert f"{file}: it is there already" in told
    assert file.read_bytes() == b"something of somebody"
    assert list(tmp_path.glob(".draft-*")) == []
    file.unlink()
    assert call("shen", *told_words)[0] == 0
    assert json.loads(file.read_bytes())
    for ours in ("keys/access.yaml", "archive/ledger/checkpoint", "archive/x", "keys/x"):
        kept = tmp_path / ours
        before = kept.read_bytes() if kept.exists() else None
        code, told = call("shen", *told_words[:-1], str(kept))
        assert (code, "where Mingjian keeps its own files" in told) == (EXIT_USAGE, True)
        assert (kept.read_bytes() if kept.exists() else None) == before
    assert file.stat().st_mode & 0o777 == 0o644
    away = [*told_words[:-1], str(file / "x")]
    code, told = call("shen", *away)
    assert (code, "cannot write" in told) == (EXIT_USAGE, True)


def test_a_damaged_ledger_is_named_by_entry(call, tmp_path):
    (path,) = (tmp_path / "archive" / "ledger" / "tile" / "entries").rglob("*.p/5")
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)
    code, told = call("shen", "ledger", "verify")
    assert code == EXIT_FINDINGS
    assert "entry 4" in told


# ---- proofs -------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", PEOPLE)
def test_the_ledger_is_checked_by_those_who_check_and_that_is_written_down(call, tmp_path, who):
    code, told = call(who, "ledger", "verify")
    last = book(tmp_path)[-1]
    may = who in ("guan", "shen")
    assert code == (0 if may else EXIT_USAGE)
    if may:
        assert "5 entries, 1 signed head: each extends the one before" in " ".join(told.split())
        assert (last["who"], last["action"]) == (who, "checked")
        assert last["details"] == {"part": "ledger", "faults": 0, "entries": 5}
    else:
        assert "may not check the archive and the ledger" in told
        assert (last["who"], last["action"], last["details"]) == (
            who,
            "refused",
            {"right": "check"},
        )
    # what holds digests alone and gives a proof is for everybody
    assert call(who, "ledger", "prove", "1")[0] == call(who, "ledger", "show")[0] == 0
    assert len(book(tmp_path)) == 1


def test_a_proof_is_checked_without_the_ledger_and_every_change_shows(call, tmp_path):
    proof = tmp_path / "proof.json"
    assert call("shen", "ledger", "prove", "m3", "--out", str(proof))[0] == 0
    key = tmp_path / "signing.pem"
    key.write_bytes((tmp_path / "keys" / "signing.pem").read_bytes())
    words = ("ledger", "check", str(proof), "--key", str(key))
    code, told = call("anybody", *words)
    assert code == 0
    assert "entry 3 is in the ledger of 5 entries" in told
    whole = json.loads(proof.read_text())
    checkpoint = whole["checkpoint"]
    for change in (
        {"index": 2},
        {"entry": whole["entry"].replace("m3", "m4")},
        {"path": whole["path"][:-1]},
        {"path": [*whole["path"], whole["path"][0]]},
        {"path": [one[::-1] for one in whole["path"]]},
        {"checkpoint": checkpoint.replace("\n5\n", "\n6\n")},
        {"checkpoint": checkpoint.replace("acme", "acne")},
        {"kind": "other"},
        {"path": 7},
        {"entry": None},
    ):
        proof.write_text(json.dumps({**whole, **change}))
        assert call("anybody", *words)[0] != 0, change


# ---- who may be what --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("access", "wanted"),
    [
        ({"open": True, "people": [{"account": "a", "roles": ["officer"]}]}, "access.open is true"),
        ({"people": [{"account": "a", "roles": ["boss"]}]}, "access.people[0].roles is 'boss'"),
        ({"people": [{"account": "a", "roles": []}]}, "access.people[0].roles"),
        ({"people": [{"account": " ", "roles": ["officer"]}]}, "access.people[0].account"),
        ({"people": [{"account": "a", "roles": [one]} for one in ROLES[:2]]}, "each named once"),
        ({"people": [{"account": "a"}]}, "access.people[0].roles"),
        ({"people": [{"account": "a", "role": ["officer"]}]}, "role"),
        *(
            ({"people": [{"account": "a", "roles": list(pair)}]}, "as two people")
            for pair in APART
        ),
    ],
)  # fmt: skip
def test_access_that_cannot_be_is_refused(written, tmp_path, access, wanted):
    save(tmp_path, {**written, "access": access})
    with pytest.raises(MingjianError) as told:
        load(path=tmp_path / "settings.yaml")
    assert wanted in told.value.en
    assert told.value.exit_code == EXIT_USAGE


def test_every_role_may_be_held_alone(written, tmp_path):
    people = [{"account": role, "roles": [role]} for role in ROLES]
    save(tmp_path, {**written, "access": {"people": people}})
    assert len(load(path=tmp_path / "settings.yaml").access.people) == len(ROLES)

"""Who may do what is said beside the keys, and nobody gives themselves a right by settings of their
own."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer
import yaml
from typer.testing import CliRunner

from config.settings import load
from jobs.cli import archive, archive_access, ledger, retention
from rules.errors import EXIT_OK, EXIT_USAGE, MingjianError
from tests.unit.test_cli_archive import (
    MASKED,
    PEOPLE,
    PHONE,
    archived,  # noqa: F401 - a fixture
    book,
    save,
    tree_of,
)

APP = typer.Typer()
for one in (archive, archive_access, ledger, retention):  # once: again comes on top
    one.register(APP)
RULES = {"people": [{"account": who, "roles": roles} for who, roles in PEOPLE.items()]}
MINE = {"people": [{"account": "li", "roles": ["officer"]}]}
MINE_TOO = {"people": [*MINE["people"], {"account": "wu", "roles": ["administrator"]}]}
SCHEDULE = "policies:\n  - {name: rest, keep: 1 year, because: 制度第3条}\n"


@pytest.fixture
def written(archived, tmp_path):  # noqa: F811
    """Settings without `access` over an archive, in a folder of its own."""
    shutil.copytree(archived, tmp_path, dirs_exist_ok=True)
    tree = {key: value for key, value in tree_of(tmp_path).items() if key != "access"}
    save(tmp_path, tree)
    return tree


@pytest.fixture
def call(written, tmp_path, monkeypatch):
    """Runs a command as somebody: (exit code, what was printed)."""
    monkeypatch.setenv("MINGJIAN_LANG", "en")
    monkeypatch.setenv("COLUMNS", "200")

    def as_(who, *words, config=tmp_path / "settings.yaml"):
        monkeypatch.setattr("jobs.archive.account", lambda: who)
        done = CliRunner().invoke(APP, [*map(str, words), "--config", str(config)])
        error = done.exception
        if isinstance(error, MingjianError):
            return error.exit_code, done.output + error.en + error.fix_en
        assert error is None or isinstance(error, SystemExit), error
        return done.exit_code, done.output

    return as_


@pytest.fixture
def ruled(call, written, tmp_path):
    """People were named in the settings, moved beside the keys, and are in the settings no more."""
    save(tmp_path, {**written, "access": RULES})
    code, said = call("guan", "archive", "access", "--apply", "--why", "T-1")
    assert code == EXIT_OK, said
    save(tmp_path, written)
    return tmp_path


@pytest.fixture
def own(written, tmp_path):
    """Settings of one's own over the same archive: `own(keys_dir=…)`, `own(access=…)`."""

    def made(**more):
        path = tmp_path / "own.yaml"
        path.write_text(yaml.safe_dump({**written, "access": MINE, **more}))
        return path

    return made


def test_what_the_settings_say_is_moved_beside_the_keys_and_written_down(ruled, call):
    path = ruled / "keys" / "access.yaml"
    assert path.stat().st_mode & 0o777 == 0o600
    assert yaml.safe_load(path.read_text()) == RULES
    (line,) = book(ruled)
    assert (line["who"], line["role"], line["why"]) == ("guan", "administrator", "T-1")
    assert line["details"] == RULES
    code, said = call("zhao", "archive", "show", "1")
    assert (code, MASKED in said) == (EXIT_OK, True)
    assert call("guan", "archive", "show", "1")[0] == EXIT_USAGE
    code, said = call("shen", "archive", "access")
    assert code == EXIT_OK
    for told in ("zhao", "officer", "access.yaml decides (line 1 of the custody book)"):
        assert told in said
    code, said = call("shen", "archive", "custody")
    assert "said who may do what" in said
    assert "zhao officer" in said


def test_settings_that_say_the_same_are_taken_and_others_refused(ruled, call, written):
    turned = {"people": [{**one, "roles": one["roles"][::-1]} for one in RULES["people"][::-1]]}
    save(ruled, {**written, "access": turned})
    assert call("zhao", "archive", "show", "1")[0] == EXIT_OK
    for other in (MINE, {"open": True}, {"people": RULES["people"][:-1]}):
        save(ruled, {**written, "access": other})
        before = book(ruled)
        code, said = call("li", "archive", "show", "1")
        assert (code, "which decides" in said, "电话" in said) == (EXIT_USAGE, True, False)
        assert book(ruled) == before


DEEDS = {
    "search": ("archive", "search"),
    "show": ("archive", "show", "1"),
    "unmask": ("archive", "show", "1", "--unmask", "--why", "mine"),
    "place a hold": ("retention", "hold", "place", "MINE", "--person", "x", "--why", "mine"),
    "set a schedule": ("retention", "policies", "{}/year.yaml", "--apply", "--why", "mine"),
    "plan": ("retention", "plan", "--keep", "--why", "mine"),
    "requests": ("retention", "subject", "zhangsan", "--why", "mine"),
}


def _linked(folder):
    keys = folder / "mine"
    keys.mkdir()
    for key in (folder / "keys").iterdir():
        if key.name != "access.yaml":
            (keys / key.name).symlink_to(key)
    return keys


def _made_anew(folder):
    shutil.copytree(folder / "keys", folder / "mine", ignore=lambda *_: ["archive.keys"])
    (folder / "mine" / "access.yaml").write_text(yaml.safe_dump(MINE_TOO))
    return folder / "mine"


OWN_KEYS = {
    "the archive's own": lambda folder: folder / "keys",
    "none": lambda folder: folder / "mine",
    "those of another, with rules of their own": _made_anew,
    "links to the archive's": _linked,
}


@pytest.mark.parametrize("keys", sorted(OWN_KEYS))
@pytest.mark.parametrize("data_dir", ["the same", "another"])
def test_settings_of_ones_own_show_nothing_and_write_nothing(ruled, call, own, keys, data_dir):
    (ruled / "year.yaml").write_text(SCHEDULE)
    folder = OWN_KEYS[keys](ruled)
    access = MINE_TOO if (folder / "access.yaml").exists() and folder.name == "mine" else MINE
    more = {"data_dir": str(ruled / "elsewhere")} if data_dir == "another" else {}
    config = own(keys_dir=str(folder), access=access, **more)
    before = (ruled / "archive" / "custody.jsonl").read_bytes()
    for words in DEEDS.values():
        code, said = call("li", *(str(one).format(ruled) for one in words), config=config)
        assert code != EXIT_OK, words
        for never in ("保本", "电话", PHONE, MASKED):
            assert never not in said
    assert (ruled / "archive" / "custody.jsonl").read_bytes() == before
    assert not (ruled / "archive" / "disposals").exists()


def test_links_to_the_keys_leave_their_rules_behind_nowhere(ruled, call, own):
    copied = ruled / "copied"  # whose custody book says nothing of who may do what
    shutil.copytree(ruled / "archive", copied)
    (copied / "custody.jsonl").unlink()
    targets = [{"kind": "archive", "name": "archive", "path": str(copied)}]
    config = own(keys_dir=str(_linked(ruled)), targets=targets)
    code, said = call("li", "archive", "show", "1", config=config)
    assert (code != EXIT_OK, "is a link to a key" in said, "电话" in said) == (True, True, False)
    assert not (copied / "custody.jsonl").exists()


def test_without_rules_beside_them_other_keys_still_open_nothing(written, call, own, tmp_path):
    config = own(keys_dir=str(tmp_path / "mine"))
    for words in (DEEDS["search"], DEEDS["show"], DEEDS["unmask"]):
        code, said = call("li", *words, config=config)
        assert code != EXIT_OK
        for never in ("保本", "电话", PHONE, MASKED):
            assert never not in said
    assert book(tmp_path) == []


def test_nobody_becomes_an_administrator_by_keys_of_their_own(ruled, call, own):
    people = ruled / "people.yaml"
    people.write_text(yaml.safe_dump({"people": [{"account": "li", "roles": ["administrator"]}]}))
    rules = (ruled / "keys" / "access.yaml").read_bytes()
    config = own(keys_dir=str(_made_anew(ruled)), access=yaml.safe_load(people.read_text()))
    code, said = call("li", "archive", "access", people, "--apply", "--why", "mine", config=config)
    assert (code, "may not say who may do what" in said) == (EXIT_USAGE, True)
    assert [one["action"] for one in book(ruled)] == ["set_access", "refused"]
    assert (ruled / "keys" / "access.yaml").read_bytes() == rules


def test_a_file_that_was_exchanged_gives_no_right_until_it_is_written_down(ruled, call):
    path = ruled / "keys" / "access.yaml"
    path.write_text(yaml.safe_dump(MINE_TOO))
    for who in ("li", "zhao", "shen"):
        code, said = call(who, "archive", "search")
        assert (code, "line 1 of the custody book" in said) == (EXIT_USAGE, True)
    assert call("wu", "archive", "access", path, "--apply", "--why", "T-2")[0] == EXIT_USAGE
    code, said = call("guan", "archive", "access", path, "--apply", "--why", "T-2")
    assert code == EXIT_OK, said
    assert call("li", "archive", "show", "1")[0] == EXIT_OK
    assert call("zhao", "archive", "show", "1")[0] == EXIT_USAGE


@pytest.mark.parametrize("who", ["zhao", "fu", "shen", "nobody"])
def test_only_administrators_say_who_may_do_what(ruled, call, who):
    people = ruled / "people.yaml"
    people.write_text(yaml.safe_dump(MINE_TOO))
    code, said = call(who, "archive", "access", people, "--apply", "--why", "T-3")
    assert (code, "may not say who" in said) == (EXIT_USAGE, True)
    assert book(ruled)[-1]["action"] == "refused"


@pytest.mark.parametrize("output", ["text", "json"])
@pytest.mark.parametrize("who", ["guan", "shen", "zhao", "fu"])
def test_who_stands_in_the_book_is_shown_to_those_who_put_the_file_right(ruled, call, who, output):
    path = ruled / "keys" / "access.yaml"
    path.write_text(path.read_text().replace("fu", "mallory"))
    code, said = call(who, "archive", "access", "-o", output)
    assert (code, "line 1 of the custody book says" in said) == (EXIT_USAGE, True)
    assert "`mingjian archive access` shows them who stands in it" in said
    assert ("reviewer" in said, "mallory" in said) == (who in ("guan", "shen"), False)


@pytest.mark.parametrize("who", ["mallory", "zhao"])
def test_a_file_is_not_opened_for_who_may_not_give_one(ruled, call, tmp_path, who):
    secret = tmp_path / "secrets"
    secret.write_text("MINGJIAN_ARCHIVE_PASSPHRASE=Hunter2\n")
    code, said = call(who, "archive", "access", secret)
    assert code != EXIT_OK
    assert "Hunter2" not in said
    assert book(tmp_path)[-1]["action"] == "refused"


def test_without_apply_or_reason_nothing_changes(ruled, call):
    people = ruled / "people.yaml"
    people.write_text(yaml.safe_dump(MINE_TOO))
    before = (ruled / "keys" / "access.yaml").read_bytes(), book(ruled)
    code, said = call("guan", "archive", "access", people)
    assert (code, "li" in said, "nothing was changed" in said) == (EXIT_OK, True, True)
    assert call("guan", "archive", "access", people, "--apply")[0] == EXIT_USAGE
    assert ((ruled / "keys" / "access.yaml").read_bytes(), book(ruled)) == before


def test_people_in_settings_have_to_be_moved_before_others_come(written, call, tmp_path):
    people = tmp_path / "people.yaml"
    people.write_text(yaml.safe_dump(MINE_TOO))
    save(tmp_path, {**written, "access": RULES})
    code, said = call("guan", "archive", "access")
    assert (code, "may name themselves" in said) == (EXIT_OK, True)
    code, said = call("guan", "archive", "access", people, "--apply", "--why", "T-4")
    assert (code, "says otherwise" in said) == (EXIT_USAGE, True)
    assert not (tmp_path / "keys" / "access.yaml").exists()


@pytest.mark.parametrize(
    ("text", "mode", "folder_mode", "wanted"),
    [
        ("people: [{account: a, roles: [officer]}]", 0o600, 0o700, "names no administrator"),
        ("open: true", 0o600, 0o700, "names no administrator"),
        ("people: [{account: a, roles: [boss]}]", 0o600, 0o700, "people[0].roles is 'boss'"),
        ("people: [", 0o600, 0o700, "access.yaml:1"),
        ("access: {open: true}", 0o600, 0o700, "unknown setting 'access'"),
        (yaml.safe_dump(MINE_TOO), 0o620, 0o700, "access.yaml can be written by other users"),
        (yaml.safe_dump(MINE_TOO), 0o600, 0o777, "keys can be written by other users"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_decide_lets_nobody_in(
    written, call, tmp_path, text, mode, folder_mode, wanted
):
    path = tmp_path / "keys" / "access.yaml"
    path.write_text(text)
    path.chmod(mode)
    path.parent.chmod(folder_mode)
    code, said = call("a", "archive", "search")
    assert (code != EXIT_OK, wanted in said) == (True, True), said
    assert book(tmp_path) == []


@pytest.mark.parametrize(
    "override",
    ["access.open=true", "keys_dir=mine", "data_dir=mine", "keys.kind=pkcs11", "tenant=other",
     'targets=[]', "source.path=mine"],
)  # fmt: skip
def test_what_decides_who_may_do_what_is_not_overridden(ruled, override):
    with pytest.raises(MingjianError) as told:
        load(path=ruled / "settings.yaml", overrides=(override,))
    assert "cannot be given here" in told.value.en
    assert load(path=ruled / "settings.yaml", overrides=("flink.parallelism=1",))


def test_who_may_do_what_is_told_to_machines_too(ruled, call):
    _, said = call("guan", "archive", "access", "-o", "json")
    told = json.loads(said)
    assert told["people"] == RULES["people"]
    assert (told["line"], os.path.basename(told["file"]), told["open"]) == (1, "access.yaml", False)


READS = ("archive search", "archive custody", "archive access", "retention status",
         "ledger verify", "alerts list", "lexicons hits", "quarantine list")  # fmt: skip


@pytest.mark.parametrize(
    ("words", "language"), [("archive search", "zh"), *((one, "en") for one in READS)]
)
def test_settings_with_relative_paths_say_from_where_these_count(
    written, tmp_path, monkeypatch, words, language
):
    here = {"data_dir": "var", "keys_dir": "keys", "access": {"open": True}, "targets": [
        {"kind": "archive", "name": "archive", "path": "archive"},
        {"kind": "sqlite", "name": "sqlite", "path": "index.db"},
    ]}  # fmt: skip
    save(tmp_path, {**written, **here})
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "jobs.cli.main", *words.split(), "--config", "../settings.yaml"],
        cwd=elsewhere, capture_output=True, text=True, check=False, timeout=60,
        env={**os.environ, "MINGJIAN_LANG": language, "COLUMNS": "200",
             "PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip
    assert done.returncode != EXIT_OK
    said = {"en": "count from the current folder", "zh": "以当前目录为准"}[language]
    assert said in done.stderr
    assert f"{elsewhere}/var" in done.stderr
    assert list(elsewhere.iterdir()) == []  # nothing is written into an archive that is none


@pytest.fixture
def wrapped(ruled):
    """The script of docs/archive.md with the places of a test, and a settings file of one's own."""
    text = (Path(__file__).parents[2] / "docs" / "archive.md").read_text(encoding="utf-8")
    script = re.search(r"```sh\n(#!/bin/sh\n.*?)```", text, re.DOTALL)[1]
    ours = f"{sys.executable} -m jobs.cli.main"
    for place, here in (
        ("/opt/mingjian/bin/mingjian", ours),
        ("/etc/mingjian/settings.yaml", str(ruled / "settings.yaml")),
        ("/etc/mingjian/secrets", str(ruled / "secrets")),
        ("/var/lib/mingjian", str(ruled)),
    ):
        assert place in script
        script = script.replace(place, here)
    (ruled / "secrets").write_text("MINGJIAN_LANG=en\n")
    (ruled / "desk").write_text(script)
    (ruled / "own.yaml").write_text("tenant: mine\ntargets: []\n")

    def call(*words):
        return subprocess.run(
            ["/bin/sh", str(ruled / "desk"), *words],
            capture_output=True, text=True, check=False, timeout=60,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        )  # fmt: skip

    return call


@pytest.mark.parametrize(
    "own", [("--config", "own.yaml"), ("-cown.yaml",), ("--config=own.yaml",), ("-p", "embedded")]
)
def test_the_script_for_sudo_takes_no_settings_but_its_own(ruled, wrapped, own):
    done = wrapped("archive", "search", *own, "--text", "保本")
    assert "has no role" in done.stderr  # whoever runs the tests is nobody there
    last = book(ruled)[-1]
    assert (last["action"], last["details"]["right"]) == ("refused", "search")


@pytest.mark.parametrize(
    "words",
    [("archive", "search", "-c", "own.yaml", "--"), ("deliver",), ("ingest", "media"), (),
     ("--version",)],
)  # fmt: skip
def test_the_script_for_sudo_runs_nothing_else(ruled, wrapped, words):
    before = book(ruled)
    assert wrapped(*words).returncode == EXIT_USAGE
    assert book(ruled) == before

"""Alerts show what messages say: who may see them, and that it is written down who did."""

from __future__ import annotations

import json
import os
import shutil

import pytest
import typer
import yaml
from typer.testing import CliRunner

from config.settings import load
from jobs.cli import alerts, archive, retention
from jobs.deliver import run
from rules.errors import EXIT_OK, EXIT_USAGE, MingjianError
from tests.support import receivers
from tests.support.records import T0, alert, evidence, late, write_part

APP = typer.Typer()
for one in (alerts, archive, retention):  # once: what is registered again comes on top
    one.register(APP)
PEOPLE = {
    "guan": ["administrator"], "zhao": ["officer"], "fu": ["reviewer"], "shen": ["auditor"],
}  # fmt: skip
ALERT = alert(1)
SAID = "您放心，这款理财产品保本保息"
SHOWN = {  # what shows what messages say
    "list": ("list",), "show": ("show", ALERT.id[:12]), "late": ("late",),
    "tail": ("tail", "--for", "0.01"), "list for machines": ("list", "-o", "json"),
}  # fmt: skip


def message(number):
    payload = {
        "msgid": f"m{number}", "action": "send", "from": "zhangsan", "tolist": ["wm1"],
        "roomid": "", "msgtime": T0 + number * 1000, "msgtype": "text", "text": {"content": SAID},
    }  # fmt: skip
    return json.dumps(
        {"v": 1, "kind": "archive", "time": payload["msgtime"], "received_at": payload["msgtime"],
         "tenant": "demo", "seq": number, "payload": payload},
    ).encode()  # fmt: skip


def tree_of(folder, **more):
    people = [{"account": who, "roles": roles} for who, roles in PEOPLE.items()]
    return {
        "tenant": "demo",
        "data_dir": str(folder / "var"),
        "keys_dir": str(folder / "keys"),
        "source": {"kind": "files", "path": str(folder / "messages")},
        "outputs": {"kind": "files", "path": str(folder / "outputs")},
        "targets": [
            {"kind": "sqlite", "name": "sqlite", "path": str(folder / "index.db")},
            {"kind": "archive", "name": "archive", "path": str(folder / "archive")},
        ],
        "access": {"people": people},
        **more,
    }


def save(folder, tree):
    (folder / "settings.yaml").write_text(yaml.safe_dump(tree))


@pytest.fixture(scope="module")
def delivered(tmp_path_factory):
    """A folder with two alerts in an index, whose messages are in the archive."""
    folder = tmp_path_factory.mktemp("alerts")
    (folder / "messages").mkdir()
    path = folder / "messages" / "messages-1.jsonl"
    path.write_bytes(b"".join(message(n) + b"\n" for n in (0, 1, 2)))
    os.utime(path, (1, 1))
    write_part(folder / "outputs", [ALERT, alert(2), evidence(1), evidence(2), late(1)])
    save(folder, tree_of(folder))
    assert {one.state for one in run(load(path=folder / "settings.yaml"), once=True).targets} == {
        "done"
    }
    return folder


@pytest.fixture
def folder(delivered, tmp_path):
    shutil.copytree(delivered, tmp_path, dirs_exist_ok=True)
    save(tmp_path, tree_of(tmp_path))
    return tmp_path


@pytest.fixture
def call(folder, monkeypatch):
    """Runs a command as somebody: (exit code, what was printed)."""
    monkeypatch.setenv("MINGJIAN_LANG", "en")
    monkeypatch.setenv("COLUMNS", "200")

    def as_(who, *words):
        for place in ("jobs.archive.account", "jobs.alert_desk.account"):
            monkeypatch.setattr(place, lambda: who)
        done = CliRunner().invoke(APP, [*words, "--config", str(folder / "settings.yaml")])
        error = done.exception
        if isinstance(error, MingjianError):
            return error.exit_code, done.output + error.en
        assert error is None or isinstance(error, SystemExit), error
        return done.exit_code, done.output

    return as_


def book(folder):
    path = folder / "archive" / "custody.jsonl"
    return [json.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []


@pytest.mark.parametrize("what", sorted(SHOWN))
@pytest.mark.parametrize("who", [*sorted(PEOPLE), "nobody"])
def test_officers_and_reviewers_see_alerts_and_each_look_is_written_down(call, folder, who, what):
    code, told = call(who, "alerts", *SHOWN[what])
    (line,) = book(folder)
    if who in ("zhao", "fu"):
        assert code == EXIT_OK
        assert "zhangsan" in told or what == "late"
        assert (line["who"], line["role"], line["action"]) == (who, PEOPLE[who][0], "saw_alerts")
        return
    assert (code, "may not see alerts" in told) == (EXIT_USAGE, True)
    for never in ("保本", "zhangsan", "a07_01", "a05_01"):
        assert never not in told
    roles = ", ".join(PEOPLE.get(who, [])) or "none"
    assert (line["who"], line["role"], line["action"]) == (who, roles, "refused")
    assert line["details"]["right"] == "see_alerts"


def test_the_book_says_what_was_looked_for_and_which_alerts_were_shown(call, folder):
    call("zhao", "alerts", "list", "--text", "保本 13800138000", "--since", "2026-09-01")
    call("zhao", "alerts", "list", "--rule", "a07_01_guarantee", "-n", "1")
    call("fu", "alerts", "late", "--would", "true")
    searched, found, late_ones = (one["details"] for one in book(folder))
    assert searched["query"]["text"] == "保本 138****8000"
    assert searched["alerts"] == []
    assert found == {"query": {"rule": "a07_01_guarantee"}, "alerts": [alert(2).id]}
    assert late_ones == {"query": {"would": "true"}, "late": []}


def test_an_alert_that_was_seen_is_found_by_its_message(call, folder):
    code, told = call("fu", "alerts", "show", ALERT.id[:12], "--why", "case 7")
    assert (code, SAID in told) == (EXIT_OK, True)
    (line,) = book(folder)
    assert line["why"] == "case 7"
    assert line["details"] == {"alert": ALERT.id, "leaves": [[1, 1]]}
    _, told = call("shen", "archive", "custody", "--message", "1")
    assert "saw alerts" in told
    assert f"alert {ALERT.id[:12]}, 1 message (#1)" in told
    assert "saw alerts" not in call("shen", "archive", "custody", "--message", "0")[1]


def test_what_may_only_be_stored_is_shown_to_an_officer_with_a_reason(call, folder):
    (folder / "duty.yaml").write_text(
        "policies:\n  - {name: all, keep: 99 years, because: 某法第9条, duty: true}\n"
    )
    call("zhao", "retention", "policies", str(folder / "duty.yaml"), "--apply", "--why", "合规会")
    code, _ = call("zhao", "retention", "erase", "wm1", "--why", "申请 7", "--keep")
    assert code == EXIT_OK
    for who in ("fu", "zhao"):
        for name, listed in SHOWN.items():
            if name != "show":
                code, told = call(who, "alerts", *listed)
                assert (code, SAID[:6] in told) == (EXIT_OK, False), name
    assert "may only be stored" in call("fu", "alerts", "list", "-o", "json")[1]
    words = ("alerts", "show", ALERT.id[:12])
    code, told = call("fu", *words, "--why", "case 7")
    assert (code, "may only be stored" in told, SAID in told) == (EXIT_USAGE, True, False)
    code, told = call("zhao", *words)
    assert (code, "a reason is needed" in told, SAID in told) == (EXIT_USAGE, True, False)
    code, told = call("zhao", *words, "--why", "监管调取")
    assert (code, SAID in told) == (EXIT_OK, True)
    assert book(folder)[-1]["details"]["restricted"] is True
    (folder / "archive" / "index.db").unlink()  # now nobody can say which they are
    code, told = call("zhao", *words, "--why", "监管调取")
    assert (code != EXIT_OK, SAID in told) == (True, False)


def test_an_alert_whose_message_is_not_archived_is_shown_all_the_same(call, folder):
    (folder / "archive" / "index.db").unlink()
    code, told = call("fu", "alerts", "show", ALERT.id[:12])
    assert (code, SAID in told) == (EXIT_OK, True)
    assert book(folder)[-1]["details"] == {"alert": ALERT.id, "leaves": []}


def test_nothing_is_shown_when_the_book_cannot_be_written(call, folder):
    (folder / "archive" / "custody.jsonl").mkdir()
    for words in SHOWN.values():
        code, told = call("zhao", "alerts", *words)
        assert code != EXIT_OK
        assert "保本" not in told


def test_counts_name_nobody_and_are_for_everybody(call, folder):
    for who in (*PEOPLE, "nobody"):
        code, told = call(who, "alerts", "stats", "-o", "json")
        assert (code, "zhangsan" in told) == (EXIT_OK, False)
    assert book(folder) == []


# ---- no roles, no archive -----------------------------------------------------------------------


def test_on_an_open_machine_everybody_sees_and_the_book_says_so(call, folder):
    save(folder, tree_of(folder, access={"open": True}))
    for words in SHOWN.values():
        assert call("me", "alerts", *words)[0] == EXIT_OK
    assert {(one["who"], one["role"]) for one in book(folder)} == {("me", "open")}


def test_beside_an_archive_somebody_has_to_be_named(call, folder):
    tree = tree_of(folder)
    del tree["access"]
    save(folder, tree)
    code, told = call("zhao", "alerts", "list")
    assert (code, "do not say who may look" in told) == (EXIT_USAGE, True)


def test_without_an_archive_there_is_no_book_and_roles_are_kept_to_where_people_are_named(
    call, folder
):
    tree = tree_of(folder)
    del tree["targets"][1]
    save(folder, tree)
    for who, may in (("zhao", True), ("fu", True), ("guan", False), ("nobody", False)):
        code, told = call(who, "alerts", "show", ALERT.id[:12])
        assert (code == EXIT_OK, SAID in told) == (may, may), who
        assert "custody book" not in told
    del tree["access"]
    save(folder, tree)
    assert call("nobody", "alerts", "list")[0] == EXIT_OK
    assert book(folder) == []


# ---- channels -----------------------------------------------------------------------------------


def test_channels_are_tested_by_administrators_and_officers_alone(call, folder):
    with receivers.http() as seen:
        channel = {"kind": "webhook", "name": "soc", "url": seen.url}
        save(folder, tree_of(folder, channels=[channel]))
        for who, may in (("fu", False), ("shen", False), ("nobody", False), ("guan", True),
                         ("zhao", True)):  # fmt: skip
            before = len(seen.got)
            code, told = call(who, "alerts", "send-test")
            assert (code == EXIT_OK, len(seen.got) - before) == (may, int(may)), told
            last = book(folder)[-1]
            assert last["who"] == who
            assert last["action"] == ("tested_channels" if may else "refused")
            assert last["details"]["channels"] == ["soc"]


# ---- ids ----------------------------------------------------------------------------------------


def test_an_id_that_fits_several_alerts_or_none_says_which_there_are(call, monkeypatch, folder):
    config = ["--config", str(folder / "settings.yaml")]
    monkeypatch.setattr("jobs.archive.account", lambda: "zhao")
    error = CliRunner().invoke(APP, ["alerts", "show", "", *config]).exception
    assert error.en == "more than one alert begins with ''"
    ids = sorted((ALERT.id[:12], alert(2).id[:12]))
    assert error.fix_en == f"give more of the id; these alerts begin so: {', '.join(ids)}"
    error = CliRunner().invoke(APP, ["alerts", "show", "zzzz", *config]).exception
    assert error.en == "no alert begins with 'zzzz'"
    assert "`mingjian alerts list` shows their ids" in error.fix_en

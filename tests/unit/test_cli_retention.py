"""Policies, holds, plans, deletion and requests of persons as people meet them."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from config.settings import load
from jobs.cli import archive, retention
from jobs.deliver import run
from jobs.retention import Taken, lines_entered, taken_since
from rules.errors import EXIT_FINDINGS, EXIT_OK, EXIT_USAGE, MingjianError
from tests.support.disposal import CUSTOMER, record
from tests.unit.test_cli_archive import book, save, tree_of

PEOPLE = {
    "guan": ["administrator"], "zhao": ["officer"], "qian": ["officer"], "fu": ["reviewer"],
    "shen": ["auditor"],
}  # fmt: skip
AHEAD = 30_000  # days: said in a century in which these tests are not run any more
RECORDS = [
    record(0, "这款产品保本"),
    record(1, "我的电话 13800138000", sender=CUSTOMER, to=("zhangsan",)),
    record(2, "内部讨论保本", sender="lisi", to=("wangwu",)),
    record(3, "明年再说", days=AHEAD),
]
APP = typer.Typer()
for one in (archive, retention):  # once: what is registered again comes on top
    one.register(APP)
YEAR = "policies:\n  - {name: rest, keep: 1 year, because: 制度第3条}\n"
LONGER = "policies:\n  - {name: rest, keep: 100 years, because: 制度第3条}\n"
DUTY = (
    "policies:\n  - {name: sales, keep: 99 years, because: 某法第9条, duty: true, people: [lisi]}\n"
)


def settings_tree(folder, **more):
    people = [{"account": who, "roles": roles} for who, roles in PEOPLE.items()]
    return {**tree_of(folder), "access": {"people": people}, **more}


def deliver(folder):
    return run(load(path=folder / "settings.yaml"), once=True).targets[0]


@pytest.fixture(scope="module")
def archived(tmp_path_factory):
    """A folder with an archive of four messages, of which three are some years old."""
    folder = tmp_path_factory.mktemp("kept")
    for name in ("messages", "outputs"):
        (folder / name).mkdir()
    path = folder / "messages" / "messages-1.jsonl"
    path.write_bytes(b"\n".join(RECORDS) + b"\n")
    os.utime(path, (1, 1))
    save(folder, settings_tree(folder))
    deliver(folder)
    return folder


@pytest.fixture
def folder(archived, tmp_path):
    """A copy of that folder."""
    shutil.copytree(archived, tmp_path, dirs_exist_ok=True)
    save(tmp_path, settings_tree(tmp_path))
    return tmp_path


@pytest.fixture
def call(folder, monkeypatch):
    """Runs a command as somebody: (exit code, what was printed)."""
    monkeypatch.setenv("MINGJIAN_LANG", "en")
    monkeypatch.setenv("COLUMNS", "200")
    config = str(folder / "settings.yaml")

    def as_(who, *words):
        monkeypatch.setattr("jobs.archive.account", lambda: who)
        given = [] if words[-1] == "presets" else ["--config", config]
        done = CliRunner().invoke(APP, [*map(str, words), *given])
        error = done.exception
        if isinstance(error, MingjianError):
            return error.exit_code, done.output + error.en + error.fix_en
        assert error is None or isinstance(error, SystemExit), error
        return done.exit_code, done.output

    return as_


@pytest.fixture
def told(call):
    """Runs a command that is to work, with --output json: the values it printed."""

    def values(who, *words):
        code, said = call(who, *words, "-o", "json")
        assert code == EXIT_OK, said
        return [json.loads(line) for line in said.splitlines() if line.startswith("{")]

    return values


@pytest.fixture
def scheduled(call, folder):
    """A schedule in force by which the three old messages are due."""
    (folder / "year.yaml").write_text(YEAR)
    words = ("retention", "policies", folder / "year.yaml", "--apply", "--why", "合规会")
    code, said = call("zhao", *words)
    assert code == EXIT_OK, said
    return folder


@pytest.fixture
def approved(scheduled, told, call):
    """The id of a plan that was made and approved."""
    (made,) = told("zhao", "retention", "plan", "--keep", "--why", "季度清理")
    code, said = call("qian", "retention", "approve", made["plan"][:8], "--why", "已复核")
    assert code == EXIT_OK, said
    return made["plan"]


def deeds(folder):
    return [(one["who"], one["role"], one["action"], one["why"]) for one in book(folder)]


# ---- the schedule -------------------------------------------------------------------------------


def test_a_schedule_is_checked_counted_and_put_in_force_with_a_reason(call, told, folder):
    (folder / "year.yaml").write_text(YEAR)
    words = ("retention", "policies", folder / "year.yaml")
    code, said = call("zhao", *words)
    assert code == EXIT_OK
    assert "kept shorter 4, longer 0" in said
    assert "due 0 by the schedule in force, 3 by this one" in said
    assert "nothing was changed" in said
    assert book(folder) == []
    code, said = call("zhao", *words, "--apply")
    assert (code, "a reason is needed" in said, book(folder)) == (EXIT_USAGE, True, [])
    call("zhao", *words, "--apply", "--why", " 合规会 ")
    assert deeds(folder) == [("zhao", "officer", "retention_set", "合规会")]
    (now,) = told("shen", "retention", "policies")
    assert (now["by"], now["why"], now["line"]) == ("zhao", "合规会", 1)
    assert [(one["name"], one["keep"], one["law"]) for one in now["policies"]] == [
        ("rest", "1 year", "制度第3条")
    ]
    assert "in force since" in call("guan", "retention", "policies")[1]
    (folder / "longer.yaml").write_text(LONGER)
    (changed,) = told("zhao", "retention", "policies", folder / "longer.yaml")
    assert (changed["longer"], changed["due_now"], changed["due_then"]) == (4, 3, 0)
    assert "the schedule in force" in call("zhao", *words)[1]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("policies:\n  - {name: a, keep: 1 day, preset: securities}\n", "bad.yaml:2:"),
        ("policies:\n  - {name: a, keep: 1 yaer, because: x}\n", "no period"),
        ("policies:\n  - {name: a, keeps: 1 year, because: x}\n", "did you mean 'keep'"),
        ("rules: []\n", "unknown key 'rules'"),
    ],
)
def test_a_schedule_that_cannot_be_says_where_and_changes_nothing(call, folder, text, wanted):
    (folder / "bad.yaml").write_text(text)
    words = ("retention", "policies", folder / "bad.yaml", "--apply", "--why", "x1")
    code, said = call("zhao", *words)
    assert code == EXIT_USAGE
    assert wanted in said
    assert book(folder) == []


def test_every_preset_names_its_law(call):
    code, said = call("nobody", "retention", "presets")
    assert code == EXIT_OK
    assert "20 years from the message  证券法（2019年修订）第137条  duty" in said


# ---- who may do what ----------------------------------------------------------------------------

COMMANDS = {
    "policies": ("policies",),
    "check a schedule": ("policies", "year.yaml"),
    "place": ("hold", "place", "H-2", "--room", "wrNONE", "--why", "T-1"),
    "list": ("hold", "list"),
    "lift": ("hold", "lift", "H-2", "--why", "T-1"),
    "plan": ("plan",),
    "keep": ("plan", "--keep", "--why", "T-1"),
    "plans": ("plans",),
    "status": ("status",),
    "show": ("show", "PLAN"),
    "approve": ("approve", "PLAN", "--why", "T-1"),
    "check": ("check",),
    "subject": ("subject", CUSTOMER, "--why", "T-1"),
    "export": ("subject", CUSTOMER, "--export", "copy.jsonl", "--why", "T-1"),
    "erase": ("erase", CUSTOMER, "--why", "T-1"),
    "apply": ("policies", "year.yaml", "--apply", "--why", "T-1"),  # plans are void by it
}
SEES = {"policies", "plans", "status", "show"}
MAY = {
    "qian": set(COMMANDS) - {"check"},
    "guan": {*SEES, "approve", "check"},
    "fu": set(),
    "shen": {*SEES, "list", "check"},
    "nobody": set(),
}


@pytest.mark.parametrize("who", sorted(MAY))
def test_each_role_may_do_its_own_and_what_else_was_wanted_is_written_down(
    call, told, scheduled, who
):
    (made,) = told("zhao", "retention", "plan", "--keep", "--why", "季度清理")
    if who != "qian":
        call("zhao", "retention", "hold", "place", "H-2", "--room", "wrNONE", "--why", "T-0")
    here = {"PLAN": made["plan"], "year.yaml": scheduled / "year.yaml",
            "copy.jsonl": scheduled / "copy.jsonl"}  # fmt: skip
    for what, words in COMMANDS.items():
        code, said = call(who, "retention", *(here.get(word, word) for word in words))
        last = book(scheduled)[-1]
        if what in MAY[who]:
            assert code == EXIT_OK, (what, said)
        else:
            assert (code, "may not" in said) == (EXIT_USAGE, True), what
            assert (last["who"], last["role"], last["action"]) == (
                who, ", ".join(PEOPLE.get(who, [])) or "none", "refused",
            )  # fmt: skip
    assert (scheduled / "copy.jsonl").exists() is (who == "qian")


# ---- holds --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "covers"),
    [
        (("--person", "zhangsan"), 3),
        (("--customer", CUSTOMER, "--text", "电话"), 1),
        (("--text", "保本"), 2),
        (("--since", "2023-11-15", "--until", "2023-11-15"), 3),
        (("--since", "2023-11-16"), 1),
        (("--room", "wrNONE"), 0),
        (("--rule", "a07_01"), 0),
    ],
)
def test_a_hold_says_how_much_it_covers(told, words, covers):
    (placed,) = told("zhao", "retention", "hold", "place", "H-1", *words, "--why", "法务函")
    assert (placed["messages"], placed["unreadable"]) == (covers, 0)


def test_holds_are_listed_and_lifted_with_a_reason(call, told, folder):
    call("zhao", "retention", "hold", "place", "H-1", "--text", "保本", "--why", "法务函 1")
    (one,) = told("shen", "retention", "hold", "list")
    assert (one["hold"], one["scope"], one["why"]) == ("H-1", {"text": "保本"}, "法务函 1")
    assert "H-1  in force  words 保本" in call("zhao", "retention", "hold", "list")[1]
    code, said = call("zhao", "retention", "hold", "lift", "H-1")
    assert (code, "a reason is needed" in said) == (EXIT_USAGE, True)
    assert call("qian", "retention", "hold", "lift", "H-1", "--why", "已结案")[0] == EXIT_OK
    assert told("zhao", "retention", "hold", "list") == []
    (one,) = told("zhao", "retention", "hold", "list", "--all")
    assert (one["lifted_by"], one["lifted_why"]) == ("qian", "已结案")
    code, said = call("zhao", "retention", "hold", "lift", "H-1", "--why", "again")
    assert (code, "no hold 'H-1' is in force" in said) == (EXIT_USAGE, True)


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ((), "names nothing"),
        (("--text", "保"), "at least two letters"),
        (("--since", "2026-01-02", "--until", "2026-01-01"), "ends before it begins"),
        (("--since", "yesterday"), "is not a time"),
    ],
)
def test_a_hold_that_would_hold_nothing_is_refused(call, folder, words, wanted):
    code, said = call("zhao", "retention", "hold", "place", "H-1", *words, "--why", "T-1")
    assert (code, wanted in said) == (EXIT_USAGE, True)
    assert "hold_placed" not in [action for _, _, action, _ in deeds(folder)]


# ---- plan, approval, deletion -------------------------------------------------------------------


def test_a_dry_run_counts_and_changes_nothing(call, told, scheduled):
    call("zhao", "retention", "hold", "place", "H-1", "--text", "内部", "--why", "T-1")
    before = book(scheduled)
    (made,) = told("zhao", "retention", "plan")
    assert (made["plan"], made["going"], made["held"]) == ("", 2, 1)
    assert made["by_policy"] == {"rest": {"going": 2, "held": 1}}
    assert made["by_month"] == {"2023-11": {"going": 2, "held": 1}}
    assert made["by_hold"] == {"H-1": 1}
    _, said = call("zhao", "retention", "plan")
    assert "2 messages may go; 1 more are due but held" in said
    assert book(scheduled) == before
    assert not (scheduled / "archive" / "disposals").exists()


def test_whoever_made_a_plan_does_not_approve_it(call, told, scheduled):
    (made,) = told("zhao", "retention", "plan", "--keep", "--why", "季度清理")
    words = ("retention", "approve", made["plan"], "--why", "x1")
    code, said = call("zhao", *words)
    assert (code, "somebody else has to approve" in said) == (EXIT_USAGE, True)
    assert "waits for approval" in call("zhao", "retention", "plans")[1]
    deliver(scheduled)
    assert call("fu", "archive", "show", "0")[0] == EXIT_OK
    assert call("guan", *words)[0] == EXIT_OK
    code, said = call("qian", *words)
    assert (code, "was approved by guan already" in said) == (EXIT_USAGE, True)


def test_one_person_on_an_open_machine_is_told_what_to_set(call, told, scheduled):
    save(scheduled, settings_tree(scheduled, access={"open": True}))
    (made,) = told("me", "retention", "plan", "--keep", "--why", "trying")
    words = ("retention", "approve", made["plan"], "--why", "x1")
    code, said = call("me", *words)
    assert code == EXIT_USAGE
    assert "access.open: true" in said
    assert "name two people in access.people" in said
    assert call("you", *words)[0] == EXIT_OK


def test_what_is_due_goes_what_is_held_stays_and_both_are_proved(call, told, approved, scheduled):
    call("zhao", "retention", "hold", "place", "H-1", "--text", "内部", "--why", "法务函")
    assert deliver(scheduled).why == ""
    # what is left of the first message
    (gone,) = told("fu", "archive", "show", "0")
    digest = hashlib.new("sm3", RECORDS[0]).hexdigest()
    assert (gone["deleted"], gone["msgid"], gone["sm3"]) == (True, "m0", digest)
    code, said = call("fu", "archive", "show", "m0")
    assert code == EXIT_OK
    assert "was deleted on" in said
    assert approved[:16] in said
    assert digest in said
    assert "保本" not in said
    code, said = call("fu", "archive", "media", "0")
    assert (code, "was deleted on" in said) == (EXIT_FINDINGS, True)
    # what is still there
    (page,) = told("fu", "archive", "search")
    assert [one["leaf"] for one in page["messages"]] == [3, 2]
    _, said = call("shen", "archive", "check")
    assert "2 messages in 1 segment, 2 deleted by plan" in said
    code, said = call("shen", "retention", "check")
    assert (code, "2 messages deleted by 1 plan" in said) == (EXIT_OK, True)
    # how people see it
    (state,) = told("guan", "retention", "plans")
    assert (state["state"], state["gone"], state["stayed"]) == ("done", 2, {"held": 1})
    (state,) = told("guan", "retention", "show", approved[:10])
    assert (state["made_by"], state["approved_by"]) == ("zhao", "qian")
    (now,) = told("zhao", "retention", "status")
    assert (now["deleted"], now["holds"], now["open"]) == (2, 1, [])
    found = told("shen", "archive", "custody", "--message", "0")
    assert {key: found[0][key] for key in ("who", "role", "action", "why")} == {
        "who": "mingjian deliver", "role": "deliverer", "action": "messages_deleted",
        "why": "已复核",
    }  # fmt: skip
    _, said = call("shen", "archive", "custody")
    assert re.search(r"deliverer +deleted messages +plan \w{16}, 2 messages \(#0–#1\)", said)
    # delivered again, nothing comes back and nothing more goes
    state = deliver(scheduled)
    assert state.why == ""
    assert [one["leaf"] for one in told("fu", "archive", "search")[0]["messages"]] == [3, 2]


def test_a_plan_that_was_altered_after_its_approval_deletes_nothing(
    call, told, approved, scheduled
):
    (path,) = (scheduled / "archive" / "disposals").glob("*.plan.json")
    path.chmod(0o600)
    path.write_bytes(path.read_bytes().replace(b'"rest"', b'"test"', 1))
    assert "is not what was made" in deliver(scheduled).why
    assert len(told("fu", "archive", "search")[0]["messages"]) == 4
    code, said = call("qian", "retention", "show", approved)
    assert (code != EXIT_OK, "is not what was made" in said) == (True, True)


def test_a_plan_of_another_schedule_is_void(call, told, approved, scheduled):
    (scheduled / "longer.yaml").write_text(LONGER)
    words = ("retention", "policies", scheduled / "longer.yaml", "--apply", "--why", "改")
    call("zhao", *words)
    assert "schedule has changed" in deliver(scheduled).why
    assert len(told("fu", "archive", "search")[0]["messages"]) == 4
    assert told("guan", "retention", "plans")[0]["state"] == "stale"
    assert "void" in call("guan", "retention", "plans")[1]


@pytest.mark.parametrize(
    ("given", "wanted"),
    [("ffffff", "there is no plan"), ("zz", "there is no plan"), ("", "there is no plan")],
)
def test_plans_are_named_by_their_first_digits(call, scheduled, given, wanted):
    code, said = call("guan", "retention", "show", given)
    assert (code, wanted in said) == (EXIT_USAGE, True)


def test_a_prefix_that_is_too_short_says_how_long_and_lists_the_plans(call, told, scheduled):
    short = "is too short for a plan: at least 6 digits are needed"
    code, said = call("qian", "retention", "approve", "8f3e", "--why", "x1")
    assert (code, short in said, "there is no plan yet" in said) == (EXIT_USAGE, True, True)
    (one,) = told("zhao", "retention", "plan", "--keep", "--why", "季度清理")
    (two,) = told("zhao", "retention", "plan", "--keep", "--why", "再来一次")
    code, said = call("qian", "retention", "approve", one["plan"][:4], "--why", "x1")
    assert (code, short in said) == (EXIT_USAGE, True)
    assert f"these begin so: {one['plan'][:16]}" in said
    code, said = call("qian", "retention", "approve", "ffffff", "--why", "x1")
    assert (code, "there is no plan 'ffffff'" in said) == (EXIT_USAGE, True)
    for plan in (one, two):
        assert plan["plan"][:16] in said
    folder = scheduled / "archive" / "disposals"
    other = "1" if one["plan"][8] == "0" else "0"  # so that nine digits tell them apart
    same = one["plan"][:8] + other * 56
    (folder / f"{same}.plan.json").write_bytes(b"{}")
    code, said = call("qian", "retention", "approve", one["plan"][:8], "--why", "x1")
    assert (code, "more than one plan begins with" in said) == (EXIT_USAGE, True)
    assert f"these begin so: {', '.join(sorted((one['plan'][:16], same[:16])))}" in said
    assert two["plan"][:16] not in said
    assert call("qian", "retention", "approve", one["plan"][:9], "--why", "x1")[0] == EXIT_OK


STAFF = """name: staff
title: 员工
kind: staff
owner: 人力资源部
expires: null
entries:
  zhangsan: {department: 财富管理部/一组}
  lisi: {department: 客服中心}
  wangwu: {department: 客服中心}
"""
OF_DEPARTMENTS = """policies:
  - {name: sales, keep: 99 years, because: 制度第4条, departments: [财富管理部]}
  - {name: rest, keep: 1 year, because: 制度第3条}
"""


def test_a_policy_for_a_department_is_for_all_below_it_by_the_staff_lists(call, told, folder):
    rules = folder / "rules"
    (rules / "lists").mkdir(parents=True)
    (rules / "lists" / "staff.yaml").write_text(STAFF)
    save(folder, settings_tree(folder, rules={"path": str(rules)}))
    (folder / "of.yaml").write_text(OF_DEPARTMENTS)
    words = ("retention", "policies", folder / "of.yaml", "--apply", "--why", "合规会")
    (changed,) = told("zhao", *words)
    assert (changed["due_then"], changed["shorter"]) == (1, 4)
    (made,) = told("zhao", "retention", "plan", "--keep", "--why", "季度清理")
    assert (made["going"], made["by_policy"]) == (1, {"rest": {"going": 1, "held": 0}})
    call("qian", "retention", "approve", made["plan"], "--why", "已复核")
    (rules / "lists" / "staff.yaml").write_text("name: staff\nkind: staf\n")
    assert "staff.yaml" in deliver(folder).why
    assert len(told("fu", "archive", "search")[0]["messages"]) == 4
    (rules / "lists" / "staff.yaml").write_text(STAFF)
    assert deliver(folder).why == ""
    assert [one["leaf"] for one in told("fu", "archive", "search")[0]["messages"]] == [3, 1, 0]


def test_a_department_that_nobody_is_in_is_told_with_the_nearest_one(call, told, folder):
    rules = folder / "rules"
    (rules / "lists").mkdir(parents=True)
    (folder / "of.yaml").write_text(OF_DEPARTMENTS.replace("财富管理部", "财富管理"))
    words = ("retention", "policies", folder / "of.yaml")
    save(folder, settings_tree(folder, rules={"path": str(rules)}))
    assert "no staff list has" not in call("zhao", *words)[1], "there is no staff list"
    (rules / "lists" / "staff.yaml").write_text(STAFF)
    code, said = call("zhao", *words)
    assert code == EXIT_OK
    assert "! policy sales: no staff list has the department 财富管理; is 财富管理部 meant?" in said
    (answer,) = told("zhao", *words)
    assert answer["no_such_department"] == [["sales", "财富管理", "财富管理部"]]
    for known in ("财富管理部", "财富管理部/一组"):
        (folder / "of.yaml").write_text(OF_DEPARTMENTS.replace("财富管理部", known))
        assert "no staff list has" not in call("zhao", *words)[1]


def test_what_is_kept_because_nobody_knows_the_department_is_counted(call, told, folder):
    rules = folder / "rules"
    (rules / "lists").mkdir(parents=True)
    known = "".join(line for line in STAFF.splitlines(keepends=True) if "lisi" not in line)
    (rules / "lists" / "staff.yaml").write_text(known)
    save(folder, settings_tree(folder, rules={"path": str(rules)}))
    (folder / "of.yaml").write_text(OF_DEPARTMENTS)
    words = ("retention", "policies", folder / "of.yaml", "--apply", "--why", "合规会")
    assert call("zhao", *words)[0] == EXIT_OK
    (made,) = told("zhao", "retention", "plan")
    assert (made["going"], made["department_unknown"]) == (0, 1)
    said = call("zhao", "retention", "plan")[1]
    assert "1 message kept by a policy of a department only because nobody knows" in said
    (rules / "lists" / "staff.yaml").write_text(STAFF)
    (made,) = told("zhao", "retention", "plan")
    assert (made["going"], made["department_unknown"]) == (1, 0)
    assert "nobody knows" not in call("zhao", "retention", "plan")[1]


# ---- what does not agree is named ---------------------------------------------------------------


@pytest.fixture
def deleted(approved, scheduled):
    """A folder from which the three old messages were deleted."""
    deliver(scheduled)
    return scheduled


def test_every_contradiction_is_named(call, told, deleted):
    assert call("shen", "retention", "check")[0] == EXIT_OK
    (path,) = (deleted / "archive" / "disposals").glob("*.plan.json")
    path.unlink()
    with sqlite3.connect(deleted / "archive" / "index.db") as db:
        db.execute("DELETE FROM tombstones WHERE leaf = 1")
        db.execute("DELETE FROM messages WHERE leaf = 3")
    code, said = call("shen", "retention", "check")
    assert code == EXIT_FINDINGS
    assert "entry 3: it is gone and has no tombstone" in said
    assert "there is no plan" in said
    assert "entry 0, plan" in said
    code, said = call("shen", "archive", "check")
    assert code == EXIT_FINDINGS
    assert "entry 3: message m3 is not in the index" in said
    assert "entry 1: message m1 is not in the index" in said
    assert "entry 0: message m0 has a tombstone, and no plan that names it is there" in said


def test_a_tombstone_of_another_message_is_named(call, deleted):
    with sqlite3.connect(deleted / "archive" / "index.db") as db:
        db.execute("UPDATE tombstones SET sm3 = x'00' WHERE leaf = 1")
    code, said = call("shen", "archive", "check")
    assert (code, "the tombstone of message m1 is not of" in said) == (EXIT_FINDINGS, True)


# ---- requests of persons ------------------------------------------------------------------------


def test_a_person_is_told_what_is_kept_and_gets_a_copy_that_proves_itself(call, told, scheduled):
    (kept,) = told("zhao", "retention", "subject", CUSTOMER, "--why", "T-1")
    assert (kept["messages"], kept["by_type"]) == (3, {"text": 3})
    assert kept["as"] == {"receiver": 2, "sender": 1}
    assert sum(kept["by_month"].values()) == 3
    assert [(one["policy"], one["law"], one["standing"]) for one in kept["kept"]] == [
        ("rest", "制度第3条", "kept"), ("rest", "制度第3条", "over"),
    ]  # fmt: skip
    assert "《个人信息保护法》第四十五条" in kept["letters"]["zh"]
    copy = scheduled / "copy.jsonl"
    words = ("retention", "subject", CUSTOMER, "--export", copy)
    code, said = call("zhao", *words)
    assert (code, "a reason is needed" in said, copy.exists()) == (EXIT_USAGE, True, False)
    code, said = call("zhao", *words, "--why", "查阅申请")
    assert code == EXIT_OK
    assert "Personal Information Protection Law" in said
    assert copy.stat().st_mode & 0o777 == 0o600
    lines = [json.loads(line) for line in copy.read_bytes().splitlines()]
    assert [one["record"].encode() for one in lines] == [RECORDS[n] for n in (0, 1, 3)]
    for one in lines:
        assert hashlib.new("sm3", one["record"].encode()).hexdigest() == one["sm3"]
    last = book(scheduled)[-1]
    assert (last["action"], last["why"]) == ("exported", "查阅申请")
    assert last["details"] == {
        "leaves": [[0, 1], [3, 3]],
        "file_sm3": hashlib.new("sm3", copy.read_bytes()).hexdigest(),
    }
    code, said = call("zhao", *words, "--why", "查阅申请")
    assert (code, "is there already" in said) == (EXIT_USAGE, True)


def test_every_look_at_a_person_has_a_reason(call, folder):
    code, said = call("zhao", "retention", "subject", CUSTOMER)
    assert (code, "a reason is needed to answer requests of persons" in said) == (EXIT_USAGE, True)
    assert book(folder) == []
    assert call("zhao", "retention", "subject", CUSTOMER, "--why", "查阅申请")[0] == EXIT_OK
    assert deeds(folder) == [("zhao", "officer", "looked_up_person", "查阅申请")]


def test_an_answer_of_which_nothing_is_restricted_is_in_the_book_and_missed(call, told, folder):
    (answer,) = told("zhao", "retention", "erase", CUSTOMER, "--why", "申请 8", "--keep")
    assert (answer["stays"], answer["damaged_requests"]) == (0, [])
    (path,) = (folder / "archive" / "requests").iterdir()
    (line,) = [one for one in book(folder) if one["action"] == "answered_request"]
    assert line["details"] == {"request": path.stem, "plan": answer["plan"]}
    ask = ("retention", "subject", CUSTOMER, "--why", "T-1")
    assert call("zhao", *ask)[0] == EXIT_OK
    whole = path.read_bytes()
    os.chmod(path, 0o600)
    strange = path.with_name(f"{hashlib.new('sm3', b'{}').hexdigest()}.json")
    for change, name in (
        (lambda: path.write_bytes(whole[:-2] + bytes([whole[-2] ^ 1]) + whole[-1:]), path.name),
        (path.unlink, path.name),
        (lambda: (path.write_bytes(whole), strange.write_bytes(b"{}")), strange.name),
    ):
        change()
        for words in (ask, ("retention", "erase", CUSTOMER, "--why", "T-1")):
            code, said = call("zhao", *words)
            assert (code, name in said) == (EXIT_FINDINGS, True), (words, said)
            code, said = call("zhao", *words, "-o", "json")
            assert code == EXIT_FINDINGS
            assert json.loads(said.splitlines()[-1])["damaged_requests"] == [name]


def test_no_copy_appears_when_it_cannot_be_written_down(call, scheduled, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("desk.subjects.note", full)
    words = ("subject", CUSTOMER, "--export", scheduled / "copy.jsonl", "--why", "T-1")
    code, said = call("zhao", "retention", *words)
    assert code != EXIT_OK
    assert "nothing was done" in said
    assert not [one for one in scheduled.iterdir() if "copy" in one.name]


@pytest.fixture
def erased(call, told, folder):
    """lisi's messages are a duty; his erasure was asked for and the answer kept. The answer."""
    (folder / "duty.yaml").write_text(DUTY)
    call("zhao", "retention", "policies", folder / "duty.yaml", "--apply", "--why", "合规会")
    (answer,) = told("zhao", "retention", "erase", "wangwu", "--why", "申请 7", "--keep")
    return answer


def test_a_request_for_erasure_is_split_and_answered_in_both_languages(call, told, folder):
    (folder / "duty.yaml").write_text(DUTY)
    call("zhao", "retention", "policies", folder / "duty.yaml", "--apply", "--why", "合规会")
    (answer,) = told("zhao", "retention", "erase", "zhangsan", "--why", "申请 7")
    assert (answer["messages"], answer["goes"], answer["stays"]) == (3, 3, 0)
    (answer,) = told("zhao", "retention", "erase", "lisi", "--why", "申请 7")
    assert (answer["messages"], answer["goes"], answer["stays"]) == (1, 0, 1)
    assert [one["law"] for one in answer["kept"]] == ["某法第9条"]
    assert "某法第9条" in answer["letters"]["zh"]
    assert "may not be deleted yet" in answer["letters"]["en"]
    _, said = call("zhao", "retention", "erase", "lisi", "--why", "申请 7")
    assert "0 may go, 1 has to stay" in said
    assert "nothing was changed" in said
    assert {action for _, _, action, _ in deeds(folder)} == {"retention_set", "looked_up_person"}
    assert "lisi" not in json.dumps([one["details"] for one in book(folder)[1:]])


def test_the_officer_is_told_which_hold_and_why_and_the_letter_is_not(call, told, scheduled):
    words = ("retention", "hold", "place", "H-9", "--customer", CUSTOMER, "--why", "法务函 3")
    call("zhao", *words)
    _, said = call("zhao", "retention", "erase", CUSTOMER, "--why", "申请 9")
    assert "held by H-9  3 messages  since" in said
    assert "by zhao, because: 法务函 3" in said
    (answer,) = told("zhao", "retention", "erase", CUSTOMER, "--why", "申请 9")
    for letter in answer["letters"].values():
        assert "H-9" not in letter
        assert "法务函" not in letter
    assert "no day can be named" in answer["letters"]["en"]
    (kept,) = told("zhao", "retention", "subject", CUSTOMER, "--why", "T-1")
    assert {one["standing"]: one["messages"] for one in kept["kept"]} == {
        "held_alone": 2, "held": 1,
    }  # fmt: skip


def test_what_stays_of_a_request_is_only_stored(call, told, erased, folder):
    assert (erased["goes"], erased["stays"], erased["plan"]) == (0, 1, "")
    (page,) = told("fu", "archive", "search")
    assert [one["leaf"] for one in page["messages"]] == [3, 1, 0]
    assert page["passed_over"] == 1
    assert "1 message passed over" in call("fu", "archive", "search", "--text", "保本")[1]
    code, said = call("fu", "archive", "show", "2")
    assert (code, "may only be stored" in said, "内部" in said) == (EXIT_USAGE, True, False)
    assert book(folder)[-1]["action"] == "refused"
    assert "may only be stored" in call("fu", "archive", "media", "2")[1]
    code, said = call("zhao", "archive", "show", "2")
    assert (code, "a reason is needed" in said, "内部" in said) == (EXIT_USAGE, True, False)
    code, said = call("zhao", "archive", "show", "2", "--why", "监管调取")
    assert (code, "内部讨论保本" in said) == (EXIT_OK, True)
    assert book(folder)[-1]["details"]["restricted"] is True
    (path,) = (folder / "archive" / "requests").iterdir()
    restricted = next(one for one in book(folder) if one["action"] == "processing_restricted")
    assert path.stem == restricted["details"]["request"]
    assert hashlib.new("sm3", path.read_bytes()).hexdigest() == path.stem


def test_what_a_hold_holds_is_only_stored_when_somebody_else_has_confirmed_it(call, told, folder):
    words = ("retention", "hold", "place", "H-1", "--person", "lisi", "--why", "法务函 3")
    call("zhao", *words)
    (answer,) = told("zhao", "retention", "erase", "lisi", "--why", "申请 7", "--keep")
    assert (answer["stays"], answer["restricted"], answer["waits"]) == (1, [], [[2, 2]])
    assert "confirmed by a second person" in answer["letters"]["en"]
    assert "经复核" in answer["letters"]["zh"]
    (page,) = told("fu", "archive", "search")
    assert (len(page["messages"]), page["passed_over"]) == (4, 0)
    (path,) = (folder / "archive" / "requests").iterdir()
    confirm = ("retention", "confirm", path.stem[:8], "--why", "已复核")
    for who, which, words in (
        ("zhao", confirm, "somebody else has to confirm it"),
        ("fu", confirm, "may not approve deletions"),
        ("qian", (*confirm[:3], "--why", ""), "a reason is needed"),
        ("qian", ("retention", "confirm", "ab", "--why", "x1"), f"these do: {path.stem[:16]}"),
    ):
        code, said = call(who, *which)
        assert (code, words in said) == (EXIT_USAGE, True), said
    assert told("fu", "archive", "search")[0]["passed_over"] == 0
    code, said = call("qian", *confirm)
    assert (code, "1 message only stored from now on" in said) == (EXIT_OK, True)
    (page,) = told("fu", "archive", "search")
    assert (len(page["messages"]), page["passed_over"]) == (3, 1)
    last = [one for one in book(folder) if one["action"] == "processing_restricted"]
    assert [(one["who"], one["why"]) for one in last] == [("qian", "已复核")]
    assert last[0]["details"] == {"request": path.stem, "leaves": [[2, 2]], "confirmed": True}
    assert "these do: -" in call("qian", *confirm)[1]
    assert "confirmed by a second person" in call("shen", "archive", "custody")[1]
    said = call("zhao", "retention", "erase", "lisi", "--why", "申请 8", "--keep")[1]
    assert "1 message that a hold holds stay as they are until somebody else" in said
    assert "mingjian retention confirm " in said


def test_what_may_go_of_a_request_goes_by_a_plan(call, told, folder):
    (answer,) = told("zhao", "retention", "erase", CUSTOMER, "--why", "申请 8", "--keep")
    assert (answer["goes"], answer["stays"]) == (3, 0)
    assert call("zhao", "retention", "approve", answer["plan"], "--why", "x1")[0] == EXIT_USAGE
    assert call("guan", "retention", "approve", answer["plan"], "--why", "x1")[0] == EXIT_OK
    assert "3: proposed for deletion" in answer["letters"]["en"]
    _, said = call("zhao", "retention", "erase", CUSTOMER, "--why", "申请 8 复核")
    assert "approved, waits for `mingjian deliver`  0 of 3 messages gone" in said
    assert "3 messages of these that may go are in an open plan already" in said
    deliver(folder)
    assert [one["leaf"] for one in told("fu", "archive", "search")[0]["messages"]] == [2]
    (now,) = told("zhao", "retention", "subject", CUSTOMER, "--why", "T-1")
    assert (now["messages"], now["requests"][0]["deleted"]) == (0, [[0, 1], [3, 3]])
    assert "3 of 3 records were deleted on" in now["letters"]["en"]
    _, said = call("zhao", "retention", "subject", CUSTOMER, "--why", "T-1")
    assert "carried out  3 of 3 messages gone  tombstones: #0–#1, #3" in said
    assert call("shen", "retention", "check")[0] == EXIT_OK


# ---- an index that is not there now -------------------------------------------------------------


def test_while_the_server_of_the_index_is_away_policies_and_holds_work_and_the_rest_says_so(
    call, told, scheduled
):
    tree = settings_tree(scheduled)
    tree["targets"][0] |= {
        "index": "postgres",
        "username": "mingjian",
        "index_url": "postgresql://127.0.0.1:1/none",
    }
    save(scheduled, tree)
    for who, words in (("zhao", ("plan",)), ("zhao", ("subject", CUSTOMER, "--why", "T-1")),
                       ("shen", ("check",)),
                       ("zhao", ("erase", CUSTOMER, "--why", "T-1"))):  # fmt: skip
        code, said = call(who, "retention", *words)
        assert (code != EXIT_OK, "PostgreSQL at 127.0.0.1:1" in said) == (True, True), words
    words = ("retention", "hold", "place", "H", "--text", "保本", "--why", "T-1")
    (placed,) = told("zhao", *words)
    assert placed["messages"] is None
    assert len(told("zhao", "retention", "hold", "list")) == 1
    assert told("zhao", "retention", "policies")[0]["by"] == "zhao"
    words = ("retention", "policies", scheduled / "year.yaml", "--apply", "--why", "T-1")
    code, said = call("zhao", *words)
    assert (code, "not counted: " in said, "PostgreSQL at 127.0.0.1:1" in said) == (0, True, True)
    assert call("zhao", "retention", "status")[0] == EXIT_OK


def test_what_comes_next_is_said_with_the_settings_that_were_given(scheduled, call):
    _, said = call("zhao", "retention", "plan", "--keep", "--why", "季度清理")
    config = f"--config {scheduled / 'settings.yaml'}"
    command = next(line.strip() for line in said.splitlines() if "retention approve" in line)
    assert command.endswith(f"--why … {config}")
    plan = command.split()[3]
    _, said = call("guan", "retention", "approve", plan, "--why", "已复核")
    assert f"`mingjian deliver {config}` deletes" in said


@pytest.mark.parametrize("by", ["--alert", "--rule"])
def test_a_hold_on_an_alert_that_waits_in_the_outputs_keeps_what_it_names(
    call, told, approved, folder, by
):
    """It is read before anything is deleted."""
    time = json.loads(RECORDS[0])["time"]
    body = {"alert_id": "ab" * 16, "rule": {"name": "kickback"},
            "members": [{"msgid": "m0", "time": time}]}  # fmt: skip
    (folder / "outputs" / "alerts").mkdir()
    (folder / "outputs" / "alerts" / "part-1").write_text(json.dumps(body) + "\n")
    named = {"--alert": body["alert_id"], "--rule": "kickback"}[by]
    said = call("zhao", "retention", "hold", "place", "HA", by, named, "--why", "court")[1]
    assert ("which the archive has not taken" in said) is (by == "--alert")
    (state,) = told("zhao", "retention", "plans")
    assert state["waits_for_alerts"] == ([named] if by == "--alert" else [])
    assert deliver(folder).why == ""
    (state,) = told("zhao", "retention", "plans")
    assert (state["gone"], state["stayed"], state["waits_for_alerts"]) == (2, {"held": 1}, [])
    assert call("shen", "retention", "check")[0] == EXIT_OK
    assert call("shen", "archive", "check")[0] == EXIT_OK


def test_a_hold_on_an_alert_that_there_is_not_is_told_until_it_is_lifted(
    call, told, approved, folder
):
    which = "cd" * 16
    call("zhao", "retention", "hold", "place", "HA", "--alert", which, "--why", "court")
    assert f"has not taken the alert {which} yet" in deliver(folder).why
    for words in ("plans", "status"):
        said = call("zhao", "retention", words)[1]
        assert f"a hold is on the alert {which}, which the archive has not taken" in said
    (state,) = told("zhao", "retention", "plans")
    assert (state["gone"], state["waits_for_alerts"]) == (0, [which])
    call("zhao", "retention", "hold", "lift", "HA", "--why", "mistyped")
    assert deliver(folder).why == ""
    (state,) = told("zhao", "retention", "plans")
    assert (state["state"], state["gone"], state["waits_for_alerts"]) == ("done", 3, [])


def test_a_delivery_that_deletes_says_so_and_what_its_counts_are_of(approved, folder):
    def delivered():
        done = subprocess.run(
            [sys.executable, "-m", "jobs.cli.main", "deliver",
             "--config", folder / "settings.yaml"],
            capture_output=True, text=True, check=False, timeout=60,
            env={**os.environ, "MINGJIAN_LANG": "en", "COLUMNS": "120"},
        )  # fmt: skip
        assert done.returncode == EXIT_OK, done.stderr
        return " ".join(done.stdout.split())

    said = delivered()
    assert "archive done 4 1 0" in said  # one line a deletion had entered before
    assert "archive: 5 of these are lines of its custody book; what a deletion had entered" in said
    assert "The job writes a record again" not in said  # which is not what happened
    assert f"{approved[:16]} " in said
    assert "carried out 3 of 3 messages gone" in said
    said = delivered()
    assert "archive done 0 0 0" in said
    assert "custody book" not in said


def test_a_line_of_the_book_that_is_delivered_is_called_one(call, folder):
    call("zhao", "archive", "search", "--text", "保本")
    before = lines_entered(load(path=folder / "settings.yaml"))
    deliver(folder)
    after = taken_since(load(path=folder / "settings.yaml"), before)
    assert (before, after) == ({"archive": 0}, {"archive": Taken(1, [])})


@pytest.mark.parametrize(
    ("policy", "en", "zh"),
    [
        ("{name: hr-internal-7, keep: 99 years, because: 某法第9条, duty: true}",
         "4: 某法第9条, whose period", "4 条：某法第9条，期限"),
        ("{name: hr-internal-7, title: 人事记录, keep: 99 years, because: 某法第9条, duty: true}",
         "4: 人事记录, 某法第9条, whose period", "4 条：人事记录，某法第9条，期限"),
        ("{name: hr-internal-7, preset: securities}", "4: Securities companies, 证券法",
         "条：证券公司"),
    ],
    ids=["no title", "a title", "a preset"],
)  # fmt: skip
def test_a_letter_has_the_words_of_a_policy_and_not_its_name(call, told, folder, policy, en, zh):
    (folder / "hr.yaml").write_text(f"policies:\n  - {policy}\n")
    words = ("retention", "policies", folder / "hr.yaml", "--apply", "--why", "合规会")
    assert call("zhao", *words)[0] == EXIT_OK
    for ask in ("subject", "erase"):
        for who in ("zhangsan", CUSTOMER):
            (answer,) = told("zhao", "retention", ask, who, "--why", "申请 7")
            for letter in answer["letters"].values():
                assert "hr-internal-7" not in letter
    (answer,) = told("zhao", "retention", "subject", "zhangsan", "--why", "申请 7")
    messages = answer["messages"]
    assert en.replace("4", str(messages), 1) in answer["letters"]["en"]
    assert zh.replace("4", str(messages), 1) in answer["letters"]["zh"]

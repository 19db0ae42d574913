"""Who sees numbers masked does not find out by searching what the stars hide."""

from __future__ import annotations

import json
import os

import pytest
import typer
from typer.testing import CliRunner

from jobs.cli import archive, retention
from rules.errors import EXIT_OK, EXIT_USAGE, MingjianError
from tests.unit.test_archiver import record
from tests.unit.test_cli_archive import book, deliver, save, tree_of

APP = typer.Typer()
for one in (archive, retention):  # once: what is registered again comes on top
    one.register(APP)
PHONE = "13824679135"  # shown as 138****9135
TEXTS = [
    "这款产品保本", f"电话 {PHONE}", "房号 2467", "密码是 Tr0ub4dor，别外传",
    "邮箱 zhangsan@example.com", f"再发一次 {PHONE}", "单号 2467 与 9135",
]  # fmt: skip


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder with an archive of messages of which some hold numbers and a secret."""
    folder = tmp_path_factory.mktemp("masked")
    for name in ("messages", "outputs"):
        (folder / name).mkdir()
    path = folder / "messages" / "messages-1.jsonl"
    path.write_bytes(b"".join(record(n, text) + b"\n" for n, text in enumerate(TEXTS)))
    os.utime(path, (1, 1))
    save(folder, tree_of(folder))
    deliver(folder)
    return folder


@pytest.fixture
def call(site, monkeypatch):
    """Runs a command as somebody: (exit code, what was printed)."""
    monkeypatch.setenv("MINGJIAN_LANG", "en")
    monkeypatch.setenv("COLUMNS", "200")

    def as_(who, *words):
        monkeypatch.setattr("jobs.archive.account", lambda: who)
        done = CliRunner().invoke(APP, [*words, "--config", str(site / "settings.yaml")])
        if isinstance(done.exception, MingjianError):
            return done.exception.exit_code, done.output + done.exception.en
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done.exit_code, done.output

    return as_


@pytest.fixture
def finds(call):
    """The numbers of the messages that somebody finds by words, page by page."""

    def numbers(who, text, page=20):
        seen, cursor = [], ""
        while True:
            more = ["--cursor", cursor] if cursor else []
            code, said = call(
                who, "archive", "search", "--text", text, "-n", str(page), "-o", "json", *more
            )
            assert code == EXIT_OK, said
            told = json.loads(said)
            seen += [one["leaf"] for one in told["messages"]]
            cursor = told["cursor"]
            if not cursor:
                return seen

    return numbers


@pytest.mark.parametrize(
    ("text", "officer", "reviewer"),
    [
        ("保本", [0], [0]),
        ("电话", [1], [1]),
        ("138", [5, 1], [5, 1]),  # the stars begin behind it
        ("9135", [6, 5, 1], [6, 5, 1]),  # and end before it
        ("2467", [6, 5, 2, 1], [6, 2]),
        ("24", [6, 5, 2, 1], [6, 2]),
        ("82", [5, 1], []),
        ("3824", [5, 1], []),
        ("79", [5, 1], []),
        ("电话 2467", [1], []),
        ("Tr0ub4dor", [3], []),
        ("tr0", [3], []),
        ("密码", [3], [3]),
        ("example", [4], [4]),
    ],
)
def test_words_are_found_where_whoever_searches_can_see_them(finds, text, officer, reviewer):
    assert finds("zhao", text) == officer
    assert finds("fu", text) == reviewer
    assert finds("both", text) == officer


@pytest.mark.parametrize("size", [2, 3, 4, 5, 6])
def test_no_part_of_what_is_hidden_is_found(finds, size):
    hidden = [PHONE[at : at + size] for at in range(len(PHONE) - size + 1)
              if at + size > 3 and at < 7]  # fmt: skip
    assert all({1, 5} <= set(finds("zhao", part)) for part in hidden)
    assert not any({1, 5} & set(finds("fu", part)) for part in hidden)


def test_pages_are_of_what_can_be_seen(finds, call):
    assert finds("fu", "2467", page=1) == [6, 2]
    _, said = call("fu", "archive", "search", "--text", "2467", "-n", "2", "-o", "json")
    assert json.loads(said)["cursor"] == ""  # nothing tells that there are more


@pytest.mark.parametrize("text", [PHONE, f"电话{PHONE}", "zhangsan@example.com"])
def test_a_number_that_would_be_masked_is_refused_and_written_down(call, site, text):
    code, said = call("fu", "archive", "search", "--text", text)
    assert code == EXIT_USAGE
    assert "fu is reviewer and may not look for what is masked for them" in said
    line = book(site)[-1]
    assert (line["action"], line["details"]["right"]) == ("refused", "find_masked")
    assert PHONE not in json.dumps(line)
    assert call("zhao", "archive", "search", "--text", text)[0] == EXIT_OK


def test_nor_what_may_only_be_stored_by_how_many_were_passed_over(call, site):
    (site / "duty.yaml").write_text(
        "policies:\n  - {name: all, keep: 99 years, because: 某法第9条, duty: true}\n"
    )
    call("zhao", "retention", "policies", str(site / "duty.yaml"), "--apply", "--why", "合规会")
    who = json.loads(call("zhao", "archive", "show", "1", "-o", "json")[1])["sender"]
    assert call("zhao", "retention", "erase", who, "--why", "申请 7", "--keep")[0] == EXIT_OK
    passed = {}
    for asks in ("zhao", "fu"):
        for words in (("--text", "2467"), ("--text", "4444"), ("--from", who)):
            said = call(asks, "archive", "search", *words, "-o", "json")[1]
            passed[asks, words[1]] = json.loads(said[said.index("{") :])["passed_over"]
    assert passed["zhao", "2467"] > passed["zhao", "4444"] == 0
    assert passed["fu", "2467"] == passed["fu", "4444"] > 0
    assert passed["fu", who] == passed["zhao", who] > 0

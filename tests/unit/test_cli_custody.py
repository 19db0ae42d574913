"""The custody book as an auditor reads it: a table in words, filters, a copy in a file."""

from __future__ import annotations

import hashlib
import json
import re

import pytest

from desk.roles import RIGHT_NAMES, RIGHTS
from jobs.cli.custody_words import ACTIONS, details_words, what, why_words
from rules.errors import EXIT_USAGE
from sinks.archive.custody import CustodyBook, Deed
from tests.unit.test_cli_archive import (
    PHONE,
    archived,  # noqa: F401 - fixtures
    book,
    call,  # noqa: F401
    written,  # noqa: F401
)

AT = 1_795_766_400_000  # 2026-11-27 16:00:00 in Shanghai
DAY = 86_400_000
WECOM_ID = "7641239981724453321_1795766400123_external"
PACK = {
    "pack": "mingjian-3f2a", "kind": "alert", "records": 1, "leaves": [1, 2, 4], "redacted": [],
    "manifest_sm3": "ab" * 32, "unmasked": False,
}  # fmt: skip
DEEDS = [
    Deed(AT, "zhao", "officer", "searched", "",
         {"query": {"sender": "zhangsan", "text": "保本", "since": AT - DAY}, "leaves": [1]}),
    Deed(AT + 1000, "fu", "reviewer", "saw", "", {"leaf": 2, "msgid": "m2", "sm3": "00"}),
    Deed(AT + 2000, "zhao", "officer", "exported", "case 2026-017", PACK),
    Deed(AT + 3000, "zhao", "officer", "exported", "case 2026-018", PACK | {"unmasked": True}),
    Deed(AT + 4000, "zhao", "officer", "unmasked", f"called from {PHONE}",
         {"leaf": 1, "msgid": "m1", "sm3": "00"}),
    Deed(AT + DAY, "guan", "administrator", "refused", "",
         {"right": "search", "query": {}, "message": WECOM_ID}),
]  # fmt: skip


@pytest.fixture
def kept(call, tmp_path):  # noqa: F811
    """The command on a book of these deeds."""
    custody = CustodyBook(tmp_path / "archive")
    for deed in DEEDS:
        custody.write(deed)

    def run(*words, who="shen"):
        return call(who, "archive", "custody", *map(str, words))

    return run


def numbers(said):
    return [json.loads(line)["n"] for line in said.splitlines() if line.startswith("{")]


def test_people_read_local_time_names_and_words(kept, tmp_path):
    code, said = kept()
    assert code == 0
    assert "time (Asia/Shanghai)" in said
    rows = said.splitlines()
    row = next(line for line in rows if " 1  2026" in line)
    assert re.search(
        r"1  2026-11-27 16:00:00 +zhao +officer +searched +1 message \(#1\) +looked for from"
        r" zhangsan, words 保本,", row
    )  # fmt: skip
    for never in ("redacted", "[]", "manifest", str(AT), "ab" * 32, "{", "True", "False", PHONE):
        assert never not in said, never
    assert "138****8000" in said
    assert "wanted to search the archive" in said
    packs = [line for line in rows if "exported" in line]
    assert ["UNMASKED" in line for line in packs] == [False, True]
    assert ["; masked" in line for line in packs] == [True, False]
    assert packs[1].rstrip().endswith("  case 2026-018")
    assert "pack mingjian-3f2a" in packs[1]
    assert "3 messages (#1, #2, #4)" in packs[1]


def test_in_chinese_it_is_chinese(kept, monkeypatch):
    monkeypatch.setenv("MINGJIAN_LANG", "zh")
    _, said = kept()
    assert "时间（Asia/Shanghai）" in said
    assert "导出（未脱敏）" in said
    assert re.search(r"合规官 +检索 +1 条消息 \(#1\) +查找 发送者 zhangsan、文字 保本", said)
    assert "事由" in said.splitlines()[0]
    for never in ("officer", "searched", "because"):
        assert never not in said


@pytest.mark.parametrize("columns", ["80", "200"])
def test_every_line_is_there_at_any_width(kept, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", columns)
    _, said = kept()
    assert max(map(len, said.splitlines())) <= int(columns)
    assert ("because: case 2026-017" in said) == (columns == "80")
    for number in range(1, len(DEEDS) + 2):
        assert re.search(rf"^ *{number}  2026-", said, re.M), number


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (("--who", "zhao"), [1, 3, 4, 5]),
        (("--action", "exported"), [3, 4]),
        (("--action", "unmasked"), [4, 5]),
        (("--message", 2), [2, 3, 4]),
        (("--message", "m2"), [2, 3, 4]),
        (("--message", WECOM_ID), [6]),
        (("--since", "2026-11-28", "--until", "2026-11-28"), [6]),
        (("--until", "2026-11-27T16:00:01"), [1, 2]),
        (("--who", "zhao", "--message", 2, "--action", "unmasked"), [4]),
        (("--who", "nobody"), []),
    ],
)
def test_filters_work_and_are_written_down(kept, tmp_path, words, wanted):
    code, said = kept(*words, "-o", "json")
    assert (code, [n for n in numbers(said) if n <= len(DEEDS)]) == (0, wanted)
    last = book(tmp_path)[-1]
    assert (last["who"], last["action"]) == ("shen", "read_custody")
    asked = last["details"]
    assert asked.pop("after") == 0
    names = {"--message": "of_message"}
    given = dict(zip(words[::2], words[1::2], strict=True))
    assert set(asked) == {names.get(key, key.removeprefix("--")) for key in given}
    for key in ("--who", "--action", "--message"):
        if key in given:
            assert asked[names.get(key, key.removeprefix("--"))] == given[key]


def test_a_copy_is_whole_private_and_in_the_book(kept, tmp_path):
    file = tmp_path / "copy.jsonl"
    code, said = kept("--who", "zhao", "--out", file)
    assert (code, "a reason is needed" in said, file.exists()) == (EXIT_USAGE, True, False)
    code, said = kept("--who", "zhao", "--out", file, "--why", "audit 2026")
    assert (code, f"4 lines in {file}" in said) == (0, True)
    rows = [json.loads(line) for line in file.read_bytes().splitlines()]
    lines = (tmp_path / "archive" / "custody.jsonl").read_bytes().splitlines()
    assert [one["n"] for one in rows] == [1, 3, 4, 5]
    for one in rows:  # what the ledger has of it, and all that it says
        raw = lines[one["n"] - 1]
        assert hashlib.new("sm3", raw).hexdigest() == one["sm3"]
        assert {**json.loads(raw), "prev": ""} == {
            **{key: one[key] for key in one if key not in ("sm3", "in_ledger")},
            "prev": "",
        }
    assert file.stat().st_mode & 0o777 == 0o600
    read, exported = book(tmp_path)[-2:]
    assert (read["action"], exported["action"]) == ("read_custody", "exported_custody")
    assert exported["why"] == "audit 2026"
    assert exported["details"] == {
        "lines": 4, "who": "zhao", "file_sm3": hashlib.new("sm3", file.read_bytes()).hexdigest(),
    }  # fmt: skip
    code, said = kept("--out", file, "--why", "audit 2026")
    assert (code, "is there already" in said) == (EXIT_USAGE, True)
    _, said = kept()
    assert re.search(r"exported the custody book +4 lines; of the account zhao", said)


def test_who_may_not_read_the_book_gets_no_copy(kept, tmp_path):
    file = tmp_path / "copy.jsonl"
    code, said = kept("--out", file, "--why", "x1", who="zhao")
    assert (code, "may not read the custody book" in said, file.exists()) == (
        EXIT_USAGE, True, False,
    )  # fmt: skip
    assert book(tmp_path)[-1]["action"] == "refused"


@pytest.mark.parametrize(
    ("who", "en", "zh"),
    [("both", "officer, reviewer", "合规官、复核员"), ("mallory", "no role", "无角色")],
)
def test_a_refusal_says_in_which_role(kept, monkeypatch, who, en, zh):
    assert kept(who=who)[0] == EXIT_USAGE
    for language, words in (("en", en), ("zh", zh)):
        monkeypatch.setenv("MINGJIAN_LANG", language)
        _, said = kept("--who", who)
        (row,) = [line for line in said.splitlines() if f" {who} " in line]
        assert re.search(rf"{who} +{words} +(was refused|越权被拒)", row)


def test_a_deed_that_there_is_not_is_named_with_those_there_are(kept):
    code, said = kept("--action", "unmask")
    assert (code, "no deed of the custody book is called 'unmask'" in said) == (EXIT_USAGE, True)


@pytest.mark.parametrize(
    ("details", "target", "words"),
    [
        ({"query": {"sender": "zhangsan", "since": AT}, "leaves": []}, "0 messages",
         "looked for from zhangsan, since 2026-11-27 16:00:00"),
        ({"right": "see", "message": WECOM_ID}, f"message {WECOM_ID}", "wanted to see messages"),
        ({"right": "see", "message": PHONE}, "message 138****8000", "wanted to see messages"),
        ({"right": "see", "message": f"id_{PHONE}"}, "message id_138****8000",
         "wanted to see messages"),
        ({"right": "see", "message": "138-0013-8000"}, "message 138-****-8000",
         "wanted to see messages"),
        ({"after": 0, "of_message": WECOM_ID}, "", f"about message {WECOM_ID}"),
        ({"query": {"msgid": WECOM_ID}, "leaves": []}, "0 messages", f"looked for id {WECOM_ID}"),
        ({"leaf": 7, "file": 2, "object": "aa", "size": 9}, "file 2 of message #7", ""),
        ({"leaves": [[0, 3], [7, 7]]}, "5 messages (#0–#3, #7)", ""),
        ({"leaves": [], "query": {"since": AT - DAY, "text": "保本"}}, "0 messages",
         "looked for words 保本, since 2026-11-26 16:00:00"),
        ({"hold": "H-1", "scope": {"employee": "wang", "text": "保本"}}, "hold H-1",
         "person wang, words 保本"),
        ({"plan": "ab" * 32, "messages": 1}, f"plan {'ab' * 8}", "1 message"),
        ({"policies": [{}, {}], "sm3": "00"}, "", "2 policies"),
        ({"keys": [1, 2], "faults": 0}, "", "key versions 1, 2; 0 faults"),
        ({"query": {"rule": "a07"}, "alerts": ["ab" * 16]}, "1 alert (abababababab)",
         "looked for rule a07"),
        ({"digest": "x", "effective": AT, "rules": 3, "by": "wang", "forced": False}, "",
         "from 2026-11-27 16:00:00; 3 rules; by wang"),
        ({"pack": "p", "records": [1, 2], "holes": 1}, "pack p", "2 records; 1 place opened"),
        ({"leaves": "damaged", "records": {"odd": None}, "new": [1]}, "",
         'records: {"odd": null}; new: [1]'),
    ],
)  # fmt: skip
def test_details_are_words(monkeypatch, details, target, words):
    monkeypatch.setenv("MINGJIAN_LANG", "en")
    deed = Deed(AT, "zhao", "officer", "saw", "", details)
    assert (what(deed), details_words(deed)) == (target, words)


def test_a_reason_is_shown_without_what_a_terminal_obeys_or_a_number(monkeypatch):
    deed = Deed(AT, "zhao", "officer", "saw", f"\x1b[2J{PHONE}", {"pack": "\u202ex"})
    assert why_words(deed) == "⟨U+001B⟩[2J138****8000"
    assert "⟨U+202E⟩x" in what(deed)


def test_rights_and_deeds_have_names_in_both_languages():
    assert RIGHTS.keys() == RIGHT_NAMES.keys()
    assert all(en and zh and en != zh for en, zh in [*ACTIONS.values(), *RIGHT_NAMES.values()])

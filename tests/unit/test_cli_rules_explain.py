"""`mingjian rules explain` as a person meets it: forms of messages, both languages, wrong calls."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from jobs.cli import app as cli
from rules.errors import MingjianError
from tests.support.command_line import app
from tests.support.rule_files import COUNTING, SIMPLE, write

RECORD = {
    "msgid": "try-1", "action": "send", "from": "zhangwei", "tolist": ["wmTryCustomer0001"],
    "roomid": "", "msgtime": 1772589600000, "msgtype": "text", "text": {"content": "这款保 本"},
}  # fmt: skip


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINGJIAN_LANG", "en")


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    write(tmp_path / "rules", SIMPLE)
    write(tmp_path / "rules", COUNTING, "counting.yaml")
    return tmp_path / "rules"


def run(rules: Path, *words: str, stdin: str = "") -> tuple[int, str]:
    line = ["rules", "explain", *words, "--rules", str(rules)]
    done = CliRunner().invoke(app, line, input=stdin)
    if isinstance(done.exception, MingjianError):
        return done.exception.exit_code, " ".join(done.exception.text(cli.language()))
    return done.exit_code, done.stdout


def test_every_form_of_a_message_is_the_same_message(rules: Path, tmp_path: Path) -> None:
    record = json.dumps(RECORD, ensure_ascii=False)
    file = tmp_path / "m.jsonl"
    file.write_text(record + "\n\n", "utf-8")
    for words, stdin in (
        (["这款保 本"], ""),
        (["{text: 这款保 本}"], ""),
        (['{"text": "这款保 本", "from": "zhangwei", "to": "c1", "at": "10:00"}'], ""),
        ([record], ""),
        ([f"@{file}"], ""),
        (["-"], record),
    ):
        code, seen = run(rules, "t1_words", *words, stdin=stdin)
        assert code == 0, seen
        assert "'保 本' is '保本'; taken off: gap" in seen
        assert seen.splitlines()[-1] == "The rule t1_words fires: its condition holds."


def test_who_says_it_to_whom_is_told_by_options(
    rules: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINGJIAN_LANG", "zh")
    code, seen = run(rules, "t1_words", "这款保本", "--from", "c1", "--to", "zhangwei")
    assert code == 0
    assert "✗ employee" in seen
    assert "规则 t1_words 不报警：employee: 不成立：direction = outbound" in seen


def test_messages_are_counted_together_for_a_behaviour(rules: Path) -> None:
    recalls = ["{recall: a}", "{recall: b, at: +2m}", "{recall: c, at: +2m}"]
    code, seen = run(rules, "t2_burst", *recalls)
    assert code == 0
    assert "at most 3 messages within 10m" in seen
    assert seen.splitlines()[-1] == "The rule t2_burst fires once."
    code, seen = run(rules, "t2_burst", *recalls[:2])
    assert seen.splitlines()[-1] == "The rule t2_burst does not fire."


def test_a_rule_that_tells_ahead_says_so_and_counts_what_is_final(rules: Path) -> None:
    write(
        rules, COUNTING.replace("version: 1,", "version: 1, alerts: speculative,"), "counting.yaml"
    )
    recalls = ["{recall: a}", "{recall: b, at: +2m}", "{recall: c, at: +2m}"]
    code, seen = run(rules, "t2_burst", *recalls)
    assert code == 0
    assert "an alert is told at once (speculative)" in seen
    assert seen.splitlines()[-1] == "The rule t2_burst fires once."


def test_the_json_holds_the_tree(rules: Path) -> None:
    found = json.loads(run(rules, "t1_words", "这款保本", "-o", "json")[1])
    assert found["fires"] is True
    assert [part["name"] for part in found["condition"]["parts"]] == ["employee", "words"]
    (hit,) = found["condition"]["parts"][1]["found"]
    assert (hit["text"], hit["start"], hit["counts"]) == ("保本", 2, True)
    counted = json.loads(run(rules, "t2_burst", "{recall: a}", "-o", "json")[1])
    assert counted["fires"] is False
    assert counted["groups"][0]["reached"] == 1


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["t1_wrods", "x"], 2, "did you mean t1_words"),
        (["t1_words", "{texxt: x}"], 2, "unknown key 'texxt'"),
        (["t1_words", "{text: x, at: 25:99}"], 2, "'25:99' is no time"),
        (["t1_words", "{text: [}"], 2, "neither JSON nor"),
        (["t1_words", "@nowhere.jsonl"], 2, "nowhere.jsonl"),
        (["t1_words", '{"msgid": "x"}'], 1, "quarantine"),
    ],
)
def test_what_cannot_be_explained_is_told(
    rules: Path, words: list[str], code: int, says: str
) -> None:
    assert run(rules, *words)[0] == code
    assert says in run(rules, *words)[1]


def test_a_file_without_its_sign_is_not_taken_for_words(rules: Path, tmp_path: Path) -> None:
    file = tmp_path / "messages.jsonl"
    file.write_text('{"text": "这款保本"}\n', encoding="utf-8")
    code, text = run(rules, "t1_words", str(file))
    assert (code, "is a file" in text, f"write @{file}" in text) == (2, True, True)
    assert run(rules, "t1_words", f"{{text: {file}}}")[0] == 0
    assert run(rules, "t1_words", "nowhere.jsonl")[0] == 0
    assert run(rules, "t1_words", "保本" * 5000 + ".txt")[0] == 0

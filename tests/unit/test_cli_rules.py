"""`mingjian rules` as a person meets it: sentences, places, exit codes, both languages."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from jobs.cli import app as cli
from rules.errors import MingjianError
from rules.ruleset import CATALOG
from tests.support.command_line import app
from tests.support.rule_files import COUNTING, SIMPLE, write

# with a case that must not fire: `check` asks for one
CHECKED = (
    SIMPLE
    + """\
    - name: 内部不报
      messages: [{at: "10:00", from: zhangwei, to: lina, text: 保本吗}]
      alerts: 0
"""
)
TESTS = SIMPLE.index("  tests:")
UNTESTED = SIMPLE[:TESTS]
SECOND = SIMPLE.replace("3d34a454", "00000000").replace("t1_words", "t1_other")


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINGJIAN_LANG", "en")
    monkeypatch.setattr(cli.out, "width", 80)


def run(*words: str | Path) -> tuple[int, str]:
    """Exit code and what a person sees, errors of the command included."""
    done = CliRunner().invoke(app, ["rules", *map(str, words)])
    if isinstance(done.exception, MingjianError):
        return done.exception.exit_code, " ".join(done.exception.text(cli.language()))
    return done.exit_code, done.stdout


@pytest.mark.parametrize(
    ("text", "says", "fix"),
    [
        (CHECKED.replace("3d34a454-9218-5545-be3c-e32c07b42cc1", "abc"), "rule.yaml:2:5", "uuid4"),
        (UNTESTED, "rule.yaml:10:1: the rule has no test cases", "mingjian.tests"),
        (CHECKED.replace("contains: 保本", "contains: [保本，稳赚]"),
         "rule.yaml:7:27: '保本，稳赚'", "write [保本, 稳赚]"),
        (CHECKED.replace("contains: 保本", "contains: [保本、 稳赚]"), "one word", "[保本, 稳赚]"),
        (CHECKED.replace("contains: 保本", "contains: [保本；稳赚]"), "one word", "[保本, 稳赚]"),
        (CHECKED.replace("{text|contains: 保本}", "[{text|endswith: [吗、吧]}]"), "'吗、吧'",
         "[吗, 吧]"),
    ],
)  # fmt: skip
def test_what_is_nearly_always_a_mistake_is_a_warning(
    tmp_path: Path, text: str, says: str, fix: str
) -> None:
    write(tmp_path, text)
    code, seen = run("check", tmp_path)
    assert code == 0
    assert says in seen
    assert fix in seen
    assert "1 file, no error, 1 warning\n" in seen
    (found,) = json.loads(run("check", tmp_path, "--output", "json")[1])
    assert found["severity"] == "warning"
    assert found["line"] > 0


@pytest.mark.parametrize("words", ['["保本，稳赚"]', "['您好、请问']", "[保本, 稳赚]"])
def test_words_in_quotation_marks_are_meant(tmp_path: Path, words: str) -> None:
    write(tmp_path, CHECKED.replace("contains: 保本", f"contains: {words}"))
    assert run("check", tmp_path) == (0, "1 file, no error\n")


def test_words_of_an_own_lexicon_are_looked_at(tmp_path: Path) -> None:
    write(tmp_path, CHECKED.replace("contains: 保本", "lexicon: own"))
    write(
        tmp_path / "lexicons", "name: own\ntitle: 词\nowner: 我\nwords: [保本，稳赚]\n", "own.yaml"
    )
    code, seen = run("check", tmp_path)
    assert code == 0
    assert "own.yaml:4:9: '保本，稳赚' is one word" in seen


def test_an_error_counts_and_its_brackets_are_shown(tmp_path: Path) -> None:
    write(tmp_path, CHECKED.replace("contains: 保本", "contains: []"))
    code, seen = run("check", tmp_path)
    assert code == 1
    assert "for example [保本, 稳赚]" in seen
    assert seen.endswith("1 file, 1 error\n")
    assert json.loads(run("check", tmp_path, "-o", "json")[1])[0]["severity"] == "error"


def test_a_bad_pattern_says_nothing_on_its_own(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, CHECKED.replace("contains: 保本", "re: '内(幕'"))
    code, seen = run("check", tmp_path)
    assert code == 1
    assert "missing ): 内(幕" in seen
    assert "close the bracket" in seen
    assert capfd.readouterr().err == ""


# --- one file instead of a directory


def test_one_file_is_checked_and_tested_alone(tmp_path: Path) -> None:
    good = write(tmp_path, CHECKED, "good.yaml")
    write(tmp_path, "title: [", "broken.yaml")
    assert run("check", good) == (0, "1 file, no error\n")
    code, seen = run("test", good)
    assert code == 0
    assert seen.endswith("2 passed, 0 failed\n")
    assert run("check", tmp_path / "broken.yaml")[0] == 1
    assert run("check", tmp_path)[0] == 1


def test_one_file_uses_the_lexicons_of_the_folder_above(tmp_path: Path) -> None:
    file = write(tmp_path / "sales", CHECKED.replace("contains: 保本", "lexicon: own"))
    write(tmp_path / "lexicons", "name: own\ntitle: 词\nowner: 我\nwords: [保本]\n", "own.yaml")
    assert run("check", file) == (0, "1 file, no error\n")
    code, seen = run("test", file)
    assert code == 0
    assert seen.endswith("2 passed, 0 failed\n")


def test_one_file_that_asks_what_others_hit_is_tested_with_them() -> None:
    code, seen = run("test", CATALOG / "a05_02_recall_after_hit.yaml")
    assert code == 0
    assert seen.endswith(" passed, 0 failed\n")


def test_nothing_there_is_said() -> None:
    for command in ("check", "test"):
        code, seen = run(command, "no-such-place")
        assert code == 2
        assert "no-such-place" in seen


# --- results of test cases


@pytest.mark.parametrize(
    ("alerts", "en", "zh"),
    [
        (2, "rule.yaml:18: 命中: expected 2 alerts, got 1",
         "rule.yaml:18: 命中: 应有 2 条告警，实际 1 条"),
        (0, "rule.yaml:18: 命中: expected 0 alerts, got 1", "应有 0 条告警，实际 1 条"),
    ],
)  # fmt: skip
def test_a_failure_has_its_place_in_the_readers_language(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, alerts: int, en: str, zh: str
) -> None:
    write(tmp_path, SIMPLE.replace("alerts: 1", f"alerts: {alerts}"))
    code, seen = run("test", tmp_path)
    assert code == 1
    assert seen.startswith(f"✗ {en}\n")
    assert seen.endswith("0 passed, 1 failed\n")
    monkeypatch.setenv("MINGJIAN_LANG", "zh")
    code, seen = run("test", tmp_path)
    assert zh in seen
    assert "expected" not in seen


def test_one_alert_is_no_plural(tmp_path: Path) -> None:
    write(tmp_path, SIMPLE.replace("这款保本", "您好"))
    assert "expected 1 alert, got 0" in run("test", tmp_path)[1]
    (row,) = json.loads(run("test", tmp_path, "--output", "json")[1])
    assert (row["file"], row["line"], row["case"]) == ("rule.yaml", 18, "命中")


def test_a_case_of_a_correlation_has_the_line_in_its_own_document(tmp_path: Path) -> None:
    text = COUNTING.replace("owner: y}", 'owner: y, tests: [{messages: [{at: "10:00",'
                            " from: a, to: c1, recall: x}], alerts: 1}]}")  # fmt: skip
    write(tmp_path, text)
    assert "rule.yaml:17: : expected 1 alert, got 0" in run("test", tmp_path)[1]


def test_no_cases_are_no_success(tmp_path: Path) -> None:
    write(tmp_path, UNTESTED)
    code, seen = run("test", tmp_path)
    assert code == 1
    assert "rule.yaml has no test cases" in seen
    assert "passed" not in seen
    write(tmp_path, SECOND, "other.yaml")
    code, seen = run("test", tmp_path)
    assert code == 0
    assert "rule.yaml has no test cases" in seen
    assert "1 passed, 0 failed" in seen


# --- list and show


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_list_shows_whole_titles_in_eighty_columns(
    monkeypatch: pytest.MonkeyPatch, language: str
) -> None:
    monkeypatch.setenv("MINGJIAN_LANG", language)
    code, seen = run("list")
    assert code == 0
    for whole in (
        "同一文件发给多个外部会话",
        "a03_13_same_file_multi_external",
        "A03-13",
        "critical",
    ):
        assert whole in seen


def test_show_says_where_it_looked_and_what_is_near(tmp_path: Path) -> None:
    write(tmp_path, SIMPLE)
    code, seen = run("show", "t1_word", tmp_path)
    assert code == 2
    assert "t1_words" in seen
    code, seen = run("show", "t1_words")
    assert code == 2
    assert "rules show NAME PATH" in seen
    assert run("show", "t1_words", tmp_path) == (0, SIMPLE)


def test_rules_that_wait_for_nothing_are_counted_and_not_listed(tmp_path: Path) -> None:
    write(tmp_path, SIMPLE)
    assert run("list", "--waiting", tmp_path) == (0, "0 of 1 rule wait for a feed\n")

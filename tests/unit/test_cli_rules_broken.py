"""`mingjian rules` in a directory with broken files: they are told, and the rest is worked on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from jobs.cli import app as cli
from rules.errors import RuleError
from rules.lint.examples import LEXICON, RULE
from tests.support.command_line import app
from tests.support.lint_examples import written

LEVLE = RULE.replace("level", "levle").replace("x01_guarantee", "x01_broken")
WORDS = RULE.replace("x01_guarantee", "x01_words").replace("3d34a454", "3d34a455")


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINGJIAN_LANG", "en")
    monkeypatch.setattr(cli.out, "width", 80)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One rule that is right, one that is broken, and one whose lexicon is broken."""
    return written(
        tmp_path,
        {
            "good.yaml": RULE,
            "broken.yaml": LEVLE,
            "words.yaml": WORDS.replace("contains: 保本", "lexicon: own"),
            "lexicons/own.yaml": LEXICON.replace("回扣", "5"),
        },
    )


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(app, ["rules", *map(str, words)])


def test_the_rest_is_listed(folder: Path) -> None:
    done = run("list", folder, "-o", "json")
    assert done.exit_code == 0
    found = json.loads(done.stdout)
    assert [row["name"] for row in found["rules"]] == ["x01_guarantee", "x01_words"]
    assert [Path(one).name for one in found["left_out"]] == ["own.yaml", "broken.yaml"]
    assert "own.yaml:6:9: '5' in 'words' is not a text" in done.stderr
    assert "broken.yaml:11:1: unknown key 'levle'" in done.stderr
    assert f"`mingjian rules check {folder}` tells everything" in done.stderr


@pytest.mark.parametrize("name", ["x01_guarantee", "x01_words"])
def test_a_rule_that_is_there_is_shown(folder: Path, name: str) -> None:
    done = run("show", name, folder)
    assert done.exit_code == 0
    assert f"name: {name}\n" in done.stdout
    assert "left out: " in done.stderr


def test_a_rule_that_is_there_is_explained(folder: Path) -> None:
    done = run("explain", "x01_guarantee", "这款保本", "--rules", folder)
    assert done.exit_code == 0
    assert "The rule x01_guarantee fires" in done.stdout
    assert "words.yaml:8:11: the file of 'own' is broken" in done.stderr


def test_a_rule_that_is_left_out_is_not_explained(folder: Path) -> None:
    done = run("explain", "x01_words", "这款保本", "--rules", folder)
    assert done.exit_code != 0
    assert "the file of 'own' is broken" in done.stderr


def test_the_rest_is_tested_and_the_exit_code_says_that_it_is_not_all(folder: Path) -> None:
    done = run("test", folder)
    assert done.exit_code == 1
    assert "2 passed, 0 failed" in done.stdout
    assert "broken.yaml:11:1: unknown key 'levle'" in done.stderr
    for name in ("broken.yaml", "words.yaml", "lexicons/own.yaml"):
        (folder / name).unlink()
    assert run("test", folder).exit_code == 0


def test_in_chinese_too(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINGJIAN_LANG", "zh")
    assert "已略过：" in run("list", folder).stderr


def test_where_nothing_is_right_the_error_is_told(tmp_path: Path) -> None:
    done = run("list", written(tmp_path, {"rule.yaml": LEVLE}))
    assert "unknown key 'levle'" in str(done.exception)


def test_a_line_of_a_million_characters_is_shown_in_part(tmp_path: Path) -> None:
    text = LEXICON.partition("words:")[0] + "words: [" + "保" * 500_000 + ", 5]\n"
    written(tmp_path, {"rule.yaml": RULE, "lexicons/own.yaml": text})
    done = run("check", tmp_path)
    assert "own.yaml:6:500011: '5' in 'words' is not a text [MJ410]" in done.stdout
    assert "…" in done.stdout
    assert len(done.stdout) < 2_000


@pytest.mark.parametrize("broken", ['title: "x\nname: x01_broken\n', "name: x01_broken\n\t\n"])
def test_a_broken_file_beside_the_rule_that_is_asked_for_does_not_fail_it(
    tmp_path: Path, broken: str
) -> None:
    written(tmp_path, {"good.yaml": RULE, "broken.yaml": broken})
    done = run("test", tmp_path, "-k", "guarantee")
    assert (done.exit_code, "left out: broken.yaml" in done.stderr) == (0, True)
    (tmp_path / "broken.yaml").write_bytes(b"name: \xff\n")
    assert run("test", tmp_path, "-k", "guarantee").exit_code == 0
    assert run("test", tmp_path).exit_code == 1


def test_a_rule_that_is_asked_for_and_cannot_be_read_is_told(tmp_path: Path) -> None:
    written(tmp_path, {"good.yaml": RULE, "broken.yaml": LEVLE})
    error = run("test", tmp_path, "-k", "x01_brok").exception
    assert isinstance(error, RuleError)
    assert "unknown key 'levle'" in error.en
    both = run("test", tmp_path, "-k", "x01_")
    assert (both.exit_code, "2 passed" in both.stdout) == (1, True)


@pytest.mark.parametrize("beside", ["lexicons/own.yaml", "except.yaml"])
def test_what_may_change_how_the_rule_judges_fails_it(tmp_path: Path, beside: str) -> None:
    text = (
        LEXICON.replace("回扣", "5") if "lexicons" in beside else "name: e\nfilter:\n  rules: any\n"
    )
    written(tmp_path, {"good.yaml": RULE, beside: text})
    done = run("test", tmp_path, "-k", "guarantee")
    assert (done.exit_code, "2 passed" in done.stdout) == (1, True)

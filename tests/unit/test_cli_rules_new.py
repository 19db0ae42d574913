"""`mingjian rules new`: whatever is answered, the file is right and its cases pass."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from jobs.cli import app as cli
from jobs.cli import rules_new
from jobs.rule_checks import check_rules
from rules.compiled import compile_timeline
from rules.detectors import DETECTORS
from rules.errors import MingjianError
from rules.layout import formatted
from rules.rule_draft import KINDS, detectors
from rules.rulecases import run_case
from rules.ruleset import LEXICONS, RuleTimeline, load_ruleset
from tests.support.command_line import app
from tests.support.rule_files import CALENDAR


def new(*words: str | Path, answers: str = "") -> tuple[int, str]:
    done = CliRunner().invoke(app, ["rules", "new", *map(str, words)], input=answers)
    if isinstance(done.exception, MingjianError):
        return done.exception.exit_code, " ".join(done.exception.text(cli.language()))
    return done.exit_code, done.output


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINGJIAN_LANG", "en")


def passes(folder: Path, cases: int) -> None:
    """The file is checked without a word, is in its form, and its cases pass."""
    found = check_rules(str(folder))
    assert [problem.en for problem in found.problems] == []
    timeline = RuleTimeline([(0, load_ruleset(folder))])
    compiled = compile_timeline(timeline)
    ran = 0
    for file in timeline.rulesets[0].files:
        assert formatted(file.path, file.text) == file.text
        for case in file.tests:
            assert run_case(timeline, compiled, CALENDAR, file, case) is None, case["name"]
            ran += 1
    assert ran >= cases


ASKED = {
    "words": ["--word", "内幕", "--word", "内部消息, 小道消息"],
    "lexicon": ["--lexicon", "kickback"],
    "detector": ["--detector", "bank_card"],
    "count": ["--word", "内幕", "--count", "4", "--timespan", "1s"],
    "sequence": ["--word", "内幕", "--timespan", "2m"],
    "absence": ["--word", "请尽快回复", "--timespan", "31d"],
}


@pytest.mark.parametrize(("kind", "language"), zip(KINDS, ["en", "zh"] * 3, strict=True))
def test_each_kind_gives_a_rule_that_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, language: str
) -> None:
    monkeypatch.setenv("MINGJIAN_LANG", language)
    folder = tmp_path / "mine"
    code, seen = new(
        "own_rule", "--kind", kind, "--title", "试: 一条 #1", "--dir", folder, "--yes", *ASKED[kind]
    )
    assert code == 0, seen
    assert str(folder / "own_rule.yaml") in seen.replace("\n", "")
    passes(folder, 2)


@pytest.mark.parametrize("detector", detectors())
def test_each_detector_has_a_text_that_it_finds_and_one_that_it_does_not(
    tmp_path: Path, detector: str
) -> None:
    done = new("own", "--kind", "detector", "--detector", detector, "--title", "t",
               "--dir", tmp_path, "--yes")  # fmt: skip
    assert done[0] == 0, done
    passes(tmp_path, 3)


@pytest.mark.parametrize("lexicon", sorted(path.stem for path in LEXICONS.glob("*.yaml"))[::40])
def test_a_lexicon_gives_a_word_to_test_with(tmp_path: Path, lexicon: str) -> None:
    code, seen = new("own", "--kind", "lexicon", "--lexicon", lexicon, "--title", "t",
                     "--dir", tmp_path, "--yes")  # fmt: skip
    if code == 2:  # a list of values only
        assert "is none of" in seen
        return
    passes(tmp_path, 2)


def test_a_person_is_asked_and_a_wrong_answer_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules_new, "_attended", lambda: True)
    answers = (
        "wrods\nwords\nOwn Rule\nown_rule\nInside information\n内幕，内部消息\nX-07\nhigh\n2\n\n\n"
    )
    code, seen = new("--dir", tmp_path, answers=answers)
    assert code == 0, seen
    assert "'wrods' is none of" in seen
    assert "begins with a small letter" in seen
    text = (tmp_path / "own_rule.yaml").read_text("utf-8")
    assert "words: {text|contains: [内幕, 内部消息]}" in text
    assert "level: high" in text
    assert "owner: compliance" in text
    passes(tmp_path, 2)


def test_a_file_that_is_there_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("mine", "utf-8")
    code, seen = new("own", "--word", "内幕", "--title", "t", "--dir", tmp_path, "--yes")
    assert code == 2
    assert "is there already" in seen
    assert (tmp_path / "own.yaml").read_text("utf-8") == "mine"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["own", "--yes", "--title", "t"], "--word"),
        (["--yes", "--title", "t", "--word", "x"], "NAME"),
        (["own", "--yes", "--title", "t", "--word", "x", "--kind", "wrods"], "'wrods'"),
        (["own", "--yes", "--title", "t", "--kind", "count", "--word", "x", "--timespan", "5"],
         "write it as 30s"),
        (["own", "--yes", "--word", "x", "--level", "grave"], "none of: informational, low"),
        (["own", "--yes", "--word", "x", "--response", "-1"], "none of: 0, 1, 2, 3"),
        (["own", "--yes", "--word", "x", "--kind", "absence", "--who", "me"],
         "none of: customer, employee"),
        (["own", "--yes", "--word", "x", "--kind", "count", "--count", "0"], "2 to 1000"),
        (["own", "--yes", "--title", "t", "--kind", "count", "--word", "x", "--count", "1"],
         "2 to 1000"),
        (["own", "--yes", "--title", "t", "--kind", "absence", "--word", "x", "--timespan", "32d"],
         "at most 31d"),
        (["../own", "--yes", "--title", "t", "--word", "x"], "small letter"),
    ],
)  # fmt: skip
def test_without_a_terminal_what_is_missing_is_told(
    tmp_path: Path, words: list[str], says: str
) -> None:
    code, seen = new(*words, "--dir", tmp_path / "new")
    assert code == 2
    assert says in seen
    given = {word for word in words if word.startswith("--")}
    assert not any(f"give {option}" in seen for option in given)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("words", [[], ["-y"]])
def test_the_example_of_the_help_works_where_nobody_can_be_asked(
    tmp_path: Path, words: list[str]
) -> None:
    code, seen = new("own_insider", "--kind", "words", "--word", "内幕", "--dir", tmp_path, *words)
    assert code == 0, seen
    assert "title: Messages with 内幕" in (tmp_path / "own_insider.yaml").read_text(
        "utf-8"
    ).replace('"', "")
    passes(tmp_path, 2)


def test_every_detector_can_be_chosen() -> None:
    assert set(detectors()) == set(DETECTORS)


@pytest.mark.parametrize("who", ["customer", "employee"])
def test_whoever_says_it_may_wait_for_an_answer(tmp_path: Path, who: str) -> None:
    words = ["--who", who] if who != "customer" else []
    code, seen = new("own", "--kind", "absence", "--word", "退款", "--dir", tmp_path, "-y", *words)
    assert code == 0, seen
    text = (tmp_path / "own.yaml").read_text("utf-8")
    assert f"sender_kind: {who}" in text
    passes(tmp_path, 2)

"""Scope, filters and lists as a person who tests or explains one rule meets them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from jobs.cli import app as cli
from rules.errors import MingjianError
from tests.support.command_line import app
from tests.support.rule_files import COUNTING, SIMPLE, write

CASE = """\
    - name: 例外
      messages: [{at: "10:00", from: zhangwei, to: c1, text: 热线保本}]
      alerts: 0
"""
FILTERS = """\
title: 热线
name: except_hotline
filter:
  rules: [%s, not_in_the_file]
  hotline: {text|contains: 热线}
  condition: not hotline
mingjian: {owner: 客服部, reason: 已备案, expires: 2027-06-30}
"""
ANY = FILTERS.replace("[%s, not_in_the_file]", "any")
SCOPED = SIMPLE.replace("  tests:", "  scope: {except_departments: [合规部]}\n  tests:")
OTHER = (
    SIMPLE.replace("t1_words", "not_in_the_file")
    .replace("3d34", "4d34")
    .replace("A07-01", "A07-02")
)


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINGJIAN_LANG", "en")


def run(*words: str | Path) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["rules", *map(str, words)])
    if isinstance(done.exception, MingjianError):
        return done.exception.exit_code, " ".join(done.exception.text(cli.language()))
    return done.exit_code, done.stdout


@pytest.mark.parametrize(
    "filters",
    [FILTERS % "t1_words", FILTERS % "3d34a454-9218-5545-be3c-e32c07b42cc1", ANY],
    ids=["name", "id", "any"],
)
def test_one_file_is_judged_with_the_filters_of_its_directory(tmp_path: Path, filters: str) -> None:
    one = write(tmp_path, SIMPLE + CASE, "one.yaml")
    write(tmp_path, OTHER, "other.yaml")
    write(tmp_path, "not: [a rule", "broken.yaml")  # does not concern the file
    assert run("test", one)[0] == 1
    write(tmp_path, filters, "filters.yaml")
    code, seen = run("test", one)
    assert code == 0, seen
    assert "2 passed, 0 failed" in seen
    code, seen = run("explain", "t1_words", "热线保本", "--rules", one)
    assert seen.splitlines()[-1] == (
        "The rule t1_words does not fire: left out by the exception except_hotline"
        " (until 2027-06-30)."
    )
    assert run("explain", one, "热线保本")[1] == seen


def test_filters_on_other_rules_do_not_touch_the_file(tmp_path: Path) -> None:
    one = write(tmp_path, SIMPLE + CASE, "one.yaml")
    write(tmp_path, OTHER, "other.yaml")
    write(tmp_path, FILTERS.replace("[%s, ", "["), "filters.yaml")
    assert run("test", one)[0] == 1
    assert "except_hotline" not in run("explain", one, "热线保本")[1]


def test_a_correlation_in_one_file_is_filtered_by_its_own_name(tmp_path: Path) -> None:
    one = write(tmp_path, COUNTING, "one.yaml")
    recalls = ["{recall: a}", "{recall: b, at: +1m}", "{recall: c, at: +1m}"]
    assert run("explain", one, *recalls)[1].splitlines()[-1].endswith("fires once.")
    text = FILTERS % "t2_burst"
    text = text.replace("hotline: {text|contains: 热线}", "hotline: {sender: zhangwei}")
    write(tmp_path, text, "filters.yaml")
    seen = run("explain", one, *recalls)[1]
    assert seen.splitlines()[-1] == "The rule t2_burst does not fire."
    assert "left out by the exception except_hotline (until 2027-06-30)" in seen


def test_a_file_of_filters_cannot_be_explained(tmp_path: Path) -> None:
    write(tmp_path, SIMPLE)
    filters = write(tmp_path, FILTERS.replace("[%s, not_in_the_file]", "[t1_words]"), "f.yaml")
    code, seen = run("explain", filters, "保本")
    assert (code, "holds filters and no rule" in seen) == (2, True), seen


def test_the_tree_names_the_scope_and_each_exception_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINGJIAN_LANG", "zh")
    write(tmp_path, SCOPED)
    write(tmp_path, FILTERS.replace("[%s, not_in_the_file]", "[t1_words]"), "f.yaml")
    code, seen = run("explain", "t1_words", "热线保本", "--rules", tmp_path)
    assert code == 0
    assert seen.count("condition: employee and words") == 1
    for line in (
        "✗ t1_words (全部成立才算)",
        "  ✓ condition: employee and words",
        "    ✓ words: text 含“保本”",
        "  ✓ scope (不成立才算)",
        "  ✗ 例外 except_hotline，至 2027-06-30（有一项成立才报警）",
        "    ✗ expires: 时间在 2027-07-01 00:00:00 或之后，已经到期（实际：2026-03-04 10:00:00）",
        "    ✗ condition (不成立才算)",
        "      ✓ hotline: text 含“热线”",
    ):
        assert line in seen.splitlines(), seen
    assert seen.splitlines()[-1] == (
        "规则 t1_words 不报警：被例外 except_hotline 排除（至 2027-06-30）。"
    )
    # where the rule would say nothing anyway, that is the reason
    seen = run("explain", "t1_words", "热线", "--rules", tmp_path)[1]
    assert seen.splitlines()[-1] == "规则 t1_words 不报警：words: 不成立：text 含“保本”。"
    found = json.loads(run("explain", "t1_words", "热线", "--rules", tmp_path, "-o", "json")[1])
    names = [part["name"] for part in found["condition"]["parts"]]
    assert names == ["condition", "scope", "except_hotline"]
    assert found["condition"]["parts"][2]["until"] == "2027-06-30"


LISTS = "lists: {staff: {zhangwei: {department: 合规部}}}"


@pytest.mark.parametrize(
    ("words", "fires"),
    [
        (["保本"], True),
        (["保本", "--department", "合规部"], False),
        (["保本", "--department", "销售部", "--role", "经理"], True),
        (["{text: 保本, from: lina}", "--department", "合规部"], False),
        ([f"{{text: 保本, {LISTS}}}"], False),
        ([f"{{text: 保本, from: lina, {LISTS}}}"], True),
        ([f"{{text: 保本, {LISTS}}}", "--department", "销售部"], True),
    ],
)
def test_lists_can_be_given_with_a_message(tmp_path: Path, words: list[str], fires: bool) -> None:
    write(tmp_path, SCOPED)
    code, seen = run("explain", "t1_words", *words, "--rules", tmp_path)
    assert code == 0, seen
    assert seen.splitlines()[-1].startswith(
        "The rule t1_words fires" if fires else "The rule t1_words does not fire: scope: "
    )


def test_lists_count_for_a_correlation(tmp_path: Path) -> None:
    write(tmp_path, COUNTING.replace("owner: y", "owner: y, scope: {departments: [销售部]}"))
    recalls = ["{recall: a}", "{recall: b, at: +1m}", "{recall: c, at: +1m}"]
    words = ["explain", "t2_burst", *recalls, "--rules", tmp_path]
    assert run(*words)[1].splitlines()[-1] == "The rule t2_burst does not fire."
    seen = run(*words, "--department", "销售部")[1]
    assert seen.splitlines()[-1] == "The rule t2_burst fires once."


@pytest.mark.parametrize(
    ("message", "says"),
    [
        ("{text: x, lists: {stff: {}}}", "no list 'stff'"),
        ("{text: x, lists: [staff]}", "lists must name lists"),
        ("{text: x, lists: {staff: {zhangwei: {dept: x}}}}", "dept"),
    ],
)
def test_wrong_lists_are_told(tmp_path: Path, message: str, says: str) -> None:
    write(tmp_path, SCOPED)
    code, seen = run("explain", "t1_words", message, "--rules", tmp_path)
    assert (code, says in seen) == (2, True), seen

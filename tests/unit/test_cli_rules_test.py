"""`mingjian rules test` as a person and a build server meet it."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from typer.testing import CliRunner

from jobs.cli import app as cli
from rules.errors import MingjianError
from tests.support.command_line import app
from tests.support.rule_files import COUNTING, SIMPLE, write

GOOD = (
    SIMPLE
    + """\
    - name: 别的话
      messages: [{at: "10:00", from: a, to: c1, text: 您好}]
      alerts: 0
"""
)
BAD = GOOD.replace("text: 这款保本", 'text: "不\\e"')
OTHER = GOOD.replace("3d34a454", "00000000").replace("t1_words", "t9_other")


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINGJIAN_LANG", "en")
    monkeypatch.setattr(cli.out, "width", 100)


def run(*words: str | Path) -> tuple[int, str]:
    """Exit code and what stands on standard output; for a wrong call what the error says."""
    done = CliRunner().invoke(app, ["rules", "test", *map(str, words)])
    if isinstance(done.exception, MingjianError):
        return done.exception.exit_code, " ".join(done.exception.text(cli.language()))
    return done.exit_code, done.stdout


def test_all_good_is_one_line(tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    assert run(tmp_path) == (0, "2 passed, 0 failed\n")


def test_a_case_that_fails_names_a_key_of_a_payload_that_nothing_reads(tmp_path: Path) -> None:
    rule = GOOD.replace("text|contains: 保本", "event.state: qr").replace("employee and ", "")
    rule = rule.replace("  employee: {direction: outbound, sender_kind: employee}\n", "")
    cases = """    - name: {name}
      messages: [{{at: "10:00", event: customer_added, payload: {{UserID: a, {payload}}}}}]
      alerts: 1
"""
    head = rule[: rule.index("    - name")]
    assert "event.state" in head
    write(tmp_path, head + cases.format(name="渠道", payload="ExternalUserID: c1, state: qr"))
    code, text = run(tmp_path)
    assert code == 1
    assert "m1: nothing reads 'state' in the payload of customer_added" in text
    assert "did you mean 'State'?" in text
    write(tmp_path, head + cases.format(name="渠道", payload="ExternalUserId: c1, State: qr"))
    assert "did you mean 'ExternalUserID'?" in run(tmp_path)[1]
    write(tmp_path, head + cases.format(name="渠道", payload="ExternalUserID: c1, State: qr"))
    assert run(tmp_path)[0] == 0


def test_a_case_is_about_final_alerts_whatever_is_told_ahead(tmp_path: Path) -> None:
    """Here the last message belongs first, and what was told before it came is taken back."""
    cases = """
    - name: 到达次序颠倒
      arrival: shuffled
      messages:
        - {at: "10:00", from: a, to: c1, recall: x}
        - {at: "10:01", from: a, to: c1, recall: x}
        - {at: "10:02", from: a, to: c1, recall: x}
        - {at: "10:03", from: a, to: c1, recall: x}
      alerts: [{evidence: [m1, m2, m3, m4], count: 3}]
    - name: 两次不报
      messages:
        - {at: "10:00", from: a, to: c1, recall: x}
        - {at: "10:01", from: a, to: c1, recall: x}
      alerts: 0
"""
    mingjian = "mingjian: {version: 1, item: A05-01, response: 2, legal: [x], owner: y}"
    lines = mingjian.removeprefix("mingjian: {").removesuffix("}").split(", ")
    block = "mingjian:\n" + "".join(f"  {line}\n" for line in [*lines, "alerts: speculative"])
    write(tmp_path, COUNTING.replace(mingjian, block + "  tests:") + cases[1:])
    assert run(tmp_path) == (0, "2 passed, 0 failed\n")


def test_a_failure_says_place_expected_got_and_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = "alerts: [{matched: [保 本], level: low}]"
    write(tmp_path, GOOD.replace("alerts: 1", expected))
    code, seen = run(tmp_path)
    assert code == 1
    head, *rest = seen.splitlines()
    assert head == "✗ rule.yaml:20: 命中: no alert is as expectation 1 says"
    assert rest[0] == "    matched: expected [保 本], got [保本]"
    assert rest[1] == "    level: expected low, got high"
    assert "    ✓ condition: employee and words" in rest
    assert rest[-1] == "1 passed, 1 failed"
    monkeypatch.setenv("MINGJIAN_LANG", "zh")
    chinese = run(tmp_path)[1]
    assert "没有一条告警符合第 1 个期望" in chinese
    assert "matched：应为 [保 本]，实际 [保本]" in chinese


def test_the_json_of_a_failure_holds_all_of_it(tmp_path: Path) -> None:
    write(tmp_path, GOOD.replace("alerts: 1", "alerts: [{level: low}]"))
    code, seen = run(tmp_path, "--output", "json")
    assert code == 1
    failed, passed = json.loads(seen)
    assert (failed["file"], failed["line"], failed["rule"]) == ("rule.yaml", 20, "t1_words")
    assert failed["differences"] == [{"key": "level", "expected": "low", "got": "high"}]
    assert failed["why"][-1] == "The rule t1_words fires: its condition holds."
    assert passed["problem"] == ""
    assert passed["why"] == []


@pytest.mark.parametrize("by", ["output", "file"])
def test_the_junit_report_is_what_build_servers_read(tmp_path: Path, by: str) -> None:
    write(tmp_path / "rules", BAD)
    report = tmp_path / "report.xml"
    options = ["--output", "junit"] if by == "output" else ["--junit", report]
    code, seen = run(tmp_path / "rules", *options)
    assert code == 1
    root = ET.fromstring(seen if by == "output" else report.read_text("utf-8"))  # noqa: S314
    assert root.tag == "testsuites"
    assert (root.get("tests"), root.get("failures")) == ("2", "1")
    (suite,) = root
    failed, passed = suite
    assert (suite.get("name"), failed.get("classname")) == ("rule.yaml", "t1_words")
    assert (failed.get("file"), failed.get("line")) == ("rule.yaml", "18")
    assert float(failed.get("time", "-1")) >= 0
    (failure,) = failed
    assert failure.get("message") == "expected 1 alert, got 0"
    assert "The rule t1_words does not fire" in (failure.text or "")
    assert list(passed) == []
    if by == "file":
        assert "1 passed, 1 failed" in seen


def test_a_report_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    code, seen = run(tmp_path, "--junit", tmp_path / "no" / "such" / "r.xml")
    assert code == 3
    assert "cannot write" in seen


# --- which rules


@pytest.mark.parametrize(
    ("names", "passed"),
    [(["t1"], 2), (["T9_OTHER"], 2), (["t*"], 4), (["t1", "t9"], 4), (["*words"], 2)],
)
def test_rules_are_chosen_by_name(tmp_path: Path, names: list[str], passed: int) -> None:
    write(tmp_path, GOOD)
    write(tmp_path, OTHER, "other.yaml")
    options = [word for name in names for word in ("-k", name)]
    assert run(tmp_path, *options) == (0, f"{passed} passed, 0 failed\n")


def test_a_name_that_no_rule_has_is_a_wrong_call(tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    code, seen = run(tmp_path, "-k", "t1_wrods")
    assert code == 2
    assert "t1_wrods" in seen
    assert "did you mean t1_words?" in seen


def test_a_rule_that_asks_what_others_hit_is_chosen_with_them() -> None:
    code, seen = run("-k", "a05_02")
    assert code == 0
    assert re.fullmatch(r"[3-9] passed, 0 failed\n", seen)


# --- both kinds of cases


@pytest.mark.parametrize(
    ("text", "lacks"),
    [
        (SIMPLE, "rule.yaml has no case that must not fire"),
        (
            GOOD.replace("text: 这款保本", "text: 您好").replace("alerts: 1", "alerts: []"),
            "rule.yaml has no case that must fire",
        ),
        (SIMPLE[: SIMPLE.index("  tests:")], "rule.yaml has no test cases"),
    ],
)
def test_a_kind_of_case_that_is_missing_is_told_and_fails_when_strict(
    tmp_path: Path, text: str, lacks: str
) -> None:
    write(tmp_path, text)
    write(tmp_path, OTHER, "other.yaml")
    code, seen = run(tmp_path)
    assert code == 0
    assert f"! {lacks}" in seen
    code, seen = run(tmp_path, "--strict")
    assert code == 1
    assert f"! {lacks}" in seen
    rows = json.loads(run(tmp_path, "--strict", "-o", "json")[1])
    assert [row["problem"] for row in rows if row["problem"]] == [lacks.removeprefix("rule.yaml ")]
    root = ET.fromstring(run(tmp_path, "--strict", "-o", "junit")[1])  # noqa: S314
    assert root.get("failures") == "1"


def test_the_catalogue_has_cases_of_both_kinds_for_every_rule() -> None:
    code, seen = run("--strict")
    assert code == 0, seen

"""The canonical form of rule files: what stands where, and that nothing is ever lost."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from jobs.cli import app as cli
from rules.errors import MingjianError, RuleError
from rules.layout import formatted, pieces
from rules.layout_style import order_of
from rules.layout_text import WIDTH, columns
from rules.loader import canonical_meaning
from rules.rule_shape import CASE_KEYS, OUR_KEYS, SIGMA_KEYS
from rules.ruleset import CATALOG, LEXICONS
from rules.yaml_source import load_documents
from tests.support.command_line import app

FILES = [*sorted(CATALOG.glob("*.yaml")), *sorted(LEXICONS.glob("*.yaml"))]
TEXTS = {file.name: (file.read_text("utf-8"), file.parent == LEXICONS) for file in FILES}
SOME = dict(sorted(TEXTS.items(), key=lambda item: len(item[1][0]))[::5])  # of every length


def meaning(text: str) -> Any:
    return [document.value for document in load_documents("x.yaml", text)]


def comments(text: str) -> list[str]:
    return sorted(one for one in pieces(text) if one)


def laws(text: str, *, lexicon: bool = False) -> str:
    """The form of a text; with all that holds of every form."""
    once = formatted("x.yaml", text, lexicon=lexicon)
    assert meaning(once) == meaning(text)
    assert comments(once) == comments(text)
    assert formatted("x.yaml", once, lexicon=lexicon) == once
    return once


# --- laws


@pytest.mark.parametrize("name", TEXTS)
def test_what_is_shipped_is_in_the_form(name: str) -> None:
    text, lexicon = TEXTS[name]
    assert formatted(name, text, lexicon=lexicon) == text, "run: mingjian rules fmt " + name


@pytest.mark.parametrize("name", SOME)
def test_rules_keep_their_digest_however_they_were_written(name: str) -> None:
    text, lexicon = SOME[name]
    values = list(yaml.safe_load_all(text))
    other = yaml.safe_dump_all(values, default_flow_style=True, allow_unicode=True, sort_keys=True)
    once = formatted(name, other, lexicon=lexicon)
    meant = [canonical_meaning(load_documents(name, one)) for one in (text, other, once)]
    assert meant[0] == meant[1] == meant[2]


@pytest.mark.parametrize("style", [True, False, None])
@pytest.mark.parametrize("width", [30, 10_000])
def test_however_a_file_was_written_its_form_is_the_same(style: bool | None, width: int) -> None:
    for text, lexicon in list(SOME.values())[:6]:
        values = list(yaml.safe_load_all(text))
        other = yaml.safe_dump_all(
            values, default_flow_style=style, width=width, allow_unicode=True, sort_keys=True
        )
        once = laws(other, lexicon=lexicon)
        reference = yaml.safe_dump_all(values, default_flow_style=False, allow_unicode=True)
        plain = laws(reference, lexicon=lexicon)
        assert [d.value for d in load_documents("x", once)] == values
        assert re.findall(r"(?m)^[\w-]+:", once) == re.findall(r"(?m)^[\w-]+:", plain)


@st.composite
def commented(draw: st.DrawFn) -> tuple[str, bool]:
    """A file of the catalogue with comments and blank lines strewn over it."""
    text, lexicon = SOME[draw(st.sampled_from(sorted(SOME)[:8]))]
    lines = text.splitlines()
    for number in range(draw(st.integers(0, 8))):
        at = draw(st.integers(0, len(lines)))
        line = lines[at] if at < len(lines) else ""
        indent = len(line) - len(line.lstrip())
        kind = draw(st.sampled_from(["above", "left", "right", "behind", "blank"]))
        if kind == "blank":
            lines.insert(at, "")
        elif kind == "behind":
            if line and "---" not in line and "#" not in line:
                lines[at] = f"{line}  # c{number}"
        else:
            column = {"above": indent, "left": 0, "right": indent + 4}[kind]
            lines.insert(at, f"{' ' * column}# c{number}")
    return "\n".join(lines) + "\n", lexicon


@settings(max_examples=40, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(commented())
def test_no_comment_is_lost_wherever_it_stands(case: tuple[str, bool]) -> None:
    text, lexicon = case
    laws(text, lexicon=lexicon)


# --- what it looks like


UGLY = """\
# head of the file

name: t1_words   # the name
title: '承诺保本'
falsepositives: ['a: b', "没有 号"]
mingjian:
    tests:
    - alerts: 1
      name: 命中   # trail
      # about the messages
      messages:
      - text: 这款保本
        to: c1
        at: '10:00'
        from: zhangwei
    version: 1


    item: A07-01
    response: 2
detection:
    condition: employee and words
    # why employees
    employee:
        direction: outbound
        sender_kind: employee
    words:
        text|contains:
            - 保本   # first
            - 稳赚
    other: {text|contains: ['保息', 保息吗], sender: "zhangwei"}
    pattern: {text|re: '保.本|(稳)赚'}
level: high
id: 3d34a454-9218-5545-be3c-e32c07b42cc1
# the end
"""
FORM = """\
# head of the file
title: 承诺保本
id: 3d34a454-9218-5545-be3c-e32c07b42cc1
name: t1_words  # the name
detection:
  # why employees
  employee:
    direction: outbound
    sender_kind: employee
  words:
    text|contains:
      - 保本  # first
      - 稳赚
  other: {text|contains: [保息, 保息吗], sender: zhangwei}
  pattern: {text|re: '保.本|(稳)赚'}
  condition: employee and words
falsepositives: ["a: b", 没有 号]
level: high
mingjian:
  version: 1

  item: A07-01
  response: 2
  tests:
    - name: 命中  # trail
      # about the messages
      messages:
        - {at: "10:00", from: zhangwei, to: c1, text: 这款保本}
      alerts: 1
# the end
"""


def test_the_form() -> None:
    assert laws(UGLY) == FORM


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("a: [1,2 , 3]\n", "a: [1, 2, 3]\n"),
        ("a:\n- b: 1\n  c: 2\n- b: 3\n", "a:\n  - b: 1\n    c: 2\n  - b: 3\n"),
        ("a: [{b: 1,\n c: 2}]\n", "a: [{b: 1, c: 2}]\n"),
        ("a: [{b: 1, c: 2}, {b: 3}]\n", "a:\n  - {b: 1, c: 2}\n  - {b: 3}\n"),
        ("a: {}\nb: []\nc:\n", "a: {}\nb: []\nc:\n"),
        ("a: {b: , c: ~}\n", "a: {b: null, c: ~}\n"),
        ("a:\n- x, y\n- 'p: q'\n- '#no'\n", 'a:\n  - x, y\n  - "p: q"\n  - "#no"\n'),
        ("a: ['x y', 'no', '1', '1a', 'y', '', ' x', 'a  b', '-', 'z-1', '\u200bx']\n",
         'a: [x y, "no", "1", "1a", "y", "", " x", "a  b", "-", z-1, "\u200bx"]\n'),
        ("detection: {s: {a|re: '[x]', b: 'c: d'}, condition: 's'}\n",
         "detection:\n  s: {a|re: '[x]', b: 'c: d'}\n  condition: s\n"),
        ("a: 'it''s'\nb: 'say \"x\"'\nc: '\\d'\n", "a: 'it''s'\nb: 'say \"x\"'\nc: '\\d'\n"),
        ("a: |\n      one\n        two\n\n      three\nb: 1\n",
         "a: |\n  one\n    two\n\n  three\nb: 1\n"),
        ("a: >-\n   one\n   two\nb: 1\n", "a: >-\n  one\n  two\nb: 1\n"),
        ("a:\n  - |\n    x\n  - y\n", "a:\n  - |\n    x\n  - y\n"),
        ("a: one\n  two\n", "a: one two\n"),
        ("a: 'one\n  two'\n", "a: one two\n"),
        ("a: {b: one\n  two, c: \"x:\n  y\"}\n", 'a: {b: one two, c: "x: y"}\n'),
        ("a: 1\r\nb: 2\r\n", "a: 1\nb: 2\n"),
        ("\ufeffa: 1", "a: 1\n"),
        ("---\na: 1\n---\n# b\nb: 2\n", "a: 1\n---\n# b\nb: 2\n"),
        ("a: 1\n\n\n\nb: 2\n", "a: 1\n\nb: 2\n"),
        ("a: {x: 1, # why\n  y: 2}\n", "a:\n  x: 1  # why\n  y: 2\n"),
        ("a: [\n  x, # one\n  # two\n  y\n  # three\n]\nb: 1\n",
         "a:\n  - x  # one\n  # two\n  - y\n  # three\nb: 1\n"),
        ("a:\n  - x\n  # - y\nb: 1\n", "a:\n  - x\n  # - y\nb: 1\n"),
        ("a: yes\nb: 010\nc: 1.50\nd: 2026-11-22\ne: 10:00\n",
         "a: yes\nb: 010\nc: 1.50\nd: 2026-11-22\ne: 10:00\n"),
        ("- [a, [b, c]]\n- - d\n", "- [a, [b, c]]\n- - d\n"),
    ],
)  # fmt: skip
def test_pieces_of_the_form(text: str, form: str) -> None:
    once = formatted("x.yaml", text)
    assert once == form
    assert formatted("x.yaml", once) == once


def test_lines_stay_within_the_width_but_for_messages() -> None:
    words = [f"词{n:03d}号" for n in range(40)]
    rule = {"name": "x", "detection": {"w": {"text|contains": words}, "condition": "w"}}
    once = laws(yaml.safe_dump(rule, allow_unicode=True, default_flow_style=True, width=10**6))
    assert max(map(columns, once.splitlines())) <= WIDTH
    assert once.count("词") == 40
    lines = [line for line in once.splitlines() if "词" in line]
    assert len(lines) == 4  # as few as there is room for
    assert lines[0].startswith("      [词000号, 词001号")
    assert lines[-1].endswith("词039号]")
    whole = [f"很长的一句话，不是一个词，第{n}句" for n in range(4)]
    rule["detection"] = {"w": {"text|contains": whole}, "condition": "w"}
    once = laws(yaml.safe_dump(rule, allow_unicode=True, default_flow_style=True, width=10**6))
    assert once.count("\n      - 很长") == 4


def test_a_message_is_one_line_however_long() -> None:
    text, _ = TEXTS["a03_13_same_file_multi_external.yaml"]
    once = laws(text)
    cases = list(yaml.safe_load_all(text))[-1]["mingjian"]["tests"]
    messages = [one for case in cases for one in case["messages"] if "payload" in one]
    assert len(messages) >= 6
    lines = re.findall(r"(?m)^        - \{at: .*payload: \{.*\}\}$", once)
    assert len(lines) == len(messages)


def test_every_key_of_a_rule_has_its_place() -> None:
    for path, keys in (
        (("rule",), SIGMA_KEYS),
        (("rule", "mingjian"), OUR_KEYS),
        (("rule", "mingjian", "tests", "0"), CASE_KEYS),
    ):
        first, last = order_of(path)
        assert set(keys) <= {*first, *last}, path


# --- what is refused


@pytest.mark.parametrize("text", ["a: [", "a: 1\na: 2\n", "a: &x 1\nb: *x\n"])
def test_what_is_not_yaml_is_an_error_with_its_place(text: str) -> None:
    with pytest.raises(RuleError) as caught:
        formatted("x.yaml", text)
    assert caught.value.line >= 1


@pytest.mark.parametrize("text", ["? [a, b]\n: 1\n", "a: !!str 10\nb: {? [c] : 1}\n"])
def test_what_cannot_be_kept_is_left_alone(text: str) -> None:
    with pytest.raises(RuleError):
        formatted("x.yaml", text)


# --- the command


def run(*words: str | Path, stdin: str = "") -> tuple[int, str]:
    done = CliRunner().invoke(app, ["rules", "fmt", *map(str, words)], input=stdin)
    if isinstance(done.exception, MingjianError):
        return done.exception.exit_code, " ".join(done.exception.text(cli.language()))
    return done.exit_code, done.output


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINGJIAN_LANG", "en")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "lexicons").mkdir()
    (tmp_path / "ugly.yaml").write_text(UGLY, "utf-8")
    (tmp_path / "good.yaml").write_text(FORM, "utf-8")
    (tmp_path / "lexicons" / "own.yaml").write_text("words: [b, a]\nname: own\n", "utf-8")
    return tmp_path


def test_check_names_files_and_changes_none(folder: Path) -> None:
    code, seen = run("--check", folder)
    assert code == 1
    assert str(folder / "ugly.yaml") in seen
    assert "own.yaml" in seen
    assert "good.yaml" not in seen
    assert (folder / "ugly.yaml").read_text("utf-8") == UGLY


def test_the_diff_shows_lines_and_changes_none(folder: Path) -> None:
    code, seen = run("--diff", folder / "ugly.yaml")
    assert code == 1
    assert "-title: '承诺保本'" in seen
    assert "+title: 承诺保本" in seen
    assert (folder / "ugly.yaml").read_text("utf-8") == UGLY


def test_files_are_brought_into_form_once(folder: Path) -> None:
    (folder / "ugly.yaml").chmod(0o640)
    code, seen = run(folder)
    assert code == 0
    assert "2 of 3 files were changed" in seen
    assert (folder / "ugly.yaml").read_text("utf-8") == FORM
    assert (folder / "ugly.yaml").stat().st_mode & 0o777 == 0o640
    assert (folder / "lexicons/own.yaml").read_text("utf-8") == "name: own\nwords: [b, a]\n"
    assert run("--check", folder)[0] == 0
    assert sorted(path.name for path in folder.iterdir()) == ["good.yaml", "lexicons", "ugly.yaml"]


def test_a_broken_file_is_told_and_the_others_are_done(folder: Path) -> None:
    (folder / "broken.yaml").write_text("a: [", "utf-8")
    code, seen = run(folder)
    assert code == 1
    assert "broken.yaml:1" in seen
    assert (folder / "ugly.yaml").read_text("utf-8") == FORM
    assert (folder / "broken.yaml").read_text("utf-8") == "a: ["


def test_standard_input_goes_to_standard_output() -> None:
    assert run("-", stdin=UGLY) == (0, FORM)


def test_nothing_there_is_a_wrong_call() -> None:
    assert run("no-such-place")[0] == 2

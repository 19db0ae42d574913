"""What a change of rules does to windows that are open, told before the rules are published."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rules.changes import changes
from rules.ruleset import load_ruleset
from tests.support.command_line import app
from tests.support.rule_files import COUNTING, SIMPLE, ruleset, write

READS_OTHERS = """\
title: 多次大量撤回
id: 77777777-f8eb-5bd0-8d33-f221364a0b77
name: t5_again
correlation: {type: event_count, rules: [t2_burst], group-by: [sender], timespan: 1h, condition: {gte: 2}}
level: high
mingjian: {version: 1, item: A05-01, response: 2, legal: [x], owner: y}
"""  # noqa: E501


EXCEPTION = """\
title: 热线
name: except_hotline
filter:
  rules: [t1_words]
  hotline: {text|contains: 热线}
  condition: not hotline
mingjian: {owner: 客服部, reason: 已备案, expires: 2099-06-30}
"""


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        ((SIMPLE,), (SIMPLE,), []),
        ((SIMPLE,), (SIMPLE, COUNTING), [("t2_burst", "new", "none", ())]),
        ((SIMPLE, COUNTING), (SIMPLE,), [("t2_burst", "removed", "dropped", ())]),
        ((SIMPLE,), (COUNTING,), [
            ("t1_words", "removed", "none", ()), ("t2_burst", "new", "none", ())]),
        # words of a title are no reason to count anew; a threshold, a base rule or a scope is
        ((COUNTING,), (COUNTING.replace("title: 撤回", "title: 大量撤回"),), [
            ("t2_burst", "text", "kept", ())]),
        ((COUNTING,), (COUNTING.replace("response: 2", "response: 3"),), [
            ("t2_burst", "level", "kept", ())]),
        ((SIMPLE,), (SIMPLE.replace("level: high", "level: critical"),), [
            ("t1_words", "level", "none", ())]),
        ((SIMPLE,), ("# a remark\n" + SIMPLE,), []),
        ((SIMPLE,), (SIMPLE, EXCEPTION), [("t1_words", "words", "none", ())]),
        ((COUNTING,), (COUNTING.replace("gte: 3", "gte: 4"),), [
            ("t2_burst", "judges_otherwise", "starts_anew", ())]),
        ((COUNTING,), (COUNTING.replace("type: revoke", "type: [revoke, image]"),), [
            ("t2_burst", "judges_otherwise", "starts_anew", ())]),
        ((COUNTING,), (COUNTING.replace("owner: y", "owner: y, scope: {departments: [a]}"),), [
            ("t2_burst", "judges_otherwise", "starts_anew", ())]),
        ((SIMPLE,), (SIMPLE.replace("保本", "稳赚"),), [
            ("t1_words", "judges_otherwise", "none", ())]),
        # a rule of another file that is read
        ((COUNTING, READS_OTHERS), (COUNTING.replace("gte: 3", "gte: 4"), READS_OTHERS), [
            ("t2_burst", "judges_otherwise", "starts_anew", ()),
            ("t5_again", "judges_otherwise", "starts_anew", ("t2_burst",))]),
        ((COUNTING, READS_OTHERS), (COUNTING.replace("撤回", "收回"), READS_OTHERS), [
            ("t2_burst", "text", "kept", ())]),
    ],
)  # fmt: skip
def test_what_becomes_of_open_windows(
    tmp_path: Path, before: tuple[str, ...], now: tuple[str, ...], expected: list[object]
) -> None:
    found = changes(ruleset(tmp_path / "a", *before), ruleset(tmp_path / "b", *now))
    assert [tuple(one) for one in found] == expected


def test_the_command_tells_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "now", SIMPLE, "a.yaml")
    write(tmp_path / "now", COUNTING.replace("gte: 3", "gte: 4"), "b.yaml")
    write(tmp_path / "before", COUNTING, "b.yaml")
    words = ["rules", "diff", str(tmp_path / "now"), "--baseline", str(tmp_path / "before")]
    found = json.loads(CliRunner().invoke(app, [*words, "-o", "json"]).stdout)
    assert [(one["rule"], one["state"]) for one in found] == [
        ("t1_words", "none"), ("t2_burst", "starts_anew"),
    ]  # fmt: skip
    monkeypatch.setenv("MINGJIAN_LANG", "en")
    told = CliRunner().invoke(app, words).stdout
    assert "starts anew" in told
    assert "is not added to what comes after" in " ".join(told.split())
    same = CliRunner().invoke(app, ["rules", "diff", str(tmp_path / "now"), *words[3:4], words[2]])
    assert "the rules are the same" in same.stdout


def test_a_word_more_in_a_lexicon_is_a_change(tmp_path: Path) -> None:
    words = SIMPLE.replace("text|contains: 保本", "text|lexicon: own")
    for folder, more in (("before", ""), ("now", ", 购物卡")):
        write(tmp_path / folder, words, "a.yaml")
        lexicon = (
            f"name: own\ntitle: 自有\nowner: 合规部\nscene: x\nexpires: null\nwords: [回扣{more}]\n"
        )
        write(tmp_path / folder / "lexicons", lexicon, "own.yaml")
    found = changes(load_ruleset(tmp_path / "before"), load_ruleset(tmp_path / "now"))
    assert [tuple(one) for one in found] == [("t1_words", "words", "none", ())]

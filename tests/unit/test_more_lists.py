"""Lists that a test case or an explanation adds to reach every place where rules ask for them."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from rules.errors import EXIT_FINDINGS, EXIT_OK
from tests.support.command_line import app

RULE = """\
title: 合作方
id: 2f6f3c1e-7a54-4c7e-8f0b-5f2d9f3f6a21
name: own_partner
detection:
  partner: {{text|contains|expand: '与%partners%合作'}}
  card: {{text|detect: "bank_card, except accounts"}}
  secret: {{text|lexicon: secrets}}
  condition: partner or card or secret
level: medium
mingjian:
  version: 1
  item: X-01
  response: 1
  owner: 合规部
  legal: ["公司会话管理制度"]
  tests:
    - name: 用例
{case}
"""
PIECES = """\
      messages:
        - {at: "10:00", from: zhangwei, to: c1, text: "62220200000"}
        - {at: "10:00:20", from: zhangwei, to: c1, text: "00000000"}
"""
LIST = "name: {name}\ntitle: t\nowner: o\nexpires: null\nkind: {kind}\nvalues: [{value}]\n"


def folder(root: Path, case: str) -> Path:
    (root / "lists").mkdir()
    (root / "lexicons").mkdir()
    (root / "lists" / "partners.yaml").write_text(
        LIST.format(name="partners", kind="text", value="甲公司")
    )
    (root / "lists" / "accounts.yaml").write_text(
        LIST.format(name="accounts", kind="number", value='"1"')
    )
    (root / "lexicons" / "secrets.yaml").write_text(
        "name: secrets\ntitle: t\nowner: o\nexpires: null\nwords: [内幕]\n"
    )
    (root / "own_partner.yaml").write_text(RULE.format(case=case))
    return root


def said(text: str, at: str = "10:00") -> str:
    return f'      messages: [{{at: "{at}", from: zhangwei, to: c1, text: {text}}}]\n'


@pytest.mark.parametrize(
    ("case", "alerts"),
    [
        (said("我们与甲公司合作"), 1),
        (said("我们与乙公司合作"), 0),
        ("      lists: {partners: [乙公司]}\n" + said("我们与乙公司合作"), 1),
        ("      lists: {partners: [乙公司]}\n" + said("我们与甲公司合作"), 1),
        ("      lists: {partners: [乙公司]}\n" + said("我们与丙公司合作"), 0),
        ("      lists: {partners: [乙公司]}\n" + said("有内幕"), 1),
        (PIECES, 1),
        ('      lists: {accounts: ["6222020000000000000"]}\n' + PIECES, 0),
        ('      lists: {accounts: ["6222020000000000005"]}\n' + PIECES, 1),
    ],
)
def test_lists_of_a_case_reach_words_and_numbers_in_pieces(
    tmp_path: Path, case: str, alerts: int
) -> None:
    for expected, code in ((alerts, EXIT_OK), (1 - alerts, EXIT_FINDINGS)):
        root = tmp_path / str(expected)
        root.mkdir()
        place = folder(root, f"{case}      alerts: {expected}")
        done = CliRunner().invoke(app, ["rules", "test", str(place)])
        assert done.exit_code == code, done.stdout


def test_lists_given_with_a_message_reach_words_that_are_spelled_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINGJIAN_LANG", "en")
    place = folder(tmp_path, said("我们与甲公司合作") + "      alerts: 1")
    message = "{text: 我们与乙公司合作, lists: {partners: [乙公司]}}"
    line = ["rules", "explain", "own_partner", message, "--rules", str(place)]
    seen = CliRunner().invoke(app, line).stdout
    assert seen.splitlines()[-1] == "The rule own_partner fires: its condition holds."

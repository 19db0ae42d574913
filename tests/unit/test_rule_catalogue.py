"""`mingjian rules docs`: the rules as a page for people."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from typer.testing import CliRunner

from reports.rule_catalogue import CLASSES, groups, html, markdown
from rules.rule_shape import LEVELS
from rules.ruleset import load_ruleset
from tests.support.command_line import app
from tests.support.rule_files import COUNTING, SIMPLE, write

HOSTILE = (
    SIMPLE.replace("title: 承诺保本", 'title: "<script>x</script> | [a](b) & *c*"')
    .replace("legal: [证券法]", 'legal: ["<b>证券法</b>"]\n  requires: [crm]\n  blind_spots: 语音')
    .replace("level: high", 'level: high\nfalsepositives: ["转述 \\"禁令\\"", 引用]')
)
VOID = {"meta", "br", "hr", "img", "link", "input"}


class Page(HTMLParser):
    """What a browser makes of a page: tags in order, text, ids, links; open tags must close."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(text)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        facts = dict(attrs)
        self.ids += [facts["id"] or ""] if "id" in facts else []
        self.links += [facts.get("href") or facts.get("src") or ""] if tag in ("a", "img") else []
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open[-1:] != ["style"]:
            self.text += data


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, HOSTILE)
    return tmp_path


def test_what_limits_a_rule_is_shown(tmp_path: Path) -> None:
    limits = "  scope: {departments: [财富管理部], rooms: group}\n  suppress: {for: 24h}\n  tests:"
    write(tmp_path, SIMPLE.replace("  tests:", limits))
    write(tmp_path, COUNTING, "counting.yaml")
    hotline = "filter: {rules: [t1_words], s: {text|contains: 热线}, condition: not s}"
    ours = "mingjian: {owner: 客服部, reason: 已备案, expires: 2027-06-30}"
    write(tmp_path, f"title: 热线\nname: except_hotline\n{hotline}\n{ours}\n", "f.yaml")
    page = markdown(groups(load_ruleset(tmp_path).files, "en"), "en")
    words, counting = sorted(page.split("\n### ")[1:], key=lambda one: "t2_burst" in one)
    for said in (
        "- only in: departments 财富管理部; rooms group",
        "- reported again after: 1d, for each sender",
        "- exceptions: except\\_hotline (已备案, 客服部, until 2027-06-30)",
    ):
        assert said in words, words
        assert said not in counting
    assert "- window: 10m" in counting
    assert "window" not in words
    chinese = html(groups(load_ruleset(tmp_path).files, "zh"), "zh")
    assert "except_hotline (已备案，客服部，至 2027-06-30)" in chinese


def test_a_rule_is_shown_with_all_that_is_known_of_it(folder: Path) -> None:
    found = groups(load_ruleset(folder).files, "en")
    page = markdown(found, "en")
    for said in (
        "## A07 ",
        "- level: high",
        "- response: 2",
        "- owner: 合规部",
        "not connected yet",
        "- tests: 1 that fire, 0 that must not",
        "- cannot see: 语音",
        '- may be hit wrongly: 转述 "禁令"; 引用',
        "| A07 ",
    ):
        assert said in page, said
    assert "<script>" not in page.replace("\\<script", "")
    chinese = markdown(groups(load_ruleset(folder).files, "zh"), "zh")
    assert "误导销售与违规承诺" in chinese
    assert "尚未接入" in chinese


def test_the_html_is_whole_escaped_and_needs_nothing_else(folder: Path) -> None:
    page = html(groups(load_ruleset(folder).files, "zh"), "zh")
    seen = Page(page)
    assert "script" not in seen.tags
    assert "<script>x</script> | [a](b) & *c*" in seen.text
    assert "<b>证券法</b>" in seen.text
    assert not re.search(r"(?i)(src|href)=[\"']?https?:|@import|url\(", page)
    assert '<html lang="zh-CN">' in page
    assert seen.tags.count("h1") == 1
    assert seen.tags.count("main") == 1
    assert len(seen.ids) == len(set(seen.ids))
    assert {link.removeprefix("#") for link in seen.links} <= set(seen.ids)


def test_numbers_add_up_over_the_catalogue() -> None:
    files = load_ruleset().files
    found = groups(files, "en")
    assert [group.key for group in found] == sorted(CLASSES)
    entries = [one for group in found for one in group.entries]
    assert len(entries) == len(files)
    assert sum(group.cases for group in found) == sum(len(file.tests) for file in files)
    for group in found:
        counts = [int(n) for n in re.findall(r"\d+", group.levels())]
        assert sum(counts) == len(group.entries)
        assert group.entries == tuple(sorted(group.entries, key=lambda one: (one.item, one.name)))
    page = Page(html(found, "en"))
    assert {one.name for one in entries} <= set(page.ids)
    rows = re.findall(r"^\| (A\d\d) ", markdown(found, "en"), re.M)
    assert rows == sorted(CLASSES)


def test_a_rule_of_another_class_stands_last(tmp_path: Path) -> None:
    write(tmp_path, SIMPLE.replace("item: A07-01", "item: X-01"))
    write(
        tmp_path, HOSTILE.replace("t1_words", "t2_words").replace("3d34a454", "00000000"), "b.yaml"
    )
    found = groups(load_ruleset(tmp_path).files, "en")
    assert [group.title for group in found][-1] == "Other"
    assert all(level in LEVELS for group in found for level in re.findall("[a-z]+", group.levels()))


def test_the_command_writes_a_file_or_prints(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINGJIAN_LANG", "en")
    run = CliRunner().invoke
    printed = run(app, ["rules", "docs", str(folder)])
    assert printed.exit_code == 0
    assert printed.stdout.startswith("# Rule catalogue\n")
    file = folder / "rules.html"
    done = run(app, ["rules", "docs", str(folder), "--html", "--out", str(file)])
    assert done.exit_code == 0
    assert file.read_text("utf-8").startswith("<!DOCTYPE html>")
    assert run(app, ["rules", "docs", str(folder), "--out", str(folder / "no/x")]).exit_code != 0

"""Help and usage errors come in the reader's language, whoever wrote the option."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
import typer

from jobs.cli.help_language import in_language, translate
from scripts.make_cli_docs import commands
from tests.support.command_line import app

HAN = re.compile("[\u4e00-\u9fff]")


def texts(language: str) -> list[tuple[str, str]]:
    """(where, text) of all help, examples left out: what they look for may be Chinese."""
    root = typer.main.get_command(app)
    translate(root, language)
    found = [("mingjian", root.help or "")]
    for name, command in commands(root):
        found += [(name, command.help or ""), (name, command.epilog or "")]
        found += [(f"{name} {one.name}", getattr(one, "help", "") or "") for one in command.params]
    return [
        (where, "\n".join(line for line in text.splitlines() if not line.startswith("mingjian ")))
        for where, text in found
    ]


def test_english_help_has_no_chinese():
    assert [(where, text) for where, text in texts("en") if HAN.search(text)] == []


def test_chinese_help_has_no_english_sentence():
    sentence = re.compile(r"\b[a-z]+ (?:the|a|is|of|and|with|in) [a-z]+\b")
    assert [(where, text) for where, text in texts("zh") if sentence.search(text)] == []
    bare = [
        (where, text)
        for where, text in texts("zh")
        if text and not HAN.search(text) and text != "例："
    ]
    assert bare == [], "every help text has a Chinese part"


@pytest.mark.parametrize(
    ("text", "zh", "en"),
    [
        ("规则名 · rule name", "规则名", "rule name"),
        ("列出。\n\nList.", "列出。", "List."),
        (
            "列出。\n\nList.\n\n例 · examples:\n\n  mingjian a 中\n\n  mingjian b",
            "列出。\n\n例：\nmingjian a 中\nmingjian b",
            "List.\n\nExamples:\nmingjian a 中\nmingjian b",
        ),
        ("例 · example:  mingjian a  |  mingjian b", "例：\nmingjian a\nmingjian b", None),
        ("只有中文", "只有中文", "只有中文"),
        ("only English", "only English", "only English"),
        ("a · b", "a · b", "a · b"),
    ],
)
def test_one_language_of_a_text(text, zh, en):
    assert in_language(text, "zh") == zh
    if en:
        assert in_language(text, "en") == en


def mingjian(*words: str, language: str = "en") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "jobs.cli.main", *words],
        capture_output=True,
        text=True,
        env={"MINGJIAN_LANG": language, "COLUMNS": "80", "PATH": "/usr/bin:/bin"},
        check=False,
        timeout=60,
    )


def test_the_version_is_one_line():
    done = mingjian("--version")
    assert re.fullmatch(r"mingjian \d+\.\d+\.\d+\n", done.stdout)
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("language", "words", "said", "see"),
    [
        ("en", ("alerts", "list", "--zzz"), "there is no option --zzz", "alerts list --help"),
        ("zh", ("alerts", "list", "--zzz"), "没有选项 --zzz", "alerts list --help"),
        ("zh", ("alerts", "lst"), "没有命令“lst”；是不是 'list'？", "alerts --help"),
        ("zh", ("alerts", "list", "-n", "x"), "'--limit' / '-n'：应为整数", "alerts list --help"),
        ("zh", ("alerts", "list", "-n", "0"), "'--limit' / '-n'：不得小于 1", "list --help"),
        (
            "zh",
            ("alerts", "list", "-o", "[/xml]"),
            "'--output' / '-o'：“[/xml]”不在可选值中：'text', 'json'",
            "alerts list --help",
        ),
        ("zh", ("alerts", "show"), "缺少参数 ID", "alerts show --help"),
        ("en", ("alerts", "show"), "ID is missing", "alerts show --help"),
    ],
)
def test_a_wrong_call_is_two_lines_and_exit_2(language, words, said, see):
    done = mingjian(*words, language=language)
    lines = done.stderr.splitlines()
    assert done.returncode == 2
    assert lines[0] == f"✗ {said}"
    assert lines[1].endswith(see)
    assert len(lines) == 2


def test_no_command_shows_the_help():
    done = mingjian("alerts", language="zh")
    assert done.returncode == 2
    assert "最新的告警在前" in done.stdout
    assert "newest" not in done.stdout


@pytest.mark.parametrize(
    "words",
    [("retention",), ("retention", "erase"), ("retention", "hold"), ("archive",), ("detect",)],
)
def test_chinese_help_has_no_odd_blanks_and_nothing_is_cut_off(words):
    said = mingjian(*words, "--help", language="zh").stdout
    assert HAN.search(said)
    assert re.findall(r".*[，；、。：（）] +[^ │\n].*", said) == []
    assert re.findall(r".*\S +（.*", said) == []
    assert "…" not in said

"""What `mingjian rules check` prints: for people, for programs, for code hosts."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from typer.testing import CliRunner

from jobs.cli import app as cli
from rules.errors import MingjianError
from rules.lint.checks_page import page
from rules.lint.examples import LEXICON, LIST, PACK, RULE
from rules.lint.excerpt import excerpt
from rules.lint.registry import Check, registry
from tests.support.command_line import app
from tests.support.lint_examples import SHOWN, written

# the part of the SARIF 2.1.0 standard (OASIS, 3.13 on) that a consumer needs
TEXT = {"type": "object", "required": ["text"], "properties": {"text": {"type": "string"}}}
LEVEL = {"enum": ["none", "note", "warning", "error"]}
LOCATION = {
    "type": "object",
    "required": ["uri"],
    "properties": {
        "uri": {
            "type": "string",
            "pattern": "^[^/\\\\ ][^\\\\ ]*$",
        },  # relative, no path of a machine
        "uriBaseId": {"type": "string"},
        "index": {"type": "integer", "minimum": -1},
    },
}
REPLACEMENT = {
    "type": "object",
    "required": ["deletedRegion"],
    "properties": {
        "deletedRegion": {
            "type": "object",
            "required": ["charOffset", "charLength"],
            "properties": {
                "charOffset": {"type": "integer", "minimum": 0},
                "charLength": {"type": "integer", "minimum": 0},
            },
        },
        "insertedContent": TEXT,
    },
}
RESULT = {
    "type": "object",
    "required": ["message", "ruleId", "level", "locations"],
    "properties": {
        "ruleId": {"type": "string"},
        "ruleIndex": {"type": "integer", "minimum": -1},
        "level": LEVEL,
        "message": TEXT,
        "locations": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["physicalLocation"],
                "properties": {
                    "physicalLocation": {
                        "type": "object",
                        "required": ["artifactLocation"],
                        "properties": {
                            "artifactLocation": LOCATION,
                            "region": {
                                "type": "object",
                                "properties": {
                                    "startLine": {"type": "integer", "minimum": 1},
                                    "startColumn": {"type": "integer", "minimum": 1},
                                },
                            },
                        },
                    }
                },
            },
        },
        "fixes": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["artifactChanges"],
                "properties": {
                    "artifactChanges": {
                        "type": "array",
                        "minItems": 1,
                        "items": {
                            "type": "object",
                            "required": ["artifactLocation", "replacements"],
                            "properties": {
                                "artifactLocation": LOCATION,
                                "replacements": {
                                    "type": "array",
                                    "minItems": 1,
                                    "items": REPLACEMENT,
                                },
                            },
                        },
                    }
                },
            },
        },
    },
}
SARIF = {
    "type": "object",
    "required": ["version", "runs"],
    "properties": {
        "version": {"const": "2.1.0"},
        "$schema": {"type": "string", "format": "uri"},
        "runs": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["tool"],
                "properties": {
                    "tool": {
                        "type": "object",
                        "required": ["driver"],
                        "properties": {
                            "driver": {
                                "type": "object",
                                "required": ["name"],
                                "properties": {
                                    "rules": {
                                        "type": "array",
                                        "uniqueItems": True,
                                        "items": {
                                            "type": "object",
                                            "required": ["id"],
                                            "properties": {
                                                "shortDescription": TEXT,
                                                "fullDescription": TEXT,
                                                "help": TEXT,
                                                "defaultConfiguration": {
                                                    "type": "object",
                                                    "properties": {"level": LEVEL},
                                                },
                                            },
                                        },
                                    }
                                },
                            }
                        },
                    },
                    "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                    "results": {"type": "array", "items": RESULT},
                },
            },
        },
    },
}
BROKEN = RULE.replace("level: high", "levle: high").replace("contains: 保本", "contains: 保")


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINGJIAN_LANG", "en")
    monkeypatch.setattr(cli.out, "width", 80)


def run(*words: str | Path) -> tuple[int, str]:
    """Exit code and what a person sees of `rules check`."""
    return run_rules("check", *words)


def run_rules(*words: str | Path) -> tuple[int, str]:
    """Exit code and what a person sees, errors of the command included."""
    done = CliRunner().invoke(app, ["rules", *map(str, words)])
    if isinstance(done.exception, MingjianError):
        return done.exception.exit_code, " ".join(done.exception.text(cli.language()))
    return done.exit_code, done.stdout


def test_a_person_sees_the_line_a_mark_the_code_and_what_to_write(tmp_path: Path) -> None:
    written(tmp_path, {"rule.yaml": BROKEN})
    code, seen = run(tmp_path)
    assert code == 1
    assert seen == (
        "✗ rule.yaml:11:1: unknown key 'levle' [MJ101]\n"
        "  11 │ levle: high\n"
        "     │ ^\n"
        "  → did you mean 'level'?\n"
        "! rule.yaml:8:26: '保' is one character, which ordinary messages are full of [MJ250]\n"
        "  8 │   words: {text|contains: 保}\n"
        "    │                          ^\n"
        "  → write a longer word, or the phrases it is meant in\n"
        "1 file, 1 error, 1 warning\n"
        "--fix puts 1 place right (--dry-run shows how)\n"
    )


def test_in_chinese_nothing_is_english_but_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINGJIAN_LANG", "zh")
    written(tmp_path, {"rule.yaml": BROKEN})
    seen = run(tmp_path)[1]
    assert "未知的键“levle” [MJ101]" in seen
    assert seen.endswith(
        "1 个文件，1 个错误，1 个警告\n--fix 可改正 1 处（先看改什么：--dry-run）\n"
    )


@pytest.mark.parametrize(
    ("level", "exits"), [("error", 0), ("warning", 1), ("info", 1)]
)  # fmt: skip
def test_what_fails_is_chosen(tmp_path: Path, level: str, exits: int) -> None:
    written(tmp_path, {"rule.yaml": RULE.replace("contains: 保本", "contains: 保")})
    assert run(tmp_path, "--fail-level", level)[0] == exits


def test_notes_are_shown_when_asked_for(tmp_path: Path) -> None:
    written(tmp_path, {"rule.yaml": RULE.replace("  runbook: 约谈当事人。\n", "")})
    assert run(tmp_path) == (0, "1 file, no error\n")
    code, seen = run(tmp_path, "--level", "info")
    assert code == 0
    assert "[MJ607]" in seen
    assert seen.endswith("1 file, no error, 1 note\n")


def test_programs_get_code_severity_place_and_page(tmp_path: Path) -> None:
    written(tmp_path, {"rule.yaml": BROKEN})
    code, seen = run(tmp_path, "--output", "json")
    assert code == 1
    first, second = json.loads(seen)
    wanted = {"code": "MJ101", "slug": "unknown-key", "severity": "error", "line": 11, "column": 1}
    assert second.items() >= wanted.items()
    assert (first["code"], first["fixable"], second["fixable"]) == ("MJ250", False, True)
    assert second["page"] == "docs/checks/MJ101.md"


def sarif(folder: Path) -> Any:
    return json.loads(run(folder, "--output", "sarif")[1])


def test_code_hosts_get_sarif(tmp_path: Path) -> None:
    written(tmp_path, {"rule.yaml": BROKEN, "broken.yaml": "title: [\n"})
    found = sarif(tmp_path)
    jsonschema.Draft7Validator(SARIF).validate(found)
    (one,) = found["runs"]
    rules = one["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == list(registry())
    assert [result["ruleId"] for result in one["results"]] == ["MJ004", "MJ250", "MJ101"]
    for result in one["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]


def test_a_fix_in_sarif_gives_the_right_text(tmp_path: Path) -> None:
    written(tmp_path, {"rule.yaml": RULE.replace("level: high", "levle: high")})
    (result,) = sarif(tmp_path)["runs"][0]["results"]
    (change,) = result["fixes"][0]["artifactChanges"][0]["replacements"]
    text = (tmp_path / "rule.yaml").read_text()
    start = change["deletedRegion"]["charOffset"]
    end = start + change["deletedRegion"]["charLength"]
    assert text[:start] + change["insertedContent"]["text"] + text[end:] == RULE


def test_fix_writes_and_dry_run_shows(tmp_path: Path) -> None:
    file = (
        written(tmp_path, {"rule.yaml": RULE.replace("level: high", "levle: high")}) / "rule.yaml"
    )
    code, seen = run(tmp_path, "--dry-run")
    assert code == 0
    assert "-levle: high\n+level: high\n" in seen
    assert seen.endswith("--fix would change 1 place in 1 file\n")
    assert "levle" in file.read_text()
    code, seen = run(tmp_path, "--fix")
    assert (code, file.read_text()) == (0, RULE)
    assert seen.endswith("changed 1 place in 1 file\n1 file, no error\n")
    assert run(tmp_path, "--fix")[1] == "nothing to put right by itself\n1 file, no error\n"


@pytest.mark.parametrize("check", SHOWN, ids=lambda check: check.code)
def test_a_code_is_explained_in_the_language_of_the_reader(check: Check) -> None:
    en, zh = page(check, "en"), page(check, "zh")
    for said, own, other in ((en, check.why_en, check.why_zh), (zh, check.why_zh, check.why_en)):
        assert own in said
        assert other not in said
        assert f"# {check.code} {check.slug}\n" in said
    for word in ("What to do", "Wrong", "Right", "Without"):
        assert f"# {word}" not in zh
    assert not re.search("^#.*[\u4e00-\u9fff]", en, re.M)


def test_a_code_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    code, seen = run("--explain", "mj250")
    assert code == 0
    assert registry()["MJ250"].why_en in seen
    assert "text|contains: 保" in seen
    code, seen = run("--explain", "MJ999")
    assert code == 2
    assert "MJ999" in seen
    monkeypatch.setenv("MINGJIAN_LANG", "zh")
    assert registry()["MJ250"].why_zh in run("--explain", "mj250")[1]


def test_only_what_can_be_put_right_is_offered(tmp_path: Path) -> None:
    twice = RULE.replace("contains: 保本", "contains: [保本, # 第一\n    保本]")
    written(tmp_path, {"rule.yaml": twice})
    seen = run(tmp_path)[1]
    assert "[MJ246]" in seen
    assert "--fix" not in seen
    assert run(tmp_path, "--fix")[1].startswith("nothing to put right by itself\n")
    (found,) = json.loads(run(tmp_path, "--output", "json")[1])
    assert found["fixable"] is False


BESIDES = {"lexicons/own.yaml": LEXICON, "lists/own.yaml": LIST}


@pytest.mark.parametrize(
    ("texts", "meant"),
    [
        ({"a/rule.yaml": RULE, "compose.yaml": "services: {}\n"}, "a"),
        ({"a/rule.yaml": RULE, "b/c/one.yaml": "- code: x\n"}, "a"),
        ({"a/one/rule.yaml": RULE, "a/lexicons/own.yaml": LEXICON}, "a"),
        ({"a/b/rule.yaml": RULE, "a/x.yaml": "x: 1\n", "y.yaml": "y: 1\n"}, "a/b"),
        ({"a/rule.yaml": "title：x\nlevle: high\nid：x\n", "b/x.yml": "x: 1\n"}, "a"),
        # folders of rules, in part broken
        ({"rule.yaml": RULE, "a/x.yaml": "x: 1\n"}, ""),
        ({"a/rule.yaml": RULE, **BESIDES}, ""),
        ({"a/rule.yaml": RULE, "b/rule.yaml": RULE, "c/x.yaml": "x: 1\n"}, ""),
        ({"x.yaml": "x: 1\n"}, ""),
    ],
)
def test_the_folder_that_is_meant_is_said(
    tmp_path: Path, texts: dict[str, str], meant: str
) -> None:
    written(tmp_path, texts)
    code, seen = run(tmp_path)
    said = f"{tmp_path} is not a directory of rules"
    assert seen.startswith(said) == bool(meant)
    if meant:
        assert code == 2
        assert seen.endswith(f" mingjian rules check {tmp_path / meant}")
        assert "is not a directory" not in run(tmp_path / meant)[1]


def packs(*given: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(run_rules("packs", *given, "--output", "json")[1])
    return found


def test_packs_of_the_catalogue_are_not_shown_for_other_rules(tmp_path: Path) -> None:
    written(tmp_path, {"rule.yaml": RULE})
    assert packs(str(tmp_path)) == []
    assert run_rules("packs", str(tmp_path))[1].startswith(f"no pack has a rule of {tmp_path}")
    assert all(one["rules"] for one in packs())
    old = PACK.replace("name: own", "name: old").replace("x01", "y")
    written(tmp_path, {"packs/own.yaml": PACK, "packs/old.yaml": old})
    assert {one["name"]: len(one["rules"]) for one in packs(str(tmp_path))} == {"old": 0, "own": 1}
    seen = run_rules("packs", str(tmp_path))[1]
    assert "0 of 1" in seen
    assert "rules.packs=[old,own]" in seen.replace("\n", "")


def test_a_wrong_day_is_said(tmp_path: Path) -> None:
    written(tmp_path, {"rule.yaml": RULE})
    code, seen = run(tmp_path, "--today", "tomorrow")
    assert code == 2
    assert "2026-12-31" in seen


@pytest.mark.parametrize(
    ("text", "line", "column", "columns", "shown"),
    [
        ("a: b", 1, 4, 80, ("a: b", "   ^")),
        ("名: 保本", 1, 4, 80, ("名: 保本", "    ^")),
        ("\ta", 1, 2, 80, (" a", " ^")),
        ("x\x01y", 1, 2, 80, ("x·y", " ^")),
        ("", 1, 1, 80, None),
        ("a", 9, 1, 80, None),
        ("a" * 100, 1, 60, 40, ("…" + "a" * 38 + "…", " " * 31 + "^")),
    ],
)
def test_the_mark_stands_below_its_place(
    text: str, line: int, column: int, columns: int, shown: tuple[str, str] | None
) -> None:
    assert excerpt(text, line, column, columns) == shown

"""Every error of a rule, lexicon or calendar file has a stable code, and every code an example."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from rules.lint.registry import SEVERITIES, Check, registry, severity
from rules.refused import WHAT_CODE
from tests.support.lint_examples import ELSEWHERE, SHOWN, problems_of

ROOT = Path(__file__).resolve().parents[2]
# errors that need a code of the registry; UnknownName has it from what is unknown
CODED = {"RuleError", "Refused", "WrongCase", "WrongCorrelation", "WrongMessage"}
# plain Sigma rules are refused with a reason of `rules.sigma.refusal.REASONS` instead
SOURCES = sorted(
    path for path in (ROOT / "rules").rglob("*.py") if path.parent.name != "sigma"
)  # fmt: skip


def raised(source: str) -> list[tuple[int, str]]:
    """(line, code or "") of every error of a rule file made in `source`; "*" for a code that is
    handed on."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        func = node.func
        named = isinstance(func, ast.Name) and func.id in CODED
        placed = (
            isinstance(func, ast.Attribute)
            and func.attr == "error"
            and isinstance(func.value, ast.Name)
            and func.value.id in ("document", "extra", "self")
        )
        if named or placed:
            given = next((k.value for k in node.keywords if k.arg == "code"), None)
            literal = isinstance(given, ast.Constant) and isinstance(given.value, str)
            found.append((node.lineno, given.value if literal else "*" if given else ""))
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_error_of_a_rule_file_is_without_a_code(path: Path) -> None:
    codes = raised(path.read_text(encoding="utf-8"))
    assert [line for line, code in codes if not code] == [], "give code='MJ…'"
    assert all(re.fullmatch(r"MJ\d{3}|\*", code) for _, code in codes)


@pytest.mark.parametrize(
    ("source", "codes"),
    [
        ("raise Refused('a', 'b')", [""]),
        ("raise Refused('a', 'b', code='MJ201')", ["MJ201"]),
        ("raise document.error(at, 'a', 'b', fix_en='c')", [""]),
        ("raise document.error(at, 'a', 'b', code=error.code)", ["*"]),
        ("log.error('a')", []),
    ],
)
def test_the_check_of_the_source_sees_what_has_no_code(source: str, codes: list[str]) -> None:
    assert [code for _, code in raised(source)] == codes


# codes that were raised once; they must not come back with another meaning
RETIRED = {"MJ096", "MJ224", "MJ226", "MJ227", "MJ228", "MJ234", "MJ236", "MJ602"}
LITERAL = re.compile(r"[\"'](MJ\d{3})[\"']")


def test_the_registry_and_the_source_know_the_same_codes() -> None:
    made = {code for path in SOURCES for code in LITERAL.findall(path.read_text(encoding="utf-8"))}
    assert made | set(WHAT_CODE.values()) == set(registry())
    assert not RETIRED & set(registry())
    assert len({check.slug for check in registry().values()}) == len(registry())


@pytest.mark.parametrize("check", registry().values(), ids=lambda check: check.code)
def test_a_code_says_what_and_why_in_both_languages(check: Check) -> None:
    assert check.severity in SEVERITIES
    for en, zh in (
        (check.en, check.zh),
        (check.why_en, check.why_zh),
        (check.fix_en, check.fix_zh),
    ):
        assert re.search(r"[a-z]", en)
        assert re.search("[\u4e00-\u9fff]", zh)
        assert not re.search("[\u4e00-\u9fff]{5}", en), "a Chinese sentence in the English text"


@pytest.mark.parametrize("check", SHOWN, ids=lambda check: check.code)
def test_the_wrong_example_gives_the_code_alone_and_at_a_place(
    check: Check, tmp_path: Path
) -> None:
    found = problems_of(tmp_path, check, wrong=True)
    assert check.code in [one.code for one in found]
    assert {one.code for one in found if severity(one) != "info"} <= {check.code}
    for one in found:
        assert one.line > 0
        assert one.column > 0
        assert one.path
        assert one.said_en
        assert one.said_zh
        assert bool(one.fix_en) == bool(one.fix_zh)


@pytest.mark.parametrize("check", SHOWN, ids=lambda check: check.code)
def test_the_right_example_is_right(check: Check, tmp_path: Path) -> None:
    found = problems_of(tmp_path, check, wrong=False)
    assert [one.en for one in found if severity(one) != "info"] == []
    assert check.code not in [one.code for one in found]


def test_few_codes_have_no_example() -> None:
    without = {check.code for check in registry().values() if check.base in ELSEWHERE}
    assert without == {"MJ018", "MJ025", "MJ726", "MJ727", "MJ738"}

"""Every error of a rule, lexicon or calendar file has a stable code."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# errors that need a code of the registry; UnknownName has it from what is unknown
CODED = {"RuleError", "Refused", "WrongCase", "WrongMessage"}
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

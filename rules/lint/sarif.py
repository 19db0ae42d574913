"""Problems as SARIF 2.1.0 (OASIS), which code hosts and editors show in place."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from rules.errors import RuleError
from rules.lint.fixes import fixed, region
from rules.lint.registry import Check, registry, severity

SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
_LEVELS = {"error": "error", "warning": "warning", "info": "note"}
_ROOT = "%SRCROOT%"
Json = dict[str, Any]


def sarif(
    problems: Iterable[RuleError], version: str, language: str, text_of: Callable[[str], str]
) -> Json:
    """One run. `text_of` gives the text of a path, "" when it cannot be read; lines, columns and
    offsets count code points."""
    codes = {code: index for index, code in enumerate(registry())}
    results = [_result(problem, codes, language, text_of(problem.path)) for problem in problems]
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "Mingjian",
                        "semanticVersion": version,
                        "language": "zh-CN" if language == "zh" else "en-US",
                        "rules": [_rule(check, language) for check in registry().values()],
                    }
                },
                "columnKind": "unicodeCodePoints",
                "results": results,
            }
        ],
    }


def _said(en: str, zh: str, language: str) -> str:
    return zh if language == "zh" else en


def _rule(check: Check, language: str) -> Json:
    why, fix = (
        _said(check.why_en, check.why_zh, language),
        _said(check.fix_en, check.fix_zh, language),
    )
    shown = f"{why}\n\n{fix}"
    return {
        "id": check.code,
        "name": "".join(part.capitalize() for part in check.slug.split("-")),
        "shortDescription": {"text": _said(check.en, check.zh, language)},
        "fullDescription": {"text": why},
        "help": {
            "text": shown,
            "markdown": f"{shown}\n\n[docs/checks/{check.code}.md](docs/checks/{check.code}.md)",
        },
        "defaultConfiguration": {"level": _LEVELS[check.severity]},
    }


def _result(problem: RuleError, codes: dict[str, int], language: str, text: str) -> Json:
    said = _said(problem.said_en, problem.said_zh, language)
    fix = _said(problem.fix_en, problem.fix_zh, language)
    location: Json = {
        "physicalLocation": {"artifactLocation": {"uri": problem.path, "uriBaseId": _ROOT}}
    }
    if problem.line:
        location["physicalLocation"]["region"] = {
            "startLine": problem.line,
            "startColumn": max(1, problem.column),
        }
    result: Json = {
        "ruleId": problem.code,
        "ruleIndex": codes.get(problem.code, -1),
        "level": _LEVELS[severity(problem)],
        "message": {"text": f"{said}\n{fix}" if fix else said},
        "locations": [location],
    }
    better = fixed(text, problem) if text else None
    if better is not None:
        start, end, new = region(text, better)
        result["fixes"] = [
            {
                "description": {"text": fix or said},
                "artifactChanges": [
                    {
                        "artifactLocation": {"uri": problem.path, "uriBaseId": _ROOT},
                        "replacements": [
                            {
                                "deletedRegion": {"charOffset": start, "charLength": end - start},
                                "insertedContent": {"text": new},
                            }
                        ],
                    }
                ],
            }
        ]
    return result

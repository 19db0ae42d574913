"""The codes: what each problem of a rule, lexicon or calendar file means, with a wrong and a right
example. `rules/lint/checks/*.yaml` hold them; a code is never used again for something else.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from rules.errors import RuleError

CHECKS = Path(__file__).parent / "checks"
SEVERITIES = ("error", "warning", "info")  # from the gravest
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the same, ten times as fast


class Check(NamedTuple):
    """One code. `bad` and `good` are parts of the example file `base` (`rules.lint.examples`)."""

    code: str
    slug: str
    severity: str
    en: str
    zh: str
    why_en: str
    why_zh: str
    fix_en: str
    fix_zh: str
    base: str = "rule"
    bad: str = ""
    good: str = ""
    without: tuple[str, ...] = ()  # keys of `base` that the wrong example leaves out


@cache
def registry() -> Mapping[str, Check]:
    """All codes, in order."""
    found: dict[str, Check] = {}
    for file in sorted(CHECKS.glob("*.yaml")):
        rows: list[dict[str, Any]] = yaml.load(
            file.read_text(encoding="utf-8"),
            _LOADER,  # noqa: S506 - a safe loader
        )
        for row in rows:
            check = Check(**{**row, "without": tuple(row.get("without", ()))})
            if check.code in found:
                message = f"{check.code} is there twice"
                raise ValueError(message)
            found[check.code] = check
    return dict(sorted(found.items()))


def severity(problem: RuleError) -> str:
    """How grave a problem is: "error", "warning" or "info"."""
    check = registry().get(problem.code)
    return check.severity if check else "error"


def at_least(lowest: str, problem: RuleError) -> bool:
    """Is the problem as grave as `lowest`?"""
    return SEVERITIES.index(severity(problem)) <= SEVERITIES.index(lowest)

"""How much is told of one file: who has more to put right begins with the first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from rules.errors import RuleError
from rules.lint.registry import severity
from rules.problems import MAX_TOLD, Enough, Problems

T = TypeVar("T")
MAX_ADVICE = 200  # warnings and notes about one file
_WORK = 150_000  # characters that may be read again to look behind errors


def rounds(text: str, most: int = MAX_TOLD) -> int:
    """How often a file is read again to see what is wrong behind an error: what a person wrote is
    short, and a file that is as long as may be is not read twenty times."""
    return max(2, min(most, _WORK // (len(text) + 1)))


def and_more(found: Sequence[RuleError]) -> RuleError:
    """Says, behind the last error that is told, that there may be more."""
    return _behind(
        found[-1],
        f"{len(found)} errors of this file are told; there may be more",
        f"这个文件只报出 {len(found)} 个错误，后面可能还有",
    )


def bounded(found: Sequence[RuleError]) -> list[RuleError]:
    """What is told of one file: errors, and so many warnings and notes; in their order."""
    kept, advice = [], 0
    for one in found:
        grave = severity(one) == "error" or one.code == "MJ025"
        advice += not grave
        if grave or advice <= MAX_ADVICE:
            kept.append(one)
    if advice > MAX_ADVICE:
        en = f"{MAX_ADVICE} of {advice} warnings and notes about this file are told"
        kept.append(
            _behind(kept[-1], en, f"这个文件有 {advice} 条警告和建议，只报出 {MAX_ADVICE} 条")
        )
    return kept


def _behind(last: RuleError, en: str, zh: str) -> RuleError:
    """What is said at the place of the last error that is told."""
    return RuleError(
        en,
        zh,
        path=last.path,
        line=last.line,
        column=last.column,
        fix_en="put these right and check again",
        fix_zh="请改正后再检查",
        code="MJ025",
    )


def collected(read: Callable[[Problems], T], found: list[RuleError]) -> T | None:
    """What `read` makes of a file; None, and the errors in `found`, when it is broken."""
    problems: list[RuleError] = []
    loaded: T | None = None
    try:
        loaded = read(Problems(problems))
    except RuleError as error:
        problems.append(error)
    except Enough:
        problems.append(and_more(problems))
    found += problems
    return None if problems else loaded

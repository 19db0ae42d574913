"""Warnings that an author has looked at and means: `# mingjian: ignore MJ250 product name`.

The remark stands in the line of the warning or alone in the line above it;
`ignore-file` holds for the whole file. A reason is needed. Errors cannot be ignored.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from rules.errors import RuleError
from rules.lint.registry import registry, severity

_REMARK = re.compile(r"(?:^|\s)#\s*mingjian:\s*(\S+)\s*(.*)$")
_CODE = re.compile(r"MJ\d{3}")


class _Ignore(NamedTuple):
    line: int
    column: int
    codes: tuple[str, ...]
    reason: str
    lines: tuple[int, ...]  # it holds for; none: the whole file


def without_ignored(path: str, text: str, problems: Iterable[RuleError]) -> list[RuleError]:
    """The problems that are not ignored, and what is wrong with the remarks themselves."""
    remarks, kept = _remarks(path, text)
    used: set[tuple[int, str]] = set()
    for problem in problems:
        by = [
            one
            for one in remarks
            if problem.code in one.codes and (not one.lines or problem.line in one.lines)
        ]
        used |= {(one.line, problem.code) for one in by}
        if not by or severity(problem) == "error":
            kept.append(problem)
    for one in remarks:
        for code in one.codes:
            if (one.line, code) not in used:
                kept.append(
                    _problem(
                        path, one,
                        f"{code} is ignored here, and there is no {code} to ignore",
                        f"这里忽略了 {code}，但并没有 {code} 可忽略",
                        "remove the remark, or put it into the line of the warning",
                        "请删去这条备注，或把它移到该警告所在的行",
                        code="MJ622",
                    )
                )  # fmt: skip
    return kept


def _remarks(path: str, text: str) -> tuple[list[_Ignore], list[RuleError]]:
    found: list[_Ignore] = []
    wrong: list[RuleError] = []
    if "mingjian:" not in text or "#" not in text:
        return found, wrong
    for number, line in enumerate(text.splitlines(), start=1):
        match = _REMARK.search(line)
        if not match:
            continue
        words = match[2].replace(",", " ").split()
        codes = []
        while words and _CODE.fullmatch(words[0]):
            codes.append(words.pop(0))
        alone = not line[: match.start()].strip()
        lines = () if match[1] == "ignore-file" else (number, number + 1) if alone else (number,)
        one = _Ignore(number, match.start(1) + 1, tuple(codes), " ".join(words), lines)
        error = _wrong(path, one, match[1])
        wrong += [error] if error else []
        if error is None or error.code == "MJ621":
            found.append(one)
    return found, wrong


def _wrong(path: str, one: _Ignore, verb: str) -> RuleError | None:
    fix = ("write # mingjian: ignore MJ250 reason", "请写成 # mingjian: ignore MJ250 理由")
    if verb not in ("ignore", "ignore-file"):
        return _problem(
            path, one,
            f"a remark 'mingjian: {verb}' means nothing",
            f"备注“mingjian: {verb}”没有意义",
            *fix, code="MJ619",
        )  # fmt: skip
    unknown = [code for code in one.codes if code not in registry()]
    if unknown or not one.codes:
        which = unknown[0] if unknown else ""
        return _problem(
            path, one,
            f"no check {which}" if which else "it does not say which code to ignore",
            f"没有 {which} 这项检查" if which else "没有写明忽略哪个编号",
            *fix, code="MJ620",
        )  # fmt: skip
    errors = [code for code in one.codes if registry()[code].severity == "error"]
    if errors:
        return _problem(
            path, one,
            f"{errors[0]} is an error and cannot be ignored",
            f"{errors[0]} 是错误，不能忽略",
            "put it right", "请改正",
            code="MJ623",
        )  # fmt: skip
    if not one.reason:
        return _problem(
            path, one,
            "it does not say why the warning is ignored",
            "没有写明忽略的理由",
            *fix, code="MJ621",
        )  # fmt: skip
    return None


def _problem(
    path: str, one: _Ignore, en: str, zh: str, fix_en: str, fix_zh: str, *, code: str
) -> RuleError:
    return RuleError(
        en, zh, path=path, line=one.line, column=one.column, fix_en=fix_en, fix_zh=fix_zh, code=code
    )

"""The selections of a `detection`, looked at before they are read: modifiers that do not exist,
empty lists, regular expressions that RE2 does not take."""

from __future__ import annotations

from typing import Any

import re2

from rules.conditions import Regex, regex
from rules.refused import Refused, UnknownName
from rules.sigma.modifiers import MODIFIERS as SIGMA_MODIFIERS
from rules.time_conditions import TIME_MODIFIERS
from rules.yaml_hints import mistyped

OURS = ("lexicon", "detect", "in_list", *TIME_MODIFIERS)
MODIFIERS = (*SIGMA_MODIFIERS, *OURS)
MAX_PATTERN = 2_000  # characters of a regular expression: RE2 takes seconds to compile long ones
_REGEX_FIXES = (
    (
        "missing )",
        "close the bracket, or write \\( for the character",
        "请补上右括号；要匹配括号本身请写 \\(",
    ),
    (
        "unexpected )",
        "open the bracket, or write \\) for the character",
        "请补上左括号；要匹配括号本身请写 \\)",
    ),
    ("missing ]", "close the square bracket", "请补上右方括号 ]"),
    ("no argument", "put something before *, + or ?", "请在 *、+、? 前写上要重复的内容"),
    (
        "",
        "see the syntax of RE2: no look-around, no back-references",
        "只能用 RE2 的语法：没有环视和反向引用",
    ),
)


def check_selections(part: Any) -> None:
    """Raises Refused or UnknownName for the first modifier, list or pattern that is none."""
    if part in ([], {}):
        raise Refused(
            "nothing to look for: the list is empty",
            "没有要查找的内容：列表是空的",
            fix_en="write at least one value, for example [保本, 稳赚]",
            fix_zh="请至少写一个值，例如 [保本, 稳赚]",
            code="MJ218",
        )
    if isinstance(part, list):
        for one in part:
            check_selections(one)
    elif isinstance(part, dict):
        for key, value in part.items():
            _narrow(str(key))
            field, *modifiers = str(key).split("|")
            for modifier in modifiers:
                if modifier not in MODIFIERS:
                    raise UnknownName("modifier", modifier, MODIFIERS)
            if "re" in modifiers:
                for source in value if isinstance(value, list) else [value]:
                    compiled_regex(field, source)
            check_selections(value)


def _narrow(key: str) -> None:
    """Raises Refused for a key with a full-width character, which makes it another name."""
    if slip := mistyped(key, 0):  # direction：outbound, in brackets
        raise Refused(slip.en, slip.zh, fix_en=slip.fix_en, fix_zh=slip.fix_zh, code=slip.code)
    for char in key:
        if "\uff01" <= char <= "\uff5e":
            right = "".join(
                chr(ord(one) - 0xFEE0) if "\uff01" <= one <= "\uff5e" else one for one in key
            )
            raise Refused(
                f"the key '{key}' has the full-width character '{char}'",
                f"键“{key}”里有全角字符“{char}”",
                fix_en=f"write {right}",
                fix_zh=f"请写 {right}",
                code="MJ238",
            )


def compiled_regex(field: str, source: Any) -> Regex:
    """The regular expression as RE2 reads it."""
    if not isinstance(source, str) or not source:
        raise Refused(
            f"{field}|re: a regular expression must be a text (in quotation marks)",
            f"{field}|re：正则表达式必须是文本（请加引号）",
            code="MJ219",
            offset=0,
        )
    if len(source) > MAX_PATTERN:
        raise Refused(
            f"{field}|re: the regular expression has {len(source)} characters, and may have"
            f" {MAX_PATTERN}",
            f"{field}|re：正则表达式有 {len(source)} 个字符，上限是 {MAX_PATTERN}",
            fix_en="split it, or put words into a lexicon",
            fix_zh="请拆开，或把词放进词库",
            code="MJ220",
        )
    try:
        return regex(field, source)
    except re2.error as error:
        raw = error.args[0]
        said = raw.decode("utf-8", "replace") if isinstance(raw, bytes) else str(raw)
        fix = next(row for row in _REGEX_FIXES if row[0] in said)
        raise Refused(
            f"{field}|re: '{source}' cannot be used, for it is not RE2, which takes linear time:"
            f" {said.replace('(?i)', '')}",
            f"{field}|re：正则表达式“{source}”无法使用",
            fix_en=fix[1],
            fix_zh=fix[2],
            code="MJ220",
            offset=0,
        ) from None

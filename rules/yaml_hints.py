"""What libyaml says of a broken file, in plain words, with the usual cause where one is visible."""

from __future__ import annotations

import re
from typing import NamedTuple

from rules.yaml_texts import closing_meant, is_inside, opening, texts


class Hint(NamedTuple):
    """What is wrong and what to do; `line` (from 1) is where the cause stands, 0 as reported.

    `code` as in `rules.errors.RuleError`.
    """

    en: str
    zh: str
    fix_en: str = ""
    fix_zh: str = ""
    line: int = 0
    column: int = 0
    code: str = "MJ001"


_INDENT = ("expected <block end>", "expected key", "expected '-' indicator")
# signs of libyaml's sentence (PyYAML's own is nearly the same) -> our code and sentences
_PLAIN = (
    (
        "MJ002",
        ("\\t", "tab character"),
        "a tab: YAML is indented by blanks only",
        "行首有制表符（Tab）：YAML 只能用空格缩进",
        "replace the tab by blanks",
        "请把 Tab 换成空格",
    ),
    (
        "MJ021",
        ("cannot start any token",),
        "a value that begins with a character YAML keeps for itself, such as @, ` or %",
        "值以 YAML 保留的字符开头，如 @、` 或 %",
        "put the value in quotation marks",
        "请给这个值加引号",
    ),
    (
        "MJ003",
        _INDENT,
        "the indentation of this line does not fit the lines above",
        "这一行的缩进与上面的行对不上",
        "begin keys that belong together in the same column, with blanks",
        "同一层的键要从同一列开始，用空格对齐",
    ),
    (
        "MJ004",
        ("expected ',' or", "but found '<stream end>'"),
        "a bracket is not closed, or a comma is missing before this place",
        "这里之前有括号没有闭合，或者缺少逗号",
        "lists are [a, b] and mappings {a: b, c: d}, with English commas",
        "列表写成 [甲, 乙]，映射写成 {a: 甲, b: 乙}，用英文逗号",
    ),
    (
        "MJ005",
        ("mapping values are not allowed",),
        "a colon that cannot stand here: wrong indentation, or a text with a colon in it",
        "这里不能有冒号：缩进不对，或者文本里带有冒号",
        'check the indentation; put a text with a colon in quotation marks: "a: b"',
        '请检查缩进；带冒号的文本请加引号，如 "甲: 乙"',
    ),
    (
        "MJ006",
        ("could not find expected ':'",),
        "a line that is neither 'key: value' nor a list item",
        "这一行既不是“键: 值”，也不是列表项",
        "write key: value, with an English colon and a blank after it",
        "请写成 键: 值，用英文冒号，冒号后加一个空格",
    ),
    (
        "MJ007",
        ("while scanning a quoted scalar", "unexpected end of stream"),
        "a quotation mark is not closed",
        "引号没有闭合",
        "close the quotation mark",
        "请补上引号",
    ),
    (
        "MJ008",
        ("special characters are not allowed", "control characters are not allowed"),
        "a control character in the file",
        "文件里有控制字符",
        "remove it, or retype the line",
        "请删去它，或重新输入这一行",
    ),
    (
        "MJ009",
        ("aliases",),
        "aliases (*name) are not supported",
        "不支持别名（*名字）",
        "write the value again",
        "请把内容再写一遍",
    ),
    (
        "MJ010",
        ("could not determine a constructor", "undefined tag"),
        "tags (!name) are not supported",
        "不支持标签（!名字）",
        "remove it; put a text that begins with ! in quotation marks",
        "请删去它；以 ! 开头的文本请加引号",
    ),
)  # fmt: skip
# what was taken is not given back, or a line of blanks would take the square of its length
_COMMA = re.compile(r"expected ',' or|unexpected ':'")  # one is missing
_WIDE_COLON = re.compile(r"\s*+(?:- )?[\[{]?\s*+[A-Za-z_][\w.|-]*+：")
# a value that is read as {…} or […], and the first character behind it
_BEHIND_BRACKET = re.compile(r"\s*+(?:- )?[A-Za-z_][\w.|-]*+:\s++([\[{])[^\[\]{}]*+[\]}]\s*+\S")
_NO_BLANK = re.compile(r"\s*+(?:- )?[A-Za-z_][\w.|-]*+:(?=[^\s:/])")


def explain(text: str, problem: str, line: int, column: int = 1) -> Hint:
    """The hint for what libyaml reported at `line` and `column` (from 1) of `text`."""
    if hint := _not_closed(text, line, column):
        return hint
    lines = text.splitlines()
    here = lines[line - 1][column - 1 :] if 0 < line <= len(lines) else ""
    if "cannot start" in problem and here.startswith("\t"):
        problem = "found a tab character"
    elif "node content" in problem and (
        here.startswith("---") or (line >= len(lines) and not here.strip())
    ):
        problem = "did not find expected ',' or ']'"  # before the end of the document
    # these two are reported a line or two below their cause
    back = 3 if "could not find" in problem or "mapping values" in problem else 1
    for number in range(min(line, len(lines)), max(0, line - back), -1):
        hint = mistyped(lines[number - 1], number)
        if hint and not is_inside(texts(text), number, hint.column):
            return hint
    if line <= len(lines) and _COMMA.search(problem):
        comma = _wide_comma(lines[line - 1], column)
        if comma and not is_inside(texts(text), line, comma):
            return Hint(
                "a full-width comma '，' does not separate",
                "中文逗号“，”不能作分隔",
                "write an English comma and a blank: ', '",
                "请用英文逗号加空格",
                line,
                comma,
                "MJ013",
            )
    behind = _BEHIND_BRACKET.match(lines[line - 1]) if 0 < line <= len(lines) else None
    if behind and any(one in problem for one in _INDENT) and behind.end() == column:
        return Hint(
            f"a text that begins with {behind[1]}, which YAML keeps for itself",
            f"文本以 {behind[1]} 开头，而 YAML 保留了这个字符",
            "put the whole text in quotation marks",
            "请给整段文本加引号",
            line,
            behind.start(1) + 1,
            "MJ021",
        )
    for code, signs, en, zh, fix_en, fix_zh in _PLAIN:
        if any(sign in problem for sign in signs):
            return Hint(en, zh, fix_en, fix_zh, code=code)
    return Hint(problem, "这里写法有误")


def _not_closed(text: str, line: int, column: int) -> Hint | None:
    """A quotation mark that is not closed where it was to be: what stands behind the next one,
    often many lines below, is what cannot be read."""
    place = opening(text, line, column)
    if place is None:
        return None
    number, start = place
    rest = text.split("\n")[number - 1][start - 1 :]
    mark = rest[0]
    wide = closing_meant(rest)
    fix_en, fix_zh = f"close it: {mark}…{mark}", f"请补上另一半：{mark}…{mark}"
    if wide:
        fix_en = f"write {mark} in place of the Chinese {wide}"
        fix_zh = f"请把中文的 {wide} 换成英文的 {mark}"
    return Hint(
        f"the quotation mark {mark} that opens here is not closed",
        f"从这里开始的引号 {mark} 没有闭合",
        fix_en,
        fix_zh,
        number,
        start,
        "MJ007",
    )


def _wide_comma(line: str, column: int) -> int:
    """Column of the full-width comma that was to part two items before, or at, the place where a
    flow could not be read; 0 when there is none. Commas of the items before are their own."""
    if line[column - 1 : column] == "，":
        return column
    start = max(line.rfind(sign, 0, column - 1) for sign in ",[]{}\"'")
    return line.rfind("，", start + 1, column - 1) + 1


def mistyped(line: str, number: int) -> Hint | None:
    """A key whose colon is full-width, or has no blank after it."""
    if match := _WIDE_COLON.match(line):
        return Hint(
            "a full-width colon '：' after a key",
            "键后面用了中文冒号“：”",
            "write an English colon and a blank: 'key: value'",
            "请用英文冒号加空格：键: 值",
            number,
            match.end(),
            "MJ011",
        )
    if match := _NO_BLANK.match(line):
        return Hint(
            "no blank after the colon of a key",
            "键的冒号后面缺少空格",
            "write 'key: value'",
            "请写成 键: 值，冒号后加一个空格",
            number,
            match.end(),
            "MJ012",
        )
    return None

"""One line of JSON -> an event, or what is wrong with it: a key twice, NaN, a number that no double
holds, brackets too deep. A line in which nothing can be wrong is read by a quicker parser."""

from __future__ import annotations

import json
import math
from typing import Any

import msgspec

_DIGITS = 300  # of a whole number; no double has more
_LARGE = 10 ** (_DIGITS - 1)  # what has fewer digits
_DEPTH = 200  # brackets inside brackets
_decode = msgspec.json.Decoder().decode


class WrongLine(ValueError):
    """What is wrong in a line, in English and Chinese, and what to do."""

    def __init__(self, en: str, zh: str, fix_en: str = "", fix_zh: str = "") -> None:
        super().__init__(en)
        self.en, self.zh, self.fix_en, self.fix_zh = en, zh, fix_en, fix_zh


def read(line: bytes) -> dict[str, Any]:
    """The object of a line.

    Raises:
        WrongLine: with what is wrong.
    """
    try:
        text = line.decode()
    except UnicodeDecodeError as error:
        raise WrongLine(
            f"not UTF-8, at byte {error.start + 1} of the line",
            f"不是 UTF-8，在该行第 {error.start + 1} 个字节",
            "save the file as UTF-8, for example: iconv -f GB18030 -t UTF-8",
            "请另存为 UTF-8，例如：iconv -f GB18030 -t UTF-8",
        ) from None
    quick = _quick(text)
    return careful(text) if quick is None else quick


def careful(text: str) -> dict[str, Any]:
    """The same by a parser that tells what is wrong; ten times as slow."""
    if text.count("[") + text.count("{") > _DEPTH:
        _check_depth(text)
    try:
        fields = json.loads(
            text,
            object_pairs_hook=_pairs,
            parse_int=_whole,
            parse_float=_real,
            parse_constant=_constant,
        )
    except json.JSONDecodeError as error:
        raise _not_json(text, error) from None
    if not isinstance(fields, dict):
        kind = "array" if isinstance(fields, list) else "value"
        raise WrongLine(
            f"not a JSON object but {'an array' if kind == 'array' else 'a single value'}",
            f"不是 JSON 对象，而是{'数组' if kind == 'array' else '单个值'}",
            "write one object a line" + (", for example by: jq -c '.[]'" * (kind == "array")),
            "请一行写一个对象" + ("，例如用：jq -c '.[]'" * (kind == "array")),
        )
    return fields


def _quick(text: str) -> dict[str, Any] | None:
    """The object of a line in which nothing can be wrong; None where that is not sure."""
    deep = text.find("{", 1) > 0
    if deep and text.count("{") + text.count("[") > _DEPTH:
        return None
    try:
        fields = _decode(text)
    except (ValueError, RecursionError):
        return None
    if type(fields) is not dict:
        return None
    names = _names(fields) if deep or len(text) > _DIGITS else len(fields)
    # as many colons, or as many after quotation marks, as different keys: no key is there twice
    if text.count(":") == names:
        return fields
    apart = " :" in text or "\t:" in text or "\r:" in text
    return None if apart or text.count('":') != names else fields


def _names(value: dict[str, Any]) -> int:
    """How many keys there are in it and in what it holds; -1 when a number is too large."""
    found, waiting = 0, [value]
    while waiting:
        one: Any = waiting.pop()
        if isinstance(one, dict):
            found += len(one)
            one = one.values()
        for inner in one:
            kind = inner.__class__
            if kind is dict or kind is list:
                waiting.append(inner)
            elif kind is int and not -_LARGE < inner < _LARGE:
                return -1
    return found


def _not_json(text: str, error: json.JSONDecodeError) -> WrongLine:
    start = text.strip()
    opened = start.startswith(("{", "[")) and error.pos >= len(text.rstrip())
    if opened:  # a value that goes on in the next line
        tool = "jq -c '.[]'" if start.startswith("[") else "jq -c ."
        return WrongLine(
            "the JSON object does not end in this line",
            "JSON 对象在这一行没有结束",
            f"write one object a line, for example by: {tool}",
            f"请一行写一个对象，例如用：{tool}",
        )
    return WrongLine(
        f"not JSON: {error.msg.lower()}, at column {error.colno}",
        f"不是 JSON：第 {error.colno} 列读不下去",
        "write one object a line, with double quotation marks",
        "请一行写一个对象，用英文双引号",
    )


def _check_depth(text: str) -> None:
    depth, quoted, skip = 0, False, False
    for place, letter in enumerate(text):
        if skip:
            skip = False
        elif quoted:
            skip = letter == "\\"
            quoted = letter != '"'
        elif letter == '"':
            quoted = True
        elif letter in "[{":
            depth += 1
            if depth > _DEPTH:
                raise WrongLine(
                    f"brackets more than {_DEPTH} deep, at column {place + 1}",
                    f"括号嵌套超过 {_DEPTH} 层，在第 {place + 1} 列",
                    "flatten the event, or write the inner part as a text",
                    "请把事件拉平，或把里层写成文字",
                )
        elif letter in "]}":
            depth -= 1


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        name = next(key for key, _ in pairs if key in seen or seen.add(key))
        raise WrongLine(
            f"the key '{name}' stands there twice",
            f"键“{name}”写了两次",
            "keep one of them: which one is meant cannot be known",
            "请只留一个：无法知道指的是哪一个",
        )
    return found


def _whole(digits: str) -> int:
    if len(digits) > _DIGITS:
        raise _too_large(digits)
    return int(digits)


def _real(written: str) -> float:
    number = float(written)
    if math.isinf(number):
        raise _too_large(written)
    return number


def _too_large(written: str) -> WrongLine:
    shown = f"{written[:12]}…" if len(written) > 13 else written  # noqa: PLR2004
    return WrongLine(
        f"the number {shown} ({len(written)} characters) is too large",
        f"数 {shown}（{len(written)} 个字符）太大",
        "write it as a text, in quotation marks",
        "请加引号写成文字",
    )


def _constant(name: str) -> None:
    raise WrongLine(
        f"{name} is no JSON",
        f"{name} 不是 JSON",
        "write null, or leave the field out",
        "请写 null，或不写这个字段",
    )

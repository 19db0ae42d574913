"""The events of `mingjian rules eval`: lines of JSON from a file, a .gz file or standard input."""

from __future__ import annotations

import gzip
import io
import json
import math
import re
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from rules.errors import EXIT_FINDINGS, EXIT_USAGE, MingjianError
from rules.sigma.event import Event, as_text
from rules.sigma.questions import as_millis

STDIN = "-"
_GZIP = b"\x1f\x8b"
_BOM = b"\xef\xbb\xbf"
_WIDE = (b"\xff\xfe", b"\xfe\xff")
_DIGITS = 300  # of a whole number; no double has more
_WHOLE = re.compile(r"-?[0-9]{1,30}")
_DEPTH = 200  # brackets inside brackets


class _Wrong(ValueError):
    """What is wrong in a line, in English and Chinese, and what to do."""

    def __init__(self, en: str, zh: str, fix_en: str = "", fix_zh: str = "") -> None:
        super().__init__(en)
        self.en, self.zh, self.fix_en, self.fix_zh = en, zh, fix_en, fix_zh


def named(place: Path) -> str:
    """How messages call the file."""
    return "stdin" if str(place) == STDIN else str(place)


def lines(place: Path) -> Iterator[tuple[int, bytes]]:
    """(number from 1, line) of every line that is not blank. A byte order mark is left out, and
    what gzip has packed is unpacked, whatever the file is called.

    Raises:
        MingjianError: no such file, a directory, UTF-16, or a .gz file that is cut off.
    """
    number = 0
    with _opened(place) as stream:
        try:
            for number, line in enumerate(stream, 1):
                if number == 1:
                    if line[:2] in _WIDE:
                        raise _not_utf8(place)
                    line = line.removeprefix(_BOM)  # noqa: PLW2901
                if line.strip():
                    yield number, line
        except (EOFError, zlib.error, gzip.BadGzipFile):
            raise MingjianError(
                f"{named(place)}:{number + 1}: the .gz file is cut off or damaged here",
                f"{named(place)}:{number + 1}：.gz 文件到这里不完整或已损坏",
                fix_en="copy or download it again",
                fix_zh="请重新复制或下载",
                exit_code=EXIT_FINDINGS,
            ) from None


@contextmanager
def _opened(place: Path) -> Iterator[BinaryIO]:
    if str(place) == STDIN:
        yield _unpacked(sys.stdin.buffer)
        return
    if place.is_dir():
        raise MingjianError(
            f"--events: {place} is a directory",
            f"--events：{place} 是目录",
            fix_en=f"name one file, or join them: cat {place}/*.jsonl | … --events -",
            fix_zh=f"请写一个文件，或合在一起：cat {place}/*.jsonl | … --events -",
            exit_code=EXIT_USAGE,
        )
    try:
        stream = place.open("rb")
    except FileNotFoundError:
        raise MingjianError(f"no file {place}", f"没有文件 {place}", exit_code=EXIT_USAGE) from None
    except OSError as error:
        raise MingjianError(
            f"cannot read {place}: {error.strerror}",
            f"读不了 {place}：{error.strerror}",
            exit_code=EXIT_USAGE,
        ) from None
    with stream:
        yield _unpacked(stream)


def _unpacked(stream: Any) -> BinaryIO:
    stream = stream if hasattr(stream, "peek") else io.BufferedReader(stream)
    packed = stream.peek(2)[:2] == _GZIP
    found: BinaryIO = gzip.GzipFile(fileobj=stream) if packed else stream
    return found


def _not_utf8(place: Path) -> MingjianError:
    return MingjianError(
        f"{named(place)}:1: the file is UTF-16",
        f"{named(place)}:1：文件是 UTF-16 编码",
        fix_en="save it as UTF-8, for example: iconv -f UTF-16 -t UTF-8",
        fix_zh="请另存为 UTF-8，例如：iconv -f UTF-16 -t UTF-8",
        exit_code=EXIT_FINDINGS,
    )


def fields_of(place: Path, number: int, line: bytes) -> dict[str, Any]:
    """The object of one line.

    Raises:
        MingjianError: it is not one JSON object, or one that cannot be judged: a key twice, NaN,
            a number that no double holds, brackets deeper than 200.
    """
    try:
        return _read(line)
    except _Wrong as wrong:
        raise MingjianError(
            f"{named(place)}:{number}: {wrong.en}",
            f"{named(place)}:{number}：{wrong.zh}",
            fix_en=wrong.fix_en,
            fix_zh=wrong.fix_zh,
            exit_code=EXIT_FINDINGS,
        ) from None


def _read(line: bytes) -> dict[str, Any]:
    try:
        text = line.decode()
    except UnicodeDecodeError as error:
        raise _Wrong(
            f"not UTF-8, at byte {error.start + 1} of the line",
            f"不是 UTF-8，在该行第 {error.start + 1} 个字节",
            "save the file as UTF-8, for example: iconv -f GB18030 -t UTF-8",
            "请另存为 UTF-8，例如：iconv -f GB18030 -t UTF-8",
        ) from None
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
        raise _Wrong(
            f"not a JSON object but {'an array' if kind == 'array' else 'a single value'}",
            f"不是 JSON 对象，而是{'数组' if kind == 'array' else '单个值'}",
            "write one object a line" + (", for example by: jq -c '.[]'" * (kind == "array")),
            "请一行写一个对象" + ("，例如用：jq -c '.[]'" * (kind == "array")),
        )
    return fields


def _not_json(text: str, error: json.JSONDecodeError) -> _Wrong:
    start = text.strip()
    opened = start.startswith(("{", "[")) and error.pos >= len(text.rstrip())
    if opened:  # a value that goes on in the next line
        tool = "jq -c '.[]'" if start.startswith("[") else "jq -c ."
        return _Wrong(
            "the JSON object does not end in this line",
            "JSON 对象在这一行没有结束",
            f"write one object a line, for example by: {tool}",
            f"请一行写一个对象，例如用：{tool}",
        )
    return _Wrong(
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
                raise _Wrong(
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
        raise _Wrong(
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


def _too_large(written: str) -> _Wrong:
    shown = f"{written[:12]}…" if len(written) > 13 else written  # noqa: PLR2004
    return _Wrong(
        f"the number {shown} ({len(written)} characters) is too large",
        f"数 {shown}（{len(written)} 个字符）太大",
        "write it as a text, in quotation marks",
        "请加引号写成文字",
    )


def _constant(name: str) -> None:
    raise _Wrong(
        f"{name} is no JSON",
        f"{name} 不是 JSON",
        "write null, or leave the field out",
        "请写 null，或不写这个字段",
    )


def time_of(place: Path, number: int, fields: dict[str, Any], name: str) -> int | None:
    """The event's time in ms; None when no field was named. Never the clock instead."""
    if not name:
        return None
    values = Event(fields).values(name)
    found = next((t for v in values if (t := as_millis(v)) is not None), None)
    if found is None:
        raise MingjianError(
            f"{named(place)}:{number}: no time in '{name}'"
            + ("" if values else ", which is not there"),
            f"{named(place)}:{number}：“{name}”里没有时间" + ("" if values else "（没有这个字段）"),
            fix_en=TIMES_EN,
            fix_zh=TIMES_ZH,
            exit_code=EXIT_FINDINGS,
        )
    return found


def seq_of(place: Path, number: int, fields: dict[str, Any], name: str) -> int:
    """What orders events of equal time: the whole number in the field; 0 when none was named."""
    if not name:
        return 0
    for value in Event(fields).values(name):
        if type(value) is int or (isinstance(value, str) and _WHOLE.fullmatch(value)):
            return int(value)
    raise MingjianError(
        f"{named(place)}:{number}: no whole number in '{name}'",
        f"{named(place)}:{number}：“{name}”里没有整数",
        fix_en="--seq-field names a field that every event has, such as the number of its record",
        fix_zh="--seq-field 要写每个事件都有的字段，如记录的序号",
        exit_code=EXIT_FINDINGS,
    )


TIMES_EN = "ISO 8601, or seconds, milliseconds, microseconds or nanoseconds since 1970"
TIMES_ZH = "请写 ISO 8601，或 1970 年以来的秒、毫秒、微秒或纳秒"


_MADE_UP = "\x00"


def identity_of(event: Event, id_field: str, number: int) -> str:
    """What makes the event one event: its id, else its line. No id, whatever it is, is equal to
    one that is made up from a line."""
    name = next((t for v in event.values(id_field) if (t := as_text(v))), "") if id_field else ""
    if not name:
        return f"{_MADE_UP}line {number}" if id_field else str(number)
    return _MADE_UP + name if name.startswith(_MADE_UP) else name


def shown_id(identity: str) -> str:
    """An identity as alerts name it: the id, or the line as `line 7`."""
    return identity.removeprefix(_MADE_UP)

"""The events of `mingjian rules eval`: lines of JSON from a file, a .gz file or standard input."""

from __future__ import annotations

import gzip
import io
import re
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from jobs.cli.event_json import WrongLine, read
from rules.errors import EXIT_FINDINGS, EXIT_USAGE, MingjianError
from rules.sigma.event import Event, as_text
from rules.sigma.questions import as_millis

STDIN = "-"
_GZIP = b"\x1f\x8b"
_BOM = b"\xef\xbb\xbf"
_WIDE = (b"\xff\xfe", b"\xfe\xff")
_WHOLE = re.compile(r"-?[0-9]{1,30}")


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
        return read(line)
    except WrongLine as wrong:
        raise MingjianError(
            f"{named(place)}:{number}: {wrong.en}",
            f"{named(place)}:{number}：{wrong.zh}",
            fix_en=wrong.fix_en,
            fix_zh=wrong.fix_zh,
            exit_code=EXIT_FINDINGS,
        ) from None


def time_of(place: Path, number: int, fields: dict[str, Any], name: str) -> int | None:
    """The event's time in ms; None when no field was named. Never the clock instead."""
    if not name:
        return None
    found = as_millis(fields.get(name))  # where it stands at the top
    if found is not None:
        return found
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

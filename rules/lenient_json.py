"""Strict JSON first; when that fails, one attempt on repaired bytes.

Two faults of real archives are repaired, because a message must not escape judgement by them:
raw control characters inside strings (kept, as if they had been escaped) and lone UTF-16
surrogates written as escapes (each becomes U+FFFD). NaN and Infinity stay errors. A number beyond
a double is sound JSON (RFC 8259 section 6 sets no limit); it is read as infinite, which every field
that wants a number refuses, and where nobody reads it, it does no harm.
"""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec

from rules.errors import RecordError

_decode = msgspec.json.Decoder().decode
_BEYOND = "out of range"  # the parser's remark on a number no double holds
_DIGITS = 300  # longer than any number anybody means
# One token a match, so that no byte is looked at twice: a whole string, closed or not.
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\Z)', re.DOTALL)
_FAULT = re.compile(
    rb"(\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})"  # a proper pair
    rb"|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})"  # a lone half
    rb"|(\\.)|([\x00-\x1f])",
    re.DOTALL,
)


def parse(data: bytes) -> tuple[Any, bool]:
    """(value, was it repaired) of JSON bytes that are valid UTF-8.

    Raises:
        RecordError: `not_json`, with the parser's remark on what and where.
    """
    try:
        return _decode(data), False
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        repaired = repair(data)
        if repaired == data and _BEYOND not in str(error):
            raise RecordError("not_json", _remark(error)) from None
    changed = repaired != data
    try:
        return _decode(repaired), changed
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        if _BEYOND not in str(error):
            raise RecordError("not_json", _remark(error)) from None
    try:
        return json.loads(repaired, parse_int=_int, parse_constant=_refuse), changed
    except (ValueError, RecursionError) as error:
        raise RecordError("not_json", _remark(error)) from None


def _int(digits: str) -> int | float:
    return int(digits) if len(digits) <= _DIGITS else float(digits)


def _refuse(name: str) -> None:
    message = f"{name} is no JSON"
    raise ValueError(message)


def repair(data: bytes) -> bytes:
    """`data` with raw control characters inside strings escaped and lone surrogates replaced."""
    return _STRING.sub(_mend_string, data)


def _mend_string(match: re.Match[bytes]) -> bytes:
    return _FAULT.sub(_mend, match[0])


def _mend(match: re.Match[bytes]) -> bytes:
    if match[2]:
        return b"\\ufffd"
    if match[4]:
        return b"\\u%04x" % match[4][0]
    return match[0]


def _remark(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if isinstance(error, UnicodeDecodeError):
        return "a string is not valid UTF-8"
    return str(error)[:120]

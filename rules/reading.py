"""Typed reads from a decoded JSON object, failing with the dotted path of what was wrong.

A leaf that is `null` counts as absent. Optional leaves of the right type or absent pass; a leaf of
another type is `wrong_type`. Details name keys and types only, never a value.
"""

from __future__ import annotations

import math
import re
from typing import Any

from rules.errors import RecordError

MAX_ID = 512  # characters; WeCom's own have at most 64
_UINT64 = 2**64
_DIGITS = re.compile(r"[0-9]{1,20}")
_NAMES = {bool: "bool", int: "int", float: "float", str: "str", list: "array", dict: "object"}


def type_name(value: Any) -> str:
    """JSON-like name of a decoded value's type."""
    return "null" if value is None else _NAMES.get(type(value), type(value).__name__)


def missing(path: str) -> RecordError:
    """A required field that is not there."""
    return RecordError("missing_field", path)


def wrong(path: str, expected: str, value: Any) -> RecordError:
    """A field of another type than the format says."""
    return RecordError("wrong_type", f"{path}: expected {expected}, got {type_name(value)}")


def fitting(path: str, identity: str) -> str:
    """The id, when it may be one: ids are keys of state and stand in every output.

    Raises:
        RecordError: `wrong_type`.
    """
    if len(identity) > MAX_ID:
        raise RecordError(
            "wrong_type", f"{path}: {len(identity)} characters, an id has at most {MAX_ID}"
        )
    return identity


def body(owner: dict[str, Any], path: str, *keys: str) -> dict[str, Any]:
    """The first of `keys` that is there, as an object; the first key names it when none is."""
    for key in keys:
        value = owner.get(key)
        if value is not None:
            if not isinstance(value, dict):
                raise wrong(f"{path}.{key}", "object", value)
            return value
    raise missing(f"{path}.{keys[0]}")


def text(owner: dict[str, Any], key: str, path: str, *, required: bool = False) -> str:
    """A string, "" when absent. `required` refuses an absent key (an explicit null is "")."""
    value = owner.get(key)
    if value is None:
        if required and key not in owner:
            raise missing(f"{path}.{key}")
        return ""
    if type(value) is not str:
        raise wrong(f"{path}.{key}" if path else key, "str", value)
    return value


def ident(owner: dict[str, Any], key: str, path: str, *, required: bool = False) -> str:
    """An id as text without surrounding blanks; a number (up to 2^64-1) becomes its digits."""
    value = owner.get(key)
    if type(value) is int and 0 <= value < _UINT64:
        return str(value)
    if value is not None and type(value) is not str:
        raise wrong(f"{path}.{key}", "str", value)
    value = value.strip() if value else ""
    if required and not value:
        raise missing(f"{path}.{key}")
    return fitting(f"{path}.{key}", value)


def whole(owner: dict[str, Any], key: str, path: str) -> int | None:
    """A whole number from 0 to 2^64-1, None when absent.

    Sources write some of them as digits in a string or as a float without fraction; both count.
    """
    value = owner.get(key)
    if value is None or value == "":
        return None
    kind = type(value)
    if (kind is float and value.is_integer()) or (kind is str and _DIGITS.fullmatch(value)):
        value = int(value)
    elif kind is not int:
        raise wrong(f"{path}.{key}", "int", value)
    if not 0 <= value < _UINT64:
        raise RecordError("wrong_type", f"{path}.{key}: expected int from 0 to 2^64-1")
    return int(value)


def number(owner: dict[str, Any], key: str, path: str) -> float | None:
    """A finite number (coordinates), None when absent; digits in a string count."""
    value = owner.get(key)
    if value is None or value == "":
        return None
    if type(value) not in (int, float, str):
        raise wrong(f"{path}.{key}", "float", value)
    try:
        result = float(value)
    except (ValueError, OverflowError):
        raise wrong(f"{path}.{key}", "float", value) from None
    if not math.isfinite(result):
        raise wrong(f"{path}.{key}", "float", value)
    return result


def array(owner: dict[str, Any], key: str, path: str) -> list[Any]:
    """A list, empty when absent."""
    value = owner.get(key)
    if value is None:
        return []
    if type(value) is not list:
        raise wrong(f"{path}.{key}", "array", value)
    return value


def objects(owner: dict[str, Any], key: str, path: str) -> list[dict[str, Any]]:
    """A list of objects, empty when absent."""
    values = array(owner, key, path)
    for index, value in enumerate(values):
        if not isinstance(value, dict):
            raise wrong(f"{path}.{key}[{index}]", "object", value)
    return values


def strings(owner: dict[str, Any], key: str, path: str) -> list[str]:
    """A list of strings, empty when absent."""
    values = array(owner, key, path)
    for index, value in enumerate(values):
        if type(value) is not str:
            raise wrong(f"{path}.{key}[{index}]", "str", value)
    return values


def exact_int(owner: dict[str, Any], key: str, path: str, *, required: bool = True) -> int | None:
    """An integer as envelope and common fields write it: no float, no digits in a string."""
    value = owner.get(key)
    where = f"{path}.{key}" if path else key
    if value is None:
        if required:
            raise missing(where)
        return None
    if type(value) is not int:
        raise wrong(where, "int", value)
    return value


def to_millis(value: int | None) -> int | None:
    """Seconds or milliseconds to milliseconds: inner times of the archive come in both.

    Ten digits (up to the year 5138) are seconds, more are milliseconds.
    """
    if value is None:
        return None
    return value * 1000 if value < 10**11 else value


def put(fields: dict[str, Any], **values: Any) -> None:
    """Set the fields that have a value; `__` in a name stands for the dot ("file__md5")."""
    for name, value in values.items():
        if value is not None and value not in ("", []):
            fields[name.replace("__", ".")] = value

"""What an event is in a correlation: its group, and the value it counts as."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from rules.correlation.folds import Value
from rules.correlation.model import Correlation
from rules.correlation.steps import compared_text

GroupKey = tuple[str | None, ...]
Key = GroupKey | str
Lookup = Callable[[str], str | None]
MAX_TEXT = 256  # characters of a value that are kept
_DIGEST = 32
_NUMBERS = "0123456789 -Xx"  # a number that is cut would no longer be masked as one


def group_of(how: Correlation, rule: str, lookup: Lookup) -> GroupKey | None:
    """The group of an event of `rule`; None when a field is missing and that excludes it."""
    key = tuple(short(lookup(name)) for name in how.group_fields(rule))
    return None if how.missing == "exclude" and None in key else key


def value_of(how: Correlation, rule: str, lookup: Lookup) -> list[str]:
    """The value of an event: none when a field is missing; of several fields, one of them all. Of
    an order what its steps are compared by."""
    if how.between:
        slot = how.sources().index(rule)
        return [compared_text(how, slot, lambda name: short(lookup(name)))]
    if not how.fields:
        return []
    parts = [short(lookup(how.field_of(name, rule))) for name in how.fields]
    texts = [part for part in parts if part is not None]
    return ["\x1f".join(texts)] if len(texts) == len(parts) else []


def short(text: str | None) -> str | None:
    """A value as it is kept and shown: of a long one its beginning and a digest of all of it, so
    that different ones stay different. What is short already stays as it is."""
    if text is None or len(text) <= MAX_TEXT:
        return text
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST]
    return f"{text[: MAX_TEXT - _DIGEST - 1].rstrip(_NUMBERS)}…{digest}"


def compact(key: GroupKey) -> Key:
    """A group as it is remembered: of one value the value itself, which is smaller and found
    faster."""
    return key[0] if len(key) == 1 and key[0] is not None else key


def parts(key: Key) -> GroupKey:
    """What `compact` was given."""
    return (key,) if isinstance(key, str) else key


def sortable(key: GroupKey) -> tuple[tuple[bool, str], ...]:
    """A group as something that can be put in order, also where values are missing."""
    return tuple((part is not None, part or "") for part in key)


def plain(value: Value) -> int | float | None:
    """A value as JSON has it: whole numbers without a point."""
    if value is None or isinstance(value, int):
        return value
    if value.denominator == 1:
        return int(value)
    try:
        return float(value)
    except OverflowError:
        return None

"""What a message is to a correlation: its group, what it counts as, and the key of its state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rules.alert import content_id
from rules.correlation.membership import short
from rules.correlation.steps import compared_text
from rules.model import CorrelationRule

Lookup = Callable[[str], Any]  # field -> its value, None when it is absent


def group_values(
    rule: CorrelationRule, base: str, tenant: str, read: Lookup
) -> tuple[str, ...] | None:
    """The group of a hit of `base`, tenant first; None when it is to be excluded, because a field
    is missing and the rule does not want such messages grouped."""
    values = [tenant]
    for field in rule.how.group_fields(base):
        value = as_group(read(field))
        if value is None:
            if rule.how.missing == "exclude":
                return None
            value = ""
        values.append(value)
    return tuple(values)


def counted_value(rule: CorrelationRule, step: int, base: str, read: Lookup) -> str | None:
    """What it counts as; "" where nothing but itself counts, None when that is missing. Of an
    order what its steps are compared by."""
    if rule.how.between:
        return compared_text(rule.how, step, lambda name: as_group(read(name)))
    if not rule.how.fields or step >= len(rule.rules):
        return ""
    parts = [as_group(read(rule.how.field_of(name, base))) for name in rule.how.fields]
    texts = [part for part in parts if part is not None]
    return "\x1f".join(texts) if len(texts) == len(parts) else None


def key_of_group(rule: CorrelationRule, group: tuple[str, ...]) -> str:
    """Key of the state. Hashed, because values may hold any separator and be of any length."""
    return f"c|{rule.ref.name}|{rule.state_version}|{content_id(*group)}"


def as_group(value: object) -> str | None:
    """Group values are compared as text, exactly; a list is one value; empty is missing. A long
    one is kept as its beginning and a digest."""
    if value is None or value in ("", (), []):
        return None
    if isinstance(value, list | tuple):
        return short("\x1e".join(map(str, value)))
    return short(str(value))

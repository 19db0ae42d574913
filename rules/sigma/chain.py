"""A value of a rule on its way through its modifiers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as data_field
from typing import Any

from sigma.types import SpecialChars

from rules.sigma.refusal import SigmaRefused

MANY, ONE = SpecialChars.WILDCARD_MULTI, SpecialChars.WILDCARD_SINGLE
DASHES = "-/\u2013\u2014\u2015"
Placeholders = Mapping[str, list[str]]


class Dash:
    """Stands in a pattern for any of the dashes."""


ANY_DASH = Dash()


@dataclass
class Chain:
    """A value on its way through the modifiers; `variants` are alternatives, lists of parts."""

    field: str
    value: Any
    placeholders: Placeholders
    variants: list[list[Any]] = data_field(default_factory=list)
    kind: str = "text"  # or re, cidr, fieldref, number
    how: str = "equals"
    part: str = ""
    flags: set[str] = data_field(default_factory=set)
    cased: bool = False
    encoded: bool = False


def unfit(chain: Chain, en: str, zh: str) -> SigmaRefused:
    """The value of a rule does not fit its modifiers."""
    return SigmaRefused(
        "value",
        f"{chain.field}: the value '{chain.value}' does not fit: {en}",
        f"{chain.field}：值“{chain.value}”不合适：{zh}",
    )


def wrapped(parts: list[Any], lead: bool, tail: bool) -> list[Any]:
    """The pattern with wildcards at its ends, where there are none yet."""
    if lead and parts[:1] != [MANY]:
        parts = [MANY, *parts]
    return [*parts, MANY] if tail and parts[-1:] != [MANY] else parts

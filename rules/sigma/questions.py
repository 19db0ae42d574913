"""What one value of an event is asked: each question is data with one function, `true_of`."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import field as data_field
from datetime import UTC, datetime
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any, Protocol

import re2

from rules.sigma.event import Event, as_text

_NUMBER = re.compile(r"[+-]?(\d+|\d*\.\d+|\d+\.\d*)([eE][+-]?\d+)?", re.A)
_INTEGER = re.compile(r"[+-]?\d{1,300}", re.A)
# a number is in the coarsest unit in which it lies before the year 5138
_UNITS = ((10**11, 1), (10**14, 10**3), (10**17, 10**6), (10**20, 10**9))  # below, a second
_SECONDS_END, _MILLIS_END = 10**11, 10**14
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Question(Protocol):
    """A question to one value (never a list). Values of the wrong type answer no."""

    def true_of(self, value: Any, event: Event) -> bool:
        """Whether `value`, one of a field of `event`, is what is asked for."""


@dataclass(frozen=True)
class Text:
    """A text without inner wildcards. `how` is equals, contains, startswith or endswith."""

    text: str  # folded unless cased
    how: str
    cased: bool = False

    def true_of(self, value: Any, event: Event) -> bool:
        """Compares the text of the value; a number is compared as it is written."""
        text = as_text(value)
        return text is not None and compare_text(
            self.how, text if self.cased else text.casefold(), self.text
        )


def compare_text(how: str, text: str, sought: str) -> bool:
    """One of the four ways in which a text is compared with another."""
    if how == "equals":
        return text == sought
    if how == "contains":
        return sought in text
    return text.startswith(sought) if how == "startswith" else text.endswith(sought)


@dataclass(frozen=True)
class Pattern:
    """An RE2 pattern: of a text with wildcards (over folded text) or of `|re` (as written)."""

    source: str
    compiled: Any = data_field(compare=False)  # RE2 caches: equal sources, other objects
    folded: bool = False

    def true_of(self, value: Any, event: Event) -> bool:
        """Searches the text of the value."""
        text = as_text(value)
        if text is None:
            return False
        if self.folded:
            text = text.casefold()
        try:
            return self.compiled.search(text) is not None
        except UnicodeEncodeError:  # half of a surrogate pair, which JSON can carry
            mended = text.encode("utf-8", "replace").decode("utf-8")
            return self.compiled.search(mended) is not None

    def __reduce__(self) -> tuple[Callable[[str, bool], Pattern], tuple[str, bool]]:
        """Compiled RE2 objects do not pickle; the source does."""
        return compiled_pattern, (self.source, self.folded)


def compiled_pattern(source: str, folded: bool) -> Pattern:
    """The pattern of this source. Raises re2.error for what RE2 cannot do in linear time."""
    options = re2.Options()
    options.log_errors = False  # what is wrong is told by whoever catches it, not on stderr
    return Pattern(source, re2.compile(source, options), folded)


@dataclass(frozen=True)
class Number:
    """Order: `how` is lt, lte, gt or gte. Texts that write a number count as that number."""

    how: str
    number: int | float

    def true_of(self, value: Any, event: Event) -> bool:
        """False for what is no number."""
        number = as_number(value)
        return number is not None and ordered(self.how, number, self.number)


def ordered(how: str, number: int | float, limit: int | float) -> bool:
    """`number` lt, lte, gt, gte or eq `limit`."""
    if how == "eq":
        return number == limit
    if how in ("lt", "lte"):
        return number < limit or (how == "lte" and number == limit)
    return number > limit or (how == "gte" and number == limit)


def as_number(value: Any) -> int | float | None:
    """The number a value is or writes; None for anything else, truth values too."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return value
    if not isinstance(value, str):
        return None
    if _INTEGER.fullmatch(value):
        return int(value)
    return float(value) if _NUMBER.fullmatch(value) else None


@dataclass(frozen=True)
class Equal:
    """A number equals the same number, however written (`42`, `42.0`, "42")."""

    number: int | float
    text: str

    def true_of(self, value: Any, event: Event) -> bool:
        """By value for numbers, by spelling for texts."""
        if isinstance(value, int | float) and not isinstance(value, bool):
            return value == self.number
        return isinstance(value, str) and value.casefold() == self.text


@dataclass(frozen=True)
class Network:
    """An address in a network; an IPv4 address written as IPv6 (::ffff:1.2.3.4) counts as both."""

    network: IPv4Network | IPv6Network

    def true_of(self, value: Any, event: Event) -> bool:
        """False for what is no address."""
        if not isinstance(value, str):
            return False
        try:
            address = ip_address(value.strip())
        except ValueError:
            return False
        if address in self.network:
            return True
        mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
        return mapped is not None and mapped in self.network


@dataclass(frozen=True)
class Part:
    """A part of a date: minute, hour, day, week (ISO), month or year, compared as `how` says."""

    part: str
    how: str
    number: int | float

    def true_of(self, value: Any, event: Event) -> bool:
        """As the date is written: no time zone is converted. Numbers are since 1970, UTC."""
        when = as_date(value)
        if when is None:
            return False
        found = when.isocalendar().week if self.part == "week" else getattr(when, self.part)
        return ordered(self.how, found, self.number)


def as_date(value: Any) -> datetime | None:
    """A date of ISO 8601 text, or of s, ms, µs or ns since 1970 by their size; else None."""
    try:
        if isinstance(value, str) and (
            value[4:8:3] == "--" or not _NUMBER.fullmatch(value)  # 2026-11-22 is no number
        ):
            return datetime.fromisoformat(value.strip())
        number = as_number(value)
        if number is None:
            return None
        second = next((unit for end, unit in _UNITS if abs(number) < end), 0)
        return datetime.fromtimestamp(number / second, UTC) if second else None
    except (ValueError, OverflowError, OSError):
        return None


def as_millis(value: Any) -> int | None:
    """The same as whole milliseconds since 1970, rounded half to even; without a zone: UTC."""
    if type(value) is int and 0 <= value < _MILLIS_END:  # whole seconds, whole milliseconds
        return value * 1000 if value < _SECONDS_END else value
    when = as_date(value)
    if when is None:
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    since = when - _EPOCH
    return round((since.days * 86_400 + since.seconds) * 1000 + since.microseconds / 1000)


@dataclass(frozen=True)
class SameAs:
    """Equal to (or containing …) some value of another field of the same event."""

    field: str
    how: str
    cased: bool = False

    def true_of(self, value: Any, event: Event) -> bool:
        """False when either is absent or null."""
        text = as_text(value)
        if text is None:
            return False
        for other in event.values(self.field):
            sought = as_text(other)
            if sought is not None and (
                compare_text(self.how, text, sought)
                if self.cased
                else compare_text(self.how, text.casefold(), sought.casefold())
            ):
                return True
        return False

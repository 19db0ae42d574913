"""Reference lists: what a company knows and rules ask for by name, versioned with the rules.

A file `lists/<name>.yaml` beside the rules:

    name: approved-links
    title: 已批准的链接
    owner: 市场部
    expires: 2027-12-31            # or null
    kind: url                      # one of KINDS; says how values are compared
    values: ["https://www.example.com/a"]

Lists of kind `staff` and `customers` have `entries` instead: id -> attributes. Rules see them as
the fields `sender.department`, `sender.role`, `sender.scene`, `customer.segment`, `customer.owner`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from types import MappingProxyType
from typing import Any

from rules.fold import fold
from rules.links import canonical
from rules.message import Message
from rules.parties import party_kind
from rules.zone import DAY_MS, Zone

STAFF = ("department", "role", "scene", "name", "mobile", "status")
CUSTOMERS = ("segment", "owner", "name")
_NOTHING: Mapping[str, str] = MappingProxyType({})


def _plain(value: Any) -> str:
    return str(value).strip().casefold()


def _number(value: Any) -> str:
    """Accounts and phone numbers: folded, without the blanks and dashes people write."""
    return fold(str(value)).text.replace(" ", "").replace("-", "")


def _host(value: Any) -> str:
    text = canonical(str(value).strip())
    text = text.partition("://")[2] or text
    return text.partition("/")[0].partition("?")[0].rpartition("@")[2].partition(":")[0].casefold()


NORMAL = {
    "text": _plain,
    "number": _number,
    "url": lambda value: canonical(str(value).strip()),
    "domain": _host,
}
KINDS = (*NORMAL, "period", "staff", "customers")


@dataclass(frozen=True)
class Period:
    """From a local moment to another: days (ordinals, inclusive) and ms within them."""

    start: tuple[int, int]
    end: tuple[int, int]  # exclusive
    name: str = ""


@dataclass(frozen=True)
class RefList:
    """One list. `values` are as written; which are equal, `kind` says."""

    name: str
    kind: str = "text"
    title: str = ""
    owner: str = ""
    expires: date | None = None
    values: tuple[str, ...] = ()
    periods: tuple[Period, ...] = ()
    entries: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @cached_property
    def _known(self) -> frozenset[str]:
        return frozenset(NORMAL[self.kind](value) for value in self.values)

    def __contains__(self, value: Any) -> bool:
        """Whether a value of a message is on the list, as its kind compares."""
        if self.kind not in NORMAL:
            return str(value) in self.entries
        sought = NORMAL[self.kind](value)
        if sought in self._known:
            return True
        while self.kind == "domain" and "." in sought:  # a subdomain of a listed domain
            sought = sought.partition(".")[2]
            if sought in self._known:
                return True
        return False

    def covers(self, ms: int, zone: Zone) -> bool:
        """Whether a moment lies in one of the periods, by the clock of `zone`."""
        now = zone.local(ms)
        return any(one.start <= now < one.end for one in self.periods)

    def known(self) -> frozenset[str]:
        """Values as detectors report them: folded, with and without separators."""
        return frozenset({fold(v).text for v in self.values} | {_number(v) for v in self.values})


@dataclass(frozen=True)
class Reference:
    """All reference lists of a ruleset."""

    lists: Mapping[str, RefList] = field(default_factory=dict)

    @cached_property
    def _staff(self) -> Mapping[str, Mapping[str, str]]:
        return _joined(one for one in self.lists.values() if one.kind == "staff")

    @cached_property
    def _customers(self) -> Mapping[str, Mapping[str, str]]:
        return _joined(one for one in self.lists.values() if one.kind == "customers")

    @cached_property
    def _values(self) -> dict[str, frozenset[str]]:
        return {}

    def known(self, names: Iterable[str]) -> frozenset[str]:
        """Values of these lists together, as detectors report them."""
        key = "\x1e".join(names)
        if key not in self._values:
            lists = (self.lists[name].known() for name in key.split("\x1e") if name in self.lists)
            self._values[key] = frozenset().union(*lists)
        return self._values[key]

    def staff(self, userid: str) -> Mapping[str, str]:
        """What is known of an employee; empty for a stranger."""
        return self._staff.get(userid, _NOTHING)

    def employee(self, message: Message) -> Mapping[str, str]:
        """What is known of the employee concerned: the sender, else the first recipient that is
        one."""
        if message.sender_kind == "employee":
            return self.staff(message.sender)
        for one in message.recipients:
            if one in self._staff:
                return self._staff[one]
        return self.staff(str(message.fields.get("event.employee", "")))

    def value(self, name: str, message: Message) -> Any:
        """A field of `rules.fields.DIRECTORY_FIELDS`: text, a list for customers, or None."""
        whom, _, what = name.partition(".")
        if whom == "sender":
            return self.staff(message.sender).get(what)
        found = (self._customers.get(one, _NOTHING).get(what) for one in customers_of(message))
        return tuple(dict.fromkeys(one for one in found if one is not None)) or None

    def extended(self, lists: Iterable[RefList]) -> Reference:
        """With these lists, each joined to the one of its name where there is one."""
        found = dict(self.lists)
        for one in lists:
            old = found.get(one.name, RefList(one.name, one.kind))
            found[one.name] = replace(
                old,
                values=(*old.values, *one.values),
                periods=(*old.periods, *one.periods),
                entries={**old.entries, **one.entries},
            )
        return Reference(found)


def customers_of(message: Message) -> Iterable[str]:
    """Every customer a message or event is about."""
    named = message.fields.get("customer")
    yield from (named,) if named else ()
    for party in (message.sender, *message.recipients):
        if party_kind(party) == "customer":
            yield party


def day(start: date, end: date, name: str = "") -> Period:
    """Whole days, both inclusive."""
    return Period((start.toordinal(), 0), (end.toordinal(), DAY_MS), name)


def _joined(lists: Iterable[RefList]) -> Mapping[str, Mapping[str, str]]:
    found: dict[str, Mapping[str, str]] = {}
    for one in lists:
        for key, entry in one.entries.items():
            found[key] = {**found.get(key, {}), **entry}
    return found

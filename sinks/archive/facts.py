"""The facts of an archived message that policies and holds look at."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from rules.message import Message
from rules.parties import party_kind
from rules.retention.facts import Facts
from rules.retention.holds import Hold, Says
from sinks.archive.kept import RAW
from sinks.archive.rows import Row
from sinks.archive.search import says

Departments = Callable[[str], str | None]
"""userid -> department; None of somebody who is not known, who may have been in any."""
_MILLISECONDS = 13  # digits of a time at the beginning of a segment's name
_PARTIES = ("customer", "event.employee")  # fields of events that name people


def said_at(time: int, kind: str, segment: str) -> int:
    """The time a message's retention runs from (UTC ms): when it was said; of a record that could
    not be decoded and has none, when its segment was made, which the segment's name begins
    with."""
    stamp = segment[:_MILLISECONDS]
    return int(stamp) if (kind == RAW or not time) and stamp.isdecimal() else time


def facts_of(
    row: Row,
    message: Message | None,
    alerts: Iterable[tuple[str, str]],
    departments: Departments,
) -> Facts:
    """The facts of a message. `message` is None where it cannot be opened: then who it was told
    is not known. A record that could not be decoded has no people."""
    alerts = list(alerts)
    people: frozenset[str] | None = None
    if message is not None:
        named = (message.fields.get(name) for name in _PARTIES)
        people = frozenset(message.recipients).union(one for one in named if isinstance(one, str))
        if row.kind == RAW:
            people = None  # its bytes may name anybody
    return Facts(
        said_at(row.time, row.kind, row.segment),
        row.kind,
        row.type,
        row.sender,
        people,
        row.room,
        row.conversation,
        _departments(row.sender, people, departments),
        frozenset(alert for alert, _ in alerts),
        frozenset(rule for _, rule in alerts),
    )


def sayer(row: Row, message: Message | None) -> Says | None:
    """Looks for the words of holds in a message; None where it cannot be read: it cannot be
    opened, or what was opened could not be decoded."""
    if message is None or row.kind == RAW:
        return None

    def found(hold: Hold) -> bool:
        return says(message, hold.scope.text)

    return found


def _departments(
    sender: str, people: frozenset[str] | None, departments: Departments
) -> frozenset[str] | None:
    if people is None:
        return None
    staff = (one for one in (sender, *people) if party_kind(one) == "employee")
    found = {departments(one) for one in staff}
    if None in found:
        return None
    return frozenset(above for one in found if one is not None for above in with_above(one))


def with_above(department: str) -> list[str]:
    """Of 财富管理部/一组 also 财富管理部: what is for a department is for all that is below it."""
    parts = department.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]

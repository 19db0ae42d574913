"""Requests of persons: what is kept about somebody, and what of it may be erased.

个人信息保护法 art. 45 gives a person access to and a copy of what is kept about him, art. 47 has it
erased when its purpose is over or consent is withdrawn; but where a period of law or administrative
regulation is not over, what is kept is stored and not used otherwise. So a request is split: what
no duty and no hold keeps goes by a plan of deletion like any other, the rest stays and is named
with its reason.

Found are messages that somebody said or was told, and events about him. Words of others that
mention him are not looked for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from rules.errors import EXIT_USAGE, MingjianError
from rules.retention.facts import Facts
from rules.retention.holds import in_force, replay
from rules.retention.periods import day_of
from sinks.archive.book_reader import DeedReader
from sinks.archive.custody import CustodyBook, Line
from sinks.archive.disposable import digest, encode, spans, within
from sinks.archive.disposal_plan import MOST, Plan, plan
from sinks.archive.due import ERASURE, RETENTION, Source, counting, due, judge
from sinks.archive.hold_book import By, deeds, note, schedule
from sinks.archive.requests import ANSWERED, RESTRICTED
from sinks.archive.rows import ArchiveIndex, Asked, Row
from sinks.archive.standings import HELD, KEPT, Reasons, standing
from sinks.archive.terms import named

_EVENT = "event"
_PAGE = 1_000
_LEAST = 6  # digits by which a request is named
_SENT, _TOLD = "s", "p"  # terms of who said it and who was told


class Erasure(NamedTuple):
    """An answer to a request for erasure: the plan of what may go, and canonical JSON of what stays
    and why."""

    plan: Plan
    stays: dict[str, Any]


def subject_rows(index: ArchiveIndex, source: Source, person: str) -> list[Row]:
    """Every message that concerns somebody, the first archived first."""
    found: dict[int, Row] = {}
    for kind in (_SENT, _TOLD):
        for row in _all(index, [named(kind, person)]):
            found[row.leaf] = row
    for row in _all(index, [named("k", _EVENT)]):
        if row.leaf not in found and _about(source, row, person):
            found[row.leaf] = row
    return [found[leaf] for leaf in sorted(found)]


def subject_records(
    rows: Sequence[Row], open_row: Callable[[Row], bytes]
) -> Iterator[tuple[Row, bytes | None]]:
    """Rows with their raw records, for the copy that art. 45 grants; None where one cannot be
    opened.

    Raises:
        OSError: the storage does not answer.
    """
    for row in rows:
        try:
            yield row, open_row(row)
        except MingjianError:
            yield row, None


def subject_report(
    source: Source,
    person: str,
    rows: Sequence[Row],
    at: int,
    open_plans: Mapping[int, str] | None = None,
) -> dict[str, Any]:
    """What is kept about somebody: how much, as what, until when and why. For the officer: it
    names holds, which whoever asks need not learn of.

    Args:
        rows: of `subject_rows`.
        at: now, UTC ms.
        open_plans: which of the messages a plan names (`sinks.archive.standings.pending`).

    Raises:
        MingjianError: the custody book is damaged or cannot be read.
    """
    found = deeds(source.book.lines())
    policies, holds = schedule(found), in_force(replay(found))
    months, types, rooms, held, role = (Counter[str]() for _ in range(5))
    kept = Reasons(counting(policies, RETENTION))
    unreadable = 0
    for one in judge(source, policies, holds, at, rows=rows, everything=True):
        facts = one.facts
        months[f"{day_of(facts.time):%Y-%m}"] += 1
        types[facts.type] += 1
        rooms[facts.room] += 1
        role[_role(facts, person, one.row)] += 1
        held.update(hold.id for hold in one.holds)
        unreadable += not one.readable
        kept.take(one, standing(one, at, RETENTION, open_plans or {}))
    rooms.pop("", None)
    return {
        "v": 1,
        "kind": "subject report",
        "tenant": source.tenant,
        "person": person,
        "at": at,
        "messages": len(rows),
        "as": dict(sorted(role.items())),
        "by_month": dict(sorted(months.items())),
        "by_type": dict(sorted(types.items())),
        "rooms": dict(sorted(rooms.items())),
        "kept": kept.told(),
        "held": dict(sorted(held.items())),
        "unreadable": unreadable,
    }


def erasure_request(
    source: Source,
    person: str,
    rows: Sequence[Row],
    *,
    at: int,
    by: str,
    why: str,
    ledger: int,
    most: int = MOST,
    open_plans: Mapping[int, str] | None = None,
) -> Erasure:
    """Split a request: what goes, as a plan that is still to be kept, approved and carried out, and
    what stays with its reason.

    Args:
        rows: of `subject_rows`.
        at: now, UTC ms.
        by, why: who answers it, and its reference.
        ledger: how many entries the ledger has.
        most: messages that go with one plan at most; `later` counts what another has to take.
        open_plans: which of the messages a plan names already, see `subject_report`.

    Raises:
        MingjianError: the custody book is damaged or cannot be read.
    """
    made = plan(source, at=at, by=by, why=why, ledger=ledger, basis=ERASURE, rows=rows, most=most)
    found = deeds(source.book.lines())
    policies, holds = schedule(found), in_force(replay(found))
    kept = Reasons(counting(policies, ERASURE))
    held, named_by = Counter[str](), open_plans or {}
    goes = {one.leaf for one in made.messages}
    at_once: list[int] = []
    waits: list[int] = []
    both = only_held = later = 0
    for one in judge(source, policies, holds, at, basis=ERASURE, rows=rows, everything=True):
        if one.row.leaf in goes:
            continue
        (waits if one.holds else at_once).append(one.row.leaf)
        held.update(hold.id for hold in one.holds)
        if due(one.kept, at, ERASURE):
            only_held += bool(one.holds)
            later += not one.holds
        else:
            both += bool(one.holds)
            kept.take(one, HELD if one.holds else KEPT)
    stays = {
        "v": 1,
        "kind": "erasure request",
        "tenant": source.tenant,
        "person": person,
        "at": at,
        "by": by,
        "why": why,
        "plan": digest(encode(made)),
        "messages": len(rows),
        "goes": len(goes),
        "stays": len(at_once) + len(waits),
        "kept": kept.told(),
        "held": dict(sorted(held.items())),
        "held_alone": only_held,
        "kept_and_held": both,
        "restricted": spans(at_once),
        "waits": spans(waits),
        "more": made.more,
        "later": later,
        "open_plans": dict(sorted(Counter(named_by[n] for n in goes & named_by.keys()).items())),
    }
    return Erasure(made, stays)


def note_answer(book: CustodyBook, answer: Erasure, by: By) -> Line:
    """An answer to a request is kept: the digest of its file, and of its plan where something goes.
    `leaves` are those that a hold holds: they are stored only when somebody else has confirmed it,
    since whoever looks into something would not find them any more. The book does not name the
    person."""
    told: dict[str, Any] = {"request": digest(encode(answer.stays))}
    if answer.plan.messages:
        told["plan"] = answer.stays["plan"]
    if answer.stays["waits"]:
        told["leaves"] = answer.stays["waits"]
    return note(book, ANSWERED, by, told)


def confirm(book: CustodyBook, which: str, by: By) -> Line:
    """Confirm that what holds hold of a request is stored and not used otherwise.

    Args:
        which: the request, by the first six digits of its digest or more.

    Raises:
        MingjianError: there is none that waits, or several; or whoever answered it wants to confirm
            it.
    """
    found = deeds(book.lines())
    asked = {
        one.details["request"]: one for one in found
        if one.action == ANSWERED and one.details.get("leaves")
    }  # fmt: skip
    for one in found:
        if one.action == RESTRICTED and one.details.get("confirmed"):
            asked.pop(one.details["request"], None)
    short = len(which) < _LEAST
    fits = [] if short else [one for one in asked if one.startswith(which.lower())]
    if len(fits) != 1:
        names = ", ".join(one[:16] for one in asked) or "-"
        raise MingjianError(
            f"{which} names no request, or several, that wait to be confirmed; these do: {names}",
            f"{which} 未能唯一指明待确认的请求；待确认的有：{names}",
            exit_code=EXIT_USAGE,
        )
    deed = asked[fits[0]]
    if deed.who == by.who:
        raise MingjianError(
            f"{by.who} answered the request; somebody else has to confirm it",
            f"该请求由 {by.who} 答复，须由他人确认",
            exit_code=EXIT_USAGE,
        )
    told = {"request": fits[0], "leaves": deed.details["leaves"], "confirmed": True}
    return note(book, RESTRICTED, by, told)


def restrict(book: CustodyBook, stays: dict[str, Any], by: By) -> Line:
    """Put on record that what stays of a request is stored and not used otherwise. The book does
    not name the person."""
    told = {"request": digest(encode(stays)), "leaves": stays["restricted"]}
    return note(book, RESTRICTED, by, told)


class StoredOnly:
    """The messages that may only be stored, as the book says them whenever it is asked."""

    def __init__(self, book: CustodyBook) -> None:
        self._book, self._reader = book, DeedReader(book, RESTRICTED)
        self._looked = (0, 0)  # the book's state when it was read last
        self._leaves: set[int] = set()

    def leaves(self) -> set[int]:
        """Their leaves.

        Raises:
            BookDamaged: the book is not the one that was read before, so nobody can say.
            OSError: it cannot be read.
        """
        state = self._book.state()
        if state != self._looked:
            for deed in self._reader.deeds():
                self._leaves.update(within(deed.details.get("leaves", ())))
            self._looked = state
        return self._leaves


def _role(facts: Facts, person: str, row: Row) -> str:
    if person == facts.sender:
        return "sender"
    if row.kind == _EVENT:
        return "concerned"
    return "room member" if row.room else "receiver"


def _about(source: Source, row: Row, person: str) -> bool:
    """Whether an event names somebody; one that cannot be opened may, and is not counted: nothing
    shows that it does."""
    message = source.open(row)
    if message is None:
        return False
    return person in (message.fields.get("customer"), message.fields.get("event.employee"))


def _all(index: ArchiveIndex, terms: Sequence[str]) -> Iterator[Row]:
    before: int | None = None
    while True:
        page = index.search(Asked(terms, before=before), _PAGE)
        yield from page
        if len(page) < _PAGE:
            return
        before = page[-1].leaf

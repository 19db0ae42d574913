"""Holds, policies and approvals as deeds of the custody book, and what is in force by them.

Whatever decides on deletion is a line of the book, so that the order of lines says what was in
force when something was deleted, and the ledger has the digest of each line.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec

from rules.errors import EXIT_USAGE, MingjianError
from rules.retention.holds import (
    LIFTED,
    PLACED,
    Deed,
    Hold,
    HoldScope,
    details,
    in_force,
    replay,
)
from rules.retention.policies import Policy, encode
from sinks.archive import custody
from sinks.archive.custody import CustodyBook, Line
from sinks.archive.disposable import Spans, digest
from sinks.archive.renewed_book import RENEWED
from sinks.archive.terms import runs

SCHEDULED = "retention_set"  # a schedule of policies is in force from here on
PLANNED, APPROVED = "disposal_planned", "disposal_approved"
DELETED, FINISHED = "messages_deleted", "disposal_finished"


class By(NamedTuple):
    """Who does something, as what, when (UTC ms), and why: the reason or ticket."""

    who: str
    role: str
    at: int
    why: str


class Removal(NamedTuple):
    """What a line says that deletes messages: its number, when, the plan, which leaves, and the
    ids of the holds whose words were looked for in each of them and not found."""

    number: int
    at: int
    plan: str
    leaves: Spans
    looked_for: tuple[str, ...]


def deeds(lines: Iterable[Line]) -> list[Deed]:
    """Lines of the book as the pure core knows them."""
    return [
        Deed(line.number, line.deed.at, line.deed.who, line.deed.action, line.deed.why,
             line.deed.details)
        for line in lines
    ]  # fmt: skip


def place_hold(book: CustodyBook, hold_id: str, scope: HoldScope, by: By) -> Line:
    """Place a hold; it holds when this comes back.

    Raises:
        MingjianError: it names nothing, its words cannot be looked for, its id holds already, or
            no reason is given.
        OSError: the book could not be written; nothing holds.
    """
    if not by.why.strip():
        raise _usage("a hold needs a reason, such as the ticket", "法律保全须写明原因，例如工单号")
    if scope == HoldScope():
        raise _usage(
            "a hold names whom or what it is for; this one names nothing",
            "法律保全须写明对象，这里一项也没有",
            "name an employee, a customer, a room, a span of time, words, an alert or a rule",
            "请写明员工、客户、群、时间段、文字、告警或规则",
        )
    if scope.text and not any(len(run) > 1 for run in runs(scope.text)):
        raise _usage(
            f"cannot look for '{scope.text}': at least two letters or digits have to stand "
            "together",
            f"无法查找“{scope.text}”：至少要有两个相连的字或数字",
        )
    if scope.until and scope.until <= scope.since:
        raise _usage("the hold ends before it begins", "法律保全的结束时间不晚于开始时间")
    with book.locked():  # or two at once get the same id, and lifting one lifts both
        if any(hold.id == hold_id for hold in holds_of(book)):
            raise _usage(f"there is a hold '{hold_id}' already", f"已有编号为“{hold_id}”的法律保全")
        return note(book, PLACED, by, details(hold_id, scope))


def lift_hold(book: CustodyBook, hold_id: str, by: By) -> Line:
    """Lift a hold.

    Raises:
        MingjianError: it is not in force, or no reason is given.
        OSError: the book could not be written; it still holds.
    """
    if not by.why.strip():
        raise _usage("lifting a hold needs a reason", "解除法律保全须写明原因")
    with book.locked():
        if not any(hold.id == hold_id for hold in in_force(holds_of(book))):
            raise _usage(f"no hold '{hold_id}' is in force", f"没有生效中的法律保全“{hold_id}”")
        return note(book, LIFTED, by, {"hold": hold_id})


def holds_of(book: CustodyBook) -> list[Hold]:
    """Every hold that was ever placed.

    Raises:
        MingjianError: the book is damaged, or a hold in it cannot be read. Nothing may go then.
    """
    return replay(deeds(book.lines()))


def set_policies(book: CustodyBook, policies: Sequence[Policy], by: By) -> Line:
    """Put a schedule in force: it stands in the book whole."""
    told = {"policies": msgspec.to_builtins(policies), "sm3": schedule_digest(policies)}
    return note(book, SCHEDULED, by, told)


def schedule_digest(policies: Sequence[Policy]) -> str:
    """The digest of a schedule, SM3 in hex."""
    return digest(encode(policies))


def schedule(found: Iterable[Deed]) -> tuple[Policy, ...]:
    """The schedule that is in force by these deeds; empty before there was one.

    Raises:
        MingjianError: it cannot be read.
    """
    last = scheduled(found)
    if last is None:
        return ()
    try:
        policies = msgspec.convert(last.details.get("policies"), tuple[Policy, ...])
    except msgspec.ValidationError:
        policies = ()
    if not policies or schedule_digest(policies) != last.details.get("sm3"):
        raise MingjianError(
            f"line {last.number} of the custody book sets policies that cannot be read",
            f"保管记录第 {last.number} 行设置的留存策略无法辨认",
            fix_en="put the schedule in force again",
            fix_zh="请重新启用留存策略",
        )
    return policies


def scheduled(found: Iterable[Deed]) -> Deed | None:
    """The deed that put the schedule in force that is by these; None before there was one."""
    last = None
    for deed in found:
        last = deed if deed.action == SCHEDULED else last
    return last


def superseded(found: Iterable[Deed], line: int) -> Deed | None:
    """The first deed behind line `line` of the book that puts a schedule in force: by it all plans
    are void that were made by the lines up to there, for ever, also where it is the same schedule.
    None: there is none."""
    behind = (deed for deed in found if deed.number > line and deed.action == SCHEDULED)
    return next(behind, None)


def finished(found: Iterable[Deed], plan: str) -> str:
    """The digest of what was done by a plan, as the book has it; "" before its end."""
    told = ""
    for deed in found:
        if deed.action == FINISHED and deed.details.get("plan") == plan:
            told = str(deed.details.get("sm3", ""))
    return told


def require_confirmed(found: Sequence[Deed]) -> None:
    """Come back when no hold can have been lost with a damaged book, or an officer has looked
    through what is in force since, which is said by putting the schedule in force again.

    Raises:
        MingjianError: nobody has since the book was begun anew. Nothing may go then.
    """
    renewed = unconfirmed(found)
    if renewed is not None:
        raise MingjianError(
            "the custody book was damaged and begun anew at line"
            f" {renewed.number}: holds may be lost with lines of the one before, so nothing is"
            " deleted",
            f"保管记录曾损坏，自第 {renewed.number} 行重新开始：其中的法律保全可能已丢失，"
            "因此不删除任何内容",
            fix_en="look through `mingjian retention hold list`, place again what is missing, then"
            " put the schedule in force again (`mingjian retention policies FILE --apply`)",
            fix_zh="请查看 `mingjian retention hold list`，补设缺失的保全，再重新启用留存策略"
            "（`mingjian retention policies FILE --apply`）",
        )


def unconfirmed(found: Iterable[Deed]) -> Deed | None:
    """The deed that began the book anew, where the schedule was not put in force again since."""
    last = None
    for deed in found:
        if deed.action in (RENEWED, SCHEDULED):
            last = deed if deed.action == RENEWED else None
    return last


def note_plan(book: CustodyBook, plan: str, going: int, by: By) -> Line:
    """A plan was made that deletes so many messages."""
    return note(book, PLANNED, by, {"plan": plan, "messages": going})


def approve(book: CustodyBook, plan: str, by: By) -> Line:
    """Approve a plan.

    Raises:
        MingjianError: nobody made it, or whoever made it wants to approve it.
    """
    makers = [
        deed.who for deed in deeds(book.lines())
        if deed.action == PLANNED and deed.details.get("plan") == plan
    ]  # fmt: skip
    if not makers:
        raise _usage(f"there is no plan {plan[:16]}", f"没有编号为 {plan[:16]} 的删除计划")
    if by.who in makers:
        raise _usage(
            f"{by.who} made the plan; somebody else has to approve it",
            f"删除计划由 {by.who} 制定，须由他人批准",
        )
    return note(book, APPROVED, by, {"plan": plan})


def approved(found: Sequence[Deed], plan: str) -> Deed | None:
    """The deed that approves a plan: of somebody who did not make it."""
    makers = {
        deed.who for deed in found if deed.action == PLANNED and deed.details.get("plan") == plan
    }
    for deed in found:
        mine = deed.action == APPROVED and deed.details.get("plan") == plan
        if mine and makers and deed.who not in makers:
            return deed
    return None


def removals(found: Iterable[Deed], plan: str = "") -> list[Removal]:
    """The deeds that delete messages, of one plan or of all. One that cannot be read is none."""
    told = []
    for deed in found:
        if deed.action != DELETED or plan not in ("", deed.details.get("plan")):
            continue
        try:
            removal = Removal(
                deed.number,
                deed.at,
                msgspec.convert(deed.details.get("plan"), str),
                msgspec.convert(deed.details.get("leaves"), Spans),
                msgspec.convert(deed.details.get("looked_for"), tuple[str, ...]),
            )
        except msgspec.ValidationError:
            continue
        told.append(removal)
    return told


def note_removal(
    book: CustodyBook, plan: str, leaves: Spans, looked_for: Sequence[str], by: By
) -> Line:
    """These messages are about to be deleted."""
    told = {"plan": plan, "leaves": leaves, "looked_for": sorted(looked_for)}
    return note(book, DELETED, by, told)


def note_end(book: CustodyBook, plan: str, done: str, by: By) -> Line:
    """A plan was carried out; `done` is the digest of what was done."""
    return note(book, FINISHED, by, {"plan": plan, "sm3": done})


def note(book: CustodyBook, action: str, by: By, told: dict[str, Any]) -> Line:
    """Write a deed into the book."""
    return book.write(custody.Deed(by.at, by.who, by.role, action, by.why, told))


def _usage(en: str, zh: str, fix_en: str = "", fix_zh: str = "") -> MingjianError:
    return MingjianError(en, zh, fix_en=fix_en, fix_zh=fix_zh, exit_code=EXIT_USAGE)

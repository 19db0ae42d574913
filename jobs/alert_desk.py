"""What lies outside the archive, at its desk: who may see alerts, open quarantined records and test
channels, and that they did.

Alerts hold what messages say, masked; quarantined records are as they came. Rights and custody book
are the archive's: where one was written, whoever asks goes through its desk. Where none was, there
is no book; roles are kept to all the same where people are named.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from config.settings import Settings, Target
from desk.desk import SAW_ALERTS, TESTED, UNMASKED, Desk
from desk.roles import (
    SEE_ALERTS,
    SEE_RESTRICTED,
    TEST_CHANNELS,
    UNMASK,
    NotAllowed,
    actor_of,
    reason_given,
)
from jobs.access import access_in_force
from jobs.account import account
from jobs.archive import desk_of, open_index, written_archive
from reports.masking import mask_numbers
from rules.errors import MingjianError
from sinks.archive.disposable import spans
from sinks.archive.disposing import disposals_of
from sinks.archive.search import leaf_by_id

Row = dict[str, Any]
Note = Callable[[Sequence[Row]], list[Row]]
_HIDDEN: Row = {
    "summary": "其中的消息只可存储，见 alerts show --why · its messages may only be stored",
    "text": "",
    "hits": [],
}
_IDS = {"alerts": "alert_id", "late": "late_id"}


class _Seat(NamedTuple):
    """The desk, the role in which they sit at it, and the archive."""

    desk: Desk
    role: str
    archive: Target


def listing(settings: Settings, kind: str = "alerts", **asked: Any) -> Note:
    """What has to be told which alerts are about to be shown in a list, and gives them as they may
    be: nothing of what is said in messages that may only be stored.

    Args:
        kind: "alerts", or "late" for records that came too late.
        asked: what they were looked for by.

    Raises:
        MingjianError: they may not see alerts, or nobody was told who may.
    """
    query = _query(asked)
    seat = _seat(settings, SEE_ALERTS, **({"query": query} if query else {}))

    def note(rows: Sequence[Row]) -> list[Row]:
        if seat is None:
            return list(rows)
        told = {"query": query, kind: [row[_IDS[kind]] for row in rows]}
        seat.desk.note(SAW_ALERTS, seat.role, **told)
        return _as_may_be(settings, seat, rows)

    return note


def counting_hits(settings: Settings, **asked: Any) -> Note:
    """Note that words which alerts hit are about to be counted, without which alerts: what comes
    back gives the alerts of each page as they may be, see `listing`.

    Raises:
        MingjianError: see `listing`.
    """
    query = _query(asked)
    seat = _seat(settings, SEE_ALERTS, query=query)
    if seat is None:
        return list
    seat.desk.note(SAW_ALERTS, seat.role, query=query, counted="hits")
    return lambda rows: _as_may_be(settings, seat, rows)


def _query(asked: Mapping[str, Any]) -> dict[str, Any]:
    told = {key: one for key, one in asked.items() if one}
    return {key: mask_numbers(one) if isinstance(one, str) else one for key, one in told.items()}


def _as_may_be(settings: Settings, seat: _Seat, rows: Sequence[Row]) -> list[Row]:
    stored_only = seat.desk.stored_only()
    if not stored_only:
        return list(rows)
    return [
        {key: _HIDDEN.get(key, one) for key, one in row.items()}
        if stored_only & _leaves(settings, seat.archive, _named(row))
        else row
        for row in rows
    ]


def _named(row: Row) -> Sequence[Mapping[str, Any]]:
    """The messages of an alert; a late record is one itself."""
    return row.get("members") or ([row] if "msgid" in row else [])


def show_one(
    settings: Settings, row: Row, evidence: Callable[[], Sequence[Row]], why: str
) -> Sequence[Row]:
    """The evidence of an alert, once it is in the book who sees it, and of which messages.

    Raises:
        MingjianError: they may not see alerts; one of the messages may only be stored, and they may
            not see it or gave no reason; the book cannot be written.
    """
    seat = _seat(settings, SEE_ALERTS, alert=row["alert_id"])
    found = evidence()
    if seat is None:
        return found
    role, reason = seat.role, " ".join(why.split())
    stored_only = seat.desk.stored_only()
    try:
        leaves = _leaves(settings, seat.archive, [*row["members"], *found])
    except MingjianError:
        if stored_only:  # which they are cannot be known now
            raise
        leaves = set()
    details: dict[str, Any] = {"alert": row["alert_id"], "leaves": spans(leaves)}
    if stored_only & leaves:
        role = seat.desk.allow(SEE_RESTRICTED, alert=row["alert_id"])
        reason = reason_given(why, SEE_RESTRICTED)
        details["restricted"] = True
    seat.desk.note(SAW_ALERTS, role, reason, **details)
    return found


def may_see(settings: Settings, wanted: str) -> None:
    """Refuse before anything is looked up. Raises MingjianError: see `listing`."""
    _seat(settings, SEE_ALERTS, alert=wanted[:64])


def before_opening(settings: Settings, quarantine_id: str, why: str, option: str = "--why") -> None:
    """Note that the unmasked bytes of a quarantined record are about to be opened; `option` is
    where a reason is given.

    Raises:
        MingjianError: they may not, gave no reason, or the book cannot be written.
    """
    seat = _seat(settings, UNMASK, quarantined=quarantine_id[:64])
    if seat is not None:
        reason = reason_given(why, UNMASK, option)
        seat.desk.note(UNMASKED, seat.role, reason, quarantined=quarantine_id[:64])


def before_testing(settings: Settings, channels: Sequence[str]) -> None:
    """Note that test messages are sent to these channels.

    Raises:
        MingjianError: they may not, or the book cannot be written.
    """
    seat = _seat(settings, TEST_CHANNELS, channels=list(channels))
    if seat is not None:
        seat.desk.note(TESTED, seat.role, channels=list(channels))


def must_be_allowed(settings: Settings, *rights: str) -> None:
    """For what is done where no archive is. Raises MingjianError: people are named, and who runs
    this may not."""
    access = access_in_force(settings)
    actor = actor_of(access, account())
    for right in rights:
        if access.people and not actor.acts_as(right):
            raise NotAllowed(actor, right, noted=False)


def _seat(settings: Settings, right: str, **wanted: Any) -> _Seat | None:
    """Their place at the desk; None where there is no archive and so no book.

    Raises:
        MingjianError: they may not, or an archive is there and nobody was told who may look.
    """
    archive = written_archive(settings)
    if archive is not None:
        desk = desk_of(settings, archive)
        return _Seat(desk, desk.allow(right, **wanted), archive)
    must_be_allowed(settings, right)
    return None


def _leaves(settings: Settings, archive: Target, named: Sequence[Mapping[str, Any]]) -> set[int]:
    """The messages of an alert by their numbers in the ledger; those that are not archived yet
    have none, those that were deleted keep theirs.

    Raises:
        MingjianError: the index is not there now.
    """
    index = open_index(settings, archive)
    disposals, found = disposals_of(index), set[int]()
    for time, msgid in {(one["time"], one["msgid"]) for one in named}:
        leaf = leaf_by_id(index, msgid, time, time + 1)
        if leaf is not None:
            found.add(leaf)
        else:
            found.update(one.leaf for one in disposals.buried_as(msgid) if one.time == time)
    return found

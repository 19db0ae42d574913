"""Answers to requests for erasure that were kept, and what became of each.

An answer lies in `requests/` of the archive under the digest of its bytes. What it proposes is a
plan like any other, so what became of it is in the custody book and in the tombstones.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from rules.errors import MingjianError
from rules.retention.holds import Deed
from sinks.archive.disposable import DisposableIndex, Spans, Tombstone, counted, digest, spans
from sinks.archive.hold_book import approved
from sinks.archive.plan_states import PlanState, plan_states
from sinks.archive.plans import Plans

RESTRICTED = "processing_restricted"  # action of the custody book: stored only, art. 47
ANSWERED = "answered_request"  # action of the custody book: an answer was kept, by its digest
FOLDER = "requests"
KIND = "erasure request"
NOTHING = "nothing"  # state of a request of which nothing could go
_WINDOW = 1_000


class Earlier(NamedTuple):
    """A request for erasure that was answered and kept.

    `request` is the digest of the answer, `at` (UTC ms) and `why` when it was given and to which
    reference. `state` is that of its plan (`sinks.archive.plan_states`), or `NOTHING`; `goes` how
    many messages the plan names, `stays` how many could not go; `approved_at` when the plan was
    approved (0: it is not). `deleted` are the messages that left a tombstone by it, by their
    numbers, from `deleted_from` to `deleted_until` (UTC ms; 0: none). `stayed` says how many of the
    plan did not go in the end, by the reason.
    """

    request: str
    at: int
    why: str
    plan: str
    state: str
    goes: int
    stays: int
    approved_at: int
    deleted: Spans
    deleted_from: int
    deleted_until: int
    stayed: dict[str, int]

    def gone(self) -> int:
        """How many were deleted."""
        return counted(self.deleted)


def earlier_requests(
    folder: str | Path,
    person: str,
    found: Sequence[Deed],
    plans: Plans,
    index: DisposableIndex,
) -> tuple[list[Earlier], list[str]]:
    """Requests of a person, the first one first; and names of files that are not what was kept,
    are not there any more, or were never entered in the book.

    Args:
        folder: of the archive.
        found: deeds of the custody book.

    Raises:
        OSError: the disk does not answer.
    """
    states = {one.plan: one for one in plan_states(found, plans)}
    kept = [one.details.get("request") for one in found if one.action in (ANSWERED, RESTRICTED)]
    entered = {one for one in kept if isinstance(one, str)}
    files = sorted((Path(folder) / FOLDER).glob("*.json"))
    damaged = [f"{one}.json" for one in entered - {path.stem for path in files}]
    told = []
    for path in files:
        answer = _answer(path)
        state = states.get(answer.get("plan", "")) if answer else None
        if answer is None or (path.stem not in entered and state is None):
            damaged.append(path.name)
        elif answer.get("kind") == KIND and answer.get("person") == person:
            told.append(_earlier(path.stem, answer, state, found, plans, index))
    return sorted(told, key=lambda one: one.at), sorted(damaged)


def _answer(path: Path) -> dict[str, Any] | None:
    data = path.read_bytes()
    if digest(data) != path.stem:
        return None
    answer: dict[str, Any] = msgspec.json.decode(data)
    return answer


def _earlier(
    request: str,
    answer: dict[str, Any],
    state: PlanState | None,
    found: Sequence[Deed],
    plans: Plans,
    index: DisposableIndex,
) -> Earlier:
    stones = list(_stones(state.plan, plans, index)) if state else []
    times = [one.at for one in stones]
    approval = approved(found, state.plan) if state else None
    return Earlier(
        request,
        answer["at"],
        answer["why"],
        state.plan if state else "",
        state.state if state else NOTHING,
        answer["goes"],
        answer["stays"],
        approval.at if approval else 0,
        spans(one.leaf for one in stones),
        min(times, default=0),
        max(times, default=0),
        state.stayed if state else {},
    )


def _stones(plan: str, plans: Plans, index: DisposableIndex) -> Iterator[Tombstone]:
    """The tombstones that a plan left; none where the plan is not what was made."""
    try:
        going = [one.leaf for one in plans.read(plan).messages]
    except MingjianError:
        return
    for start in range(0, len(going), _WINDOW):
        window = going[start : start + _WINDOW]
        named = set(window)
        for stone in index.buried(min(window), max(window)):
            if stone.plan == plan and stone.leaf in named:
                yield stone

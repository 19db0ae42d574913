"""What a deletion works on, and when it is refused."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from rules.decode import Decoder
from rules.errors import EXIT_USAGE, MingjianError
from rules.retention.holds import Deed
from sinks.archive.custody import CustodyBook
from sinks.archive.disposable import DISPOSAL, DISPOSED, DisposableIndex, digest
from sinks.archive.disposal_plan import Plan
from sinks.archive.facts import Departments
from sinks.archive.hold_book import (
    APPROVED,
    approved,
    deeds,
    finished,
    require_confirmed,
    schedule,
    schedule_digest,
    superseded,
)
from sinks.archive.keys import TenantKeys
from sinks.archive.leaves import OtherLeaf
from sinks.archive.objects import Objects
from sinks.archive.plans import Plans
from sinks.archive.rows import ArchiveIndex
from sinks.ledger.log import Ledger

_EVER = 1 << 62


class Step(NamedTuple):
    """How far a plan is: messages that were looked at, of how many."""

    done: int
    of: int


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What a deletion works on. `index` and `disposals` are of one file or server; `now` gives
    UTC ms; `random` makes keys; `heard` the number of the line of the book up to which it is known
    what its holds on alerts and rules are for."""

    tenant: str
    folder: Path
    objects: Objects
    ledger: Ledger
    index: ArchiveIndex
    disposals: DisposableIndex
    keys: TenantKeys
    decoder: Decoder
    book: CustodyBook
    departments: Departments
    now: Callable[[], int]
    random: Callable[[int], bytes] = field(default=secrets.token_bytes)
    heard: Callable[[], int] = field(default=lambda: _EVER)


class Void(MingjianError):
    """A schedule was put in force since the plan was made."""

    def __init__(self, plan_id: str, deed: Deed | None = None) -> None:
        short = plan_id[:16]
        line = f" (line {deed.number} of the custody book)" if deed else ""
        hang = f"（保管记录第 {deed.number} 行）" if deed else ""
        super().__init__(
            f"the retention schedule has changed since the plan {short} was made{line}",
            f"制定计划 {short} 之后留存策略已变更{hang}",
            fix_en="make a new plan",
            fix_zh="请重新制定计划",
            exit_code=EXIT_USAGE,
        )


class NotNow(MingjianError):
    """What cannot be told yet, and may be later without anybody's doing. `alerts`: those that are
    missing, where it is that."""

    def __init__(self, en: str, zh: str, fix_en: str, fix_zh: str,
                 alerts: frozenset[str] = frozenset()) -> None:  # fmt: skip
        super().__init__(en, zh, fix_en=fix_en, fix_zh=fix_zh)
        self.alerts = alerts


def refuse(parts: Parts, plan: Plan, plan_id: str) -> None:
    """Refuse a plan that may not be carried out.

    Raises:
        MingjianError: see `sinks.archive.disposal.carry_out`.
    """
    short = plan_id[:16]
    if plan.tenant != parts.tenant:
        raise _usage(f"the plan {short} is of another tenant", f"计划 {short} 属于其他租户")
    found = deeds(parts.book.lines())
    if approved(found, plan_id) is None:
        raise _usage(
            f"nobody but its maker has approved the plan {short}",
            f"计划 {short} 尚未由制定者以外的人批准",
        )
    if not accounted_for(parts):
        raise _usage(
            "the ledger has entries that the index does not know yet",
            "账本中有索引尚未登记的条目",
            "open the archive first, which finishes what was cut short",
            "请先打开归档，以完成中断的写入",
        )
    require_in_force(found, plan, plan_id)


def require_in_force(found: Sequence[Deed], plan: Plan, plan_id: str) -> None:
    """Come back when the plan still stands by these deeds of the book.

    Raises:
        Void: a schedule was put in force since it was made.
        MingjianError: see `require_confirmed`.
    """
    require_confirmed(found)
    later = superseded(found, plan.book)
    if later is not None or schedule_digest(schedule(found)) != plan.policies_sm3:
        raise Void(plan_id, later)


def accounted_for(parts: Parts) -> bool:
    """Whether the index knows all entries of the ledger: else nothing may be entered."""
    return parts.index.leaves() == parts.ledger.size


def waiting(parts: Parts) -> list[str]:
    """Plans that are approved and not carried out to their end, for the process that writes the
    archive; also those that are not there any more."""
    found = deeds(parts.book.lines())
    named = {str(deed.details.get("plan")) for deed in found if deed.action == APPROVED}
    return [
        plan_id
        for plan_id in sorted(named)
        if approved(found, plan_id) is not None and not ended(parts, plan_id, found)
    ]


def begun(parts: Parts, plan_id: str) -> bool:
    """Whether something was done by a plan."""
    return bool(parts.index.entered([OtherLeaf(DISPOSAL, plan_id, plan_id)]))


def ended(parts: Parts, plan_id: str, found: Sequence[Deed] | None = None) -> bool:
    """Whether a plan was carried out to its end: the digest of what was done, by the custody book
    or of the file that says it, is in the ledger. Such a file alone says nothing.

    Args:
        found: deeds of the book; by default it is read.
    """
    told = finished(deeds(parts.book.lines()) if found is None else found, plan_id)
    done = Plans(parts.folder).done(plan_id)
    told_of = [one for one in (told, digest(done) if done else "") if one]
    return bool(parts.index.entered([OtherLeaf(DISPOSED, plan_id, one) for one in told_of]))


def _usage(en: str, zh: str, fix_en: str = "", fix_zh: str = "") -> MingjianError:
    return MingjianError(en, zh, fix_en=fix_en, fix_zh=fix_zh, exit_code=EXIT_USAGE)

"""What a deletion works on, and when it is refused from the start."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from rules.decode import Decoder
from rules.errors import EXIT_USAGE, MingjianError
from sinks.archive.custody import CustodyBook
from sinks.archive.disposable import DISPOSED, DisposableIndex, digest
from sinks.archive.disposal_plan import Plan
from sinks.archive.facts import Departments
from sinks.archive.hold_book import (
    approved,
    deeds,
    require_confirmed,
    schedule,
    schedule_digest,
)
from sinks.archive.keys import TenantKeys
from sinks.archive.leaves import OtherLeaf
from sinks.archive.objects import Objects
from sinks.archive.plans import Plans
from sinks.archive.rows import ArchiveIndex
from sinks.ledger.log import Ledger


class Step(NamedTuple):
    """How far a plan is: messages that were looked at, of how many."""

    done: int
    of: int


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What a deletion works on. `index` and `disposals` are of one file or server; `now` gives
    UTC ms; `random` makes keys."""

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


def refuse(parts: Parts, plan: Plan, plan_id: str) -> None:
    """Refuse a plan that may not be carried out.

    Raises:
        MingjianError: see `sinks.archive.disposal.carry_out`.
    """
    found = deeds(parts.book.lines())
    require_confirmed(found)
    short = plan_id[:16]
    if plan.tenant != parts.tenant:
        raise _usage(f"the plan {short} is of another tenant", f"计划 {short} 属于其他租户")
    if approved(found, plan_id) is None:
        raise _usage(
            f"nobody but its maker has approved the plan {short}",
            f"计划 {short} 尚未由制定者以外的人批准",
        )
    if schedule_digest(schedule(found)) != plan.policies_sm3:
        raise _usage(
            f"the retention schedule has changed since the plan {short} was made",
            f"制定计划 {short} 之后留存策略已变更",
            "make a new plan",
            "请重新制定计划",
        )
    if parts.index.leaves() != parts.ledger.size:
        raise _usage(
            "the ledger has entries that the index does not know yet",
            "账本中有索引尚未登记的条目",
            "open the archive first, which finishes what was cut short",
            "请先打开归档，以完成中断的写入",
        )


def waiting(parts: Parts) -> list[str]:
    """Plans that are approved and not carried out to their end, for the process that writes the
    archive."""
    plans, found = Plans(parts.folder), deeds(parts.book.lines())
    return [
        plan_id
        for plan_id in plans.ids()
        if approved(found, plan_id) is not None and not ended(parts, plan_id)
    ]


def ended(parts: Parts, plan_id: str) -> bool:
    """Whether a plan was carried out to its end."""
    done = Plans(parts.folder).done(plan_id)
    return bool(done and parts.index.entered([OtherLeaf(DISPOSED, plan_id, digest(done))]))


def _usage(en: str, zh: str, fix_en: str = "", fix_zh: str = "") -> MingjianError:
    return MingjianError(en, zh, fix_en=fix_en, fix_zh=fix_zh, exit_code=EXIT_USAGE)

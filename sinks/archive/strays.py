"""Segments in the storage that the index has no row of.

A write that was cut short leaves one, and so does whoever puts one back from a copy. Messages that
were deleted may still be in them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from sinks.archive.disposable import DisposableIndex
from sinks.archive.disposal_remains import plan_of_copy
from sinks.archive.plans import Plans
from sinks.ledger.reader import LedgerReader

_SEGMENT = re.compile(r"[0-9]{13}-[0-9a-f]{8}([0-9a-f]{8})?")
WORDS = (
    "no row of the index names it: it is left of a write that was cut short, or was put back from a"
    " copy, and messages that were deleted may be in it",
    "索引中没有任何条目指向它：可能是中断的写入所遗留，或从副本放回；其中可能有已删除的消息",
)


def segment_names(names: Iterable[str]) -> list[str]:
    """Of the names in a storage, which holds files too, those of segments."""
    return sorted(filter(_SEGMENT.fullmatch, names))


def made_at(name: str) -> int:
    """When a segment was made (UTC ms), by its name; one that was written anew: the first of those
    that it was made from."""
    return int(name.partition("-")[0])


def strays(
    there: Iterable[str], index: DisposableIndex, plans: Plans, ledger: LedgerReader
) -> list[str]:
    """The names of segments that the index has no row of.

    Passed over are those that may be being written now: newer than the newest head, which is signed
    between two writes, or of a plan that is not at its end; and those that are to be removed
    anyway.

    Args:
        there: names in the storage, listed before the index is asked.
    """
    known = set(index.segments())
    found = [name for name in segment_names(there) if name not in known]
    if not found:
        return []
    open_plans = {plan[:8] for plan in plans.ids() if plans.done(plan) is None}
    signed = max((note.checkpoint.at for note in ledger.notes), default=0)
    discards = set(index.discards())
    return [
        name
        for name in found
        if name not in discards
        and (copy not in open_plans if (copy := plan_of_copy(name)) else made_at(name) <= signed)
    ]

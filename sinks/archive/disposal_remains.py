"""What a step of a deletion leaves when it is cut short, and how that is finished.

Before the index let go of the messages everything is as it was, but for their tombstones in the
ledger, which are taken back, and copies in new segments, which are removed. After that they are
gone, and what remains is to remove the old segments and what else names them. Both are done for
every plan that was begun, also where it may not be carried out any more: a message is there or it
is gone, and nothing in between stays.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from sinks.archive.disposable import Tombstone, digest, spared_leaf, tombstone_leaf, within
from sinks.archive.disposal_parts import Parts
from sinks.archive.hit_book import HitBook
from sinks.archive.hold_book import deeds, removals
from sinks.archive.leaves import OtherLeaf, other_entry
from sinks.archive.rows import Row, Stored

_STAMP = 13  # characters of a time
_SHORT = 8
_COPY = re.compile(r"[0-9]{13}-([0-9a-f]{8})([0-9a-f]{8})")


def stone_of(row: Row, plan: str, book: int, at: int) -> Tombstone:
    """What a message leaves."""
    return Tombstone(row.leaf, row.msgid, row.seq, row.time, row.sm3, plan, book, at)


def new_name(old: str, created_at: int, plan: str) -> str:
    """The same for the same segment and plan, so that a step that is done again leaves nothing."""
    stamp = old[:_STAMP] if old[:_STAMP].isdecimal() else f"{created_at:013}"
    return f"{stamp}-{plan[:_SHORT]}{digest(old.encode())[:_SHORT]}"


def plan_of_copy(name: str) -> str:
    """The first digits of the plan that a segment was written anew by; "" of one that a flush
    wrote, and of what is no segment."""
    found = _COPY.fullmatch(name)
    return found[1] if found else ""


def enter(parts: Parts, leaves: Sequence[OtherLeaf]) -> None:
    """Enter in ledger and index what is not there yet."""
    known = parts.index.entered(leaves)
    new = [leaf for leaf in leaves if leaf not in known]
    if new:
        first = parts.ledger.append(list(map(other_entry, new)))
        numbered = list(enumerate(new, first))
        parts.index.store(Stored((), (), numbered, (), {}, parts.ledger.size))


def discard(parts: Parts) -> None:
    """Remove segments that the index has let go of."""
    names = parts.disposals.discards()
    for name in names:
        parts.objects.delete(name)
    if names:
        parts.disposals.discarded(names)


def take_back(parts: Parts, plan: str) -> None:
    """Take back tombstones that were entered by a plan, and whose messages are still there or went
    by another plan."""
    for removal in removals(deeds(parts.book.lines()), plan):
        leaves = list(within(removal.leaves))
        if not leaves:
            continue
        rows = parts.disposals.rows_at(leaves)
        stones = [stone_of(row, plan, removal.number, removal.at) for row in rows]
        named = set(leaves)
        stones += (
            stone._replace(plan=plan, book=removal.number, at=removal.at)
            for stone in parts.disposals.buried(leaves[0], leaves[-1])
            if stone.leaf in named and stone.plan != plan
        )
        entered = parts.index.entered([tombstone_leaf(stone) for stone in stones])
        enter(parts, [spared_leaf(one) for one in stones if tombstone_leaf(one) in entered])


def forget_hits(parts: Parts, plan: str, leaves: Sequence[int]) -> None:
    """What alerts named of those that are gone by a plan, also where it stands beside the index."""
    if leaves:
        buried = parts.disposals.buried(min(leaves), max(leaves))
        gone = {(one.time, one.msgid) for one in buried if one.plan == plan}
        HitBook(parts.folder).forget(gone)

"""The tombstones of the index, which people are shown, held against those of the ledger."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import NamedTuple

from sinks.archive.disposable import DisposableIndex, tombstone_leaf
from sinks.archive.disposal_entries import Entries

_WINDOW = 10_000  # leaves that are looked at at once


class Contradiction(NamedTuple):
    """Something that does not agree. `leaf` is the message's number in the ledger, -1 where it is
    not of one message; `plan` the id of the plan, "" where none."""

    leaf: int
    plan: str
    en: str
    zh: str


def tombstones_of(index: DisposableIndex, entries: Entries, size: int) -> Iterator[Contradiction]:
    """What is wrong with them, up to the ledger's entry `size`. One that no signed head covers yet
    is wrong only where its message is there."""
    leaves = sorted(entries.stones)
    for first in range(0, size, _WINDOW):
        last = min(first + _WINDOW, size) - 1
        there: set[int] | None = None
        of_index = index.buried(first, last)
        left = {one.leaf for one in of_index} | entries.there
        for leaf in leaves[bisect_left(leaves, first) : bisect_right(leaves, last)]:
            if leaf not in left:
                yield Contradiction(
                    leaf,
                    entries.stones[leaf].plan,
                    "it is gone, and the index has lost its tombstone",
                    "该消息已删除，而索引中的墓碑已丢失",
                )
        for shown in of_index:
            stone = entries.stones.get(shown.leaf)
            if stone is not None and tombstone_leaf(shown).sm3 != stone.sm3:
                yield Contradiction(
                    shown.leaf,
                    shown.plan,
                    "the index has another tombstone of it than the ledger",
                    "索引中的墓碑与账本登记的不同",
                )
            if stone is not None:
                continue
            there = index.present(first, last) if there is None else there
            if shown.leaf in there:
                yield Contradiction(
                    shown.leaf,
                    shown.plan,
                    "the index has a tombstone of it, the ledger has none, and it is there",
                    "索引中有其墓碑，账本中没有，而该消息仍在归档中",
                )

"""Items that count for a correlation, as its evaluator takes them."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

import msgspec

from rules.correlation.entry import Entry
from rules.correlation.plan import Plan
from rules.items import Item


def entries_of(plan: Plan, items: Iterable[Item]) -> list[Entry]:
    """Ordered items as entries: one for each message, however many base rules it fits."""
    found: list[Entry] = []
    for (time, seq), instant in groupby(items, key=lambda item: (item.time, item.seq)):
        messages: dict[str, list[Item]] = {}
        for item in instant:
            messages.setdefault(item.msgid, []).append(item)
        for msgid, same in messages.items():
            steps = {item.step: item for item in reversed(same)}
            kept = tuple(steps[step] for step in sorted(steps))
            if plan.compares:
                values = tuple(item.value for item in kept)
            else:
                values = plan.values(item.value for item in same if item.value)
            found.append(Entry(time, seq, msgid, tuple(sorted(steps)), values, kept))
    return found


def remembered(item: Item) -> Item:
    """An item that will never be evidence, and need not keep its message."""
    return msgspec.structs.replace(item, raw=b"", spans=()) if item.raw or item.spans else item

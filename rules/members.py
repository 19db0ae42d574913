"""Items that count for a correlation, as its evaluator takes them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from rules.correlation.entry import Entry
from rules.correlation.plan import Plan
from rules.items import Item


def entries_of(plan: Plan, items: Sequence[Item]) -> list[Entry]:
    """Ordered items as entries: one for each message, however many base rules it fits."""
    found: list[Entry] = []
    at, count = 0, len(items)
    simple = plan.compares or not plan.numeric
    while at < count:
        item, begin = items[at], at
        time, seq = item.time, item.seq
        at += 1
        while at < count and items[at].time == time and items[at].seq == seq:
            at += 1
        if at - begin > 1:
            found += _of_instant(plan, items[begin:at])
            continue
        value = item.value
        values: tuple[str, ...] = (value,) if value or plan.compares else ()
        if values and not simple:
            values = plan.values(values)
        found.append(Entry(time, seq, item.msgid, (item.step,), values, (item,)))
    return found


def _of_instant(plan: Plan, items: Sequence[Item]) -> Iterator[Entry]:
    messages: dict[str, list[Item]] = {}
    for item in items:
        messages.setdefault(item.msgid, []).append(item)
    for msgid, same in messages.items():
        steps = {item.step: item for item in reversed(same)}
        kept = tuple(steps[step] for step in sorted(steps))
        if plan.compares:
            values = tuple(item.value for item in kept)
        else:
            values = plan.values(item.value for item in same if item.value)
        yield Entry(items[0].time, items[0].seq, msgid, tuple(sorted(steps)), values, kept)


def remembered(item: Item) -> Item:
    """An item that will never be evidence, and need not keep its message."""
    return msgspec.structs.replace(item, raw=b"", spans=()) if item.raw or item.spans else item

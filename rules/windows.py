"""Windows over event time: which of a group's items breach a correlation rule now.

Windows are closed, [t - timespan, t]. Items arrive here in order (`Item.order`), so every answer
is a function of the set of items and not of how they came in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rules.items import Item
from rules.model import CorrelationRule


def event_count(rule: CorrelationRule, window: Sequence[Item]) -> tuple[Item, ...]:
    """Every physical event counts once, however many base rules it fits."""
    events = distinct_events(window)
    return events if len(events) >= rule.threshold else ()


def value_count(rule: CorrelationRule, window: Sequence[Item]) -> tuple[Item, ...]:
    """Distinct values of `rule.field`; all items of the window are the evidence."""
    if len({item.value for item in window}) < rule.threshold:
        return ()
    return distinct_events(window)


def distinct_events(window: Sequence[Item]) -> tuple[Item, ...]:
    """The distinct physical events of a window, in order."""
    distinct = {item.msgid: item for item in reversed(window)}
    return tuple(sorted(distinct.values(), key=Item.order))


def temporal_ordered(rule: CorrelationRule, window: Sequence[Item]) -> tuple[Item, ...]:
    """The earliest chain of one event for each step, strictly ordered by (time, seq).

    Equal times without a sequence number are not ordered, and one event is never two steps.
    """
    chain: list[Item] = []
    for step in range(len(rule.rules)):
        after = chain[-1] if chain else None
        found = next(
            (
                item
                for item in window
                if item.step == step and (after is None or _later(item, after))
            ),
            None,
        )
        if found is None:
            return ()
        chain.append(found)
    return tuple(chain)


def _later(item: Item, other: Item) -> bool:
    if item.msgid == other.msgid:
        return False
    if item.time != other.time:
        return item.time > other.time
    return bool(item.seq and other.seq) and item.seq > other.seq


BREACH: dict[str, Callable[[CorrelationRule, Sequence[Item]], tuple[Item, ...]]] = {
    "event_count": event_count,
    "value_count": value_count,
    "temporal_ordered": temporal_ordered,
}

"""What a correlation found, as it is told to those who asked and to correlations above."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from rules.correlation.entry import Entry
from rules.correlation.folds import Value
from rules.correlation.membership import Key, compact, group_of, parts, plain, value_of
from rules.correlation.nodes import Node, Target
from rules.correlation.row import Row

Evidence = Mapping[str, Mapping[str, str | None]]  # event id -> fields that others will ask for
_NO_FIELDS: Mapping[str, str | None] = {}


class Found(NamedTuple):
    """One alert. `value` is the window's; `event_ids` are in order of time."""

    rule: str
    group: dict[str, str | None]
    time: int
    start: int
    value: int | float | None
    event_ids: tuple[str, ...]


def found_of(node: Node, key: Key, row: Row) -> Found:
    """The alert of a row."""
    group = dict(zip(node.plan.correlation.group_by, parts(key), strict=True))
    value = plain(row.value)
    return Found(node.name, group, row.time, row.start, value, tuple(evidence_of(row)))


def evidence_of(row: Row) -> dict[str, Mapping[str, str | None]]:
    """Of every event behind a row what correlations above may ask for."""
    found: dict[str, Mapping[str, str | None]] = {}
    for entry in row.entries:
        data: Evidence | None = entry.data
        if data is None:
            found[entry.id] = _NO_FIELDS
        else:
            found.update(data)
    return found


def text_of(value: Value) -> str | None:
    """A row's value, as a field of an event has it."""
    shown = plain(value)
    return None if shown is None else str(shown)


def rise(
    nodes: Sequence[Node], node: Node, key: Key, row: Row, number: int
) -> tuple[list[Target], bool]:
    """A row as an event of its own, to those that refer to its correlation; and whether one of
    them has no group for it.

    Args:
        number: of the row among those of its group and time.
    """
    how = node.plan.correlation
    own: dict[str, str | None] = dict(zip(how.group_by, parts(key), strict=True))
    own[how.type] = own["sigma_metric"] = text_of(row.value)
    evidence = evidence_of(row)
    identity = f"{node.name}\x1f{row.time}\x1f{number}\x1f" + "\x1f".join(map(str, parts(key)))
    found: dict[tuple[int, Key], tuple[set[int], dict[str, None]]] = {}
    missing = False
    for fields in evidence.values():
        seen = {**fields, **own}
        for parent, slot in node.parents:
            reader = nodes[parent].plan.correlation
            group = group_of(reader, node.name, seen.get)
            if group is None:
                missing = True
                continue
            slots, values = found.setdefault((parent, compact(group)), (set(), {}))
            slots.add(slot)
            if reader.between:  # a row is compared by the newest of its events
                values.clear()
            values.update(dict.fromkeys(value_of(reader, node.name, seen.get)))
    risen = []
    for (parent, place), (slots, values) in found.items():
        placed = nodes[parent].plan.placed(tuple(slots), tuple(values))
        risen.append((nodes[parent], place, Entry(row.time, 0, identity, *placed, evidence)))
    return risen, missing

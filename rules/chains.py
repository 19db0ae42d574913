"""Correlations that read correlations: how deep, and what a row of one is to the one above.

A row is handed up as an item of its own, at the time of the row, in every group of the parent that
its evidence belongs to. It carries the messages behind it: all of them when an episode opens, the
new ones while it goes on. Each level of a chain is a keyed stage of its own in the job.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from graphlib import CycleError
from typing import Any

import msgspec

from rules.alert import content_id
from rules.correlation.membership import plain
from rules.correlation.network import in_order
from rules.correlation.row import Row
from rules.grouping import counted_value, group_values, key_of_group
from rules.items import ROW, Item, pack
from rules.model import CorrelationRule

MAX_LEVELS = 3
MAX_CARRIED = 50  # messages that one row brings up; the newest stay

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Item]).decode
Read = Callable[[Item], Callable[[str], Any]]  # item -> (field -> value in its message)


class Circle(ValueError):
    """Correlations that read each other in a circle; `names` are in order, the first again last."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(" → ".join(names))
        self.names = tuple(names)


def depths(reads: Mapping[str, Iterable[str]]) -> dict[str, int]:
    """Name -> 1 for a correlation of single messages, 2 for one that reads such, and so on.

    Args:
        reads: name of each correlation -> what it reads; names of other rules are left out.

    Raises:
        Circle: there is no lowest one.
    """
    try:
        order = in_order(reads)
    except CycleError as error:
        raise Circle(error.args[1]) from None
    found: dict[str, int] = {}
    for name in order:
        found[name] = 1 + max((found[one] for one in reads[name] if one in reads), default=0)
    return found


def messages_of(items: Iterable[Item]) -> list[Item]:
    """The messages behind items, those of rows in place of the rows; each once, in order."""
    found: dict[str, Item] = {}
    for item in items:
        for one in _decode(item.raw) if item.kind == ROW else (item,):
            found.setdefault(one.msgid, one)
    return sorted(found.values(), key=Item.order)


def handed_up(
    rule: CorrelationRule,
    row: Row,
    number: int,
    parents: Sequence[tuple[CorrelationRule, int]],
    read: Read,
) -> Iterator[bytes]:
    """Packed items of a row for those that read the correlation.

    Args:
        number: tells rows of one time apart.
        parents: correlations that read it, each with its place in their `rules`.
    """
    name = rule.ref.name
    below = [entry.data[0] for entry in row.entries]
    if not below:
        return
    own_group = below[-1].group
    messages = messages_of(below)
    new = messages if row.opens else _news(row, messages)
    carried, left_out = _encode(new[-MAX_CARRIED:]), max(0, len(new) - MAX_CARRIED)
    own: dict[str, Any] = dict(zip(rule.group_by, own_group[1:], strict=True))
    own[rule.how.type] = own["sigma_metric"] = plain(row.value)
    identity = content_id(name, *own_group, str(row.time), str(number))
    for parent, step in parents:
        seen: dict[tuple[str, ...], dict[str, None]] = {}
        for message in messages:
            lookup = _with(own, read(message))
            group = group_values(parent, name, own_group[0], lookup)
            value = counted_value(parent, step, name, lookup)
            if group is not None and value is not None:
                if parent.how.between:  # compared by the newest of its messages
                    seen[group] = {value: None}
                else:
                    seen.setdefault(group, {})[value] = None
        for group, values in seen.items():
            for value in values:
                item = Item(
                    ROW, below[-1].ruleset, parent.ref.name, step, name, group, value,
                    row.time, 0, identity, "", 0, 0, carried, size=left_out + row.truncated,
                )  # fmt: skip
                yield pack(key_of_group(parent, group), item)


def _news(row: Row, messages: Sequence[Item]) -> list[Item]:
    """Of the messages behind a row that continues an episode those that came with it; the last one
    where there is none."""
    fresh = {one.msgid for one in messages_of(entry.data[0] for entry in row.fresh)}
    return [one for one in messages if one.msgid in fresh] or [messages[-1]]


def is_short(item: Item) -> bool:
    """Does a row carry fewer messages than it should?"""
    return item.kind == ROW and item.size > 0


def _with(own: Mapping[str, Any], read: Callable[[str], Any]) -> Callable[[str], Any]:
    return lambda name: own[name] if name in own else read(name)

"""A segment written anew without some of its records."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

from rules.errors import MingjianError
from sinks.archive.disposable import Moved
from sinks.archive.keys import TenantKeys
from sinks.archive.objects import Objects
from sinks.archive.rows import Row, SegmentRow
from sinks.archive.segment import Entry, Listed, SegmentDamaged, open_all, read_head, seal_segment


class Resealed(NamedTuple):
    """The new segment, and where its records are."""

    made: SegmentRow
    moved: list[Moved]


class Records:
    """The raw records of one segment, as many as can be opened."""

    def __init__(self, rows: Sequence[Row], objects: Objects, keys: TenantKeys) -> None:
        self.rows = rows
        self.raw = _opened(rows, objects, keys)

    def stays_whole(self, going: Collection[int]) -> bool:
        """Whether all that stay can be opened, so that they can be sealed anew."""
        return all(row.leaf in self.raw for row in self.rows if row.leaf not in going)

    def reseal(
        self,
        going: Collection[int],
        was: SegmentRow,
        name: str,
        *,
        tenant: str,
        objects: Objects,
        keys: TenantKeys,
        random: Callable[[int], bytes],
    ) -> Resealed | None:
        """Store the segment `name` with those that do not go, under a key of its own, and read it
        back; None when nobody stays. An object with this name is replaced.

        Raises:
            SegmentDamaged: what was stored is not what was sealed.
            OSError: the storage did not take it.
        """
        stay = [row for row in self.rows if row.leaf not in going]
        if not stay:
            return None
        sealed = seal_segment(
            [Entry(row.msgid, row.seq, self.raw[row.leaf]) for row in stay],
            tenant=tenant,
            name=name,
            keys=keys,
            created_at=was.created_at,
            random=random,
        )
        objects.put(name, sealed.data)
        data = objects.get(name)
        again = open_all(data, name, keys)
        if len(again) != len(stay) or any(
            _sm3(one) != row.sm3 for one, row in zip(again, stay, strict=True)
        ):
            raise SegmentDamaged(name, "it is not what was just stored", "刚存入的内容与写入的不同")
        version = read_head(data, name).wrapped.version
        made = SegmentRow(name, version, sealed.sm3, len(sealed.data), len(stay), was.created_at)
        return Resealed(
            made,
            [
                Moved(row.leaf, name, number, place)
                for number, (row, place) in enumerate(zip(stay, sealed.places, strict=True), 1)
            ],
        )


def _opened(rows: Sequence[Row], objects: Objects, keys: TenantKeys) -> dict[int, bytes]:
    """Raw records by leaf, those alone that are what was entered."""
    name = rows[0].segment
    try:
        listed = {one.number: one for one in open_all(objects.get(name), name, keys)}
    except MingjianError:
        return {}
    found = {}
    for row in rows:
        one = listed.get(row.number)
        if one is not None and one.raw is not None and _sm3(one) == row.sm3:
            found[row.leaf] = one.raw
    return found


def _sm3(one: Listed) -> bytes:
    return hashlib.new("sm3", one.raw).digest() if one.raw is not None else b""

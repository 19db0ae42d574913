"""Where the sealed records of messages are now, found from the segments themselves.

The ledger names the segment in which a message was sealed first. A segment in which something was
deleted was written anew, under another name that begins with the same time; so where the first one
is not there, or something of it was deleted, every segment of that time is looked into, and records
are known by what they say and by their digest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from typing import NamedTuple

from rules.errors import MingjianError
from sinks.archive.keys import KeyMissing, KeyRefused, TenantKeys
from sinks.archive.leaves import MessageLeaf
from sinks.archive.objects import NoObject, Objects
from sinks.archive.rows import SegmentRow
from sinks.archive.segment import DIGEST_BYTES, Listed, SegmentDamaged, open_all, read_head

_STAMP = 13  # characters of the time at which a segment's name begins
Group = Sequence[tuple[int, MessageLeaf]]
"""Messages with their leaves, which the ledger says were sealed in one segment."""


class Opened(NamedTuple):
    """A segment that was read: its row, and its records."""

    row: SegmentRow
    records: list[Listed]


class Found(NamedTuple):
    """Of a group: by leaf, the segment and record of those that were found, also where the record
    does not open; what is wrong with segments that were looked into; and by segment, how many
    records of messages that are deleted are still in it."""

    records: dict[int, tuple[SegmentRow, Listed]]
    wrong: dict[str, MingjianError]
    left: dict[str, int]


class Segments:
    """The segments of an archive, looked into once each as long as groups come in their order."""

    def __init__(self, objects: Objects, keys: TenantKeys) -> None:
        self._objects, self._keys = objects, keys
        self._by_time: dict[str, list[str]] | None = None

    def find(self, group: Group, gone: Collection[int], moved: bool) -> Found:
        """The records of a group.

        Args:
            gone: leaves of those that are deleted, and not looked for.
            moved: whether something of the group was deleted, or was about to be.

        Raises:
            KeyMissing, KeyRefused: the key of a segment does not open.
            OSError: the storage does not answer.
        """
        named = group[0][1].segment
        wanted = [one for one in group if one[0] not in gone]
        found = Found({}, {}, {})
        names = [named] if not moved else sorted({*self._of_time(named), named})
        self._look(names, group, gone, found)
        whole = all(leaf in found.records and found.records[leaf][1].raw is not None
                    for leaf, _ in wanted)  # fmt: skip
        if not (whole or moved):
            others = [one for one in self._of_time(named) if one != named]
            self._look(others, group, gone, found)
        return found

    def there(self, name: str) -> bool:
        """Whether the storage has a segment with this name."""
        return name in self._of_time(name)

    def _look(
        self, names: Sequence[str], group: Group, gone: Collection[int], found: Found
    ) -> None:
        """Take records from the segments that hold least of what is deleted, then most of the
        rest, then the one that was written first."""
        candidates = []
        for name in names:
            opened = self._opened(name, found)
            if opened is None:
                continue
            matched = _matched(opened.records, group)
            held = sum(leaf in gone for leaf in matched)
            if held:
                found.left[name] = held
            first = name != group[0][1].segment
            candidates.append((held, held - len(matched), first, name, opened.row, matched))
        for *_, row, matched in sorted(candidates, key=lambda one: one[:4]):
            for leaf, record in matched.items():
                there = found.records.get(leaf)
                better = there is None or (there[1].raw is None and record.raw is not None)
                if better and leaf not in gone:
                    found.records[leaf] = row, record

    def _opened(self, name: str, found: Found) -> Opened | None:
        try:
            data = self._objects.get(name)
            head = read_head(data, name)
            records = open_all(data, name, self._keys)
        except (KeyMissing, KeyRefused):
            raise
        except (NoObject, SegmentDamaged) as error:
            found.wrong[name] = error
            return None
        sm3 = hashlib.new("sm3", data[:-DIGEST_BYTES]).hexdigest()
        version, size = head.wrapped.version, len(data)
        return Opened(SegmentRow(name, version, sm3, size, head.records, head.created_at), records)

    def _of_time(self, name: str) -> list[str]:
        """The segments that were written when this one was, itself included where it is there."""
        if self._by_time is None:
            self._by_time = {}
            for one in self._objects.names():
                self._by_time.setdefault(one[:_STAMP], []).append(one)
        return sorted(self._by_time.get(name[:_STAMP], ()))


def _matched(records: Sequence[Listed], group: Group) -> dict[int, Listed]:
    """By leaf, the record that is of it; one that does not open is known by id and sequence."""
    by_name: dict[tuple[str, int], list[tuple[int, MessageLeaf]]] = {}
    for leaf, told in group:
        by_name.setdefault((told.msgid, told.seq), []).append((leaf, told))
    found: dict[int, Listed] = {}
    for one in records:
        for leaf, told in by_name.get((one.msgid, one.seq), ()):
            if leaf in found and found[leaf].raw is not None:
                continue
            if one.raw is None or hashlib.new("sm3", one.raw).hexdigest() == told.sm3:
                found[leaf] = one
                break
    return found

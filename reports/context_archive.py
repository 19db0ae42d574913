"""Context from the archive: every record of a conversation is found by the index, in milliseconds
whatever the archive's size, and is the one that was entered in the ledger."""

from __future__ import annotations

from collections.abc import Iterator

from reports.context import ContextRecord, Found, Wanted
from rules.alert import Position
from sinks.archive.search import ArchiveReader, Query

_PAGE = 500


class ArchiveContext:
    """See `ContextSource`.

    Args:
        reader: of the tenant's archive.
        name: of the archive, for the pack.
    """

    def __init__(self, reader: ArchiveReader, name: str) -> None:
        self._reader, self._name = reader, name

    def fetch(self, wanted: Wanted) -> Found:
        """See `ContextSource`. A record that cannot be opened is counted and named."""
        found = Found(source=f"archive:{self._name}")
        for conversation, (start, end) in wanted.conversations.items():
            query = Query(conversation=conversation, since=start, until=end + 1)
            found.messages += self._taken(query, conversation, wanted.limit, found)
        if wanted.actor:
            start, end = wanted.events
            query = Query(sender=wanted.actor, kind="event", since=start, until=end + 1)
            found.events += self._taken(query, "该员工的行为记录", wanted.limit, found)
        found.sort()
        return found

    def _taken(self, query: Query, group: str, limit: int, found: Found) -> Iterator[ContextRecord]:
        before: int | None = None
        count = 0
        while True:
            page, before = self._reader.search(query, _PAGE, before)
            for one in page:
                found.scanned += 1
                if one.raw is None or one.message is None:
                    found.bad += 1
                    why = one.damage.zh if one.damage else "无法打开"
                    found.limits.append(f"第 {one.row.leaf} 条（{one.row.msgid}）：{why}")
                    continue
                count += 1
                if count > limit:
                    found.limits.append(f"{group}：超过 {limit} 条，其余未读取")
                    return
                place = Position(source=f"archive:{one.row.segment}", offset=one.row.number)
                yield ContextRecord(one.raw, place, one.message)
            if before is None:
                return

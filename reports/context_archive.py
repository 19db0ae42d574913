"""Context from the archive: every record of a conversation is found by the index, in milliseconds
whatever the archive's size, and is the one that was entered in the ledger."""

from __future__ import annotations

from collections.abc import Container, Iterator

from reports.context import ACTS, CONVERSATION, TALK, ContextRecord, Found, Spans, Wanted, beyond
from rules.alert import Position
from sinks.archive.search import ArchiveReader, Query
from sinks.archive.search import Found as Archived

_PAGE = 500


class ArchiveContext:
    """See `ContextSource`.

    Args:
        reader: of the tenant's archive.
        name: of the archive, for the pack.
        stored_only: messages, by their leaves, that may not be used (个人信息保护法 art. 47): they
            are left out unopened, and counted.
    """

    def __init__(self, reader: ArchiveReader, name: str, stored_only: Container[int] = ()) -> None:
        self._reader, self._name, self._stored_only = reader, name, stored_only

    def fetch(self, wanted: Wanted) -> Found:
        """See `ContextSource`. A record that cannot be opened is counted and named."""
        found = Found(source=f"archive:{self._name}")
        for name, spans in wanted.conversations.items():
            rows = self._all(Query(conversation=name), spans, found)
            found.messages += self._taken(rows, (CONVERSATION, name, wanted.limit), found)
        for person, spans in wanted.acts.items():
            rows = self._all(Query(sender=person, kind="event"), spans, found)
            found.events += self._taken(rows, (ACTS, person, wanted.limit), found)
        for person, spans in wanted.talk.items():
            rows = self._both_ways(person, spans, found)
            found.talk += self._taken(rows, (TALK, person, wanted.talk_limit), found)
        for msgid in wanted.members:
            for stone in self._reader.deleted(msgid=msgid):
                en, zh = stone.words()
                found.limits.append(
                    (
                        f"{en}; what is shown of it is the evidence kept with the alert",
                        f"{zh}；本包所载为随告警留存的证据",
                    )
                )
        found.sort()
        return found

    def _both_ways(self, person: str, spans: Spans, found: Found) -> Iterator[Archived]:
        seen: set[int] = set()
        for query in (Query(sender=person, kind="archive"), Query(receiver=person, kind="archive")):
            for one in self._all(query, spans, found):
                if one.row.leaf not in seen:
                    seen.add(one.row.leaf)
                    yield one

    def _all(self, query: Query, spans: Spans, found: Found) -> Iterator[Archived]:
        passed = 0
        for start, end in spans:
            before: int | None = None
            while True:
                asked = query._replace(since=start, until=end + 1)
                hits = self._reader.search_but(asked, _PAGE, before, self._stored_only)
                passed += hits.passed
                yield from hits.found
                before = hits.cursor
                if before is None:
                    break
        if passed:
            found.limits.append(
                (
                    f"{passed} messages were left out: they may only be stored (PIPL art. 47)",
                    f"有 {passed} 条消息依个人信息保护法第四十七条只可存储，未予收录",
                )
            )

    def _taken(
        self, rows: Iterator[Archived], group: tuple[str, str, int], found: Found
    ) -> Iterator[ContextRecord]:
        count = 0
        for one in rows:
            found.scanned += 1
            if one.raw is None or one.message is None:
                found.bad += 1
                en, zh = (
                    (one.damage.en, one.damage.zh)
                    if one.damage
                    else ("cannot be opened", "无法打开")
                )
                leaf, msgid = one.row.leaf, one.row.msgid
                found.limits.append(
                    (f"entry {leaf} ({msgid}): {en}", f"第 {leaf} 条（{msgid}）：{zh}")
                )
                continue
            count += 1
            if count > group[2]:
                found.limits.append(beyond(*group))
                return
            place = Position(source=f"archive:{one.row.segment}", offset=one.row.number)
            yield ContextRecord(one.raw, place, one.message)

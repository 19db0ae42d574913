"""Context from the archive: every record of a conversation is found by the index, in milliseconds
whatever the archive's size, and is the one that was entered in the ledger."""

from __future__ import annotations

from collections.abc import Container, Iterator

from reports.context import ACTS, CONVERSATION, TALK, ContextRecord, Found, Spans, Wanted, beyond
from reports.deletions import Deletions
from rules.alert import Position
from rules.plural import plural
from sinks.archive.objects import NoObject
from sinks.archive.search import ArchiveReader, Query
from sinks.archive.search import Found as Archived
from sinks.archive.segment import SegmentDamaged

PAGE = 500
ARCHIVE = "archive"  # in front of the name of the source


class _PassedOver:
    """Some messages, by their leaves, and which of them were met and passed over: a search meets
    them once for each question that they answer, and again at the edge of a page."""

    def __init__(self, leaves: Container[int]) -> None:
        self._leaves, self.met = leaves, set[int]()

    def __contains__(self, leaf: object) -> bool:
        if not isinstance(leaf, int) or leaf not in self._leaves:
            return False
        self.met.add(leaf)
        return True


class ArchiveContext:
    """See `ContextSource`.

    Args:
        reader: of the tenant's archive.
        name: of the archive, for the pack.
        stored_only: messages, by their leaves, that may not be used (个人信息保护法 art. 47): they
            are left out unopened, and counted.
        deletions: says what was deleted; None: nobody does.
    """

    def __init__(
        self,
        reader: ArchiveReader,
        name: str,
        stored_only: Container[int] = (),
        deletions: Deletions | None = None,
    ) -> None:
        self._reader, self._name = reader, name
        self._stored_only, self._deletions = stored_only, deletions
        self._passed = _PassedOver(stored_only)
        self._unread: dict[int, Archived] = {}  # by its leaf: a record answers several questions

    def fetch(self, wanted: Wanted) -> Found:
        """See `ContextSource`. What cannot be opened is counted and named, each once."""
        found = Found(source=f"{ARCHIVE}:{self._name}")
        self._unread = {}
        self._passed = _PassedOver(self._stored_only)
        for name, spans in wanted.conversations.items():
            rows = self._all(Query(conversation=name), spans)
            found.messages += self._taken(rows, (CONVERSATION, name, wanted.limit), found)
        for person, spans in wanted.acts.items():
            rows = self._all(Query(sender=person, kind="event"), spans)
            found.events += self._taken(rows, (ACTS, person, wanted.limit), found)
        for person, spans in wanted.talk.items():
            rows = self._both_ways(person, spans)
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
        self._tell_stored_only(wanted, found)
        self._tell_unread(wanted, found)
        if self._deletions is not None:
            found.deleted, unread = self._deletions.of(wanted)
            found.limits += unread
        found.sort()
        return found

    def _tell_unread(self, wanted: Wanted, found: Found) -> None:
        """What could not be opened: by segments where these are not there, else one by one. No
        place of this machine is told: the words go into the pack. Members are in it all the same,
        by the evidence that is kept with the alert."""
        gone: dict[str, int] = {}
        for leaf, one in sorted(self._unread.items()):
            segment, msgid = one.row.segment, one.row.msgid
            if msgid in wanted.members:
                continue
            found.bad += 1
            if isinstance(one.damage, NoObject):
                gone[segment] = gone.get(segment, 0) + 1
                continue
            en, zh = f"cannot be opened (segment {segment})", f"无法打开（分段 {segment}）"
            if one.raw is not None:
                en, zh = "cannot be decoded", "无法解析"
            if isinstance(one.damage, SegmentDamaged):
                en, zh = one.damage.en, one.damage.zh
            if one.damage is not None:
                found.segments.add(segment)
            found.limits.append((f"entry {leaf} ({msgid}): {en}", f"第 {leaf} 条（{msgid}）：{zh}"))
        for segment, count in gone.items():
            found.segments.add(segment)
            found.limits.append(
                (
                    f"{plural(count, 'record')} of what was asked for could not be read: segment"
                    f" {segment} of the archive is not there",
                    f"检索范围内有 {count} 条记录无法读取：归档分段 {segment} 缺失",
                )
            )

    def _tell_stored_only(self, wanted: Wanted, found: Found) -> None:
        """How many messages were passed over, each once; members are in the pack all the same, by
        the evidence that is kept with the alert."""
        members = _PassedOver(self._stored_only)
        for msgid in wanted.members:
            self._reader.search_but(Query(msgid=msgid), 1, None, members)
        found.stored_only = len(self._passed.met - members.met)
        if count := found.stored_only:
            messages, were = plural(count, "message"), "was" if count == 1 else "were"
            found.limits.append(
                (
                    f"{messages} of the conversations and times asked for may only be stored"
                    f" (PIPL art. 47) and {were} left out unopened; each is counted once",
                    f"检索范围内有 {count} 条消息依个人信息保护法第四十七条只可存储，"
                    "未打开、未收录；每条只计一次",
                )
            )
        if count := len(members.met):
            records = plural(count, "record that makes", "records that make")
            found.limits.append(
                (
                    f"{records} up an alert may only be stored (PIPL art. 47); what is shown of"
                    " this is the evidence kept with the alert, for the reason of this pack",
                    f"构成告警的记录中有 {count} 条依个人信息保护法第四十七条只可存储；"
                    "因本包所载事由，收录随告警留存的证据",
                )
            )

    def _both_ways(self, person: str, spans: Spans) -> Iterator[Archived]:
        seen: set[int] = set()
        for query in (Query(sender=person, kind="archive"), Query(receiver=person, kind="archive")):
            for one in self._all(query, spans):
                if one.row.leaf not in seen:
                    seen.add(one.row.leaf)
                    yield one

    def _all(self, query: Query, spans: Spans) -> Iterator[Archived]:
        for start, end in spans:
            before: int | None = None
            while True:
                asked = query._replace(since=start, until=end + 1)
                hits = self._reader.search_but(asked, PAGE, before, self._passed)
                yield from hits.found
                before = hits.cursor
                if before is None:
                    break

    def _taken(
        self, rows: Iterator[Archived], group: tuple[str, str, int], found: Found
    ) -> Iterator[ContextRecord]:
        count = 0
        for one in rows:
            found.scanned += 1
            if one.raw is None or one.message is None:
                self._unread.setdefault(one.row.leaf, one)
                continue
            count += 1
            if count > group[2]:
                found.limits.append(beyond(*group))
                return
            place = Position(source=f"archive:{one.row.segment}", offset=one.row.number)
            yield ContextRecord(one.raw, place, one.message)

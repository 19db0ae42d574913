"""Finding messages of the archive and opening them.

The index answers from pairs of characters (`sinks.archive.terms`), so what it finds may hold the
pairs and not the words. Every message found is opened, compared with its digest, and looked at;
what does not hold the words is passed over.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Container, Iterator
from typing import NamedTuple

from rules.decode import Decoder
from rules.errors import EXIT_USAGE, MingjianError
from rules.message import Message
from sinks.archive.disposable import DisposableIndex, Tombstone
from sinks.archive.kept import message_of
from sinks.archive.keys import TenantKeys
from sinks.archive.objects import Objects
from sinks.archive.rows import ArchiveIndex, Asked, Row
from sinks.archive.segment import OpenSegment, SegmentDamaged, read_head
from sinks.archive.terms import Terms, id_term, named, runs, texts

HEAD_BYTES = 4_096  # a head is some 300 bytes
_OPEN_SEGMENTS = 256
_PAGE = 100
_MOST = 1_000  # rows that are asked for at once


class Query(NamedTuple):
    """What to look for; empty parts ask nothing. Times are UTC ms, [since, until), 0: no end; `hit`
    is the name of a rule, "*" any."""

    sender: str = ""
    receiver: str = ""
    room: str = ""
    conversation: str = ""
    type: str = ""
    text: str = ""
    hit: str = ""
    msgid: str = ""
    kind: str = ""
    since: int = 0
    until: int = 0


class Found(NamedTuple):
    """A message that was found. `raw` and `message` are None where it cannot be opened, and
    `damage` says why."""

    row: Row
    raw: bytes | None
    message: Message | None
    damage: MingjianError | None


class Hits(NamedTuple):
    """A page: what was found, where the next one begins (None: there is no more), and how many that
    may be meant were not looked at."""

    found: list[Found]
    cursor: int | None
    passed: int


class ArchiveReader:
    """The read side of the archive of one tenant. `disposals` says what was deleted from it."""

    def __init__(
        self,
        *,
        objects: Objects,
        index: ArchiveIndex,
        keys: TenantKeys,
        terms: Terms,
        decoder: Decoder,
        disposals: DisposableIndex | None = None,
    ) -> None:
        self._disposals = disposals
        self._objects, self._index, self._keys = objects, index, keys
        self._terms, self._decoder = terms, decoder
        self._open: OrderedDict[str, OpenSegment] = OrderedDict()

    def search(
        self, query: Query, limit: int, before: int | None = None
    ) -> tuple[list[Found], int | None]:
        """A page, the last archived first, and where the next one begins (None: there is no more).

        Raises:
            MingjianError: `query.text` has no two letters or digits that stand together.
        """
        hits = self.search_but(query, limit, before)
        return hits.found, hits.cursor

    def search_but(
        self,
        query: Query,
        limit: int,
        before: int | None = None,
        without: Container[int] = (),
    ) -> Hits:
        """The same, but for some messages, by their leaves: these are not even opened.

        Raises:
            MingjianError: see `search`.
        """
        asked = Asked(self._asked_terms(query), query.since, query.until, before, query.hit)
        page: list[Found] = []
        passed = 0
        for row in self._candidates(asked, limit + 1):  # one more says whether there is more
            if len(page) == limit:
                return Hits(page, page[-1].row.leaf, passed)
            if query.msgid and row.msgid != query.msgid:
                continue  # its term is short, and others share it
            if row.leaf in without:
                passed += 1
                continue
            found = self._found(row)
            if found.message is None or says(found.message, query.text):
                page.append(found)
        return Hits(page, None, passed)

    def at(self, leaf: int) -> Found | None:
        """The message with this number in the ledger; None when that is no message."""
        rows = self._index.search(Asked(before=leaf + 1), 1)
        return self._found(rows[0]) if rows and rows[0].leaf == leaf else None

    def deleted(self, *, msgid: str = "", leaf: int = -1) -> list[Tombstone]:
        """What is left of a message that was deleted, by its id or its number in the ledger: who
        looks one up is told so, and does not find nothing."""
        if self._disposals is None:
            return []
        if msgid:
            return self._disposals.buried_as(msgid)
        return self._disposals.buried(leaf, leaf)

    def open(self, row: Row) -> bytes:
        """The raw record of a row.

        Raises:
            MingjianError: its segment is not there or damaged, its key is missing, or it is not
                what the ledger says.
        """
        body = self._objects.get(row.segment, row.offset, row.length)
        raw = self._segment(row.segment).record(row.number, row.msgid, row.seq, body)
        if hashlib.new("sm3", raw).digest() != row.sm3:
            raise SegmentDamaged(
                row.segment,
                f"record {row.number} ({row.msgid}) is not the one that was entered",
                f"第 {row.number} 条记录（{row.msgid}）与登记时不同",
            )
        return raw

    def _candidates(self, asked: Asked, wanted: int) -> Iterator[Row]:
        size = min(wanted, _MOST)
        while True:
            rows = self._index.search(asked, size)
            yield from rows
            if len(rows) < size:
                return
            asked = asked._replace(before=rows[-1].leaf)

    def _found(self, row: Row) -> Found:
        try:
            raw = self.open(row)
        except MingjianError as error:
            return Found(row, None, None, error)
        return Found(row, raw, message_of(self._decoder, raw), None)

    def _segment(self, name: str) -> OpenSegment:
        known = self._open.get(name)
        if known is None:
            head = read_head(self._objects.get(name, 0, HEAD_BYTES), name)
            known = self._open[name] = OpenSegment(head, self._keys)
            if len(self._open) > _OPEN_SEGMENTS:
                self._open.popitem(last=False)
        else:
            self._open.move_to_end(name)
        return known

    def _asked_terms(self, query: Query) -> list[str]:
        parts = {
            "s": query.sender,
            "p": query.receiver,
            "r": query.room,
            "c": query.conversation,
            "t": query.type,
            "k": query.kind,
        }
        terms = [named(kind, name) for kind, name in parts.items() if name]
        if query.msgid:
            terms.append(id_term(query.msgid))
        if not query.text:
            return terms
        words = self._terms.asked(query.text)
        if not words:
            raise MingjianError(
                f"cannot look for '{query.text}': at least two letters or digits have to stand "
                "together",
                f"无法查找“{query.text}”：至少要有两个相连的字或数字",
                exit_code=EXIT_USAGE,
            )
        return terms + words


def says(message: Message, text: str) -> bool:
    """Whether each run of `text` stands in one text of the message."""
    wanted = runs(text)
    if not wanted:
        return True
    told = [" ".join(runs(one)) for one in texts(message)]
    return any(all(run in one for run in wanted) for one in told)


def leaf_by_id(index: ArchiveIndex, msgid: str, since: int = 0, until: int = 0) -> int | None:
    """The number in the ledger of the message with this id, said in [since, until) (UTC ms; 0: no
    end); None when it is not archived. The term of an id is short, so every page is looked at."""
    asked = Asked([id_term(msgid)], since, until)
    while rows := index.search(asked, _PAGE):
        for row in rows:
            if row.msgid == msgid:
                return row.leaf
        asked = asked._replace(before=rows[-1].leaf)
    return None


def as_leaf(text: str) -> int | None:
    """The number of a leaf that somebody typed; None when it is none."""
    fits = text.isascii() and text.isdigit() and len(text) < len(str(1 << 63))
    return int(text) if fits else None

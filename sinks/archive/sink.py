"""The archive as a target of delivery: messages, alerts and deeds come in, heads are signed.

What was taken waits in memory until there is enough for a segment, or long enough was waited. The
archive remembers its own positions together with what it stored, and has the last word on where
reading begins; so what waited when the process ended is read again.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from rules.alert import sm3_hex
from rules.decode import Decoder
from rules.errors import MingjianError
from sinks.archive.accounting import entries_from, require_near
from sinks.archive.alert_hits import hits_of
from sinks.archive.archiver import Archiver
from sinks.archive.custody import CustodyBook
from sinks.archive.disposal_parts import Parts
from sinks.archive.disposing import Disposing, disposals_of
from sinks.archive.entered_books import EnteredBook
from sinks.archive.facts import Departments
from sinks.archive.hit_book import HITS, HitBook
from sinks.archive.key_versions import require_versions
from sinks.archive.keys import TenantKeys
from sinks.archive.leaves import CUSTODY, ENTERED, MEDIA, OtherLeaf, digest_of
from sinks.archive.media_rows import FILE as MEDIA_FILE
from sinks.archive.objects import Objects
from sinks.archive.rows import ArchiveIndex, Stored
from sinks.archive.sqlite_index import SqliteIndex
from sinks.archive.sweeping import Leftovers
from sinks.archive.terms import Terms, search_key
from sinks.base import Record, Rejected, SinkBusy, WriteResult
from sinks.ledger.checkpoint import HeadSigner
from sinks.ledger.known import SIGNED, SIGNED_ROOT, known_from, known_of
from sinks.ledger.log import Ledger
from sinks.ledger.trouble import HeadForged, not_this_key
from sinks.progress import Reading

MESSAGES = "messages"
INDEX_FILE, LEDGER_FOLDER, SEGMENTS_FOLDER = "index.db", "ledger", "segments"


def origin_of(tenant: str) -> str:
    """Name of a tenant's ledger in signed heads."""
    return f"mingjian/{tenant}/ledger"


class ArchiveSink:
    """Writes to the archive in the folder `path`.

    Args:
        tenant: whose messages.
        open_keys, open_signer: give the tenant's keys, and what signs heads. It goes on from no
            head that it has not signed.
        objects: where segments go.
        open_index: gives the index; left out: an SQLite file in `path`.
        decoder: of the tenant's records.
        segment_s, sign_s: seconds that a message waits at most until it is durable, and that an
            entry of the ledger waits until a head is signed.
        departments: in which department somebody is, for policies that ask it.
        clock: seconds of the clock.
    """

    topics = (MESSAGES, *ENTERED)

    def __init__(
        self,
        name: str,
        path: str | Path,
        *,
        tenant: str,
        open_keys: Callable[[], TenantKeys],
        open_signer: Callable[[], HeadSigner],
        objects: Objects,
        decoder: Decoder,
        segment_s: float,
        sign_s: float,
        open_index: Callable[[], ArchiveIndex] | None = None,
        departments: Departments = lambda _userid: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.name, self._path, self._tenant = name, Path(path), tenant
        self._open_keys, self._open_signer = open_keys, open_signer
        self._open_index = open_index or (lambda: SqliteIndex(self._path / INDEX_FILE))
        self._objects, self._decoder, self._clock = objects, decoder, clock
        self._segment_s, self._sign_s, self._departments = segment_s, sign_s, departments
        self._since = self._signed = 0.0
        self._failed = False
        self._books = (
            EnteredBook(CustodyBook(path), CUSTODY),
            EnteredBook(CustodyBook(path, MEDIA_FILE), MEDIA),
        )
        self._disposing = Disposing(self._path, name, self._parts, clock)
        self._index: ArchiveIndex | None = None
        self._ledger: Ledger | None = None

    def open(self) -> None:
        """Open all parts, and finish what was cut short.

        Raises:
            MingjianError: a key, the ledger or a segment that is needed is missing or damaged, or
                another process writes.
            SinkBusy: the disk does not answer.
        """
        try:
            self._keys, self._signer = self._open_keys(), self._open_signer()
            self._index = self._open_index()
            require_versions(self._keys, self._index, self._objects, self._path)
            self._ledger = self._opened_ledger()
            require_near(self._index, self._entries, self._ledger.size)  # before it gets a key
            self._archiver = Archiver(
                self._tenant,
                objects=self._objects,
                ledger=self._ledger,
                index=self._index,
                keys=self._keys,
                terms=Terms(search_key(self._index, self._keys)),
                decoder=self._decoder,
                now=lambda: int(self._clock() * 1000),
                hit_book=HitBook(self._path),
                read=self._entries,
            )
            self._remember()  # also what was signed before the index was told
            self._signed = self._clock()
            positions = self._index.positions()
            for book in self._books:
                book.stand(positions, self._index)
        except (OSError, sqlite3.Error) as error:
            self.close()
            raise self._busy(error) from None
        except MingjianError:
            self.close()
            raise

    def positions(self) -> dict[str, int]:
        """See `KeepsPositions`."""
        try:
            found = self._opened_index().positions()
            for own in (HITS, SIGNED, SIGNED_ROOT, *(book.kind for book in self._books)):
                found.pop(own, None)
            return found
        except (OSError, sqlite3.Error) as error:
            raise self._busy(error) from None

    def write(self, batch: Sequence[Record]) -> WriteResult:
        """Take the batch without positions, and make it durable at once."""
        refused = self._take(batch)
        return self._flush()._replace(rejected=refused)

    def write_at(self, batch: Sequence[Record], positions: Mapping[str, int]) -> WriteResult:
        """Take the batch. It is durable with the next flush; until then the positions of before
        hold."""
        if self._archiver.empty():
            self._since = self._clock()
        refused = self._take(batch)
        self._archiver.stand(positions)
        result = self._flush() if self._archiver.full() else WriteResult(0, 0)
        return result._replace(rejected=refused)

    def hear(self, reading: Reading) -> None:
        """See `HearsReading`: nothing is deleted before what was there is read."""
        self._disposing.reading.hear(reading)

    def due(self) -> bool:
        """Whether something waited long enough, to be stored or to be signed, or somebody did
        something with the archive, or messages are to be deleted."""
        news = any(book.news() for book in self._books)
        return news or self._stale() or self._unsigned() or self._disposing.due()

    def tick(self) -> WriteResult:
        """Take up what was done with the archive; store what waited; delete what is to go, of
        which all that was taken may say that it is held; sign the ledger's head."""
        self._take_deeds()
        dispose = self._disposing.due()
        before = dispose and not self._archiver.empty()
        result = self._flush() if before or self._stale() else WriteResult(0, 0)
        if dispose:
            self._dispose()
        if self._unsigned():
            self._sign()
        return result

    def left(self) -> str:
        """What is wrong with the books and with deletions. What waits to be stored is not said:
        that takes seconds."""
        return "; ".join(filter(None, (self.damage(), self._disposing.left())))

    def damage(self) -> str:
        """See `TellsDamage`: the first line of each book that is not what was written."""
        return "; ".join(filter(None, (book.damage for book in self._books)))

    def show(self) -> WriteResult:
        """Store and sign all that was taken."""
        self._take_deeds()
        result = self._flush()
        ledger = self._opened_ledger_now()
        if ledger.last is None or ledger.last.checkpoint.size < ledger.size:
            self._sign()
        return result

    def close(self) -> None:
        """Release files. What waits in memory is read again."""
        if self._ledger is not None:
            self._ledger.close()
        if self._index is not None:
            self._index.close()
        self._ledger = self._index = None

    def _take(self, batch: Sequence[Record]) -> tuple[Rejected, ...]:
        """Take what is this tenant's; the rest is refused, under the digest of its bytes."""
        foreign = self._archiver.add([one.body for one in batch if one.topic == MESSAGES])
        for one in batch:
            if one.topic in ENTERED:
                hits = hits_of(one.id, one.body) if one.topic == "alerts" else ()
                leaf = OtherLeaf(ENTERED[one.topic], one.id, digest_of(one.body))
                self._archiver.enter(leaf, hits)
        return tuple(
            Rejected(
                Record(MESSAGES, sm3_hex(one.raw)[:32], one.raw),
                f"it names the tenant '{one.tenant}', and this archive is of '{self._tenant}'",
            )
            for one in foreign
        )

    def _take_deeds(self) -> None:
        """Lines of the books that are not in the ledger."""
        for book in self._books:
            if not book.news():
                continue
            if self._archiver.empty():
                self._since = self._clock()
            try:
                self._archiver.stand(book.take(self._archiver.enter, self.name))
            except OSError as error:
                raise self._busy(error) from None

    def _flush(self) -> WriteResult:
        try:
            if self._failed:
                self._reopen()
            self._failed = True
            done = self._archiver.flush()
        except (OSError, sqlite3.Error) as error:
            raise self._busy(error) from None
        self._failed = False
        self._since = self._clock()
        if done.new or done.known:
            self._leftovers.look()
        return WriteResult(done.new, done.known)

    def _dispose(self) -> None:
        """One step of a deletion; when it fails, the ledger may hold more than the index knows."""
        try:
            if self._failed:
                self._reopen()
            self._failed = True
            if not self._disposing.step():
                self._reopen()
        except (OSError, sqlite3.Error) as error:
            raise self._busy(error) from None
        self._failed = False

    def _parts(self) -> Parts:
        """What a deletion works on."""
        index = self._opened_index()
        return Parts(
            tenant=self._tenant,
            folder=self._path,
            objects=self._objects,
            ledger=self._opened_ledger_now(),
            index=index,
            disposals=disposals_of(index),
            keys=self._keys,
            decoder=self._decoder,
            book=CustodyBook(self._path),
            departments=self._departments,
            now=lambda: int(self._clock() * 1000),
        )

    def _reopen(self) -> None:
        """After a failure the ledger may hold more than the index knows of."""
        self._disposing.drop()
        if self._ledger is not None:
            self._ledger.close()
            self._ledger = None
        self._ledger = self._opened_ledger()
        self._archiver.recover(self._ledger)

    def _sign(self) -> None:
        try:
            self._opened_ledger_now().checkpoint([self._signer], int(self._clock() * 1000))
            self._remember()
        except (OSError, sqlite3.Error) as error:
            raise self._busy(error) from None
        self._signed = self._clock()

    def _remember(self) -> None:
        """Let the index know the newest head, so that it is missed when it is gone."""
        index, last = self._opened_index(), self._opened_ledger_now().last
        known = known_of(last.checkpoint if last else None)
        if known.size and known_from(index.positions()) != known:
            index.store(Stored((), (), (), (), known.positions(), index.leaves()))

    def _stale(self) -> bool:
        waits = not self._archiver.empty()
        return waits and self._clock() - self._since >= self._segment_s

    def _unsigned(self) -> bool:
        ledger = self._ledger
        if ledger is None or self._failed or self._clock() - self._signed < self._sign_s:
            return False
        return ledger.size > (ledger.last.checkpoint.size if ledger.last else 0)

    def _opened_ledger(self) -> Ledger:
        index = self._opened_index()
        self._leftovers = Leftovers(self._parts)  # whatever was cut short
        try:
            return Ledger(
                self._path / LEDGER_FOLDER,
                origin_of(self._tenant),
                at_least=index.leaves(),
                known=known_from(index.positions()),
                trusts=self._signer.signed,
            )
        except HeadForged as error:
            if self._signer.key_id in {one.key_id for one in error.note.signatures}:
                raise
            raise not_this_key(self._path / LEDGER_FOLDER) from None

    def _entries(self, start: int) -> Iterator[tuple[int, bytes]]:
        return entries_from(self._opened_ledger_now(), self._path / LEDGER_FOLDER, start)

    def _opened_ledger_now(self) -> Ledger:
        if self._ledger is None:
            raise SinkBusy(self.name, "not open")
        return self._ledger

    def _opened_index(self) -> ArchiveIndex:
        if self._index is None:
            raise SinkBusy(self.name, "not open")
        return self._index

    def _busy(self, error: Exception) -> SinkBusy:
        words = getattr(error, "strerror", None) or str(error) or type(error).__name__
        return SinkBusy(self.name, words)

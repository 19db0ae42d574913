"""The archive as a target of delivery: messages, alerts and deeds come in, heads are signed.

What was taken waits in memory until there is enough for a segment, or long enough was waited. The
archive remembers its own positions together with what it stored, and has the last word on where
reading begins; so what waited when the process ended is read again.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from rules.alert import sm3_raw
from rules.decode import Decoder
from rules.errors import MingjianError
from sinks.archive.archiver import Archiver
from sinks.archive.custody import BookDamaged, CustodyBook
from sinks.archive.keys import TenantKeys
from sinks.archive.leaves import CUSTODY, ENTERED, OtherLeaf
from sinks.archive.objects import Objects
from sinks.archive.rows import HitRow
from sinks.archive.sqlite_index import SqliteIndex
from sinks.archive.terms import Terms, search_key
from sinks.base import Record, SinkBusy, WriteResult
from sinks.ledger.checkpoint import Signs
from sinks.ledger.log import Ledger

MESSAGES = "messages"
INDEX_FILE, LEDGER_FOLDER, SEGMENTS_FOLDER = "index.db", "ledger", "segments"


class _Rule(msgspec.Struct):
    name: str = ""


class _Member(msgspec.Struct):
    msgid: str = ""
    time: int = 0


class _Alert(msgspec.Struct):
    rule: _Rule
    members: tuple[_Member, ...] = ()


_ALERTS = msgspec.json.Decoder(_Alert)


def origin_of(tenant: str) -> str:
    """Name of a tenant's ledger in signed heads."""
    return f"mingjian/{tenant}/ledger"


class ArchiveSink:
    """Writes to the archive in the folder `path`.

    Args:
        tenant: whose messages.
        open_keys, open_signer: give the tenant's keys, and what signs heads.
        objects: where segments go.
        decoder: of the tenant's records.
        segment_s, sign_s: seconds that a message waits at most until it is durable, and that an
            entry of the ledger waits until a head is signed.
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
        open_signer: Callable[[], Signs],
        objects: Objects,
        decoder: Decoder,
        segment_s: float,
        sign_s: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.name, self._path, self._tenant = name, Path(path), tenant
        self._open_keys, self._open_signer = open_keys, open_signer
        self._objects, self._decoder, self._clock = objects, decoder, clock
        self._segment_s, self._sign_s = segment_s, sign_s
        self._since = self._signed = 0.0
        self._failed = False
        self._book = CustodyBook(path)
        self._entered = self._looked = 0  # lines of the book; its size when it was read last
        self._index: SqliteIndex | None = None
        self._ledger: Ledger | None = None

    def open(self) -> None:
        """Open all parts, and finish what was cut short.

        Raises:
            MingjianError: a key, the ledger or a segment that is needed is missing or damaged, or
                another process writes.
            SinkBusy: the disk does not answer.
        """
        try:
            keys, self._signer = self._open_keys(), self._open_signer()
            self._index = SqliteIndex(self._path / INDEX_FILE)
            self._ledger = self._opened_ledger()
            self._archiver = Archiver(
                self._tenant,
                objects=self._objects,
                ledger=self._ledger,
                index=self._index,
                keys=keys,
                terms=Terms(search_key(self._index, keys)),
                decoder=self._decoder,
                now=lambda: int(self._clock() * 1000),
            )
            self._signed = self._clock()
            self._entered = self._index.positions().get(CUSTODY, 0)
            self._looked = 0
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
            found.pop(CUSTODY, None)
            return found
        except sqlite3.Error as error:
            raise self._busy(error) from None

    def write(self, batch: Sequence[Record]) -> WriteResult:
        """Take the batch without positions, and make it durable at once."""
        self._take(batch)
        return self._flush()

    def write_at(self, batch: Sequence[Record], positions: Mapping[str, int]) -> WriteResult:
        """Take the batch. It is durable with the next flush; until then the positions of before
        hold."""
        if self._archiver.empty():
            self._since = self._clock()
        self._take(batch)
        self._archiver.stand(positions)
        return self._flush() if self._archiver.full() else WriteResult(0, 0)

    def due(self) -> bool:
        """Whether something waited long enough, to be stored or to be signed, or somebody did
        something with the archive."""
        return self._stale() or self._unsigned() or self._book.size() != self._looked

    def tick(self) -> WriteResult:
        """Take up what was done with the archive; store what waited; sign the ledger's head."""
        self._take_deeds()
        result = self._flush() if self._stale() else WriteResult(0, 0)
        if self._unsigned():
            self._sign()
        return result

    def left(self) -> str:
        """What waits is shown by nobody: it is stored within seconds."""
        return ""

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

    def _take(self, batch: Sequence[Record]) -> None:
        self._archiver.add([one.body for one in batch if one.topic == MESSAGES])
        for one in batch:
            if one.topic in ENTERED:
                hits = _hits(one.id, one.body) if one.topic == "alerts" else ()
                self._archiver.enter(OtherLeaf(ENTERED[one.topic], one.id, sm3_raw(one.body)), hits)

    def _take_deeds(self) -> None:
        """Lines of the custody book that are not in the ledger. A damaged book is said and waits:
        what is behind the damage cannot be trusted."""
        size = self._book.size()
        if size == self._looked:
            return
        if self._archiver.empty():
            self._since = self._clock()
        try:
            for line in self._book.lines(after=self._entered):
                self._archiver.enter(OtherLeaf(CUSTODY, str(line.number), sm3_raw(line.raw)))
                self._entered = line.number
        except BookDamaged as error:
            raise SinkBusy(self.name, error.en) from None
        except OSError as error:
            raise self._busy(error) from None
        self._archiver.stand({CUSTODY: self._entered})
        self._looked = size

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
        return WriteResult(done.new, done.known)

    def _reopen(self) -> None:
        """After a failure the ledger may hold more than the index knows of."""
        if self._ledger is not None:
            self._ledger.close()
            self._ledger = None
        self._ledger = self._opened_ledger()
        self._archiver.recover(self._ledger)

    def _sign(self) -> None:
        try:
            self._opened_ledger_now().checkpoint([self._signer], int(self._clock() * 1000))
        except OSError as error:
            raise self._busy(error) from None
        self._signed = self._clock()

    def _stale(self) -> bool:
        waits = not self._archiver.empty()
        return waits and self._clock() - self._since >= self._segment_s

    def _unsigned(self) -> bool:
        ledger = self._ledger
        if ledger is None or self._failed or self._clock() - self._signed < self._sign_s:
            return False
        return ledger.size > (ledger.last.checkpoint.size if ledger.last else 0)

    def _opened_ledger(self) -> Ledger:
        leaves = self._opened_index().leaves()
        return Ledger(self._path / LEDGER_FOLDER, origin_of(self._tenant), at_least=leaves)

    def _opened_ledger_now(self) -> Ledger:
        if self._ledger is None:
            raise SinkBusy(self.name, "not open")
        return self._ledger

    def _opened_index(self) -> SqliteIndex:
        if self._index is None:
            raise SinkBusy(self.name, "not open")
        return self._index

    def _busy(self, error: Exception) -> SinkBusy:
        words = getattr(error, "strerror", None) or str(error) or type(error).__name__
        return SinkBusy(self.name, words)


def _hits(alert_id: str, body: bytes) -> list[HitRow]:
    """Which messages an alert names."""
    try:
        told = _ALERTS.decode(body)
    except msgspec.MsgspecError:
        return []
    return [HitRow(one.time, one.msgid, alert_id, told.rule.name) for one in told.members]

"""The one way in: every source hands its records to a `Collector` (`ingest.intake.Intake`)."""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from ingest.book import HOUR_MS, Book
from ingest.ends import Outputs, Records, Refused
from ingest.envelope import UNDECODED, UNTIMED, Envelope, Envelopes
from ingest.intake import Body, Taken, TooLong
from ingest.waiting import Away, Wait
from rules.alert import Position, Quarantined, content_id, sm3_raw
from rules.decode import heartbeat
from rules.errors import MingjianError
from rules.operations import Incident
from rules.quarantine import REASONS

INCIDENTS, QUARANTINE = "incidents", "quarantine"  # output kinds


class Ends(NamedTuple):
    """Where a collector writes, and how it waits. `waiting` begins the waiting of one call."""

    records: Records
    outputs: Outputs
    waiting: Callable[[], Wait]


class Sealing(NamedTuple):
    """How records that are set aside are kept: (bytes, what they belong to) → sealed text, of the
    first `keep_bytes`."""

    seal: Callable[[bytes, str], str]
    keep_bytes: int


class Collector:
    """Takes records of one source; safe to be used by several threads.

    Args:
        clock: UTC ms.
        most_bytes: a larger record is not kept in memory, nor sent.
    """

    def __init__(
        self,
        source: str,
        tenant: str,
        book: Book,
        ends: Ends,
        envelopes: Envelopes,
        sealing: Sealing,
        clock: Callable[[], int],
        most_bytes: int,
    ) -> None:
        self.source, self.most_bytes = source, most_bytes
        self._tenant, self._book, self._envelopes = tenant, book, envelopes
        self._ends, self._sealing, self._clock = ends, sealing, clock
        self._lock = threading.Lock()
        self._latest = 0  # time of the last record that has one
        # What is durable and could not be remembered. Before it is, nothing more is written: so it
        # is never more than what one call wrote, and only a crash repeats records.
        self._owed: Callable[[], None] | None = None

    def take(self, bodies: Sequence[Body], *, cursor: str = "", part: str = "") -> Taken:
        """See `ingest.intake.Intake`."""
        wait = self._ends.waiting()
        with wait.turn(self._lock):
            self._pay(wait)
            now = self._clock()
            batch = self._sort(bodies, now)
            refused = self._ends.records.write(batch.fresh, self.source, wait)
            aside = [_of_refused(one) for one in refused] + batch.too_long
            left_out = {id(one.envelope) for one in refused}
            taken = Taken(
                new=len(batch.fresh) - len(refused),
                duplicates=batch.duplicates,
                set_aside=len(aside),
                conflicts=batch.conflicts,
                undecoded=sum(
                    one.kind == UNDECODED for one in batch.fresh if id(one) not in left_out
                ),
            )
            if aside:
                # should the telling fail, what was written is there nevertheless
                part_of_it = taken._replace(duplicates=0, set_aside=0)
                self._owed = self._memory(batch, left_out, part_of_it, now)
                records = [self._set_aside(*one) for one in aside]
                self._ends.outputs.tell(QUARANTINE, records, self.source, wait)
            self._owed = self._memory(batch, left_out, taken, now, whole=(part, cursor))
            self._pay(wait)
            return taken

    def cursor(self, part: str = "") -> str:
        """See `ingest.intake.Intake`."""
        with self._lock:
            return self._book.cursor(part)

    def cursors(self) -> dict[str, str]:
        """The cursor of every part."""
        with self._lock:
            return self._book.cursors()

    def totals(self) -> Counter[str]:
        """Since the book was made, by the names of `Taken`."""
        with self._lock:
            return self._book.totals()

    def incident(self, incident: Incident) -> None:
        """See `ingest.intake.Intake`."""
        wait = self._ends.waiting()
        with wait.turn(self._lock):
            body = msgspec.json.encode(incident)
            self._ends.outputs.tell(INCIDENTS, [body], self.source, wait)

    def beat(self, time: int) -> None:
        """See `ingest.intake.Intake`."""
        wait = self._ends.waiting()
        with wait.turn(self._lock):
            record = heartbeat(self._tenant, time, self._clock())
            self._ends.records.beat(record, time, wait)

    def ready(self) -> str:
        """ "" when what is taken could be remembered now, else why not. Waits for nothing; what is
        owed to the book is written there."""
        if not self._lock.acquire(blocking=False):
            return ""  # a write is under way, and will show
        try:
            why = self._book.ready()
            if not why and self._owed is not None:
                self._owed()
                self._owed = None
        except Away as away:
            return str(away)
        except MingjianError as error:
            return error.en
        else:
            return why
        finally:
            self._lock.release()

    def close(self) -> None:
        """Close what is remembered; the ends are closed by whoever made them."""
        with self._lock:
            # why it cannot be remembered was told when it was tried first; records repeat then
            with contextlib.suppress(Away, MingjianError):
                if self._owed is not None:
                    self._owed()
            self._book.close()

    def _pay(self, wait: Wait) -> None:
        """Remember what is owed to the book. Raises as `Wait.through`; then it is owed still."""
        owed, self._owed = self._owed, None
        if owed is None:
            return
        try:
            wait.through(owed)
        except Exception:
            self._owed = owed
            raise

    def _sort(self, bodies: Sequence[Body], now: int) -> _Batch:
        batch = _Batch()
        made = []
        for body in bodies:
            if isinstance(body, bytes) and len(body) <= self.most_bytes:
                made.append(self._envelopes.of(body, now))
            else:
                whole = body if isinstance(body, TooLong) else _too_long(body)
                batch.too_long.append((whole, "too_large", f"{whole.size} bytes"))
        marks = dict(self._book.known([one.identity for one in made]))
        for one in made:
            before = marks.setdefault(one.identity, set())
            if one.mark in before:
                batch.duplicates += 1
                continue
            batch.conflicts += bool(before)
            before.add(one.mark)
            # of a record without a time of its own nobody can find out again where it was counted
            kind = one.kind if one.time or one.kind == UNDECODED else UNTIMED
            batch.hours.append(((one.time or now) // HOUR_MS * HOUR_MS, one.actor, kind))
            # Without a time of its own a record stands at that of the one before it. The time of
            # receipt would move event time on, and make everything late that is read from the past.
            self._latest = one.time or self._latest
            batch.fresh.append(one._replace(time=self._latest))
        return batch

    def _set_aside(self, body: TooLong, reason: str, detail: str) -> bytes:
        source = f"ingest:{self.source}"
        # no place in the id: the same record, handed in again, is the same one in quarantine
        identity = content_id(reason, body.sm3, source)
        kept = body.head[: self._sealing.keep_bytes]
        record = Quarantined(
            quarantine_id=identity,
            reason=reason,
            detail=detail,
            held=REASONS[reason].held,
            raw_sm3=body.sm3,
            raw_sha256=body.sha256,
            raw_size=body.size,
            position=Position(source=source),
            sealed=self._sealing.seal(kept, f"quarantine/{identity}"),
            truncated=body.size > len(kept),
        )
        return msgspec.json.encode(record)

    def _memory(
        self,
        batch: _Batch,
        left_out: set[int],
        taken: Taken,
        now: int,
        whole: tuple[str, str] | None = None,
    ) -> Callable[[], None]:
        """What remembers a call: all of it with its (part, cursor), or only what was written. It
        holds ids and counts, no records."""
        entries = [
            (one.identity, one.mark)
            for one in batch.fresh
            if whole is not None or id(one) not in left_out
        ]
        counts = Counter(
            hour
            for one, hour in zip(batch.fresh, batch.hours, strict=True)
            if id(one) not in left_out
        )
        told = taken._asdict()
        part, cursor = whole or ("", "")
        return lambda: self._book.remember(entries, counts, told, part=part, cursor=cursor, now=now)


class _Batch:
    """The records of one call, sorted: `fresh` are to be written; `hours` say for each of
    them where it is counted: hour, actor and kind."""

    def __init__(self) -> None:
        self.fresh: list[Envelope] = []
        self.hours: list[tuple[int, str, str]] = []
        self.duplicates = self.conflicts = 0
        self.too_long: list[tuple[TooLong, str, str]] = []


def _of_refused(refused: Refused) -> tuple[TooLong, str, str]:
    return _too_long(refused.envelope.value), refused.reason, refused.detail


def _too_long(body: bytes) -> TooLong:
    return TooLong(body, len(body), sm3_raw(body), hashlib.sha256(body).hexdigest())

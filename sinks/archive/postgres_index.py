"""The archive's index in PostgreSQL: rows, and an inverted index over opaque terms.

Everything is in the order of archiving, as in `sinks.archive.sqlite_index`: the number of a message
in the ledger is its key. Terms are kept as postings (`sinks.archive.postings`), one row for each
term and block of 4,096 leaves, written once when the block is full and never changed; the terms of
the block that is filling stand in a small table, the tail. A search walks back from the newest
block and takes only blocks in which each term occurs, so what it costs does not depend on how often
a term occurs, on statistics, or on whether two terms ever meet.

Measured against `terms bigint[]` with GIN and against a table of (term, leaf) with a B-tree, with
246,000 messages of the simulated day on a busy machine of two cores; ms for a page of 100, p50 and
p99:

                              postings     GIN         B-tree
    one common term           2.6    7     0.8    4    0.3    1
    two common terms          4.7   14     0.9    9    0.9    7
    a rare and a common one   3.3   17     162  229     59  146
    two common, never both    3.4   26     131  170     29  106
    an hour far back           11   65     140  216     21   98
    bytes a message           273          320        1,409

GIN gives no order: it sorts all that a term has, or walks backwards through the messages where the
planner guesses that this is shorter. The guess is wrong where terms are rare or never meet, and
what it costs then grows with the table. With postings of 10 million messages a page takes 2 to 11
ms, and 40 to 120 where two common terms never meet and every block has to be looked at.

A tenant's archive has a schema of its own: its rights, its backup and its deletion are those of the
schema, and no question can forget to say whose messages it means.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence

import psycopg

from rules.errors import MingjianError
from sinks.archive.keys import Wrapped
from sinks.archive.leaves import OtherLeaf
from sinks.archive.postgres_search import find
from sinks.archive.postgres_session import (
    IndexAway,
    Server,
    Session,
    bounded,
    connected,
    failure,
    limited,
)
from sinks.archive.postgres_store import Names, put
from sinks.archive.postgres_tables import (
    are_there,
    begin_anew,
    digest_of,
    ensure,
    finish,
    lock_number,
)
from sinks.archive.postings import Numbers
from sinks.archive.rows import Asked, HitRow, Row, Stored
from sinks.base import NoIndexYet

_LEAVE_S = 2.0  # for a server that may stand still
_LEAVES = b"leaves"  # among the positions: the archive's own, in its ledger


class PostgresIndex:
    """See `ArchiveIndex`. One process writes: it holds a lock as long as its session lives.

    Every method raises IndexAway (an OSError) when the server does not do it now, and connects anew
    the next time. Nothing is retried in here: whoever writes has to look at its ledger first.

    Args:
        server: where.
        schema: of this archive alone; a writer makes it.
        writes: whether this is the writer.
        anew: make it again, empty; it counts only after `finish`. What was begun so goes on.

    Raises:
        IndexAway: the server is not there now.
        MingjianError: it does not let us in, another process writes, the tables are of a later
            version; NoIndexYet: a reader finds none.
    """

    def __init__(
        self, server: Server, schema: str, *, writes: bool = True, anew: bool = False
    ) -> None:
        self._server, self._schema, self._writes = server, schema, writes
        self._anew = anew
        self._held = threading.RLock()
        self._session: Session | None = None
        with self.working():
            pass

    def leaves(self) -> int:
        """See `ArchiveIndex`."""
        with self.working() as db:
            asked = "SELECT done FROM positions WHERE name = %s"
            found = db.execute(asked, (_LEAVES,)).fetchone()
        return int(found[0]) if found else 0

    def positions(self) -> dict[str, int]:
        """See `ArchiveIndex`."""
        with self.working() as db:
            found = dict(db.execute("SELECT name, done FROM positions").fetchall())
        found.pop(_LEAVES, None)
        return {name.decode(): done for name, done in found.items()}

    def store(self, what: Stored) -> None:
        """See `ArchiveIndex`. Rows do not stand before leaves that were accounted for."""
        with self.working() as db:
            try:
                with db.transaction():
                    put(db, what, self._names, self._numbers)
                    positions = [(name.encode(), at) for name, at in what.positions.items()]
                    db.cursor().executemany(
                        "INSERT INTO positions VALUES (%s, %s)"
                        " ON CONFLICT (name) DO UPDATE SET done = excluded.done",
                        [*positions, (_LEAVES, what.leaves)],
                    )
            except BaseException:
                self._names.forget()
                raise

    def secret(self) -> Wrapped | None:
        """See `ArchiveIndex`."""
        with self.working() as db:
            found = db.execute("SELECT version, body FROM secrets").fetchone()
        return Wrapped(*found) if found else None

    def keep_secret(self, wrapped: Wrapped) -> None:
        """See `ArchiveIndex`."""
        with self.working() as db:
            db.execute(
                "INSERT INTO secrets VALUES (1, %s, %s)"
                " ON CONFLICT (id) DO UPDATE SET version = excluded.version, body = excluded.body",
                wrapped,
            )

    def key_versions(self) -> dict[int, tuple[int, str]]:
        """See `ArchiveIndex`."""
        asked = "SELECT key_version, count(*), max(name) FROM segments GROUP BY key_version"
        with self.working() as db:
            return {version: (count, name) for version, count, name in db.execute(asked)}

    def entered(self, leaves: Sequence[OtherLeaf]) -> set[OtherLeaf]:
        """See `ArchiveIndex`."""
        keys = {(digest_of(one.kind, one.id), one.sm3.encode()): one for one in leaves}
        asked = (
            "SELECT o.named, o.sm3 FROM others o"
            " JOIN unnest(%s::bytea[], %s::bytea[]) AS a (named, sm3) USING (named, sm3)"
        )
        with self.working() as db:
            names, digests = [key[0] for key in keys], [key[1] for key in keys]
            return {keys[named, sm3] for named, sm3 in db.execute(asked, (names, digests))}

    def leaf_of(self, other: OtherLeaf) -> int | None:
        """See `ArchiveIndex`."""
        asked = "SELECT leaf FROM others WHERE named = %s AND sm3 = %s"
        with self.working() as db:
            key = digest_of(other.kind, other.id), other.sm3.encode()
            found = db.execute(asked, key).fetchone()
        return int(found[0]) if found else None

    def known(self, keys: Sequence[tuple[int, str]]) -> set[tuple[int, str]]:
        """See `ArchiveIndex`. A message has one time for ever, so its time finds it; one that was
        deleted is known too."""
        asked = (
            "SELECT time, msgid FROM messages WHERE time = ANY(%s::bigint[]) UNION ALL"
            " SELECT time, msgid FROM tombstones WHERE time = ANY(%s::bigint[])"
        )
        with self.working() as db:
            times = sorted({time for time, _ in keys})
            found = {(time, msgid.decode()) for time, msgid in db.execute(asked, (times, times))}
        return found & set(keys)

    def hits(self) -> list[HitRow]:
        """See `ArchiveIndex`."""
        asked = (
            "SELECT o.time, o.msgid, a.name, r.name FROM (SELECT m.time, m.msgid, h.alert, h.rule"
            " FROM hits h JOIN messages m USING (leaf) UNION ALL"
            " SELECT time, msgid, alert, rule FROM waiting) o"
            " JOIN names a ON a.id = o.alert JOIN names r ON r.id = o.rule ORDER BY 3, 1, 2"
        )
        with self.working() as db:
            return [HitRow(time, *(name.decode() for name in names))
                    for time, *names in db.execute(asked)]  # fmt: skip

    def search(self, asked: Asked, limit: int) -> list[Row]:
        """See `ArchiveIndex`."""
        with self.working() as db, db.transaction():  # one state, while more is archived
            return find(db, asked, limit, self._names, self._numbers)

    def holds(self, kind: str, ids: Sequence[str]) -> set[str]:
        """Those of the ids of this kind of `OtherLeaf` that were entered, in any version."""
        keys = {digest_of(kind, one): one for one in ids}
        asked = "SELECT DISTINCT named FROM others WHERE named = ANY(%s::bytea[])"
        with self.working() as db:
            return {keys[named] for (named,) in db.execute(asked, (list(keys),))}

    def close(self) -> None:
        """Leave the server; the lock is free then."""
        with self._held:
            session, self._session = self._session, None
            if session is None:
                return
            if self._writes and not (session.broken or session.closed):
                # the server would take a moment to notice, and the next writer comes at once
                with contextlib.suppress(psycopg.Error), bounded(session, _LEAVE_S):
                    session.execute("SELECT pg_advisory_unlock_all()")
            session.close()

    def finish(self) -> None:
        """What was begun anew is the archive's index from now on."""
        with self.working() as db:
            finish(db)
        self._anew = False

    @property
    def names(self) -> Names:
        """Names as numbers, for what works on these tables too; within `working`."""
        return self._names

    @contextlib.contextmanager
    def working(self, seconds: float = 0) -> Iterator[Session]:
        """A session for one piece of work, its errors told as this class tells them. For what works
        on these tables too; `seconds` it may take, by default as every answer."""
        with self._held:
            if self._session is None:
                self._session = self._opened()
            session, limit = self._session, max(seconds, self._server.timeout_s)
            try:
                with bounded(session, limit), limited(session, limit, self._server.timeout_s):
                    yield session
            except psycopg.Error as error:
                if session.broken or session.closed:
                    self.close()
                raise failure(self._server, error) from None

    def _opened(self) -> Session:
        session = connected(self._server, self._schema)
        try:
            with bounded(session, self._server.timeout_s):
                self._prepare(session)
                told = session.execute("SELECT salt FROM about").fetchone()
        except psycopg.Error as error:
            session.close()
            raise failure(self._server, error) from None
        except MingjianError:
            session.close()
            raise
        if told is None:
            raise IndexAway(f"schema {self._schema} is not complete")
        self._names, self._numbers = Names(), Numbers(told[0])
        return session

    def _prepare(self, session: Session) -> None:
        shown = f"{self._server.shown()}, schema {self._schema}"
        if not self._writes:
            session.execute("SET default_transaction_read_only = on")
            if not are_there(session, self._schema):
                raise NoIndexYet(
                    f"there is no index of an archive at {shown}",
                    f"{shown} 中没有归档索引",
                    fix_en="run `mingjian deliver` first",
                    fix_zh="请先运行 `mingjian deliver`",
                )
            return
        asked = "SELECT pg_try_advisory_lock(%s)"
        if session.execute(asked, (lock_number(self._schema),)).fetchone() != (True,):
            raise MingjianError(
                f"another process writes to the archive's index at {shown}",
                f"另一个进程正在写入归档索引（{shown}）",
                fix_en="end it; of one whose machine vanished, the lock is free within a minute",
                fix_zh="请停掉它；若其所在机器已消失，锁会在一分钟内释放",
            )
        if self._anew:
            begin_anew(session, self._schema)
        else:
            ensure(session, self._schema)


class FreshSchema:
    """See `FreshIndex`. The tables are emptied where they are, since the right to make another
    schema may be missing; until they are filled, whoever opens them is told so. What was cut short
    goes on, because nobody else could write meanwhile."""

    def __init__(self, server: Server, schema: str) -> None:
        self._index = PostgresIndex(server, schema, anew=True)

    @property
    def index(self) -> PostgresIndex:
        """See `FreshIndex`."""
        return self._index

    def finish(self) -> None:
        """See `FreshIndex`."""
        self._index.finish()
        self._index.close()

    def close(self) -> None:
        """See `FreshIndex`."""
        self._index.close()

"""What a channel is still to tell, and what people know already: one small SQLite file.

A record stands here before its position is remembered, and leaves when the channel has confirmed
the message. Which records a message has is written down before it is sent: killed in between, it
is sent once more with the same records under the same id.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from rules.alert import content_id
from rules.errors import MingjianError
from sinks.base import Record, Rejected, SinkBusy
from sinks.channels.policy import MINUTE, Waiting

_TABLES = """
CREATE TABLE IF NOT EXISTS waiting (
    key INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE, topic TEXT, about TEXT, stands INTEGER,
    response INTEGER, came REAL, message TEXT DEFAULT '', refused TEXT DEFAULT '', body BLOB);
CREATE INDEX IF NOT EXISTS waiting_about ON waiting (about, response, came) WHERE refused = '';
CREATE INDEX IF NOT EXISTS waiting_message ON waiting (message);
CREATE TABLE IF NOT EXISTS known (id TEXT PRIMARY KEY, rank INTEGER, told TEXT, at REAL);
CREATE INDEX IF NOT EXISTS known_at ON known (at);
CREATE TABLE IF NOT EXISTS sent (at REAL, about TEXT);
"""
KEPT_S = 400 * 86_400  # how long it is remembered that something was told
MOST = 50  # records of one message that are read
MOST_BYTES = 64 * 1024 * 1024  # of records that wait
STANDS, ENDED = "stands", "ended"
PERHAPS = "perhaps"  # a message about it was sent and not confirmed: nobody knows what they know
_OPEN = "refused = ''"
_HANDED = 1000


class Entry(NamedTuple):
    """A record on its way to people.

    Args:
        about: the group it is told in.
        rank: of two records of one id that of the higher rank holds, whatever comes first.
        stands: it is so; False: it is so no more (retracted, resolved).
    """

    id: str
    topic: str
    about: str
    rank: int
    stands: bool
    response: int
    body: bytes


class Claim(NamedTuple):
    """One message.

    Args:
        bodies: of its first records, the gravest first; `more` are not among them.
        rest: whether its group has further records that do not wait.
    """

    id: str
    about: str
    topic: str
    bodies: tuple[bytes, ...]
    more: int
    rest: bool


class Outbox:
    """The file of one channel, which one process at a time may use.

    Raises:
        SinkBusy: another process has it. MingjianError: it cannot be written.
    """

    def __init__(self, channel: str, path: Path) -> None:
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT, 0o600)
            try:
                self._db = _opened(self._lock, path)
            except BaseException:
                os.close(self._lock)  # or this process would keep itself out
                raise
        except BlockingIOError:
            raise SinkBusy(channel, "another deliverer tells this channel") from None
        except (OSError, sqlite3.Error) as error:
            raise MingjianError(
                f"cannot write what is to be told to {path}: {error}",
                f"无法把待通知的告警写入 {path}：{error}",
                fix_en="check data_dir in the settings",
                fix_zh="请检查配置中的 data_dir",
            ) from None

    def add(self, entries: Iterable[Entry], now: float) -> int:
        """Note the entries; how many of them were not known.

        What people know is compared with what is so: an end takes the place of what was not told
        yet, and is told only of what was; what stands after all is told once more. Where nobody
        can say what they know, they are told: a message too many is better than none.
        """
        new = 0
        with self._together():
            for entry in entries:
                found = self._one("SELECT rank, told FROM known WHERE id = ?", entry.id)
                rank, told = found or (0, "")
                if entry.rank <= rank:
                    continue
                new += 1
                if self._one("SELECT 1 FROM waiting WHERE id = ? AND message != ''", entry.id):
                    told = PERHAPS
                self._db.execute(
                    "INSERT OR REPLACE INTO known VALUES (?, ?, ?, ?)",
                    (entry.id, entry.rank, told, now),
                )
                self._queue(entry, told, now)
        return new

    def _queue(self, entry: Entry, told: str, now: float) -> None:
        news = told != STANDS if entry.stands else told in (STANDS, PERHAPS)
        kept = self._one(
            f"SELECT came FROM waiting WHERE id = ? AND stands = ? AND {_OPEN}",  # noqa: S608
            entry.id, entry.stands,
        )  # fmt: skip
        if news and kept:  # it keeps its place, and the id of its message
            self._db.execute(
                "UPDATE waiting SET body = ?, response = ? WHERE id = ?",
                (entry.body, entry.response, entry.id),
            )
            return
        self._db.execute("DELETE FROM waiting WHERE id = ?", (entry.id,))
        if news:
            self._db.execute(
                "INSERT INTO waiting (id, topic, about, stands, response, came, body)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (entry.id, entry.topic, entry.about, entry.stands, entry.response, now, entry.body),
            )

    def waiting(self) -> list[Waiting]:
        """What is to be told, by group and response."""
        rows = self._db.execute(
            "SELECT about, response, min(came) FROM waiting"  # noqa: S608
            f" WHERE {_OPEN} GROUP BY about, response"
        )
        return [Waiting(*row) for row in rows]

    def count(self) -> int:
        """How many records are to be told."""
        row = self._one(f"SELECT count(*) FROM waiting WHERE {_OPEN}")  # noqa: S608
        return int(row[0]) if row else 0

    def full(self) -> bool:
        """Whether as much waits as may."""
        row = self._one(f"SELECT total(length(body)) FROM waiting WHERE {_OPEN}")  # noqa: S608
        return bool(row and row[0] >= MOST_BYTES)

    def sent(self, since: float, now: float) -> list[tuple[float, str]]:
        """(time, group) of the messages since then. Those that a clock which was ahead has dated
        later than now count from now on, and are written down so: they must not come nearer at
        every look."""
        if self._one("SELECT 1 FROM sent WHERE at > ?", now):
            self._db.execute("UPDATE sent SET at = ? WHERE at > ?", (now, now))
        return list(self._db.execute("SELECT at, about FROM sent WHERE at > ?", (since,)))

    def claim(self, about: str, floor: int, whole: bool) -> Claim:
        """The next message of a group; one that was sent and not confirmed is made again.

        Args:
            floor: records of a lower response are left out.
            whole: its records are all read; else it may have more than are read.
        """
        among = f"about = ? AND response >= ? AND {_OPEN}"
        with self._together():
            found = self._one(
                f"SELECT message FROM waiting WHERE {among} AND message != '' ORDER BY key",  # noqa: S608
                about, floor,
            )  # fmt: skip
            if found:
                message = str(found[0])
            else:
                keys = f"SELECT key FROM waiting WHERE {among} ORDER BY key LIMIT ?"  # noqa: S608
                first = self._one(keys, about, floor, 1)
                assert first is not None, "only groups that wait are claimed"  # noqa: S101
                message = content_id("message", about, str(first[0]))
                self._db.execute(
                    f"UPDATE waiting SET message = ? WHERE key IN ({keys})",  # noqa: S608
                    (message, about, floor, MOST if whole else -1),
                )
        rows = self._db.execute(
            "SELECT topic, body FROM waiting WHERE message = ? ORDER BY response DESC, key LIMIT ?",
            (message, MOST),
        ).fetchall()
        total = self._one("SELECT count(*) FROM waiting WHERE message = ?", message) or (0,)
        rest = self._one(f"SELECT 1 FROM waiting WHERE {among} AND message = ''", about, floor)  # noqa: S608
        bodies = tuple(bytes(body) for _, body in rows)
        return Claim(message, about, rows[0][0], bodies, total[0] - len(bodies), rest is not None)

    def confirmed(self, claim: Claim, now: float, kept_s: float) -> None:
        """The channel has the message; messages older than `kept_s` need not be known."""
        with self._together():
            self._db.execute(
                "UPDATE known SET at = ?, told = (SELECT CASE stands WHEN 1 THEN ? ELSE ? END"
                " FROM waiting WHERE waiting.id = known.id)"
                " WHERE id IN (SELECT id FROM waiting WHERE message = ?)",
                (now, STANDS, ENDED, claim.id),
            )
            self._db.execute("DELETE FROM waiting WHERE message = ?", (claim.id,))
            self._left(claim, now, kept_s)
            self._db.execute(
                "DELETE FROM known WHERE at <= ? AND id NOT IN (SELECT id FROM waiting)",
                (now - KEPT_S,),
            )

    def refused(self, claim: Claim, reason: str, now: float, kept_s: float) -> None:
        """The channel will never take the message: its records are to be set aside."""
        with self._together():
            self._db.execute(
                "UPDATE waiting SET refused = ?, message = '' WHERE message = ?",
                (reason, claim.id),
            )
            self._left(claim, now, kept_s)

    def _left(self, claim: Claim, now: float, kept_s: float) -> None:
        """A message counts for the rate; the group waits after it, unless it has more to tell."""
        about = "" if claim.rest else claim.about
        self._db.execute("INSERT INTO sent VALUES (?, ?)", (now, about))
        self._db.execute("DELETE FROM sent WHERE at <= ?", (now - max(kept_s, MINUTE),))

    def to_set_aside(self) -> list[tuple[int, Rejected]]:
        """(key, record) of what was refused; it is told again until `set_aside`."""
        rows = self._db.execute(
            "SELECT key, topic, id, body, refused FROM waiting WHERE refused != ''"
            " ORDER BY key LIMIT ?",
            (_HANDED,),
        )
        return [
            (key, Rejected(Record(topic, one, bytes(body)), reason))
            for key, topic, one, body, reason in rows
        ]

    def set_aside(self, keys: Iterable[int]) -> None:
        """These refused records stand elsewhere now."""
        with self._together():
            self._db.executemany("DELETE FROM waiting WHERE key = ?", [(key,) for key in keys])

    def close(self) -> None:
        """Close the file, and let others have it."""
        self._db.close()
        os.close(self._lock)

    def _one(self, query: str, *values: object) -> tuple[Any, ...] | None:
        found: tuple[Any, ...] | None = self._db.execute(query, values).fetchone()
        return found

    @contextmanager
    def _together(self) -> Iterator[None]:
        """All of it or nothing."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise


def _opened(lock: int, path: Path) -> sqlite3.Connection:
    """Raises BlockingIOError when another process has it."""
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    database = sqlite3.connect(path, isolation_level=None)
    try:
        database.execute("PRAGMA journal_mode = WAL")
        database.executescript(_TABLES)
    except BaseException:
        database.close()
        raise
    return database

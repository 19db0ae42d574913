"""What a channel is still to tell, and what it has told: one small SQLite file.

An alert stands here before its position is remembered, and leaves when the channel has confirmed
the message. Killed in between, the message is sent once more, under the same id.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path

from rules.errors import MingjianError
from sinks.channels.policy import MINUTE, Waiting

_TABLES = """
CREATE TABLE IF NOT EXISTS waiting (
    key INTEGER PRIMARY KEY, id TEXT, about TEXT, response INTEGER, came REAL, body BLOB,
    UNIQUE (id, about));
CREATE TABLE IF NOT EXISTS told (id TEXT, kind TEXT, at REAL, PRIMARY KEY (id, kind));
CREATE INDEX IF NOT EXISTS told_at ON told (at);
CREATE TABLE IF NOT EXISTS sent (at REAL, about TEXT);
"""
KEPT_S = 90 * 86_400  # how long it is remembered that an alert was told


class Outbox:
    """The file of one channel.

    Raises:
        MingjianError: it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, isolation_level=None)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.executescript(_TABLES)
        except (OSError, sqlite3.Error) as error:
            raise MingjianError(
                f"cannot write what is to be told to {path}: {error}",
                f"无法把待通知的告警写入 {path}：{error}",
                fix_en="check data_dir in the settings",
                fix_zh="请检查配置中的 data_dir",
            ) from None

    def add(self, rows: Iterable[tuple[str, str, str, int, bytes]], now: float) -> int:
        """Rows of (id, kind, about, response, body); how many of them are new.

        A retraction takes the place of an alert that was not told yet, and is told only of one
        that was.
        """
        new = 0
        self._db.execute("BEGIN IMMEDIATE")
        try:
            for alert, kind, about, response, body in rows:
                if self._told(alert, kind):
                    continue
                if kind == "retraction" and not self._told(alert, "alert"):
                    self._db.execute("DELETE FROM waiting WHERE id = ?", (alert,))
                    self._tell(alert, "alert", now)  # so that a repeat does not tell it after all
                    continue
                done = self._db.execute(
                    "INSERT OR IGNORE INTO waiting (id, about, response, came, body)"
                    " VALUES (?, ?, ?, ?, ?)",
                    (alert, about, response, now, body),
                )
                new += done.rowcount
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")
        return new

    def waiting(self) -> list[Waiting]:
        """What is to be told, in the order in which it came."""
        rows = self._db.execute("SELECT key, about, response, came FROM waiting ORDER BY key")
        return [Waiting(*row) for row in rows]

    def bodies(self, keys: Sequence[int]) -> list[bytes]:
        """The alerts of a message."""
        marks = ", ".join("?" * len(keys))
        query = f"SELECT body FROM waiting WHERE key IN ({marks}) ORDER BY key"  # noqa: S608
        return [bytes(row[0]) for row in self._db.execute(query, keys)]

    def sent(self, since: float) -> list[tuple[float, str]]:
        """(time, about) of the messages since then."""
        return list(self._db.execute("SELECT at, about FROM sent WHERE at > ?", (since,)))

    def confirmed(self, keys: Sequence[int], now: float, kept_s: float) -> None:
        """The channel has the message; what is older than `kept_s` need not be known."""
        marks = ", ".join("?" * len(keys))
        self._db.execute("BEGIN IMMEDIATE")
        found = self._db.execute(
            f"SELECT id, about FROM waiting WHERE key IN ({marks})",  # noqa: S608
            keys,
        ).fetchall()
        for alert, about in found:
            self._tell(alert, about.partition("|")[0], now)
        self._db.execute(f"DELETE FROM waiting WHERE key IN ({marks})", keys)  # noqa: S608
        self._db.execute("INSERT INTO sent VALUES (?, ?)", (now, found[0][1]))
        self._db.execute("DELETE FROM sent WHERE at <= ?", (now - max(kept_s, MINUTE),))
        self._db.execute("DELETE FROM told WHERE at <= ?", (now - KEPT_S,))
        self._db.execute("COMMIT")

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def _told(self, alert: str, kind: str) -> bool:
        found = self._db.execute("SELECT 1 FROM told WHERE id = ? AND kind = ?", (alert, kind))
        return found.fetchone() is not None

    def _tell(self, alert: str, kind: str, now: float) -> None:
        self._db.execute("INSERT OR IGNORE INTO told VALUES (?, ?, ?)", (alert, kind, now))

"""What a target refused, as a table of SQLite: one row a record, the version of it that stands."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence

import msgspec

from rules.operations import RANKED, rank
from sinks.base import Rejected

TABLE = """
CREATE TABLE IF NOT EXISTS rejected (
    topic TEXT, id TEXT, reason TEXT, body BLOB, stored_at INTEGER, PRIMARY KEY (topic, id)
)"""  # stored_at: seconds since 1970


class _Status(msgspec.Struct):
    status: str = ""


def put(db: sqlite3.Connection, rejected: Sequence[Rejected]) -> None:
    """Keep them. Of two records of one id the one of the higher rank stays, as in every target, so
    that a way back brings what stands."""
    for item in rejected:
        topic, name, body = item.record
        row = (topic, name, item.reason, body, int(time.time()))
        added = db.execute("INSERT OR IGNORE INTO rejected VALUES (?, ?, ?, ?, ?)", row)
        if added.rowcount or topic not in RANKED:
            continue
        found = db.execute("SELECT body FROM rejected WHERE topic = ? AND id = ?", (topic, name))
        (old,) = found.fetchone()
        if _rank(topic, body) > _rank(topic, bytes(old)):
            db.execute("REPLACE INTO rejected VALUES (?, ?, ?, ?, ?)", row)


def _rank(topic: str, body: bytes) -> int:
    """Of what is no record: less than of any."""
    try:
        return rank(topic, msgspec.json.decode(body, type=_Status).status)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return -1

"""What a target refused, as a table of SQLite: one row a record, the version of it that stands, and
when that was refused last."""

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
)"""  # stored_at: seconds since 1970, with their fraction


class _Status(msgspec.Struct):
    status: str = ""


def put(db: sqlite3.Connection, rejected: Sequence[Rejected]) -> None:
    """Keep them. Of two records of one id the one of the higher rank stays, as in every target, so
    that a way back brings what stands."""
    for item in rejected:
        topic, name, body = item.record
        found = db.execute("SELECT body FROM rejected WHERE topic = ? AND id = ?", (topic, name))
        kept = found.fetchone()
        old = bytes(kept[0]) if kept else body
        higher = _rank(topic, body) - _rank(topic, old)
        if higher < 0:
            continue
        row = (topic, name, item.reason, body if higher else old, time.time())
        db.execute("REPLACE INTO rejected VALUES (?, ?, ?, ?, ?)", row)


def _rank(topic: str, body: bytes) -> int:
    """Of what is no record: less than of any."""
    if topic not in RANKED:
        return 0
    try:
        return rank(topic, msgspec.json.decode(body, type=_Status).status)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return -1

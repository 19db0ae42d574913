"""A file that somebody sent, as `sinks.archive.media_book` knows it."""

from __future__ import annotations

import fcntl
import hashlib
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from rules.errors import MingjianError
from rules.sent_files import SentFile

DATABASE, FILE, LOCK = "media.db", "media.jsonl", "media.lock"
WANTED, STORED, LOST, REFUSED, REMOVED = "wanted", "stored", "lost", "refused", "removed"
MEDIA_STORED, MEDIA_LOST = "media_stored", "media_lost"
MEDIA_REFUSED, MEDIA_REMOVED = "media_refused", "media_removed"
STATES = {
    MEDIA_STORED: STORED, MEDIA_LOST: LOST, MEDIA_REFUSED: REFUSED, MEDIA_REMOVED: REMOVED,
}  # fmt: skip
COLLECTOR = "collector"  # the role in which a process writes here
SCHEMA = """
CREATE TABLE IF NOT EXISTS files (
  file TEXT PRIMARY KEY, file_id TEXT NOT NULL, leaf INTEGER NOT NULL, msgid TEXT NOT NULL,
  time INTEGER NOT NULL, type TEXT NOT NULL, md5 TEXT NOT NULL, told INTEGER NOT NULL,
  state TEXT NOT NULL, reason TEXT NOT NULL DEFAULT '', tries INTEGER NOT NULL DEFAULT 0,
  due INTEGER NOT NULL DEFAULT 0, at INTEGER NOT NULL DEFAULT 0, sm3 TEXT NOT NULL DEFAULT '',
  sha256 TEXT NOT NULL DEFAULT '', size INTEGER NOT NULL DEFAULT 0,
  object TEXT NOT NULL DEFAULT '', line INTEGER NOT NULL DEFAULT 0,
  key_version INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS files_wanted ON files (time, leaf) WHERE state = 'wanted';
CREATE INDEX IF NOT EXISTS files_sm3 ON files (sm3);
CREATE TABLE IF NOT EXISTS carriers (
  leaf INTEGER NOT NULL, file TEXT NOT NULL, PRIMARY KEY (leaf, file)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS carriers_file ON carriers (file);
CREATE TABLE IF NOT EXISTS unread (leaf INTEGER PRIMARY KEY);
CREATE TABLE IF NOT EXISTS marks (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
"""
LATER_COLUMNS = (("key_version", "INTEGER NOT NULL DEFAULT 0"),)  # that `files` did not always have
COLUMNS = (
    "file, file_id, leaf, msgid, time, type, md5, told, state, reason, tries, due, at, sm3,"
    " sha256, size, object, line"
)


class MediaRow(NamedTuple):
    """A file. Times are UTC ms.

    `leaf`, `msgid`, `time`: the message in which it was seen first; `type`, `md5` and `told`
    (bytes) as WeCom describes it. `tries`, `due`: failures so far, and before when not to try
    again. `at`: when its state began, 0 while it is wanted; `reason`: why it was lost or refused,
    or failed last; `sm3`, `sha256` and `size` of its content, `object` where that is; `line` in
    the book.
    """

    file: str
    file_id: str
    leaf: int
    msgid: str
    time: int
    type: str
    md5: str
    told: int
    state: str
    reason: str
    tries: int
    due: int
    at: int
    sm3: str
    sha256: str
    size: int
    object: str
    line: int


class Carried(NamedTuple):
    """A file, and the message that carries it: its leaf, id and time (UTC ms)."""

    leaf: int
    msgid: str
    time: int
    file: SentFile


def file_key(file_id: str) -> str:
    """What a file goes by: the SM3 of its `sdkfileid`, in hex."""
    return hashlib.new("sm3", file_id.encode("utf-8", "surrogatepass")).hexdigest()


def complete(db: sqlite3.Connection) -> None:
    """Tables, and columns that are missing in those of an earlier program."""
    db.executescript(SCHEMA)
    there = {name for _, name, *_ in db.execute("PRAGMA table_info(files)")}
    for name, kind in LATER_COLUMNS:
        if name not in there:
            db.execute(f"ALTER TABLE files ADD COLUMN {name} {kind}")


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """All or nothing."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def locked(path: Path) -> int:
    """The lock of whoever fetches, as a handle that holds it until it is closed.

    Raises:
        MingjianError: another process has it.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise MingjianError(
            f"another process fetches files for the archive {path.parent}",
            f"另一个进程正在为归档 {path.parent} 取回文件",
            fix_en="let it go on, or end it first",
            fix_zh="请等待其继续，或先将其结束",
        ) from None
    return handle

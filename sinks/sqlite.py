"""SQLite as index of alerts and evidence: the target of the embedded profile.

One file, one writer (a lock beside it), any number of readers (write-ahead log). Records and the
deliverer's positions are stored in the same transaction: after a crash the file holds both or
neither.
"""

from __future__ import annotations

import errno
import fcntl
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

import msgspec

from rules.alert import FINAL, SPECULATIVE, Alert, Evidence, Late, Quarantined
from rules.errors import EXIT_ENVIRONMENT, EXIT_USAGE, MingjianError
from rules.operations import Handled, Incident, rank
from sinks import rejected_table
from sinks.base import Record, Rejected, SinkBusy, WriteResult
from sinks.fulltext import index_terms
from sinks.own_file import keep_private

SCHEMA_VERSION = 1
_BUSY_MS = 5000
# what waiting does not mend: the settings name a place or a file that can never be the index
_WRONG_PLACE = {
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR, errno.EISDIR,
    errno.EEXIST, errno.ELOOP, errno.ENAMETOOLONG,
}  # fmt: skip
_WRONG_FILE = {
    sqlite3.SQLITE_PERM, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_NOTADB,
}  # fmt: skip
# `n` is the order in which records were stored, which is what a follower reads by
_SCHEMA = """
CREATE TABLE IF NOT EXISTS alerts (
  n INTEGER PRIMARY KEY AUTOINCREMENT, alert_id TEXT NOT NULL UNIQUE, tenant TEXT NOT NULL,
  rule TEXT NOT NULL, response INTEGER NOT NULL, actor TEXT NOT NULL, status TEXT NOT NULL,
  time INTEGER NOT NULL, body BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS alerts_time ON alerts (time, n);
CREATE TABLE IF NOT EXISTS evidence (
  n INTEGER PRIMARY KEY AUTOINCREMENT, evidence_id TEXT NOT NULL UNIQUE, alert_id TEXT NOT NULL,
  tenant TEXT NOT NULL, time INTEGER NOT NULL, body BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS evidence_alert ON evidence (alert_id, time);
CREATE TABLE IF NOT EXISTS quarantine (
  n INTEGER PRIMARY KEY AUTOINCREMENT, quarantine_id TEXT NOT NULL UNIQUE, reason TEXT NOT NULL,
  body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS late (
  n INTEGER PRIMARY KEY AUTOINCREMENT, late_id TEXT NOT NULL UNIQUE, tenant TEXT NOT NULL,
  rule TEXT NOT NULL, time INTEGER NOT NULL, body BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS late_time ON late (time, n);
CREATE TABLE IF NOT EXISTS incidents (
  n INTEGER PRIMARY KEY AUTOINCREMENT, incident_id TEXT NOT NULL UNIQUE, tenant TEXT NOT NULL,
  status TEXT NOT NULL, time INTEGER NOT NULL, body BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS incidents_time ON incidents (time, n);
CREATE TABLE IF NOT EXISTS handled (
  n INTEGER PRIMARY KEY AUTOINCREMENT, handled_id TEXT NOT NULL UNIQUE, tenant TEXT NOT NULL,
  quarantine_id TEXT NOT NULL, time INTEGER NOT NULL, body BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS handled_record ON handled (quarantine_id, time);
CREATE TABLE IF NOT EXISTS positions (name TEXT PRIMARY KEY, done INTEGER NOT NULL) WITHOUT ROWID;
CREATE VIRTUAL TABLE IF NOT EXISTS alerts_text USING fts5(terms, content='', tokenize='ascii');
CREATE VIRTUAL TABLE IF NOT EXISTS evidence_text USING fts5(terms, content='', tokenize='ascii');
"""


class SqliteSink:
    """Writes to the SQLite file `path`, created when it is not there."""

    def __init__(self, name: str, path: str | Path) -> None:
        self.name = name
        self.path = Path(path)
        self._db: sqlite3.Connection | None = None
        self._lock: IO[str] | None = None
        self._write: dict[str, Callable[[sqlite3.Connection, Record], bool]] = {
            "alerts": _put_alert,
            "evidence": _put_evidence,
            "quarantine": _put_quarantine,
            "late": _put_late,
            "incidents": _put_incident,
            "handled": _put_handled,
        }

    def open(self) -> None:
        """Create the file and its tables.

        Raises:
            MingjianError: the file cannot be written, is no index (with EXIT_USAGE when that is
                so for ever), or has another writer.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            keep_private(self.path)  # evidence quotes what people wrote
            self._lock = self.path.with_name(self.path.name + ".lock").open("w")
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.close()
            raise MingjianError(
                f"another deliverer is writing to {self.path}",
                f"已有另一个投递进程在写 {self.path}",
                fix_en="stop it, or give this one another file (targets[].path)",
                fix_zh="请先停掉它，或为本进程配置另一个文件（targets[].path）",
            ) from None
        except OSError as error:
            self.close()
            raise _cannot_open(
                self.path, error.strerror or str(error), for_ever=error.errno in _WRONG_PLACE
            ) from None
        try:
            # the deliverer opens in one thread and writes in the same; close may come from another
            db = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
            self._db = db
            db.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")  # an acknowledged alert survives a power cut
            version = db.execute("PRAGMA user_version").fetchone()[0]
            if version > SCHEMA_VERSION:
                raise sqlite3.DatabaseError(f"made by a newer version (schema {version})")
            db.executescript(_SCHEMA + rejected_table.TABLE)
            db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        except sqlite3.Error as error:
            self.close()
            code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_NOTADB) & 0xFF
            raise _cannot_open(self.path, str(error), for_ever=code in _WRONG_FILE) from None

    def write(self, batch: Sequence[Record]) -> WriteResult:
        """Store the batch in one transaction."""
        return self.write_at(batch, {})

    def write_at(self, batch: Sequence[Record], positions: Mapping[str, int]) -> WriteResult:
        """Store the batch and the positions in one transaction."""
        db = self._connection()
        written, duplicates, rejected = 0, 0, list[Rejected]()
        try:
            db.execute("BEGIN IMMEDIATE")
            for record in batch:
                try:
                    new = self._write[record.topic](db, record)
                except (msgspec.MsgspecError, KeyError, OverflowError) as error:
                    rejected.append(Rejected(record, f"{type(error).__name__}: {error}"))
                    continue
                written, duplicates = written + new, duplicates + (not new)
            rejected_table.put(db, rejected)
            db.executemany(
                "INSERT INTO positions VALUES (?, ?)"
                " ON CONFLICT (name) DO UPDATE SET done = excluded.done",
                list(positions.items()),
            )
            db.execute("COMMIT")
        except sqlite3.Error as error:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise SinkBusy(self.name, str(error)) from error
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise
        return WriteResult(written, duplicates, tuple(rejected))

    def reject(self, rejected: Sequence[Rejected]) -> None:
        """Keep refused records with their reasons."""
        try:
            rejected_table.put(self._connection(), rejected)
        except sqlite3.Error as error:
            raise SinkBusy(self.name, str(error)) from error

    def positions(self) -> dict[str, int]:
        """How far the deliverer had got when it last wrote."""
        return dict(self._connection().execute("SELECT name, done FROM positions").fetchall())

    def close(self) -> None:
        """Close the file and let others write."""
        if self._db is not None:
            self._db.close()
            self._db = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _connection(self) -> sqlite3.Connection:
        if self._db is None:
            raise SinkBusy(self.name, "not open")
        return self._db


def _cannot_open(path: Path, why: str, *, for_ever: bool) -> MingjianError:
    return MingjianError(
        f"cannot open the index {path}: {why}",
        f"打不开索引文件 {path}：{why}",
        fix_en="check that the folder can be written and the file is an index of Mingjian",
        fix_zh="请检查目录可写，且该文件确实是明鉴的索引",
        exit_code=EXIT_USAGE if for_ever else EXIT_ENVIRONMENT,
    )


def _put_alert(db: sqlite3.Connection, record: Record) -> bool:
    alert = msgspec.json.decode(record.body, type=Alert)
    old = db.execute(
        "SELECT n, status, body FROM alerts WHERE alert_id = ?", (record.id,)
    ).fetchone()
    values = (alert.tenant, alert.rule.name, alert.rule.response, alert.actor, alert.status)
    values_at = (*values, alert.time, record.body)
    if old is not None:
        if rank("alerts", old[1]) >= rank("alerts", alert.status):
            return False
        # what was told ahead is settled under the same id
        db.execute(
            "INSERT INTO alerts_text (alerts_text, rowid, terms) VALUES ('delete', ?, ?)",
            (old[0], _alert_terms(msgspec.json.decode(old[2], type=Alert))),
        )
        db.execute("DELETE FROM alerts WHERE n = ?", (old[0],))
    # one that is taken back is news to who follows, one that is confirmed is not
    confirmed = old is not None and (old[1], alert.status) == (SPECULATIVE, FINAL)
    n = db.execute(
        "INSERT INTO alerts (n, alert_id, tenant, rule, response, actor, status, time, body)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (old[0] if confirmed else None, record.id, *values_at),
    ).lastrowid
    db.execute("INSERT INTO alerts_text (rowid, terms) VALUES (?, ?)", (n, _alert_terms(alert)))
    return True


def _alert_terms(alert: Alert) -> str:
    excerpts = " ".join(hit.excerpt for hit in alert.hits)
    return index_terms(f"{alert.summary} {alert.rule.title} {alert.actor} {excerpts}")


def _put_evidence(db: sqlite3.Connection, record: Record) -> bool:
    item = msgspec.json.decode(record.body, type=Evidence)
    done = db.execute(
        "INSERT OR IGNORE INTO evidence (evidence_id, alert_id, tenant, time, body)"
        " VALUES (?, ?, ?, ?, ?)",
        (record.id, item.alert_id, item.tenant, item.time, record.body),
    )
    if not done.rowcount:
        return False
    excerpts = " ".join(hit.excerpt for hit in item.hits)
    db.execute(
        "INSERT INTO evidence_text (rowid, terms) VALUES (?, ?)",
        (done.lastrowid, index_terms(f"{item.text} {excerpts}")),
    )
    return True


def _put_quarantine(db: sqlite3.Connection, record: Record) -> bool:
    item = msgspec.json.decode(record.body, type=Quarantined)
    done = db.execute(
        "INSERT OR IGNORE INTO quarantine (quarantine_id, reason, body) VALUES (?, ?, ?)",
        (record.id, item.reason, record.body),
    )
    return bool(done.rowcount)


def _put_late(db: sqlite3.Connection, record: Record) -> bool:
    item = msgspec.json.decode(record.body, type=Late)
    done = db.execute(
        "INSERT OR IGNORE INTO late (late_id, tenant, rule, time, body) VALUES (?, ?, ?, ?, ?)",
        (record.id, item.tenant, item.rule, item.time, record.body),
    )
    return bool(done.rowcount)


def _put_incident(db: sqlite3.Connection, record: Record) -> bool:
    item = msgspec.json.decode(record.body, type=Incident)
    old = db.execute("SELECT status FROM incidents WHERE incident_id = ?", (record.id,)).fetchone()
    if old is not None and rank("incidents", old[0]) >= rank("incidents", item.status):
        return False
    db.execute(
        "INSERT INTO incidents (incident_id, tenant, status, time, body) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (incident_id) DO UPDATE SET"
        " status = excluded.status, time = excluded.time, body = excluded.body",
        (record.id, item.tenant, item.status, item.time, record.body),
    )
    return True


def _put_handled(db: sqlite3.Connection, record: Record) -> bool:
    item = msgspec.json.decode(record.body, type=Handled)
    done = db.execute(
        "INSERT OR IGNORE INTO handled (handled_id, tenant, quarantine_id, time, body)"
        " VALUES (?, ?, ?, ?, ?)",
        (record.id, item.tenant, item.quarantine_id, item.time, record.body),
    )
    return bool(done.rowcount)

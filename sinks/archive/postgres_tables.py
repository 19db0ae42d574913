"""Tables of the archive's index in PostgreSQL.

Names of people, rooms and ids are bytes: PostgreSQL's text takes no NUL, which JSON may hold. What
has to be unique and can be long is known by its digest (`digest_of`), because an entry of a
PostgreSQL index is at most 2,700 bytes.
"""

from __future__ import annotations

import hashlib
import secrets

from psycopg import sql

from rules.errors import MingjianError
from sinks.archive.postgres_session import Session

_VERSION = 2  # 1: no deletion
_TABLES = """
CREATE TABLE about (version int NOT NULL, salt bytea NOT NULL, merged int NOT NULL);
CREATE TABLE names (
  id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, digest bytea NOT NULL UNIQUE,
  name bytea NOT NULL);
CREATE TABLE segments (
  id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text COLLATE "C" NOT NULL UNIQUE,
  key_version int NOT NULL, sm3 text NOT NULL, size bigint NOT NULL, records int NOT NULL,
  created_at bigint NOT NULL);
CREATE TABLE messages (
  leaf bigint PRIMARY KEY, seq bigint NOT NULL, time bigint NOT NULL, "offset" bigint NOT NULL,
  kind int NOT NULL, type int NOT NULL, sender int NOT NULL, room int NOT NULL,
  conversation int NOT NULL, direction int NOT NULL, segment int NOT NULL, number int NOT NULL,
  length int NOT NULL, size int NOT NULL, msgid bytea NOT NULL, sm3 bytea NOT NULL);
CREATE INDEX messages_time ON messages (time);
CREATE TABLE blocks (block int PRIMARY KEY, earliest bigint NOT NULL, latest bigint NOT NULL);
CREATE TABLE postings (
  term bigint NOT NULL, block int NOT NULL, leaves bytea NOT NULL, PRIMARY KEY (term, block));
ALTER TABLE postings ALTER leaves SET STORAGE PLAIN;
CREATE TABLE tail (leaf bigint PRIMARY KEY, terms bigint[] NOT NULL);
ALTER TABLE tail ALTER terms SET STORAGE EXTERNAL;
CREATE TABLE secrets (id int PRIMARY KEY, version int NOT NULL, body bytea NOT NULL);
CREATE TABLE others (
  named bytea NOT NULL, sm3 bytea NOT NULL, kind text NOT NULL, id bytea NOT NULL,
  leaf bigint NOT NULL, PRIMARY KEY (named, sm3));
CREATE TABLE hits (
  leaf bigint NOT NULL, alert int NOT NULL, rule int NOT NULL, PRIMARY KEY (leaf, alert));
CREATE INDEX hits_rule ON hits (rule, leaf);
CREATE TABLE waiting (
  time bigint NOT NULL, named bytea NOT NULL, alert int NOT NULL, rule int NOT NULL,
  msgid bytea NOT NULL, PRIMARY KEY (time, named, alert));
CREATE TABLE positions (name bytea PRIMARY KEY, done bigint NOT NULL);
"""
# postings stand in the order of their blocks, so that a small index leads to those of one block
_SINCE_2 = """
ALTER TABLE about ADD whole boolean NOT NULL DEFAULT true;
CREATE TABLE tombstones (
  leaf bigint PRIMARY KEY, seq bigint NOT NULL, time bigint NOT NULL, book bigint NOT NULL,
  at bigint NOT NULL, named bytea NOT NULL, msgid bytea NOT NULL, sm3 bytea NOT NULL,
  plan text COLLATE "C" NOT NULL);
CREATE INDEX tombstones_time ON tombstones (time);
CREATE INDEX tombstones_named ON tombstones (named);
CREATE TABLE discards (name text COLLATE "C" PRIMARY KEY);
CREATE TABLE remains (leaf bigint PRIMARY KEY);
CREATE INDEX postings_block ON postings USING brin (block)
  WITH (pages_per_range = 16, autosummarize = on);
"""
_NAMES = (
    "about", "names", "segments", "messages", "blocks", "postings", "tail", "secrets", "others",
    "hits", "waiting", "positions", "tombstones", "discards", "remains",
)  # fmt: skip


def digest_of(*texts: str) -> bytes:
    """16 bytes that stand for these texts together."""
    told = hashlib.sha256()
    for text in texts:
        data = text.encode()
        told.update(len(data).to_bytes(8, "big") + data)
    return told.digest()[:16]


def ensure(session: Session, schema: str) -> None:
    """Make the tables where there are none, and bring those of an earlier version up to date, in
    one transaction.

    Raises:
        MingjianError: they are of a later version, or were not made again to their end.
    """
    version = _version(session, schema)
    if version == 0:
        with session.transaction():
            _make(session, schema)
    elif version < _VERSION:
        with session.transaction():
            session.execute(_SINCE_2)
            session.execute("UPDATE about SET version = %s", (_VERSION,))
    else:
        require_whole(session, schema)


def begin_anew(session: Session, schema: str) -> None:
    """Tables without content, which count only after `finish`; what was begun so before goes on.

    Raises:
        MingjianError: they are of a later version.
    """
    version = _version(session, schema)
    if version == _VERSION and session.execute("SELECT whole FROM about").fetchone() == (False,):
        return
    with session.transaction():
        for name in _NAMES:
            session.execute(sql.SQL("DROP TABLE IF EXISTS {}.{}").format(
                sql.Identifier(schema), sql.Identifier(name)))  # fmt: skip
        _make(session, schema)
        session.execute("UPDATE about SET whole = false")


def finish(session: Session) -> None:
    """What was begun anew counts from now on."""
    session.execute("UPDATE about SET whole = true")


def are_there(session: Session, schema: str) -> bool:
    """Whether the tables were made, for a reader.

    Raises:
        MingjianError: they are of another version, or were not made again to their end.
    """
    version = _version(session, schema)
    if 0 < version < _VERSION:
        raise MingjianError(
            f"the archive's index in schema {schema} is of version {version}, made by an earlier"
            " program",
            f"模式 {schema} 中的归档索引为第 {version} 版，由更早的程序写成",
            fix_en="start `mingjian deliver` of this program: it brings the index up to date",
            fix_zh="请启动本程序的 `mingjian deliver`，它会更新索引",
        )
    if version:
        require_whole(session, schema)
    return version > 0


def require_whole(session: Session, schema: str) -> None:
    """Come back when the index is not one that is being made again.

    Raises:
        MingjianError: it is.
    """
    if session.execute("SELECT whole FROM about").fetchone() == (False,):
        raise MingjianError(
            f"the archive's index in schema {schema} is being made again, or that was cut short",
            f"模式 {schema} 中的归档索引正在重建，或重建被中断",
            fix_en="wait until `mingjian archive rebuild` is done, or run it: it goes on where it"
            " stopped",
            fix_zh="请等待 `mingjian archive rebuild` 完成；若已中断，请再次运行，它会从中断处继续",
        )


def _make(session: Session, schema: str) -> None:
    if not session.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", (schema,)).fetchone():
        session.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
    session.execute(_TABLES)
    session.execute("INSERT INTO about VALUES (%s, %s, 0)", (_VERSION, secrets.token_bytes(16)))
    session.execute(_SINCE_2)


def _version(session: Session, schema: str) -> int:
    """Of the tables that are there; 0: there are none. Raises MingjianError: of a later one."""
    asked = "SELECT 1 FROM pg_tables WHERE schemaname = %s AND tablename = 'about'"
    if not session.execute(asked, (schema,)).fetchone():
        return 0
    told = session.execute("SELECT version FROM about").fetchone()
    version = int(told[0]) if told else _VERSION
    if version > _VERSION:
        raise MingjianError(
            f"the archive's index in schema {schema} is of version {version}; this program knows "
            f"version {_VERSION}",
            f"模式 {schema} 中的归档索引为第 {version} 版；本程序只认识第 {_VERSION} 版",
            fix_en="use the program that wrote it, or a later one",
            fix_zh="请使用写入它的程序版本或更新的版本",
        )
    return version


def lock_number(schema: str) -> int:
    """The number of the lock that whoever writes to the index holds."""
    digest = hashlib.sha256(f"mingjian archive {schema}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)

"""A session with PostgreSQL: how it is opened and bounded, and what each failure means to people.

What may pass by itself is `IndexAway`: the server is away, starts, is full, or does not answer in
time. What waits for a person is a MingjianError: a wrong password, a database that is not there, a
missing right, somebody else who writes.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import threading
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

import psycopg
from psycopg import errors, sql

from rules.errors import MingjianError

PASSWORD_VARIABLE = "MINGJIAN_POSTGRES_PASSWORD"  # noqa: S105 - where it is
Session = psycopg.Connection[tuple[Any, ...]]
_CONNECT_S = 10
_LIMIT = sql.SQL("SET statement_timeout = {}")
# so that a server that vanished is noticed by both sides within a minute, and with it its lock
_NOTICED = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}
# what the server or the library say, in English, when it will be the same the next time
_REFUSED = re.compile(
    r"password authentication failed|no password supplied|no pg_hba\.conf entry"
    r"|(?:role|database) \S+ does not exist|is not permitted to log in|permission denied",
    re.IGNORECASE,
)
_NO_TLS = re.compile(r"SSL was required|certificate|SSL error|root\.crt", re.IGNORECASE)


class IndexAway(OSError):
    """PostgreSQL did not do it now; the same may succeed later. Nothing of it was stored, unless it
    was the answer to a `store` that got lost: `ArchiveIndex.leaves` tells."""


class Server(NamedTuple):
    """Where and as whom: `url` is postgresql://HOST:PORT/DATABASE[?sslmode=MODE] without password,
    which comes from MINGJIAN_POSTGRES_PASSWORD; `ca_certs` a file of certificates to trust.

    Without `sslmode`, TLS is checked in full where `ca_certs` is given, and else used where the
    server offers it. `timeout_s` bounds every answer.
    """

    url: str
    username: str = ""
    ca_certs: str = ""
    timeout_s: float = 60.0

    def shown(self) -> str:
        """The address for people."""
        parts = urlsplit(self.url)
        return f"{parts.hostname}:{parts.port or 5432}{parts.path}"


def connected(server: Server, schema: str) -> Session:
    """A session that looks for tables in `schema`, which need not be there.

    Raises:
        IndexAway: the server is not there now.
        MingjianError: it does not let us in.
    """
    parts = urlsplit(server.url)
    options: dict[str, Any] = {**_NOTICED, "tcp_user_timeout": int(server.timeout_s * 1000)}
    if mode := _mode(server):
        options |= {"sslmode": mode}
    if server.ca_certs or mode == "verify-full":
        options |= {"sslrootcert": server.ca_certs or "system"}
    try:
        session = psycopg.connect(
            host=parts.hostname,
            port=parts.port or 5432,
            dbname=parts.path.lstrip("/"),
            user=server.username or None,
            password=os.environ.get(PASSWORD_VARIABLE) or None,
            connect_timeout=_CONNECT_S,
            application_name="mingjian",
            **options,
        )
    except psycopg.Error as error:
        raise _not_connected(server, error) from None
    try:
        session.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        session.autocommit = True
        with bounded(session, server.timeout_s):
            for name, value in {**_NOTICED, "statement_timeout": server.timeout_s * 1000}.items():
                setting = sql.Identifier(name.replace("keepalives", "tcp_keepalives"))
                session.execute(sql.SQL("SET {} = {}").format(setting, sql.Literal(int(value))))
            session.execute(sql.SQL("SET search_path = {}").format(sql.Identifier(schema)))
    except psycopg.Error as error:
        session.close()
        raise failure(server, error) from None
    return session


def _mode(server: Server) -> str:
    told = dict(parse_qsl(urlsplit(server.url).query)).get("sslmode", "")
    return told or ("verify-full" if server.ca_certs else "")


@contextlib.contextmanager
def bounded(session: Session, seconds: float) -> Iterator[None]:
    """End the session when the body takes longer: the server's own limit is of no use where the
    server stands still."""
    reached = threading.Event()

    def end() -> None:
        reached.set()
        with contextlib.suppress(OSError, psycopg.Error):
            twin = socket.socket(fileno=os.dup(session.pgconn.socket))
            with twin:
                twin.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds * 1.2, end)  # the server's own limit comes first
    timer.daemon = True
    timer.start()
    try:
        yield
    except psycopg.Error:
        if reached.is_set():
            raise errors.QueryCanceled(f"no answer within {seconds:.0f} s") from None
        raise
    finally:
        timer.cancel()


@contextlib.contextmanager
def limited(session: Session, seconds: float, usual: float) -> Iterator[None]:
    """Let the server's own limit be `seconds` for the body, where that is not the usual one."""
    if seconds == usual:
        yield
        return
    session.execute(_LIMIT.format(sql.Literal(int(seconds * 1000))))
    try:
        yield
    finally:
        with contextlib.suppress(psycopg.Error):  # a session that broke has no limit to set
            session.execute(_LIMIT.format(sql.Literal(int(usual * 1000))))


def failure(server: Server, error: psycopg.Error) -> IndexAway | MingjianError:
    """What an error of an open session means."""
    if isinstance(error, errors.InsufficientPrivilege):
        return MingjianError(
            f"PostgreSQL at {server.shown()} does not let {server.username or 'us'} do this: "
            f"{_words(error)}",
            f"PostgreSQL（{server.shown()}）不允许用户 {server.username or '当前用户'} 执行此操作："
            f"{_words(error)}",
            fix_en="grant the user CREATE on the database, or make the schema and give it to them",
            fix_zh="请授予该用户在数据库上的 CREATE 权限，或预先创建模式并将其归该用户所有",
        )
    return IndexAway(f"PostgreSQL at {server.shown()}: {_words(error)}")


def _not_connected(server: Server, error: psycopg.Error) -> IndexAway | MingjianError:
    words = _words(error)
    if _REFUSED.search(words):
        return MingjianError(
            f"PostgreSQL at {server.shown()} refused us: {words}",
            f"PostgreSQL（{server.shown()}）拒绝了连接：{words}",
            fix_en=f"check {PASSWORD_VARIABLE}, targets[].username, and the database's name in "
            "targets[].index_url",
            fix_zh=f"请检查 {PASSWORD_VARIABLE}、targets[].username 以及 targets[].index_url"
            " 中的数据库名",
        )
    if _NO_TLS.search(words):
        return MingjianError(
            f"no TLS with PostgreSQL at {server.shown()}: {words}",
            f"无法与 PostgreSQL（{server.shown()}）建立 TLS：{words}",
            fix_en="name its authority's certificate in targets[].ca_certs, or change sslmode in "
            "targets[].index_url",
            fix_zh="请在 targets[].ca_certs 中指明其 CA 证书，"
            "或修改 targets[].index_url 中的 sslmode",
        )
    return IndexAway(f"PostgreSQL at {server.shown()}: {words}")


def _words(error: psycopg.Error) -> str:
    """Its first line, without values of rows, which stand in the lines behind it."""
    told = str(error).strip().splitlines() or [type(error).__name__]
    return told[0].rpartition(" failed: ")[2][:200]

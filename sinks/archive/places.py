"""Where an archive's segments and index are, as its target says; the one place that opens them."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

from config.settings import Target
from sinks.archive.fresh_index import FreshFile, FreshIndex
from sinks.archive.objects import LocalObjects, Objects
from sinks.archive.rows import ArchiveIndex
from sinks.archive.sink import INDEX_FILE, SEGMENTS_FOLDER
from sinks.archive.sqlite_index import SqliteIndex

if TYPE_CHECKING:
    from sinks.archive.postgres_index import PostgresIndex
    from sinks.archive.postgres_session import Server

_PLAIN = re.compile(r"[a-z0-9]{1,20}")


def objects_of(target: Target, tenant: str) -> Objects:
    """Where segments are. Nothing is asked of the storage before the first of them.

    Raises:
        MingjianError: the keys of the object storage are not set.
    """
    if target.objects != "s3":
        return LocalObjects(Path(target.path) / SEGMENTS_FOLDER)
    # only those who use it wait until the library is read
    from sinks.archive.s3_objects import Bucket, S3Objects  # noqa: PLC0415

    own = own_name(tenant, target.name)
    return S3Objects(
        Bucket(
            target.s3_endpoint,
            target.s3_bucket,
            f"{target.s3_prefix}/{own}" if target.s3_prefix else own,
            region=target.s3_region,
            style=target.s3_style,
            ca_certs=target.ca_certs,
        )
    )


def index_of(target: Target, tenant: str, *, writes: bool) -> ArchiveIndex:
    """The index, open. One process `writes`.

    Raises:
        MingjianError: see `PostgresIndex`; of a file, whoever writes makes it.
        OSError, sqlite3.Error: it is not there now.
    """
    if target.index == "postgres":
        return postgres_of(target, tenant, writes=writes)
    return SqliteIndex(Path(target.path) / INDEX_FILE)


def fresh_index_of(target: Target, tenant: str) -> FreshIndex:
    """An index that is to be made again.

    Raises:
        MingjianError, OSError, sqlite3.Error: see `index_of`.
    """
    if target.index != "postgres":
        return FreshFile(Path(target.path) / INDEX_FILE)
    from sinks.archive.postgres_index import FreshSchema  # noqa: PLC0415 - as above

    return FreshSchema(server_of(target), schema_of(target, tenant))


def schema_of(target: Target, tenant: str) -> str:
    """The schema of an archive whose index is in PostgreSQL."""
    return f"mingjian_{own_name(tenant, target.name)}"


def postgres_of(target: Target, tenant: str, *, writes: bool) -> PostgresIndex:
    """The index of a target whose index is in PostgreSQL. Raises: see `PostgresIndex`."""
    from sinks.archive.postgres_index import PostgresIndex  # noqa: PLC0415 - as above

    return PostgresIndex(server_of(target), schema_of(target, tenant), writes=writes)


def server_of(target: Target) -> Server:
    """The server of a target whose index is in PostgreSQL."""
    from sinks.archive.postgres_session import Server  # noqa: PLC0415 - as above

    return Server(target.index_url, target.username, target.ca_certs)


def own_name(tenant: str, target: str) -> str:
    """What nothing else in a bucket or database is called: letters, digits and `_`, at most 50.

    Names that say it all by themselves stay as they are; of others a digest is added.
    """
    if _PLAIN.fullmatch(tenant) and _PLAIN.fullmatch(target):
        return f"{tenant}_{target}"
    readable = re.sub(r"[^a-z0-9]+", "_", f"{tenant}_{target}".lower()).strip("_")[:33]
    digest = hashlib.sha256(f"{len(tenant)} {tenant} {target}".encode()).hexdigest()[:16]
    return f"{readable}_{digest}".strip("_")

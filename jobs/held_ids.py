"""Which of these ids a target of delivery holds: asked of the target itself, not of who wrote."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol

from elastic_transport import TransportError
from elasticsearch import ApiError
from redis.exceptions import RedisError

from config.settings import Settings, Target
from rules.errors import MingjianError
from rules.operations import DELIVERED_IDS
from sinks import elasticsearch, redis
from sinks.archive.leaves import ENTERED
from sinks.archive.places import postgres_of
from sinks.archive.sink import INDEX_FILE
from sinks.base import NoAnswer
from sinks.elasticsearch_mapping import alias
from sinks.read_only import read_only
from sinks.redis_keys import Keys

_AT_ONCE = 1000
_TIMEOUT_S = 10.0


class Holder(Protocol):
    """Asks one target."""

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of which single records can be told."""

    def of(self, kind: str, ids: Sequence[str]) -> set[str]:
        """Those of the ids that are there. Raises NoAnswer."""

    def close(self) -> None:
        """Release connections."""


def holder(settings: Settings, target: Target) -> Holder:
    """What asks this target; connects when it is asked."""
    if target.kind == "sqlite":
        return _Sqlite(Path(target.path))
    if target.kind == "archive" and target.index == "postgres":
        return _Postgres(target, settings.tenant)
    if target.kind == "archive":
        return _Archive(Path(target.path) / INDEX_FILE)
    if target.kind == "redis":
        return _Redis(target, settings.tenant)
    return _Elasticsearch(target)


class _Sqlite:
    kinds = tuple(DELIVERED_IDS)

    def __init__(self, path: Path) -> None:
        self._path = path

    def of(self, kind: str, ids: Sequence[str]) -> set[str]:
        column = DELIVERED_IDS[kind]
        try:
            db = read_only(self._path)
            try:
                query = (
                    f"SELECT {column} FROM {kind} WHERE {column} IN"  # noqa: S608 - fixed names
                    " (SELECT value FROM json_each(?))"
                )
                return {row[0] for row in db.execute(query, (json.dumps(list(ids)),))}
            finally:
                db.close()
        except sqlite3.Error as error:
            raise NoAnswer(str(error)) from None

    def close(self) -> None:
        """Nothing is kept open."""


class _Archive:
    kinds = tuple(ENTERED)

    def __init__(self, path: Path) -> None:
        self._path = path

    def of(self, kind: str, ids: Sequence[str]) -> set[str]:
        try:
            with closing(read_only(self._path)) as db:
                query = (
                    "SELECT id FROM others WHERE kind = ?"
                    " AND id IN (SELECT value FROM json_each(?))"
                )
                asked = (ENTERED[kind], json.dumps(list(ids)))
                return {row[0] for row in db.execute(query, asked)}
        except sqlite3.Error as error:
            raise NoAnswer(str(error)) from None

    def close(self) -> None:
        """Nothing is kept open."""


class _Postgres:
    """The archive's index in PostgreSQL."""

    kinds = tuple(ENTERED)

    def __init__(self, target: Target, tenant: str) -> None:
        self._target, self._tenant = target, tenant

    def of(self, kind: str, ids: Sequence[str]) -> set[str]:
        try:
            with closing(postgres_of(self._target, self._tenant, writes=False)) as index:
                return index.holds(ENTERED[kind], ids)
        except (OSError, MingjianError) as error:
            raise NoAnswer(str(error)) from None

    def close(self) -> None:
        """Nothing is kept open."""


class _Redis:
    """Bodies of alerts and incidents; of the other kinds it has only numbers."""

    kinds = ("alerts", "incidents")

    def __init__(self, target: Target, tenant: str) -> None:
        self._keys = Keys(tenant)
        self._client = redis.connect(target.url, target.username, target.ca_certs, _TIMEOUT_S)

    def of(self, kind: str, ids: Sequence[str]) -> set[str]:
        name = self._keys.alert if kind == "alerts" else self._keys.incident
        found: set[str] = set()
        try:
            for at in range(0, len(ids), _AT_ONCE):
                some = ids[at : at + _AT_ONCE]
                pipe = self._client.pipeline(transaction=False)
                for one in some:
                    pipe.exists(name(one))
                found |= {one for one, there in zip(some, pipe.execute(), strict=True) if there}
        except RedisError as error:
            raise NoAnswer(str(error)) from None
        return found

    def close(self) -> None:
        self._client.close()


class _Elasticsearch:
    kinds = tuple(DELIVERED_IDS)

    def __init__(self, target: Target) -> None:
        self._prefix = target.index_prefix
        self._client = elasticsearch.connect(
            target.url, target.username, target.ca_certs, _TIMEOUT_S
        )

    def of(self, kind: str, ids: Sequence[str]) -> set[str]:
        found: set[str] = set()
        for at in range(0, len(ids), _AT_ONCE):
            some = list(ids[at : at + _AT_ONCE])
            found |= {hit["_id"] for hit in self._hits(alias(self._prefix, kind), some)}
        return found

    def _hits(self, index: str, ids: list[str]) -> list[Any]:
        try:
            answer = self._client.search(
                index=index,
                ignore_unavailable=True,
                query={"ids": {"values": ids}},
                size=len(ids),
                source=False,
            )
        except (ApiError, TransportError) as error:
            words = str(getattr(error, "message", "") or error)
            raise NoAnswer(words.partition("\n")[0][:200]) from None
        hits: list[Any] = answer["hits"]["hits"]
        return hits

    def close(self) -> None:
        self._client.close()

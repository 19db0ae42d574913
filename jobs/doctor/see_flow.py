"""Looks at what comes in and goes out: collectors, incidents, targets, what is set aside. How far
delivery is: `jobs.doctor.see_delivery`."""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

from elastic_transport import TransportError
from elasticsearch import ApiError, AuthorizationException
from redis.exceptions import RedisError

from config.settings import Settings, Target
from jobs.canaries.book import book_path, last_rounds
from jobs.completeness import check
from jobs.completeness.collected import books
from jobs.completeness.lines import UNKNOWN
from jobs.doctor.observed import (
    STALE_MS,
    Answer,
    Canaried,
    Collector,
    Complete,
    Judged,
    Refused,
    Shelved,
)
from jobs.incidents import open_incidents
from jobs.quarantine.desk import Desk
from jobs.quarantine.shelf import OPEN, Shelf
from rules.decode import HEARTBEAT
from rules.errors import MingjianError
from sinks import elasticsearch, redis
from sinks.archive.places import server_of
from sinks.archive.postgres_session import connected
from sinks.archive.sink import INDEX_FILE
from sinks.base import NoIndexYet
from sinks.elasticsearch_mapping import alias
from sinks.read_only import read_only

_TIMEOUT_S = 4.0
_MOST = 1_000  # quarantined records that are counted


def collectors(settings: Settings) -> list[Collector]:
    """Every collector with a book in data_dir. Raises sqlite3.Error."""
    found = []
    for path in books(settings):
        beside = [path, path.with_name(path.name + "-wal")]
        written = max(one.stat().st_mtime_ns for one in beside if one.exists()) // 1_000_000
        with closing(read_only(path)) as db:
            totals = Counter(dict(db.execute("SELECT name, count FROM totals").fetchall()))
            (hour,) = db.execute(
                "SELECT coalesce(max(touched), 0) FROM counts WHERE kind <> ?", (HEARTBEAT,)
            ).fetchone()
        names = ("new", "set_aside", "conflicts", "undecoded")
        found.append(Collector(path.stem, written, *(totals[name] for name in names), hour=hour))
    return found


def incidents(settings: Settings) -> Counter[str]:
    """How many of each kind are open. Raises MingjianError: the index cannot be read."""
    return Counter(row["kind"] for row in open_incidents(settings))


def target(one: Target) -> Answer:
    """Whether it answers."""
    try:
        if one.kind == "sqlite":
            return _sqlite(one)
        if one.kind == "redis":
            return _redis(one)
        if one.kind == "archive":
            return _archive(one)
        return _elasticsearch(one)
    except RedisError as error:
        return _away(one, redis.unreachable(one.name, one.url, error))
    except (ApiError, TransportError) as error:
        return _away(one, elasticsearch.unreachable(one.name, one.url, error))
    except (sqlite3.Error, OSError) as error:
        return Answer(one.name, one.kind, problem=str(error)[:200])


def _away(one: Target, error: MingjianError) -> Answer:
    """It does not answer, or not us: with the address, and the setting or variable to look at."""
    fix = (error.fix_en, error.fix_zh)
    return Answer(one.name, one.kind, error.en, problem_zh=error.zh, fix=fix)


def _archive(one: Target) -> Answer:
    if one.index == "postgres":
        try:
            connected(server_of(one), "public").close()
        except MingjianError as error:
            return _away(one, error)
        return Answer(one.name, one.kind, detail="PostgreSQL")
    path = Path(one.path) / INDEX_FILE
    if not path.is_file():
        return Answer(one.name, one.kind, problem=f"there is no file {path} yet")
    with closing(read_only(path)) as db:
        db.execute("SELECT 1 FROM messages LIMIT 1")
    return Answer(one.name, one.kind)


def _sqlite(one: Target) -> Answer:
    path = Path(one.path)
    if not path.is_file():
        return Answer(one.name, one.kind, problem=f"there is no file {path} yet")
    with closing(read_only(path)) as db:
        db.execute("SELECT 1 FROM alerts LIMIT 1")
    return Answer(one.name, one.kind, detail="SQLite")


def _redis(one: Target) -> Answer:
    client = redis.connect(one.url, one.username, one.ca_certs, _TIMEOUT_S)
    try:
        told = client.info()
    finally:
        client.close()
    blocked = ""
    if told.get("loading"):
        blocked = "it is loading its data"
    elif told.get("role") == "slave":
        blocked = "it is a replica"
    elif told.get("rdb_last_bgsave_status") == "err" or told.get("aof_last_write_status") == "err":
        blocked = "it cannot write to its disk"
    elif told.get("maxmemory") and told["used_memory"] >= told["maxmemory"]:
        blocked = "its memory is full"
    return Answer(one.name, one.kind, detail=f"Redis {told['redis_version']}", blocked=blocked)


def _elasticsearch(one: Target) -> Answer:
    client = elasticsearch.connect(one.url, one.username, one.ca_certs, _TIMEOUT_S)
    try:
        told = client.nodes.info(metric="os", filter_path="nodes.*.version")
        version = next(iter(told["nodes"].values()))["version"]
        health = client.cluster.health(index=alias(one.index_prefix, "*"), expand_wildcards="open")
        blocks = client.cluster.state(metric="blocks", filter_path="blocks")
    except AuthorizationException:  # it answers, and we may do no more than write and search
        return Answer(one.name, one.kind, detail="Elasticsearch, which lets us not ask for more")
    finally:
        client.close()
    shut = blocks.get("blocks", {})
    mine = [name for name in shut.get("indices", {}) if name.startswith(f"{one.index_prefix}-")]
    blocked = "some shards are not there (red)" if health["status"] == "red" else ""
    if shut.get("global") or mine:
        blocked = f"blocked for writing: {', '.join(mine[:2]) or 'the whole cluster'}"
    detail = f"Elasticsearch {version}, {health['status']}"
    return Answer(one.name, one.kind, detail=detail, blocked=blocked)


def refused(settings: Settings) -> list[Refused]:
    """What each target and channel refused and nobody has dealt with. Raises MingjianError."""
    desk, found = Desk(settings), []
    for name in [one.name for one in (*settings.targets, *settings.channels)]:
        items = desk.refused(name)
        reason = items[0].reason.partition("\n")[0][:80] if items else ""
        found.append(Refused(name, len(items), reason))
    return found


def shelved(settings: Settings) -> Shelved:
    """Quarantined records nobody has dealt with. Raises MingjianError."""
    try:
        desk = Desk(settings)
        rows, more = Shelf(desk.reader, desk.deeds).page(OPEN, limit=_MOST)
    except NoIndexYet:
        return Shelved({}, False)
    return Shelved(dict(Counter(row["reason"] for row in rows)), bool(more))


def completed(settings: Settings, now: int, seconds: float) -> Complete:
    """The last check that was kept when it is of the last whole hour and could tell; else one is
    made, as far as there is time for it: what was away then may be back. Where that does not tell,
    one kept a little while ago does, if it could."""
    kept = check.last_kept(settings)
    span = check.last_hours(1, now)
    told = kept is not None and kept.state != UNKNOWN
    if kept is not None and told and kept.end >= span.end:
        return Complete(kept)
    made = check.check(settings, span, seconds=seconds)
    if kept is not None and told and made.state == UNKNOWN and now - kept.end <= STALE_MS:
        return Complete(kept)
    return Complete(made)


def canaried(settings: Settings) -> Canaried:
    """The last round of canaries. Raises sqlite3.Error."""
    rounds, missed = last_rounds(settings)
    if not rounds:
        return Canaried(None, tuple(missed))
    with closing(read_only(book_path(settings))) as db:
        absent = db.execute(
            "SELECT rule, target FROM results WHERE began = ? AND seconds IS NULL"
            " ORDER BY rule, target",
            (rounds[0].began,),
        ).fetchall()
    return Canaried(rounds[0], tuple(missed), tuple(absent))


def judged(settings: Settings, *, wanted: bool) -> Judged:
    """The last whole hour judged anew (`jobs.reconcile`). Raises MingjianError."""
    if not wanted:
        return Judged(("not asked for: --judge", "未要求：--judge"))
    from jobs.reconcile import Span, reconcile  # noqa: PLC0415  it reads and compiles the rules

    last = check.last_hours(1, time.time_ns() // 1_000_000)
    done = reconcile(settings, Span(last.begin, last.end - 1)).comparison
    return Judged(None, len(done.same), len(done.faults), len(done.surplus))

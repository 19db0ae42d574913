"""How far each target has got, asked of whatever remembers it; nothing is joined or changed."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from redis.exceptions import RedisError

from config.settings import Settings, Target
from jobs.consumer_groups import committed
from jobs.topics import delivering_group
from rules.errors import MingjianError
from sinks import redis
from sinks.archive.places import postgres_of
from sinks.archive.sink import INDEX_FILE
from sinks.base import NoAnswer, NoIndexYet
from sinks.read_only import read_only


def of_target(settings: Settings, target: Target) -> dict[str, int]:
    """Positions by name (`sinks.progress`). Raises NoAnswer."""
    if target.kind == "sqlite":
        return of_file(Path(target.path))
    if target.kind == "archive" and target.index == "postgres":
        return _of_postgres(settings, target)
    if target.kind == "archive":
        return of_file(Path(target.path) / INDEX_FILE)
    if target.kind == "redis":
        client = redis.connect(target.url, target.username, target.ca_certs, 5.0)
        try:
            found = client.hgetall(redis.marks_key(target.name))
        except RedisError as error:
            raise NoAnswer(redis.unreachable(target.name, target.url, error).en) from None
        finally:
            client.close()
        return {name.decode(): int(value) for name, value in found.items()}
    return of_reader(settings, target.name)


def _of_postgres(settings: Settings, target: Target) -> dict[str, int]:
    try:
        with closing(postgres_of(target, settings.tenant, writes=False)) as index:
            return index.positions()
    except NoIndexYet:
        return {}
    except (OSError, MingjianError) as error:
        raise NoAnswer(str(error)) from None


def of_reader(settings: Settings, name: str) -> dict[str, int]:
    """The same of a target or channel that remembers nothing itself."""
    if settings.outputs.kind == "kafka":
        group = committed(settings, delivering_group(name))
        return {f"kafka:{topic}:{number}": at for (topic, number), at in group.items()}
    return of_file(Path(settings.data_dir) / "deliver" / f"{name}.db")


def of_file(path: Path) -> dict[str, int]:
    """The table `positions` of an SQLite file; nothing where there is none."""
    if not path.is_file():
        return {}
    try:
        with closing(read_only(path)) as db:
            return dict(db.execute("SELECT name, done FROM positions").fetchall())
    except sqlite3.Error as error:
        raise NoAnswer(f"{path}: {error}") from None

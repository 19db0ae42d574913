"""The read side that fits the settings: nobody who reads needs to know the targets."""

from __future__ import annotations

from typing import Any

from config.settings import Settings
from rules.errors import EXIT_USAGE, MingjianError
from sinks.base import AlertReader
from sinks.elasticsearch_reader import ElasticsearchReader
from sinks.redis_follower import RedisFollower
from sinks.sqlite_reader import SqliteReader


class LiveReader(ElasticsearchReader):
    """Searches Elasticsearch and follows Redis, which shows an alert the moment it is stored."""

    def __init__(self, follower: RedisFollower, url: str, **options: Any) -> None:
        super().__init__(url, **options)
        self._follower = follower

    def follow(self, after: str = "", timeout: float = 1.0) -> tuple[list[dict[str, Any]], str]:
        """See `AlertReader`."""
        return self._follower.follow(after, timeout)

    def close(self) -> None:
        """Release connections."""
        self._follower.close()
        super().close()


def open_reader(settings: Settings) -> AlertReader:
    """Reader over the first searchable target; it shows the tenant of the settings.

    Raises:
        MingjianError: no target can be searched, or the index is not there.
    """
    by_kind = {target.kind: target for target in reversed(settings.targets)}
    if target := by_kind.get("sqlite"):
        return SqliteReader(target.path, settings.tenant)
    target = by_kind.get("elasticsearch")
    if target is None:
        raise MingjianError(
            "none of the targets can be searched",
            "没有可供检索的投递目标",
            fix_en="add a target of kind sqlite or elasticsearch",
            fix_zh="请增加一个 sqlite 或 elasticsearch 目标",
            exit_code=EXIT_USAGE,
        )
    options: dict[str, Any] = {
        "prefix": target.index_prefix,
        "tenant": settings.tenant,
        "username": target.username,
        "ca_certs": target.ca_certs,
    }
    redis = by_kind.get("redis")
    if redis is None:
        return ElasticsearchReader(target.url, **options)
    follower = RedisFollower(
        redis.url, tenant=settings.tenant, username=redis.username, ca_certs=redis.ca_certs
    )
    return LiveReader(follower, target.url, **options)

"""The read side of Elasticsearch and Redis, as one or as two."""

from __future__ import annotations

from typing import Any

from config.settings import Target
from sinks.base import AlertReader
from sinks.elasticsearch_reader import ElasticsearchReader
from sinks.redis_follower import RedisFollower


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


def server_reader(tenant: str, index: Target, queue: Target | None) -> AlertReader:
    """Reader over Elasticsearch, which follows Redis where that is a target too."""
    options: dict[str, Any] = {
        "prefix": index.index_prefix,
        "tenant": tenant,
        "username": index.username,
        "ca_certs": index.ca_certs,
    }
    if queue is None:
        return ElasticsearchReader(index.url, **options)
    follower = RedisFollower(
        queue.url, tenant=tenant, username=queue.username, ca_certs=queue.ca_certs
    )
    return LiveReader(follower, index.url, **options)

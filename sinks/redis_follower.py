"""Reads Redis: follows the live stream of one tenant, and its counters."""

from __future__ import annotations

from typing import Any

import msgspec
from redis.exceptions import RedisError

from sinks.redis import connect, unreachable
from sinks.redis_keys import Keys


class RedisFollower:
    """Follows the live stream of one tenant, and reads its counters."""

    def __init__(self, url: str, *, tenant: str, username: str = "", ca_certs: str = "") -> None:
        self._url, self._key = url, Keys(tenant)
        self._client = connect(url, username, ca_certs, timeout=30)

    def follow(self, after: str = "", timeout: float = 1.0) -> tuple[list[dict[str, Any]], str]:
        """See `AlertReader.follow`; "now" = only what comes from here on."""
        try:
            if after == "now":
                last = self._client.xrevrange(self._key.stream, count=1)
                return [], last[0][0].decode() if last else "0-0"
            after = after or "0-0"
            block = max(1, int(timeout * 1000))
            answer = self._client.xread({self._key.stream: after}, count=500, block=block)
        except RedisError as error:
            raise unreachable("redis", self._url, error) from None
        if not answer:
            return [], after
        entries = answer[0][1]
        rows = [msgspec.json.decode(fields[b"body"]) for _, fields in entries]
        return rows, entries[-1][0].decode()

    def counts(self) -> dict[str, Any]:
        """Same shape as `AlertReader.counts`; all but alerts and open
        incidents are estimates (HyperLogLog)."""
        try:
            count = {k.decode(): int(v) for k, v in self._client.hgetall(self._key.count).items()}
            prefix = self._key.seen("quarantine:")
            reasons = {
                key.decode().removeprefix(prefix): int(self._client.pfcount(key))
                for key in sorted(self._client.scan_iter(match=f"{prefix}*"))
            }
            evidence = self._client.pfcount(self._key.seen("evidence"))
            late = self._client.pfcount(self._key.seen("late"))
            deeds = self._client.pfcount(self._key.seen("handled"))
            incidents = self._client.pfcount(self._key.seen("incidents"))
            open_ones = self._client.zcard(self._key.open_incidents)
            fired = self._client.pfcount(self._key.seen("late:fired"))
        except RedisError as error:
            raise unreachable("redis", self._url, error) from None
        return {
            "alerts": count.get("alerts", 0),
            "evidence": int(evidence),
            "quarantine": reasons,
            "late": int(late),
            "late_would_have_fired": int(fired),
            "retracted": count.get("retracted", 0),
            "by_rule": _with_prefix(count, "rule:"),
            "by_response": _with_prefix(count, "response:"),
            "incidents": int(incidents),
            "incidents_open": int(open_ones),
            "handled": int(deeds),
        }

    def close(self) -> None:
        """Release connections."""
        self._client.close()


def _with_prefix(count: dict[str, int], prefix: str) -> dict[str, int]:
    return {
        key.removeprefix(prefix): value
        for key, value in sorted(count.items())
        if value and key.startswith(prefix)
    }

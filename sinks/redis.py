"""Redis as the live queue: alerts and counters only, rebuilt from the topic whenever it is wiped.

Keys (`{tenant}` is a literal hash tag, so that all keys of a tenant share a cluster slot):

| key | type | holds |
| --- | --- | --- |
| `mingjian:{T}:alert:<id>` | string | the alert's JSON; its presence marks a repeat |
| `mingjian:{T}:alerts` | stream | each alert, and again when taken back; fields `id`, `body` |
| `mingjian:{T}:queue` | sorted set | ids waiting to be worked off, by event time |
| `mingjian:{T}:live` | channel | the JSON of every alert as it comes |
| `mingjian:{T}:count` | hash | `alerts`, `rule:<name>`, `response:<n>`, `retracted`: exact |
| `mingjian:{T}:seen:<kind>` | HyperLogLog | ids of evidence, quarantined, late: counts within 1 % |
| `mingjian:{deliver}:marks:<target>` | hash | position of the deliverer for each partition |
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from redis import Redis
from redis.exceptions import AuthenticationError, NoScriptError, RedisError

from rules.alert import RANKS, Alert, Evidence, Late, Quarantined
from rules.errors import MingjianError
from rules.late import FIRED
from sinks.base import Record, Rejected, SinkBusy, WriteResult
from sinks.progress import SinkBehind

# longer than any topic keeps its records, so that a rewind never shows an alert twice
KEEP_SECONDS = 30 * 24 * 3600
STREAM_LENGTH = 1_000_000

# KEYS: alert, stream, queue, count · ARGV: body, id, time, rule, response, status, keep, length,
# live. Returns 1 new, 2 a record of the same id that stands instead, 0 nothing to do.
# The stream tells news: an alert, or that one is taken back, and not that it is confirmed.
_PUT = (
    f"""
local rank = {{{", ".join(f"{status} = {rank}" for status, rank in RANKS.items())}}}
"""
    + """
local is, was = ARGV[6], nil
local old = redis.call('GET', KEYS[1])
if old then
  was = cjson.decode(old)['status']
  if (rank[was] or 3) >= (rank[is] or 3) then return 0 end
end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[7])
local function count(by)
  redis.call('HINCRBY', KEYS[4], 'alerts', by)
  redis.call('HINCRBY', KEYS[4], 'rule:' .. ARGV[4], by)
  redis.call('HINCRBY', KEYS[4], 'response:' .. ARGV[5], by)
end
if is == 'retracted' then
  redis.call('HINCRBY', KEYS[4], 'retracted', 1)
  redis.call('ZREM', KEYS[3], ARGV[2])
  if old then count(-1) end
elseif not old or was == 'retracted' then
  redis.call('ZADD', KEYS[3], ARGV[3], ARGV[2])
  count(1)
  if old then redis.call('HINCRBY', KEYS[4], 'retracted', -1) end
end
if not (old and was == 'speculative' and is == 'final') then
  redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[8], '*', 'id', ARGV[2], 'body', ARGV[1])
end
redis.call('PUBLISH', ARGV[9], ARGV[1])
return old and 2 or 1
"""
)


def connect(url: str, username: str = "", ca_certs: str = "", timeout: float = 10.0) -> Any:
    """A `Redis` client for `url`; the password comes from MINGJIAN_REDIS_PASSWORD.

    Typed as Any: the library types every answer as a union with its asynchronous twin.
    """
    options: dict[str, Any] = {}
    if username:
        options["username"] = username
    if password := os.environ.get("MINGJIAN_REDIS_PASSWORD"):
        options["password"] = password
    if ca_certs:
        options["ssl_ca_certs"] = ca_certs
    return Redis.from_url(url, socket_timeout=timeout, socket_connect_timeout=5, **options)


def unreachable(target: str, url: str, error: Exception) -> MingjianError:
    """One clear line for a server that is not there. Never shows credentials in the address."""
    shown = url.rpartition("@")[2].removeprefix("redis://").removeprefix("rediss://")
    if isinstance(error, AuthenticationError):
        return MingjianError(
            f"Redis ({target}) at {shown} refused the credentials",
            f"Redis（{target}，{shown}）拒绝了登录",
            fix_en="set MINGJIAN_REDIS_PASSWORD and targets[].username",
            fix_zh="请设置环境变量 MINGJIAN_REDIS_PASSWORD 和 targets[].username",
        )
    return MingjianError(
        f"cannot reach Redis ({target}) at {shown}: {error}",
        f"连不上 Redis（{target}，{shown}）：{error}",
        fix_en="start it (`make stack`), or correct targets[].url",
        fix_zh="请启动它（`make stack`），或更正 targets[].url",
    )


class RedisSink:
    """Writes alerts and counters. `tenant` is whose counters records without a tenant go to."""

    def __init__(
        self, name: str, url: str, *, tenant: str, username: str = "", ca_certs: str = ""
    ) -> None:
        self.name = name
        self._url, self._tenant = url, tenant
        self._client = connect(url, username, ca_certs)
        self._marks_key = f"mingjian:{{deliver}}:marks:{name}"
        self._marks: dict[str, int] = {}
        self._sha = ""

    def open(self) -> None:
        """Connect and load the script. Raises MingjianError when the server is not there."""
        try:
            self._sha = self._client.script_load(_PUT)
            self._marks = self.positions()
        except RedisError as error:
            raise unreachable(self.name, self._url, error) from None

    def write(self, batch: Sequence[Record]) -> WriteResult:
        """Store the batch; each alert in one atomic step."""
        return self.write_at(batch, {})

    def write_at(self, batch: Sequence[Record], positions: Mapping[str, int]) -> WriteResult:
        """Store the batch, then the positions.

        Only alerts are counted in the result: of the others no record is kept here.

        Raises:
            SinkBehind: the server no longer has positions it once confirmed (wiped, or an old
                copy took over). What it lost has to be read again.
        """
        rejected: list[Rejected] = []
        try:
            self._check_marks()
            pipe = self._client.pipeline(transaction=False)
            queued: list[bool] = []  # for each command: is it an alert
            for record in batch:
                try:
                    before = len(pipe)
                    self._queue(pipe, record)
                    queued += [record.topic == "alerts"] * (len(pipe) - before)
                except (msgspec.MsgspecError, KeyError) as error:
                    rejected.append(Rejected(record, f"{type(error).__name__}: {error}"))
            answers = pipe.execute() if queued else []
            if positions:
                self._client.hset(self._marks_key, mapping=dict(positions))
                self._marks.update(positions)
        except NoScriptError:
            self._load_script_again()
            return self.write_at(batch, positions)
        except RedisError as error:
            # also what only an operator can mend (full, read-only, no rights): nothing is dropped
            raise SinkBusy(self.name, str(error)) from error
        new = sum(1 for answer, counts in zip(answers, queued, strict=True) if counts and answer)
        return WriteResult(new, sum(queued) - new, tuple(rejected))

    def positions(self) -> dict[str, int]:
        """The marks stored on the server."""
        return {
            name.decode(): int(value)
            for name, value in self._client.hgetall(self._marks_key).items()
        }

    def close(self) -> None:
        """Release connections."""
        self._client.close()

    def _check_marks(self) -> None:
        if not self._marks:
            return
        names = list(self._marks)
        stored = self._client.hmget(self._marks_key, names)
        for name, value in zip(names, stored, strict=True):
            if value is None or int(value) < self._marks[name]:
                self._marks = {}
                raise SinkBehind(self.name)

    def _load_script_again(self) -> None:
        """A restarted server has no scripts."""
        try:
            self._sha = self._client.script_load(_PUT)
        except RedisError as error:
            raise SinkBusy(self.name, str(error)) from error

    def _queue(self, pipe: Any, record: Record) -> None:
        if record.topic == "alerts":
            alert = msgspec.json.decode(record.body, type=Alert)
            key = _Keys(alert.tenant)
            pipe.evalsha(
                self._sha,
                4,
                *(key.alert(record.id), key.stream, key.queue, key.count),
                *(record.body, record.id, alert.time, alert.rule.name, alert.rule.response),
                *(alert.status, KEEP_SECONDS, STREAM_LENGTH, key.live),
            )
        elif record.topic == "evidence":
            evidence = msgspec.json.decode(record.body, type=Evidence)
            pipe.pfadd(_Keys(evidence.tenant).seen("evidence"), record.id)
        elif record.topic == "late":
            late = msgspec.json.decode(record.body, type=Late)
            pipe.pfadd(_Keys(late.tenant).seen("late"), record.id)
            if late.would_have_fired == FIRED:
                pipe.pfadd(_Keys(late.tenant).seen("late:fired"), record.id)
        elif record.topic == "quarantine":
            set_aside = msgspec.json.decode(record.body, type=Quarantined)
            pipe.pfadd(_Keys(self._tenant).seen(f"quarantine:{set_aside.reason}"), record.id)
        else:
            raise KeyError(record.topic)


class _Keys:
    """Names of the keys of one tenant."""

    def __init__(self, tenant: str) -> None:
        self._base = f"mingjian:{{{tenant}}}"
        self.stream = f"{self._base}:alerts"
        self.queue = f"{self._base}:queue"
        self.live = f"{self._base}:live"
        self.count = f"{self._base}:count"

    def alert(self, alert_id: str) -> str:
        return f"{self._base}:alert:{alert_id}"

    def seen(self, kind: str) -> str:
        return f"{self._base}:seen:{kind}"


class RedisFollower:
    """Follows the live stream of one tenant, and reads its counters."""

    def __init__(self, url: str, *, tenant: str, username: str = "", ca_certs: str = "") -> None:
        self._url, self._key = url, _Keys(tenant)
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
        """Same shape as `AlertReader.counts`; all but alerts are estimates (HyperLogLog)."""
        try:
            count = {k.decode(): int(v) for k, v in self._client.hgetall(self._key.count).items()}
            prefix = self._key.seen("quarantine:")
            reasons = {
                key.decode().removeprefix(prefix): int(self._client.pfcount(key))
                for key in sorted(self._client.scan_iter(match=f"{prefix}*"))
            }
            evidence = self._client.pfcount(self._key.seen("evidence"))
            late = self._client.pfcount(self._key.seen("late"))
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

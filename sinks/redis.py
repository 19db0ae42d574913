"""Redis as the live queue: alerts, incidents and counters only, rebuilt from the topics whenever it
is wiped. Its keys: `sinks.redis_keys`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from redis import Redis
from redis.exceptions import AuthenticationError, NoScriptError, RedisError

from rules.alert import Alert, Evidence, Late, Quarantined
from rules.canary_marks import FLAG_CANARY
from rules.errors import MingjianError
from rules.late import FIRED
from rules.operations import Handled, Incident
from sinks.base import Record, Rejected, SinkBusy, WriteResult
from sinks.progress import SinkBehind
from sinks.redis_keys import Keys
from sinks.redis_scripts import (
    CANARY_SECONDS,
    INCIDENTS_LENGTH,
    KEEP_SECONDS,
    PUT_ALERT,
    PUT_INCIDENT,
    PUT_MARKS,
    STREAM_LENGTH,
)

_SCRIPTS = {"alerts": PUT_ALERT, "incidents": PUT_INCIDENT, "marks": PUT_MARKS}


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


def marks_key(target: str) -> str:
    """Where the positions of a target are kept."""
    return f"mingjian:{{deliver}}:marks:{target}"


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


class _Steps:
    """What a batch does: commands with an answer that counts, and ids that are only counted, all of
    a key in one command."""

    def __init__(self, pipe: Any) -> None:
        self.pipe = pipe
        self._seen: dict[str, list[str]] = {}

    def count(self, key: str, record_id: str) -> None:
        """The id belongs to those of a key."""
        self._seen.setdefault(key, []).append(record_id)

    def run(self) -> list[Any]:
        """Answers of the commands."""
        asked = len(self.pipe)
        for key, ids in self._seen.items():
            self.pipe.pfadd(key, *ids)
        return self.pipe.execute()[:asked] if len(self.pipe) else []


class RedisSink:
    """Writes alerts, incidents and counters. Records without a tenant count as `tenant`'s."""

    def __init__(
        self, name: str, url: str, *, tenant: str, username: str = "", ca_certs: str = ""
    ) -> None:
        self.name = name
        self._url, self._tenant = url, tenant
        self._client = connect(url, username, ca_certs)
        self._marks_key = marks_key(name)
        self._marks: dict[str, int] = {}
        self._shas: dict[str, str] = {}

    def open(self) -> None:
        """Connect and load the script. Raises MingjianError when the server is not there."""
        try:
            self._load_scripts()
            self._marks = self.positions()
        except RedisError as error:
            raise unreachable(self.name, self._url, error) from None

    def write(self, batch: Sequence[Record]) -> WriteResult:
        """Store the batch; each alert in one atomic step."""
        return self.write_at(batch, {})

    def write_at(self, batch: Sequence[Record], positions: Mapping[str, int]) -> WriteResult:
        """Store the batch, then the positions.

        Only alerts and incidents are counted in the result: of the others no record is kept here.

        Raises:
            SinkBehind: the server no longer has positions it once confirmed (wiped, or an old
                copy took over). What it lost has to be read again.
        """
        rejected: list[Rejected] = []
        try:
            if self._marks:
                self._put_marks({})  # nothing is written to a server that is behind
            steps = _Steps(self._client.pipeline(transaction=False))
            for record in batch:
                try:
                    self._queue(steps, record)
                except (msgspec.MsgspecError, KeyError) as error:
                    rejected.append(Rejected(record, f"{type(error).__name__}: {error}"))
            answers = steps.run()
            if positions:
                self._put_marks(positions)
        except NoScriptError:
            self._load_scripts_again()
            return self.write_at(batch, positions)
        except RedisError as error:
            # also what only an operator can mend (full, read-only, no rights): nothing is dropped
            raise SinkBusy(self.name, str(error)) from error
        new = sum(1 for answer in answers if answer)
        return WriteResult(new, len(answers) - new, tuple(rejected))

    def positions(self) -> dict[str, int]:
        """The marks stored on the server."""
        return {
            name.decode(): int(value)
            for name, value in self._client.hgetall(self._marks_key).items()
        }

    def close(self) -> None:
        """Release connections."""
        self._client.close()

    def _put_marks(self, positions: Mapping[str, int]) -> None:
        """Note how far it is, if what was noted before is still there."""
        told: list[str | int] = [len(self._marks)]
        for name, at in (*self._marks.items(), *positions.items()):
            told += [name, at]
        if not self._client.evalsha(self._shas["marks"], 1, self._marks_key, *told):
            self._marks = self.positions()
            raise SinkBehind(self.name)
        self._marks.update(positions)

    def _load_scripts(self) -> None:
        self._shas = {kind: self._client.script_load(text) for kind, text in _SCRIPTS.items()}

    def _load_scripts_again(self) -> None:
        """A restarted server has no scripts."""
        try:
            self._load_scripts()
        except RedisError as error:
            raise SinkBusy(self.name, str(error)) from error

    def _queue(self, steps: _Steps, record: Record) -> None:
        pipe = steps.pipe
        if record.topic == "alerts":
            alert = msgspec.json.decode(record.body, type=Alert)
            key = Keys(alert.tenant)
            if FLAG_CANARY in alert.flags:  # kept, to be found; told to nobody, counted nowhere
                pipe.set(key.alert(record.id), record.body, ex=CANARY_SECONDS, nx=True)
                return
            pipe.evalsha(
                self._shas["alerts"],
                4,
                *(key.alert(record.id), key.stream, key.queue, key.count),
                *(record.body, record.id, alert.time, alert.rule.name, alert.rule.response),
                *(alert.status, KEEP_SECONDS, STREAM_LENGTH, key.live),
            )
        elif record.topic == "evidence":
            evidence = msgspec.json.decode(record.body, type=Evidence)
            if FLAG_CANARY not in evidence.flags:
                steps.count(Keys(evidence.tenant).seen("evidence"), record.id)
        elif record.topic == "late":
            late = msgspec.json.decode(record.body, type=Late)
            if FLAG_CANARY in late.flags:
                return
            steps.count(Keys(late.tenant).seen("late"), record.id)
            if late.would_have_fired == FIRED:
                steps.count(Keys(late.tenant).seen("late:fired"), record.id)
        elif record.topic == "quarantine":
            set_aside = msgspec.json.decode(record.body, type=Quarantined)
            key_of_reason = Keys(self._tenant).seen(f"quarantine:{set_aside.reason}")
            steps.count(key_of_reason, record.id)
        elif record.topic == "incidents":
            incident = msgspec.json.decode(record.body, type=Incident)
            key = Keys(incident.tenant)
            pipe.evalsha(
                self._shas["incidents"],
                4,
                *(key.incident(record.id), key.incidents, key.open_incidents),
                key.seen("incidents"),
                *(record.body, record.id, incident.time, incident.status),
                *(KEEP_SECONDS, INCIDENTS_LENGTH),
            )
        elif record.topic == "handled":
            deed = msgspec.json.decode(record.body, type=Handled)
            steps.count(Keys(deed.tenant).seen("handled"), record.id)
        else:
            raise KeyError(record.topic)

"""The cluster profile's ends: Kafka topics, written by an idempotent producer that waits.

The client keeps what it was given and tries on by itself for a while; what fails in the end is sent
again. A record is done when every replica that must have it has confirmed it (`acks=all`).
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
import zlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ingest.ends import SOURCE_HEADER, Refused
from ingest.envelope import Envelope
from ingest.waiting import Away, Wait
from rules.decode import HEARTBEAT
from rules.errors import EXIT_USAGE, MingjianError

# A broker refuses times that are more than an hour ahead of its clock (its default); the job's
# watermark does not follow any that is more than minutes ahead, so nothing is lost by this.
_MOST_AHEAD_MS = 50 * 60 * 1000
_OVERHEAD = 1024  # bytes of a batch around one record: its head, lengths, our header
_DELIVERY_MS, _REQUEST_MS = 30_000, 15_000
_SLICE_S = 1.0
_SLOW_S = 5.0  # without an answer for so long, it is said
_KNOCK_S = 3.0


class _Item(NamedTuple):
    topic: str
    value: bytes
    key: bytes | None
    partition: int | None
    time: int
    headers: list[tuple[str, bytes]]
    envelope: Envelope | None


class Producer:
    """One producer for all ends of a process; one write at a time.

    Args:
        options: how a client reaches the broker (address, credentials).
        prepare: called before the first write, to make topics that are missing; raises
            MingjianError when the broker is away.
        record_bytes: the largest record the topics take.
    """

    def __init__(
        self, options: dict[str, Any], prepare: Callable[[], None], record_bytes: int
    ) -> None:
        self._options, self._prepare = options, prepare
        self.record_bytes = record_bytes
        self.where = ",".join(options["bootstrap_servers"])
        self._producer: Any = None
        self._retired: list[Any] = []  # still trying for what nobody waits for any more
        self._prepared = False
        self._lock = threading.Lock()

    def send(self, items: Sequence[_Item], wait: Wait) -> list[tuple[_Item, str]]:
        """Write all; returns those that the broker can never take, with the reason's words."""
        with wait.turn(self._lock):
            waiting = list(items)
            pending: list[tuple[_Item, Any]] = []
            refused: list[tuple[_Item, str]] = []
            since = time.monotonic()
            while waiting or pending:
                try:
                    if waiting and not pending:
                        producer = self._open()
                        pending = [(one, _send(producer, one)) for one in waiting]
                        waiting = []
                    self._flush(wait.left(_SLICE_S))
                    since = self._settle(pending, waiting, refused, since)
                except Away as away:
                    wait.away(str(away))
                    continue
                if pending and time.monotonic() - since >= _SLOW_S:
                    wait.away(f"no answer from Kafka at {self.where}", pause=False)
                elif pending and not wait.left(_SLICE_S):
                    wait.away(f"no answer in time from Kafka at {self.where}", pause=False)
            wait.back()
            return refused

    def partitions(self, topic: str, wait: Wait) -> int:
        """How many the topic has. Raises as `Wait.away`."""
        while True:
            try:
                with wait.turn(self._lock):
                    return self._partitions(self._open(), topic)
            except Away as away:
                wait.away(str(away))

    def knock(self) -> str:
        """ "" when a broker answers, else why not."""
        try:
            self._knock()
        except Away as away:
            return str(away)
        return ""

    def close(self) -> None:
        """Close the client; what it still has was not confirmed to anybody."""
        self._let_go()

    def _settle(
        self,
        pending: list[tuple[_Item, Any]],
        waiting: list[_Item],
        refused: list[tuple[_Item, str]],
        since: float,
    ) -> float:
        """Sort what has an answer out of `pending`; returns when the last answer came."""
        from kafka import errors  # type: ignore[import-untyped]  # noqa: PLC0415

        failure: Exception | None = None
        still = []
        for item, future in pending:
            if not future.is_done:
                still.append((item, future))
            elif future.succeeded():
                continue
            elif isinstance(
                future.exception, errors.MessageSizeTooLargeError | errors.RecordListTooLargeError
            ):
                refused.append((item, f"{len(item.value)} bytes, more than Kafka takes"))
            elif isinstance(future.exception, errors.InvalidTimestampError):
                waiting.append(item._replace(time=int(time.time() * 1000)))
            else:
                failure = future.exception
                waiting.append(item)
        if len(still) < len(pending):
            since = time.monotonic()
        pending[:] = still
        if failure is not None and not still:
            self._let_go()  # its numbering may be broken for good; a new one begins anew
            self._refuse_what_waiting_cannot_mend(failure)
            raise Away(_words(failure, self.where))
        return since

    def _flush(self, seconds: float) -> None:
        from kafka.errors import KafkaError  # type: ignore[import-untyped]  # noqa: PLC0415

        with contextlib.suppress(KafkaError):  # not all has an answer yet: the futures say which
            self._producer.flush(timeout=max(seconds, 0.001))

    def _open(self) -> Any:
        """The producer, after a broker was seen to answer. Raises Away."""
        from kafka import KafkaProducer  # noqa: PLC0415
        from kafka.errors import KafkaError  # noqa: PLC0415

        self._knock()
        if not self._prepared:
            try:
                self._prepare()
            except MingjianError as error:
                if error.exit_code == EXIT_USAGE:
                    raise
                raise Away(error.en) from None
            self._prepared = True
        if self._producer is None:
            try:
                self._producer = KafkaProducer(
                    **self._options,
                    acks="all",
                    enable_idempotence=True,
                    linger_ms=5,
                    batch_size=1 << 17,
                    max_block_ms=5000,
                    request_timeout_ms=_REQUEST_MS,
                    delivery_timeout_ms=_DELIVERY_MS,
                    max_request_size=self.record_bytes + _OVERHEAD,
                    bootstrap_timeout_ms=10_000,
                    reconnect_backoff_max_ms=2000,
                )
            except (KafkaError, OSError, ValueError) as error:
                self._refuse_what_waiting_cannot_mend(error)
                raise Away(_words(error, self.where)) from None
        return self._producer

    def _knock(self) -> None:
        reason = ""
        for address in self._options["bootstrap_servers"]:
            host, _, port = address.rpartition(":")
            try:
                socket.create_connection((host.strip("[]"), int(port)), _KNOCK_S).close()
            except OSError as error:
                reason = f"no connection to Kafka at {address}: {error.strerror or error}"
            else:
                return
        raise Away(reason)

    @staticmethod
    def _partitions(producer: Any, topic: str) -> int:
        from kafka.errors import KafkaError  # noqa: PLC0415

        try:
            found = producer.partitions_for(topic)
        except KafkaError as error:
            raise Away(
                f"Kafka does not tell of the topic {topic}: {type(error).__name__}"
            ) from None
        if not found:
            raise Away(f"Kafka has no topic {topic} yet")
        return len(found)

    def _let_go(self) -> None:
        if self._producer is not None:
            self._retired.append(self._producer)
            self._producer = None
        for producer in list(self._retired):
            # a client does not close while it waits for an answer, and may break in closing
            with contextlib.suppress(Exception):
                producer.close(timeout=0.5)
                self._retired.remove(producer)

    def _refuse_what_waiting_cannot_mend(self, error: Exception) -> None:
        from kafka import errors  # noqa: PLC0415

        if isinstance(
            error,
            errors.SaslAuthenticationFailedError | errors.AuthorizationError,
        ):
            raise MingjianError(
                f"Kafka at {self.where} refuses us: {type(error).__name__}",
                f"Kafka（{self.where}）拒绝访问：{type(error).__name__}",
                fix_en="check kafka.sasl_username, MINGJIAN_KAFKA_PASSWORD and the rights on the"
                " topics",
                fix_zh="请检查 kafka.sasl_username、MINGJIAN_KAFKA_PASSWORD 和主题权限",
            ) from None


class TopicRecords:
    """The topic the job reads."""

    def __init__(self, producer: Producer, topic: str) -> None:
        self._producer, self._topic = producer, topic

    def write(self, envelopes: Sequence[Envelope], source: str, wait: Wait) -> list[Refused]:
        """See `ingest.ends.Records`. Time stamp and partition are those of the simulator: event
        time, and a checksum of the conversation."""
        if not envelopes:
            return []
        partitions = self._producer.partitions(self._topic, wait)
        headers = [(SOURCE_HEADER, source.encode())]
        latest = int(time.time() * 1000) + _MOST_AHEAD_MS
        items, refused = [], []
        for one in envelopes:
            key = one.key.encode() if one.key else None
            size = len(one.value) + len(key or b"") + _OVERHEAD
            if size > self._producer.record_bytes:
                detail = f"{len(one.value)} bytes, more than kafka.max_record_bytes allows"
                refused.append(Refused(one, "too_large", detail))
                continue
            where = zlib.crc32(key or one.identity) % partitions
            at = min(one.time, latest)
            item = _Item(self._topic, one.value, key, where, at, headers, one)
            if one.kind == HEARTBEAT:
                items += [item._replace(partition=number) for number in range(partitions)]
            else:
                items.append(item)
        for item, detail in self._producer.send(items, wait):
            assert item.envelope is not None  # noqa: S101 - given above
            refused.append(Refused(item.envelope, "too_large", detail))
        return refused

    def beat(self, record: bytes, time: int, wait: Wait) -> None:
        """See `ingest.ends.Records`."""
        items = [
            _Item(self._topic, record, None, number, time, [], None)
            for number in range(self._producer.partitions(self._topic, wait))
        ]
        self._producer.send(items, wait)

    def ready(self) -> str:
        """See `ingest.ends.Records`."""
        return self._producer.knock()

    def close(self) -> None:
        """The producer is closed by whoever made it."""


class TopicOutputs:
    """The topics `<prefix><kind>`."""

    def __init__(self, producer: Producer, prefix: str) -> None:
        self._producer, self._prefix = producer, prefix

    def tell(self, kind: str, bodies: Sequence[bytes], source: str, wait: Wait) -> None:
        """See `ingest.ends.Outputs`."""
        now = int(time.time() * 1000)
        topic, headers = self._prefix + kind, [(SOURCE_HEADER, source.encode())]
        self._producer.send(
            [_Item(topic, body, None, None, now, headers, None) for body in bodies], wait
        )

    def close(self) -> None:
        """The producer is closed by whoever made it."""


def _send(producer: Any, item: _Item) -> Any:
    """The future of one record."""
    from kafka.errors import KafkaError  # noqa: PLC0415
    from kafka.future import Future  # type: ignore[import-untyped]  # noqa: PLC0415

    try:
        return producer.send(
            item.topic,
            item.value,
            key=item.key,
            partition=item.partition,
            timestamp_ms=item.time,
            headers=item.headers,
        )
    except KafkaError as error:  # it is too large for the client, or the client is broken
        return Future().failure(error)


def _words(error: Exception, where: str) -> str:
    """The kind of failure; what a client says beyond it may quote a record."""
    return f"Kafka at {where}: {type(error).__name__}"

"""An idempotent Kafka producer that waits for its broker.

The client keeps what it was given and tries on by itself for a while; what fails in the end is sent
again. A record is done when every replica that must have it has confirmed it (`acks=all`).
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ingest.envelope import Envelope
from ingest.kafka_answer import look_for_refusal
from ingest.kafka_refusal import refusal
from ingest.kafka_topics import Topics
from ingest.waiting import Away, Wait

OVERHEAD = 1024  # bytes of a batch around one record: its head, lengths, our header
_DELIVERY_MS, _REQUEST_MS = 30_000, 15_000
_BLOCK_MS = 5000  # for so long a topic is asked for
_SLICE_S = 1.0
_SLOW_S = 5.0  # without an answer for so long, it is said
_GIVE_UP_S = 30.0  # without an answer for so long, it is sent again by a new client
_KNOCK_S = 3.0


class Item(NamedTuple):
    """A record to be sent; `envelope` is whose it is, None for records of our own."""

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
        prepare: called before the first write; as `ingest.kafka_topics.Topics` has it.
        record_bytes: the largest record the topics take.
    """

    def __init__(
        self, options: dict[str, Any], prepare: Callable[[], None], record_bytes: int
    ) -> None:
        self._options = options
        self.record_bytes = record_bytes
        self.where = ",".join(options["bootstrap_servers"])
        self._topics = Topics(prepare, self.where)
        self._producer: Any = None
        self._broken = False
        self._failure = ""  # the words of the last one
        self._lock = threading.Lock()

    def send(self, items: Sequence[Item], wait: Wait) -> list[Item]:
        """Write all; returns those that the broker can never take because they are too large.

        Raises:
            NotNow, Stopped: as `Wait.away`.
            KafkaRefusal: of credentials or rights.

        Where one is, the client gives up all that it has under way with the same error. So who is
        meant is found by sending halves.
        """
        with wait.turn(self._lock):
            groups, refused = [list(items)], list[Item]()
            while groups:
                group = groups.pop()
                too_large = self._send_group(group, wait)
                if len(group) == 1:
                    refused += too_large
                elif too_large:
                    middle = len(too_large) // 2
                    groups += [half for half in (too_large[middle:], too_large[:middle]) if half]
            wait.back()
            return refused

    def _send_group(self, group: list[Item], wait: Wait) -> list[Item]:
        """Write all but those that come back: one of them at least is too large."""
        pending: list[tuple[Item, Any]] = []
        try:
            return self._send_until_answered(group, pending, wait)
        finally:
            if pending:  # given up: nothing of it is to stand in the way of what comes next
                self._let_go()

    def _send_until_answered(
        self, group: list[Item], pending: list[tuple[Item, Any]], wait: Wait
    ) -> list[Item]:
        waiting, too_large = group, list[Item]()
        since = time.monotonic()
        while waiting or pending:
            try:
                if not pending:
                    producer = self._open()
                    for topic in {one.topic for one in waiting}:
                        self._topics.partitions(producer, topic)
                    pending += [(one, _send(producer, one)) for one in waiting]
                    waiting, since = [], time.monotonic()
                self._flush(wait.left(_SLICE_S))
                answered = len(pending)
                waiting += self._settle(pending, too_large)
                if len(pending) < answered:
                    since = time.monotonic()
            except Away as away:
                wait.away(str(away))
                continue
            quiet = time.monotonic() - since
            reason = self.knock() if pending and quiet >= _SLOW_S else ""
            if reason or (pending and quiet >= _GIVE_UP_S):
                # seen with a broker that was killed and came back: the client is connected again,
                # and what it had under way is neither sent nor given up. So all is sent anew.
                waiting += [item for item, _ in pending]
                pending.clear()
                self._let_go()
                since = time.monotonic()
                wait.away(reason or f"no answer from Kafka at {self.where}")
            elif pending and (quiet >= _SLOW_S or not wait.left(_SLICE_S)):
                wait.away(f"no answer from Kafka at {self.where}", pause=False)
            elif self._failure:
                wait.away(self._failure)
        return too_large

    def partitions(self, topic: str, wait: Wait) -> int:
        """How many the topic has. Raises as `send`."""
        while True:
            try:
                with wait.turn(self._lock):
                    return self._topics.partitions(self._open(), topic)
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

    def _settle(self, pending: list[tuple[Item, Any]], too_large: list[Item]) -> list[Item]:
        """Take what has an answer out of `pending`; returns what has to be sent again."""
        from kafka import errors  # type: ignore[import-untyped]  # noqa: PLC0415

        again: list[Item] = []
        failure: Exception | None = None
        still = []
        self._failure = ""
        for item, future in pending:
            if not future.is_done:
                still.append((item, future))
            elif future.succeeded():
                continue
            elif isinstance(future.exception, errors.InvalidTimestampError):
                again.append(item._replace(time=int(time.time() * 1000)))
            else:
                failure = future.exception
                larger = errors.MessageSizeTooLargeError, errors.RecordListTooLargeError
                (too_large if isinstance(failure, larger) else again).append(item)
        pending[:] = still
        if failure is not None:
            self._broken = True
            self._failure = _words(failure, self.where)
        if self._broken and not still:
            self._let_go()  # its numbering may be broken for good; a new one begins anew
        if refused := refusal(self.where, failure):
            raise refused
        return again

    def _flush(self, seconds: float) -> None:
        from kafka.errors import KafkaError  # type: ignore[import-untyped]  # noqa: PLC0415

        with contextlib.suppress(KafkaError):  # not all has an answer yet: the futures say which
            self._producer.flush(timeout=max(seconds, 0.001))

    def _open(self) -> Any:
        """The producer, after a broker was seen to answer. Raises Away, KafkaRefusal."""
        from kafka import KafkaProducer  # noqa: PLC0415
        from kafka.errors import KafkaError  # noqa: PLC0415

        address = self._knock()
        if self._producer is None:
            look_for_refusal({**self._options, "bootstrap_servers": [address]})
        self._topics.make()
        if self._producer is None:
            try:
                self._producer = KafkaProducer(
                    **self._options,
                    acks="all",
                    enable_idempotence=True,
                    linger_ms=5,
                    batch_size=1 << 17,
                    max_block_ms=_BLOCK_MS,
                    request_timeout_ms=_REQUEST_MS,
                    delivery_timeout_ms=_DELIVERY_MS,
                    max_request_size=self.record_bytes + OVERHEAD,
                    bootstrap_timeout_ms=10_000,
                    reconnect_backoff_max_ms=2000,
                )
            except (KafkaError, OSError, ValueError) as error:
                raise refusal(self.where, error) or Away(_words(error, self.where)) from None
        return self._producer

    def _knock(self) -> str:
        """The address of a broker that answers. Raises Away."""
        reason = ""
        for address in self._options["bootstrap_servers"]:
            host, _, port = address.rpartition(":")
            try:
                socket.create_connection((host.strip("[]"), int(port)), _KNOCK_S).close()
            except OSError as error:
                reason = f"no connection to Kafka at {address}: {error.strerror or error}"
            else:
                return str(address)
        raise Away(reason)

    def _let_go(self) -> None:
        self._broken = False
        producer, self._producer = self._producer, None
        if producer is None:
            return
        try:
            producer.close(timeout=0.5)
        except Exception:  # it does not close while it waits for an answer
            with contextlib.suppress(Exception):
                producer._sender.force_close()  # noqa: SLF001 - there is no public way
                producer.close(timeout=0.5)


def _send(producer: Any, item: Item) -> Any:
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

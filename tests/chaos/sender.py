"""Hands the records of a plan to Kafka at their time, whatever becomes of Kafka."""

from __future__ import annotations

import threading
import time
import zlib
from typing import Any

from kafka import KafkaProducer

from rules.decode import heartbeat
from tests.chaos.load import PARTITIONS, TENANT, Plan

_BEAT_S = 0.5
_PATIENCE_MS = 30 * 60 * 1000


def partition_of(key: str) -> int:
    """Where the records of a key stand."""
    return zlib.crc32(key.encode()) % PARTITIONS


class Sender(threading.Thread):
    """Sends one plan, then heartbeats until it is stopped; what Kafka does not take waits here.

    `unsent` says what was given up (nothing, unless Kafka was away for half an hour).
    """

    def __init__(self, bootstrap: str, topic: str, plan: Plan, base: int, slack_ms: int) -> None:
        super().__init__(daemon=True, name="sender")
        self._plan, self._base, self._topic, self._slack = plan, base, topic, slack_ms
        self.done, self._ending = threading.Event(), threading.Event()
        self.unsent: list[BaseException] = []
        self._handed: int | None = None  # UTC ms up to which everything was handed on
        self.silent: set[int] = set()  # partitions that get no heartbeats
        self._producer = KafkaProducer(
            bootstrap_servers=bootstrap,
            acks="all",
            linger_ms=5,
            max_block_ms=_PATIENCE_MS,
            delivery_timeout_ms=_PATIENCE_MS,
            request_timeout_ms=10_000,
            reconnect_backoff_max_ms=1000,
            max_request_size=64 * 1024 * 1024,
        )

    def run(self) -> None:
        """Send everything at its time."""
        beat = 0.0
        for line in self._plan.lines:
            self._handed = self._base + line.at + line.delay
            due = (self._base + line.at + line.delay) / 1000
            while (left := due - time.time()) > 0:
                time.sleep(min(left, 0.05))
            self.put(line.key, line.body(self._base), line.stamp(self._base))
            if time.time() - beat > _BEAT_S:
                beat = time.time()
                self.beat()
        self._handed = None
        self.done.set()
        while not self._ending.wait(_BEAT_S):
            self.beat()

    def put(self, key: str, body: bytes, time_ms: int) -> None:
        """One record into the partition of its key."""
        partition = partition_of(key)
        self._send(body, partition, time_ms, key.encode())

    def beat(self) -> None:
        """Everything up to this time has been handed on, in each partition."""
        now = int(time.time() * 1000)
        # when this thread is behind, what it has yet to hand on is older than the clock says
        told = min(now, self._handed or now) - self._slack
        for partition in set(range(PARTITIONS)) - self.silent:
            self._send(heartbeat(TENANT, told, now), partition, told, None)

    def _send(self, body: bytes, partition: int, time_ms: int, key: bytes | None) -> None:
        future: Any = self._producer.send(
            self._topic, body, key=key, partition=partition, timestamp_ms=time_ms
        )
        future.add_errback(self.unsent.append)

    def stop(self) -> None:
        """No more heartbeats; waits until Kafka has everything."""
        self._ending.set()
        self.join()
        self._producer.flush(timeout=120)
        self._producer.close(timeout=10)

"""What can be seen from outside, and since when: the topic, Redis, Elasticsearch."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterable
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError
from redis import Redis
from redis.exceptions import RedisError

from tests.chaos.load import TENANT
from tests.chaos.system import System

_STREAM = f"mingjian:{{{TENANT}}}:alerts"


class Watch:
    """First sights (seconds since 1970) of every alert id, since it was started.

    `told`: in the topic; `seen`: in Redis' stream; `indexed`: found by Elasticsearch, which is
    asked for the expected ones once a second. Follows each whatever happens to it.
    """

    def __init__(self, system: System, expected: Iterable[str] = ()) -> None:
        self._system, self._pending = system, set(expected)
        self.indexed: dict[str, float] = {}
        self.told: dict[str, float] = {}
        self.seen: dict[str, float] = {}
        self._ending = threading.Event()
        self._threads = [
            threading.Thread(target=target, daemon=True)
            for target in (self._topic, self._stream, self._index)
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Watch no more."""
        self._ending.set()
        for thread in self._threads:
            thread.join()

    def _topic(self) -> None:
        consumer = _consumer(self._system, fetch_max_wait_ms=20)
        place = _all_partitions(consumer, "alerts")
        consumer.assign(place)
        consumer.seek_to_end()
        for partition in place:
            consumer.position(partition)
        while not self._ending.is_set():
            try:
                fetched = consumer.poll(timeout_ms=100)
            except KafkaError:
                continue
            now = time.time()
            for records in fetched.values():
                for record in records:
                    self.told.setdefault(json.loads(record.value)["alert_id"], now)
        consumer.close()

    def _stream(self) -> None:
        client: Any = Redis.from_url(self._system.servers["redis"].address, socket_timeout=2)
        last = "$"
        while not self._ending.is_set():
            try:
                found = client.xread({_STREAM: last}, block=200, count=1000)
            except RedisError:
                time.sleep(0.05)
                continue
            now = time.time()
            for _, entries in found or ():
                for entry, fields in entries:
                    last = entry
                    self.seen.setdefault(fields[b"id"].decode(), now)

    def _index(self) -> None:
        from elasticsearch import ApiError, Elasticsearch, TransportError  # noqa: PLC0415

        address = self._system.servers["elasticsearch"].address
        client = Elasticsearch(address, request_timeout=2, max_retries=0)
        while not self._ending.wait(1.0):
            if not self._pending:
                continue
            try:
                found = client.search(
                    index="mingjian-alerts",
                    query={"terms": {"alert_id": sorted(self._pending)}},
                    source=["alert_id"],
                    size=len(self._pending),
                    ignore_unavailable=True,
                )
            except (ApiError, TransportError):
                continue
            now = time.time()
            for hit in found["hits"]["hits"]:
                self.indexed.setdefault(hit["_source"]["alert_id"], now)
            self._pending -= self.indexed.keys()
        client.close()


def topic_records(system: System, kind: str) -> list[dict[str, Any]]:
    """Every record of one output topic."""
    consumer = _consumer(system)
    places = _all_partitions(consumer, kind)
    if not places:  # nothing was ever written to it
        consumer.close()
        return []
    ends = consumer.end_offsets(places)
    consumer.assign(places)
    consumer.seek_to_beginning()
    found = []
    while any(consumer.position(place) < end for place, end in ends.items()):
        for records in consumer.poll(timeout_ms=500).values():
            found += [json.loads(record.value) for record in records]
    consumer.close()
    return found


def refused(system: System) -> list[tuple[str, dict[str, Any]]]:
    """(kind, record) of what Elasticsearch refused for good, each once."""
    found = {}
    for one in topic_records(system, "rejected.elasticsearch"):
        found[one["topic"], one["id"]] = json.loads(base64.b64decode(one["body"]))
    return [(kind, record) for (kind, _), record in found.items()]


def stream_alerts(system: System) -> list[dict[str, Any]]:
    """Every alert in Redis' stream, as often as it was shown as news."""
    client: Any = Redis.from_url(system.servers["redis"].address, socket_timeout=10)
    return [json.loads(fields[b"body"]) for _, fields in client.xrange(_STREAM)]


def documents(system: System, kind: str) -> list[dict[str, Any]]:
    """Every document of one kind, from all of its indices."""
    from elasticsearch import Elasticsearch  # noqa: PLC0415
    from elasticsearch.helpers import scan  # noqa: PLC0415

    client = Elasticsearch(system.servers["elasticsearch"].address, request_timeout=30)
    index = f"mingjian-{kind}"
    client.indices.refresh(index=index, ignore_unavailable=True)
    hits = scan(client, index=index, query={"query": {"match_all": {}}}, ignore_unavailable=True)
    found = [hit["_source"] for hit in hits]
    client.close()
    return found


def _consumer(system: System, **options: Any) -> KafkaConsumer:
    return KafkaConsumer(
        bootstrap_servers=system.settings.kafka.bootstrap,
        reconnect_backoff_max_ms=500,
        enable_auto_commit=False,
        **options,
    )


def _all_partitions(consumer: KafkaConsumer, topic: str) -> list[TopicPartition]:
    numbers = consumer.partitions_for_topic(topic) or ()
    return [TopicPartition(topic, number) for number in numbers]

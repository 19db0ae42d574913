"""A span judged again on real servers: an index that lost half is whole again, nothing twice."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import msgspec
import pytest
from elasticsearch import Elasticsearch
from kafka import KafkaAdminClient, KafkaProducer, TopicPartition

from config.settings import Settings, Target
from jobs import deliver, detect
from jobs.past_topics import TopicPast
from jobs.reconcile import Span, reconcile
from jobs.replay import replay
from rules.cases import moment, record
from rules.errors import MingjianError
from tests.integration.test_deliver_cluster import in_elasticsearch, in_redis, with_targets
from tests.support.rule_files import COUNTING, SIMPLE, write

MINUTE = 60_000
BEGIN = moment("08:00")
PEOPLE = ("zhangwei", "lina", "wangfang", "liqiang")


def messages(tenant: str) -> list[tuple[int, int, bytes]]:
    """(partition, event time, record) of six hours, in order of arrival: each quarter of an hour
    somebody promises, and somebody recalls three times. The last one is a recall that came when
    all was over."""
    found: list[tuple[int, int, bytes]] = []
    number = 0

    def say(minute: int, who: str, **more: str) -> None:
        nonlocal number
        number += 1
        at = f"{8 + minute // 60:02d}:{minute % 60:02d}"
        raw = record({"at": at, "from": who, "to": "c1", **more}, f"m{number}", number, tenant)
        found.append((PEOPLE.index(who) % 2, BEGIN + minute * MINUTE, raw))

    for quarter in range(24):
        who, other = PEOPLE[quarter % 4], PEOPLE[(quarter + 1) % 4]
        say(quarter * 15, who, text="这款保本")
        for minute in range(3):
            say(quarter * 15 + 1 + minute, other, recall=f"x{quarter}-{minute}")
        say(quarter * 15 + 9, who, text="好的")
    late = next(n for n, one in enumerate(found) if one[1] == BEGIN + 122 * MINUTE)
    return [*found[:late], *found[late + 1 :], found[late]]


@pytest.fixture
def stored(
    cluster_settings: Settings,
    redis_target: Target,
    elasticsearch_target: Target,
    tmp_path: Path,
    prefix: str,
) -> Settings:
    """Six hours stand in the topic, and something older before them."""
    rules = tmp_path / "rules"
    write(rules, SIMPLE, "simple.yaml")
    write(rules, COUNTING, "counting.yaml")
    settings = msgspec.structs.replace(
        with_targets(cluster_settings, redis_target, elasticsearch_target),
        rules=msgspec.structs.replace(cluster_settings.rules, path=str(rules)),
        keys_dir=str(tmp_path / "keys"),
    )
    producer = KafkaProducer(bootstrap_servers=settings.kafka.bootstrap)
    old = json.dumps({"v": 1, "kind": "heartbeat", "time": BEGIN - 9 * 3_600_000, "tenant": prefix})
    for partition in (0, 1):
        for _ in range(10):
            producer.send(
                settings.source.topic,
                old.encode(),
                partition=partition,
                timestamp_ms=BEGIN - 9 * 3_600_000,
            )
    for partition, time, raw in messages(prefix)[:-1]:
        producer.send(settings.source.topic, raw, partition=partition, timestamp_ms=time)
    producer.flush()
    producer.close()
    return settings


@pytest.fixture
def lived(stored: Settings, prefix: str) -> Settings:
    """They were judged and delivered; then the last message came."""
    detect.run(stored)
    deliver.run(stored, once=True)
    with contextlib.closing(KafkaProducer(bootstrap_servers=stored.kafka.bootstrap)) as producer:
        partition, time, raw = messages(prefix)[-1]
        producer.send(stored.source.topic, raw, partition=partition, timestamp_ms=time)
        producer.flush()
    return stored


def groups(settings: Settings) -> dict[str, dict[TopicPartition, int]]:
    """Offsets that consumer groups have committed on the source's topic."""
    admin = KafkaAdminClient(bootstrap_servers=settings.kafka.bootstrap)
    try:
        found = {}
        for name in (f"mingjian-detect-{settings.tenant}", f"mingjian-replay-{settings.tenant}"):
            offsets = admin.list_group_offsets(name)
            offsets = offsets.get(name, offsets)
            found[name] = {place: one.offset for place, one in offsets.items()}
        return found
    finally:
        admin.close()


def forget_half(target: Target, kind: str) -> None:
    """Every second record of an index is gone, as if it had never been: for a minute a server
    remembers the version of what was deleted, and refuses an older one."""
    with Elasticsearch(target.url) as client:
        everywhere = f"{target.index_prefix}-{kind}"
        client.indices.put_settings(index=everywhere, settings={"index.gc_deletes": "0s"})
        found = client.search(index=f"{target.index_prefix}-{kind}", size=10_000, source=False)
        hits = sorted(found["hits"]["hits"], key=lambda hit: hit["_id"])[::2]
        for hit in hits:
            client.delete(index=hit["_index"], id=hit["_id"])
        client.indices.refresh(index=f"{target.index_prefix}-{kind}")


def test_an_index_that_lost_half_is_whole_again_and_nobody_sees_anything_twice(
    lived: Settings, redis_target: Target, elasticsearch_target: Target
) -> None:
    alerts = in_elasticsearch(elasticsearch_target)
    proofs = in_elasticsearch(elasticsearch_target, "evidence")
    assert len(alerts) == 24 + 23  # one of the bursts lacks its last recall
    before = groups(lived)
    forget_half(elasticsearch_target, "alerts")
    forget_half(elasticsearch_target, "evidence")
    assert len(in_elasticsearch(elasticsearch_target)) == len(alerts) // 2
    span = Span(BEGIN + 60 * MINUTE, BEGIN + 6 * 60 * MINUTE, lookback=60 * MINUTE)

    asked = reconcile(lived, span)
    assert asked.complete_after == BEGIN - 1
    assert set(asked.comparison.missing.values()) == {"undelivered", "lost"}
    assert asked.comparison.surplus == {}
    first = replay(lived, Span(BEGIN, span.begin - 1, lookback=60 * MINUTE))
    second = replay(lived, span)
    assert first.disputed == second.disputed == ()
    lost = {k for k, why in second.reconciled.comparison.missing.items() if why == "lost"}
    assert len(lost) == 1
    assert groups(lived) == before
    deliver.run(lived, once=True)

    assert in_elasticsearch(elasticsearch_target) == alerts | lost
    assert in_elasticsearch(elasticsearch_target, "evidence") >= proofs
    assert in_redis(lived, redis_target.url) == alerts | lost
    again = replay(lived, span)
    assert (again.alerts, dict(again.kept_back)) == (frozenset(), {})
    assert reconcile(lived, span).comparison.complete


def test_the_extent_of_a_span_is_found_among_records_that_are_out_of_order(
    stored: Settings, prefix: str
) -> None:
    past = TopicPast(stored)
    try:
        places: dict[int, list[int]] = {0: [BEGIN - 1] * 10, 1: [BEGIN - 1] * 10}
        for partition, time, _ in messages(prefix)[:-1]:
            places[partition].append(time)
        start, until = BEGIN + 121 * MINUTE, BEGIN + 200 * MINUTE
        extent = past.extent(start, until)
        for partition, (first, last) in extent.offsets.items():
            outside = places[partition][:first] + places[partition][last:]
            assert not [time for time in outside if start <= time <= until]
            assert first > 10
        assert extent.complete_after == start - 1
        read = list(past.records(extent))
        assert len(read) == sum(last - first for first, last in extent.offsets.values())
        assert past.extent(0, until).complete_after is None
    finally:
        past.close()


def test_a_topic_that_no_longer_holds_the_span_says_since_when_it_does(stored: Settings) -> None:
    admin = KafkaAdminClient(bootstrap_servers=stored.kafka.bootstrap)
    admin.delete_records({TopicPartition(stored.source.topic, n): 40 for n in (0, 1)})
    admin.close()
    with pytest.raises(MingjianError, match="no longer holds that time: it begins at 2026-"):
        reconcile(stored, Span(BEGIN, BEGIN + 60 * MINUTE, lookback=0))
    held = reconcile(stored, Span(BEGIN + 240 * MINUTE, BEGIN + 300 * MINUTE))
    assert held.complete_after is not None
    assert BEGIN < held.complete_after < BEGIN + 240 * MINUTE
    assert set(held.comparison.missing.values()) == {"lost"}  # nobody has judged anything
    assert len(held.judged.alerts) == 5 + 4  # the last promise stands at the very end

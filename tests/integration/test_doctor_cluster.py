"""Canaries, counts and the doctor on real Kafka, Flink, Redis and Elasticsearch."""

from __future__ import annotations

import json
import threading
import time
from contextlib import contextmanager

import msgspec
import pytest
from elasticsearch import Elasticsearch
from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import ConfigResource, ConfigResourceType
from redis import Redis

from config.settings import Rules, Target
from jobs import deliver
from jobs.canaries.book import CanaryBook
from jobs.canaries.planting import Canaries
from jobs.collecting import collector, ends
from jobs.completeness.check import Span, check, keep, last_hours
from jobs.completeness.lines import DIFFERS, OK, summed
from jobs.completeness.telling import tell
from jobs.detect import run, stop
from jobs.doctor.examine import examine
from jobs.doctor.findings import CHECKS, FAIL, NONE, UNKNOWN, WARN, worst
from jobs.doctor.findings import OK as FINE
from jobs.heartbeat import beat
from jobs.servers import postgres, s3
from rules.cases import record
from sinks.archive.postgres_session import PASSWORD_VARIABLE
from sinks.archive.s3_objects import ACCESS_VARIABLE, SECRET_VARIABLE
from sinks.readers import open_reader
from tests.support.flows import changed
from tests.support.rule_files import SIMPLE
from tests.unit.test_canaries import COUNTED


@pytest.fixture
def archive_target(postgres_server, s3_server, prefix, tmp_path, monkeypatch):
    monkeypatch.setenv(PASSWORD_VARIABLE, postgres.PASSWORD)
    monkeypatch.setenv(ACCESS_VARIABLE, s3.ACCESS_KEY)
    monkeypatch.setenv(SECRET_VARIABLE, s3.SECRET_KEY)
    return Target(
        kind="archive", name="archive", path=str(tmp_path / "archive"), segment_seconds=1,
        sign_seconds=1, objects="s3", s3_endpoint=s3_server.address, s3_bucket=prefix,
        index="postgres", index_url=postgres_server.address, username=postgres.USER,
    )  # fmt: skip


@pytest.fixture
def site(
    cluster_settings, flink_cluster, redis_target, elasticsearch_target, archive_target, tmp_path
):
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "words.yaml").write_text(SIMPLE, encoding="utf-8")
    (rules / "recalls.yaml").write_text(COUNTED, encoding="utf-8")
    return changed(
        cluster_settings,
        source={"follow": True},
        keys_dir=str(tmp_path / "keys"),
        targets=(redis_target, elasticsearch_target, archive_target),
        rules=Rules(path=str(rules), registry=str(tmp_path / "rulesets")),
        flink={
            "parallelism": 2,
            "rest_url": flink_cluster.address,
            "checkpoint_interval_ms": 1000,
            "checkpoint_dir": str(tmp_path / "checkpoints"),
        },
    )


@contextmanager
def delivering(site):
    end = threading.Event()
    thread = threading.Thread(target=deliver.run, args=(site,), kwargs={"once": False, "stop": end})
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()


@contextmanager
def beating(site):
    """Event time goes on, as a collector of a live source would have it."""
    end = threading.Event()
    given = {"every": 1.0, "delay": 1.0, "stop": end}
    thread = threading.Thread(target=beat, args=(site,), kwargs=given)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()


def states(site) -> dict[str, str]:
    page = examine(site)
    assert page.seconds < 20
    return {name: worst(one for one in page.findings if one.check == name) for name in CHECKS}


def collect(site, now: int) -> None:
    said = {"at": "10:00", "from": "zhangwei", "to": "c1", "text": "这款保本"}
    raws = [json.loads(record(said, f"m{n}", n, site.tenant)) for n in range(20)]
    for one in raws:
        one["time"] = one["payload"]["msgtime"] = one["received_at"] = now
    with ends(site, threading.Event()) as where, collector(site, "http", where) as intake:
        intake.take([json.dumps(one).encode() for one in raws])


def one_round(site):
    book, stopped = CanaryBook(site), threading.Event()
    with ends(site, stopped) as where, collector(site, "canary", where) as intake:
        outcome = Canaries(site, intake, book, 60.0).round(stopped)
    book.close()
    return outcome


def lose_one(site) -> str:
    lost = open_reader(site).alerts()[0][0]["alert_id"]
    target = site.targets[1]
    with Elasticsearch(target.url) as client:
        name, ids = f"{target.index_prefix}-alerts", {"ids": {"values": [lost]}}
        (hit,) = client.search(index=name, query=ids)["hits"]["hits"]
        client.delete(index=hit["_index"], id=lost, refresh=True)
    return lost


def as_brokers_come(site) -> None:
    """The topic refuses what is dated an hour ahead, as it does where nobody sets it."""
    admin = KafkaAdminClient(bootstrap_servers=site.kafka.bootstrap)
    strict = {"message.timestamp.after.max.ms": "3600000"}
    admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, site.source.topic, strict)])
    admin.close()


def test_the_whole_way_is_tried_counted_and_judged(site):
    now = int(time.time() * 1000)
    span = Span(now - now % 3_600_000, now + 3_600_000)
    run(site, detached=True)
    try:
        with delivering(site), beating(site):
            collect(site, now)
            outcome = one_round(site)
            assert set(outcome.seconds) == {
                (rule, target)
                for rule in ("t1_words", "t2_burst")
                for target in ("redis", "elasticsearch", "archive")
            }
            assert None not in outcome.seconds.values(), outcome
            nobody_is_told(site)
            assert counted(site, span) == {
                ("collected", "canary"): (4, 4, OK),
                ("collected", "http"): (20, 20, OK),
                ("delivered", "redis alerts"): (20, 20, OK),
                ("delivered", "elasticsearch alerts"): (20, 20, OK),
                ("delivered", "elasticsearch evidence"): (20, 20, OK),
                ("delivered", "archive alerts"): (20, 20, OK),
            }
            keep(site, check(site, last_hours(1, now)))
            bad = [one for one in examine(site).findings if one.state not in (FINE, NONE)]
            assert bad == []

            lost = lose_one(site)
            found = check(site, span)
            (line,) = [line for line in found.lines if line.state == DIFFERS]
            assert (line.of, line.before, line.after) == ("elasticsearch alerts", 20, 19)
            assert line.ids == (lost,)
            (told,) = tell(site, found, threading.Event())
            assert told.kind == "count_differs"
            _until(lambda: states(site)["incidents"] == FAIL)
        as_brokers_come(site)
        producer = KafkaProducer(bootstrap_servers=site.kafka.bootstrap)
        producer.send(f"{site.outputs.topic_prefix}alerts", b"{}").get(30)
        producer.close()
        worse = states(site)
        assert (worse["source"], worse["delivery"]) == (WARN, FAIL)
    finally:
        stop(site)
    assert states(site)["job"] == FAIL


def nobody_is_told(site) -> None:
    """Redis counts evidence by an estimate, which is that of any set of the same ids: 19 for one
    twenty in a hundred, where two ids share a register."""
    ids = evidence_ids(site)
    with Redis.from_url(site.targets[0].url) as redis:
        base = f"mingjian:{{{site.tenant}}}"
        assert redis.xlen(f"{base}:alerts") == redis.zcard(f"{base}:queue") == 20
        assert redis.hget(f"{base}:count", "alerts") == b"20"
        redis.pfadd(f"{base}:of-the-test", *ids)
        estimated = redis.pfcount(f"{base}:of-the-test")
        redis.delete(f"{base}:of-the-test")
        _until(lambda: redis.pfcount(f"{base}:seen:evidence") == estimated)
    reader = open_reader(site)
    assert len(reader.alerts(limit=100)[0]) == reader.counts()["alerts"] == 20
    assert len(reader.alerts(limit=100, canaries=True)[0]) == 22
    assert reader.counts()["evidence"] == 20  # Elasticsearch's, exact


def evidence_ids(site) -> list[str]:
    """Of the twenty messages, without the canaries', once all are in Elasticsearch."""
    target = site.targets[1]
    query = {"bool": {"must_not": {"term": {"flags": "canary"}}}}
    with Elasticsearch(target.url) as client:

        def found():
            name = f"{target.index_prefix}-evidence"
            hits = client.search(index=name, query=query, size=100)["hits"]["hits"]
            return [hit["_id"] for hit in hits]

        _until(lambda: len(found()) >= 20)
        ids = found()
    assert len(ids) == 20
    return ids


def counted(site, span: Span) -> dict[tuple[str, str], tuple[int, int, str]]:
    found = check(site, span)
    assert found.unreadable == {}
    assert sum(line.before for line in found.lines if line.step == "read") > 24
    return {
        (line.step, line.of): (line.before, line.after, line.state)
        for line in summed(found.lines, "source")
        if line.step != "read"
    }


def test_servers_that_are_away_are_lines_and_take_no_long_time(site):
    away = changed(
        site,
        kafka=msgspec.structs.replace(site.kafka, bootstrap="127.0.0.1:9"),
        flink={"rest_url": "http://127.0.0.1:9"},
        targets=tuple(
            msgspec.structs.replace(
                one, s3_endpoint="http://127.0.0.1:9", index_url="postgresql://127.0.0.1:9/x"
            )
            if one.kind == "archive"
            else msgspec.structs.replace(one, url=one.url.rpartition(":")[0] + ":9")
            for one in site.targets
        ),
    )
    found = states(away)
    dark = {name for name, state in found.items() if state == UNKNOWN}
    assert dark >= {"source", "job", "progress", "incidents", "delivery", "completeness"}
    assert {found[name] for name in ("targets", "segments", "archive_index")} == {FAIL}
    assert found["tenant_keys"] == UNKNOWN, "nobody can say which are needed"
    assert found["ledger"] == NONE, "it is in a folder here, and nothing was signed yet"


def _until(true, seconds=60):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(1)

"""The deliverer on real Kafka, Redis and Elasticsearch: nothing lost, nothing seen twice."""

from __future__ import annotations

import base64
import json
import threading
import time

import msgspec
import pytest
from elasticsearch import ApiError, Elasticsearch
from kafka import KafkaConsumer, KafkaProducer
from redis import Redis

from config.channels import Channel
from config.settings import Kafka, Outputs, Settings, Source, Target
from jobs import deliver
from jobs.delivery import topics
from jobs.delivery.stalled import NotReading
from jobs.servers import elasticsearch as elasticsearch_module
from jobs.servers import kafka as kafka_module
from jobs.servers import redis as redis_module
from jobs.servers.process import free_port
from jobs.topics import ensure_topics
from rules.errors import EXIT_ENVIRONMENT, MingjianError
from sinks.readers import open_reader
from sinks.sqlite_reader import SqliteReader
from tests.support.records import alert, evidence, quarantined, with_field, write_part

PATIENCE_S = 20


def send(settings: Settings, records, *, raw: dict[str, bytes] | None = None) -> None:
    producer = KafkaProducer(bootstrap_servers=settings.kafka.bootstrap)
    prefix = settings.outputs.topic_prefix
    for record in records:
        producer.send(f"{prefix}{record.topic}", record.body)
    for topic, body in (raw or {}).items():
        producer.send(f"{prefix}{topic}", body)
    producer.flush()
    producer.close()


def with_targets(settings: Settings, *targets: Target) -> Settings:
    return msgspec.structs.replace(settings, targets=targets)


def in_redis(settings: Settings, url: str) -> set[str]:
    with Redis.from_url(url) as client:
        entries = client.xrange(f"mingjian:{{{settings.tenant}}}:alerts")
    ids = [fields[b"id"].decode() for _, fields in entries]
    assert len(ids) == len(set(ids)), "an alert was shown twice"
    return set(ids)


SHARDS_NOT_UP = 503  # the index was made a moment ago


def in_elasticsearch(target: Target, kind: str = "alerts") -> set[str]:
    with Elasticsearch(target.url) as client:
        name = f"{target.index_prefix}-{kind}"
        there = {"index": name, "ignore_unavailable": True}  # made by the deliverer, soon
        client.indices.refresh(**there)
        try:
            hits = client.search(**there, size=10_000, source=False)["hits"]["hits"]
        except ApiError as error:
            if error.status_code != SHARDS_NOT_UP:
                raise
            return set()
    return {hit["_id"] for hit in hits}


def wait_for(condition, seconds: float = 90.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.1)


class Running:
    """A deliverer that follows, in a thread."""

    def __init__(self, settings: Settings) -> None:
        self.stop = threading.Event()
        self.states: dict = {}
        self.thread = threading.Thread(
            target=deliver.run,
            args=(settings,),
            kwargs={"once": False, "stop": self.stop, "on_progress": self.note},
        )

    def note(self, states) -> None:
        self.states = {state.target: state.state for state in states}

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_) -> None:
        self.stop.set()
        self.thread.join(60)
        assert not self.thread.is_alive(), "the deliverer does not end when asked"


def test_all_kinds_reach_every_target_once(
    cluster_settings, redis_target, elasticsearch_target, prefix
):
    settings = with_targets(cluster_settings, redis_target, elasticsearch_target)
    alerts = [alert(n, tenant=prefix) for n in range(300)]
    proofs = [evidence(n, tenant=prefix) for n in range(300)]
    send(settings, [*alerts, *proofs, *alerts[:50], quarantined(b"{")])
    report = deliver.run(settings, once=True, patience_s=PATIENCE_S)
    assert {t.target: (t.written, t.duplicates) for t in report.targets} == {
        "redis": (300, 50),  # of the other kinds it only keeps counts
        "elasticsearch": (601, 50),
    }
    wanted = {record.id for record in alerts}
    assert in_redis(settings, redis_target.url) == wanted
    assert in_elasticsearch(elasticsearch_target) == wanted
    assert in_elasticsearch(elasticsearch_target, "evidence") == {r.id for r in proofs}
    again = deliver.run(settings, once=True, patience_s=PATIENCE_S)
    assert [(t.written, t.duplicates) for t in again.targets] == [(0, 0), (0, 0)]


def test_killed_between_write_and_commit_nothing_is_lost_or_doubled(
    cluster_settings, redis_target, elasticsearch_target, prefix
):
    settings = with_targets(cluster_settings, redis_target, elasticsearch_target)
    alerts = [alert(n, tenant=prefix) for n in range(100)]
    send(settings, alerts)

    def killed(target: str) -> None:
        raise KeyboardInterrupt(target)

    with pytest.raises(KeyboardInterrupt):
        deliver.run(settings, once=True, after_write=killed, patience_s=PATIENCE_S)
    report = deliver.run(settings, once=True, patience_s=PATIENCE_S)
    by_target = {t.target: t for t in report.targets}
    assert by_target["elasticsearch"].duplicates > 0, "it was written before, and not committed"
    assert by_target["redis"].duplicates == 0, "Redis remembers its own position"
    wanted = {record.id for record in alerts}
    assert in_redis(settings, redis_target.url) == wanted
    assert in_elasticsearch(elasticsearch_target) == wanted


def test_what_a_target_refuses_is_set_aside_and_the_rest_goes_on(
    cluster_settings, redis_target, elasticsearch_target, prefix
):
    settings = with_targets(cluster_settings, redis_target, elasticsearch_target)
    odd = with_field(alert(1, tenant=prefix), "surprise", 1)
    send(settings, [odd, alert(2, tenant=prefix)], raw={"alerts": b"\xff not JSON"})
    report = deliver.run(settings, once=True, patience_s=PATIENCE_S)
    rejected = {t.target: t.rejected for t in report.targets}
    assert rejected == {"redis": 1, "elasticsearch": 2}
    assert in_elasticsearch(elasticsearch_target) == {alert(2).id}
    consumer = KafkaConsumer(
        f"{settings.outputs.topic_prefix}rejected.elasticsearch",
        bootstrap_servers=settings.kafka.bootstrap,
        auto_offset_reset="earliest",
        consumer_timeout_ms=10_000,
    )
    kept = [json.loads(next(consumer).value) for _ in range(2)]
    consumer.close()
    by_id = {item["id"]: item for item in kept}
    assert "surprise" in by_id[odd.id]["reason"]
    assert {base64.b64decode(item["body"]) for item in kept} == {odd.body, b"\xff not JSON"}


def test_one_target_away_stops_no_other_and_catches_up(
    cluster_settings, redis_target, prefix, tmp_path
):
    server = elasticsearch_module.launch(tmp_path / "es").wait()
    target = Target(
        kind="elasticsearch", name="elasticsearch", url=server.address, index_prefix=prefix
    )
    settings = with_targets(cluster_settings, redis_target, target)
    first, second = ([alert(n, tenant=prefix) for n in span] for span in (range(20), range(20, 60)))
    try:
        with Running(settings) as running:
            send(settings, first)
            wait_for(lambda: len(in_redis(settings, redis_target.url)) == 20)
            wait_for(lambda: running.states.get("elasticsearch") == "idle")
            server.kill()
            send(settings, second)
            wait_for(lambda: len(in_redis(settings, redis_target.url)) == 60)
            wait_for(lambda: running.states["elasticsearch"] == "waiting")
            server = elasticsearch_module.launch(tmp_path / "es", server.port).wait()
            wait_for(lambda: running.states["elasticsearch"] == "idle")
        assert in_elasticsearch(target) == {r.id for r in [*first, *second]}
    finally:
        server.stop()


def test_a_redis_that_loses_everything_is_filled_again(cluster_settings, prefix, tmp_path):
    server = redis_module.launch(tmp_path / "redis").wait()
    settings = with_targets(
        cluster_settings, Target(kind="redis", name="redis", url=server.address)
    )
    try:
        with Running(settings):
            send(settings, [alert(n, tenant=prefix) for n in range(30)])
            wait_for(lambda: len(in_redis(settings, server.address)) == 30)
            with Redis.from_url(server.address) as client:
                client.flushall()
                client.script_flush()
            send(settings, [alert(30, tenant=prefix)])
            wait_for(lambda: len(in_redis(settings, server.address)) == 31)
    finally:
        server.stop()


def test_a_broker_that_comes_back_is_read_on_from_where_it_was(cluster_settings, tmp_path):
    server = kafka_module.launch(tmp_path / "kafka").wait()
    settings = msgspec.structs.replace(
        cluster_settings,
        kafka=Kafka(bootstrap=server.address),
        targets=(Target(kind="sqlite", name="index", path=str(tmp_path / "index.db")),),
    )
    ensure_topics(settings, partitions=2)

    def stored() -> int:
        found = SqliteReader(tmp_path / "index.db").counts()["alerts"]
        return int(found)

    try:
        with Running(settings) as running:
            send(settings, [alert(n) for n in range(10)])
            wait_for(lambda: running.states.get("index") == "idle" and stored() == 10)
            server.kill()
            wait_for(lambda: running.states["index"] == "waiting")
            server = kafka_module.launch(tmp_path / "kafka", server.port).wait()
            send(settings, [alert(n) for n in range(10, 20)])
            wait_for(lambda: stored() == 20)
        report = deliver.run(settings, once=True)
        assert (report.targets[0].written, report.targets[0].duplicates) == (0, 0)
    finally:
        server.stop()


def test_once_with_a_target_away_is_one_clear_error(cluster_settings, redis_target, prefix):
    away = Target(kind="elasticsearch", name="search", url=f"http://127.0.0.1:{free_port()}")
    settings = with_targets(cluster_settings, redis_target, away)
    send(settings, [alert(1, tenant=prefix)])
    with pytest.raises(MingjianError, match=r"cannot use Elasticsearch \(search\)") as caught:
        deliver.run(settings, once=True, patience_s=0.5)
    assert caught.value.exit_code == EXIT_ENVIRONMENT
    assert in_redis(settings, redis_target.url) == {alert(1).id}, "the other one was served"


def test_a_broker_that_is_not_there_is_one_clear_error(redis_target, cluster_settings):
    settings = with_targets(cluster_settings, redis_target)
    settings = msgspec.structs.replace(settings, kafka=Kafka(bootstrap=f"127.0.0.1:{free_port()}"))
    with pytest.raises(MingjianError, match="cannot use Kafka at"):
        deliver.run(settings, once=True, patience_s=0)


def test_files_reach_elasticsearch_and_their_position_is_kept(
    cluster_settings, elasticsearch_target, prefix, tmp_path
):
    settings = msgspec.structs.replace(
        cluster_settings,
        outputs=Outputs(kind="files", path=str(tmp_path / "outputs")),
        targets=(elasticsearch_target,),
    )
    write_part(tmp_path / "outputs", [alert(1, tenant=prefix), evidence(1, tenant=prefix)])
    assert deliver.run(settings, once=True).targets[0].written == 2
    assert deliver.run(settings, once=True).targets[0].duplicates == 0


@pytest.mark.parametrize("again", [False, True])
def test_what_was_delivered_once_is_shown_to_the_next_command(
    elasticsearch_target, prefix, tmp_path, again
):
    settings = Settings(
        profile="cluster",
        tenant=prefix,
        data_dir=str(tmp_path),
        source=Source(kind="files", path=str(tmp_path)),
        outputs=Outputs(kind="files", path=str(tmp_path / "outputs")),
        targets=(elasticsearch_target,),
    )
    reader = open_reader(settings)
    written = [alert(n, tenant=prefix) for n in range(3)]
    write_part(tmp_path / "outputs", [*written, evidence(1, tenant=prefix)])
    if again:  # written by a deliverer that was stopped, or that stays: nothing new for this one
        stop = threading.Event()
        deliver.run(settings, once=False, stop=stop, after_write=lambda _: stop.set())
    deliver.run(settings, once=True)
    assert {row["alert_id"] for row in reader.alerts()[0]} == {record.id for record in written}
    assert reader.counts()["evidence"] == 1


def test_readers_of_the_cluster_search_and_follow_live(
    cluster_settings, redis_target, elasticsearch_target, prefix
):
    settings = with_targets(cluster_settings, redis_target, elasticsearch_target)
    reader = open_reader(settings)
    _, cursor = reader.follow("now")
    with Running(settings):
        send(settings, [alert(1, tenant=prefix)])
        rows, _ = reader.follow(cursor, timeout=20)
        assert [row["alert_id"] for row in rows] == [alert(1).id]
        wait_for(lambda: len(in_elasticsearch(elasticsearch_target)) == 1)
        assert [row["alert_id"] for row in reader.alerts(text="保本")[0]] == [alert(1).id]


@pytest.fixture
def outputs(cluster_settings, monkeypatch):
    """Alerts read in a group, by a consumer that is asked about after two silent seconds."""
    monkeypatch.setattr(topics, "_SILENT_S", 2.0)
    made = topics.TopicOutputs(cluster_settings, "index", None)
    yield made
    made.close()


def polled(outputs, seconds: float) -> list:
    """What comes in so many seconds."""
    end = time.monotonic() + seconds
    found = []
    while time.monotonic() < end:
        if (batch := outputs.poll()) is not None:
            outputs.commit(batch)
            found += batch.records
    return found


def test_a_consumer_that_hears_nothing_because_there_is_nothing_is_left_alone(
    cluster_settings, outputs
):
    send(cluster_settings, [alert(1)])
    assert len(polled(outputs, 8)) == 1
    assert polled(outputs, 6) == []


@pytest.mark.parametrize("member", [True, False])
def test_a_consumer_that_stopped_reading_without_a_word_is_made_anew(
    cluster_settings, outputs, monkeypatch, member
):
    if member:
        send(cluster_settings, [alert(1)])
        assert len(polled(outputs, 8)) == 1
    # as the client was seen to do it
    monkeypatch.setattr(outputs._consumer, "poll", lambda **_: time.sleep(0.1) or {})
    send(cluster_settings, [alert(2)])
    why = "does not read what it was given" if member else "no member of its group"
    with pytest.raises(NotReading, match=why):
        polled(outputs, 20)


def test_a_lane_whose_consumer_stopped_reading_begins_anew(
    cluster_settings, elasticsearch_target, monkeypatch
):
    settings = with_targets(cluster_settings, elasticsearch_target)
    monkeypatch.setattr(topics, "_SILENT_S", 1.0)
    broken = []
    whole = topics.TopicOutputs.poll

    def poll(outputs):
        if not broken:
            broken.append(outputs)
            outputs._consumer.poll = lambda **_: time.sleep(0.1) or {}
        return whole(outputs)

    monkeypatch.setattr(topics.TopicOutputs, "poll", poll)
    send(settings, [alert(1)])
    stop = threading.Event()
    running = threading.Thread(
        target=deliver.run, args=(settings,), kwargs={"once": False, "stop": stop}
    )
    running.start()
    try:
        end = time.monotonic() + 60
        while in_elasticsearch(elasticsearch_target) != {alert(1).id}:
            assert time.monotonic() < end
            time.sleep(0.5)
    finally:
        stop.set()
        running.join()


def test_where_the_alerts_end_now_is_passed_when_they_were_given(cluster_settings, outputs):
    send(cluster_settings, [alert(1)])
    ends = outputs.ends("alerts")
    assert sum(ends.values()) == 1
    assert not outputs.passed(ends)
    assert len(polled(outputs, 8)) == 1
    assert outputs.passed(ends)
    send(cluster_settings, [alert(2)])
    assert outputs.passed(ends)  # of those that were there then
    assert not outputs.passed(outputs.ends("alerts"))


def test_what_comes_of_partitions_that_are_given_back_during_a_wait_is_read(
    cluster_settings, outputs, monkeypatch
):
    """Another deliverer takes some partitions and leaves while this one waits for its target. The
    client gives them back unpaused, and what it reads then must not be dropped."""
    monkeypatch.setattr(topics, "_SILENT_S", 60.0)
    send(cluster_settings, [alert(1)])
    assert len(polled(outputs, 8)) == 1
    waiting, over = threading.Event(), threading.Event()

    def waits():
        while not over.is_set():
            outputs.pause(1.0)
            waiting.set()

    lane = threading.Thread(target=waits)
    lane.start()
    try:
        other = topics.TopicOutputs(cluster_settings, "index", None)
        wait_for(lambda: other.poll() is None and other._consumer.assignment())
        other.close()
        waiting.clear()
        sent = [alert(number) for number in range(2, 202)]
        send(cluster_settings, sent)
        wait_for(lambda: len(outputs._consumer.assignment()) == 2 * len(outputs._kinds))
        waiting.clear()
        assert waiting.wait(30)
    finally:
        over.set()
        lane.join()
    got = polled(outputs, 10)
    assert {record.id for record in got} >= {record.id for record in sent}


def test_what_a_target_refuses_has_a_topic_before_it_is_needed(cluster_settings):
    """A broker that makes no topics by itself would hold the target up with its first refusal."""
    settings = msgspec.structs.replace(
        cluster_settings,
        targets=(Target(kind="redis", name="live", url="redis://127.0.0.1:1/0"),),
        channels=(Channel(kind="webhook", name="soc", url="https://127.0.0.1:1/"),),
    )
    ensure_topics(settings)
    prefix = settings.outputs.topic_prefix
    consumer = KafkaConsumer(bootstrap_servers=settings.kafka.bootstrap)
    wait_for(lambda: {f"{prefix}rejected.live", f"{prefix}rejected.soc"} <= consumer.topics())
    consumer.close()

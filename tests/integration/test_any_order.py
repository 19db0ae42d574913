"""In a real job too the order of arrival decides nothing: not what is told, nor under which id."""

from __future__ import annotations

import json
from operator import itemgetter
from random import Random

import msgspec
from kafka import KafkaProducer

from config.settings import Flink, Source
from jobs.detect import run
from jobs.topics import ensure_topics
from rules.alert import OUTPUTS
from rules.calendar import load_calendar
from rules.decode import Decoder
from rules.engine import Engine
from rules.ruleset import RuleTimeline
from tests.integration.test_detect_cluster import consume
from tests.support.flows import comparable, records_of_behaviours

PARTITIONS = 4
ORDERS = 4  # in one job: each has companies of its own
LATENESS = 12 * 3_600_000  # ms: whole cases are turned upside down


def test_any_order_over_partitions_gives_the_same_alerts_ids_and_evidence(
    cluster_settings, flink_cluster, tmp_path
):
    settings = msgspec.structs.replace(
        cluster_settings,
        source=Source(kind="kafka", topic=f"{cluster_settings.tenant}.shuffled"),
        keys_dir=str(tmp_path / "keys"),
        flink=Flink(
            parallelism=2,
            rest_url=flink_cluster.address,
            checkpoint_interval_ms=2000,
            checkpoint_dir=str(tmp_path / "checkpoints"),
            allowed_lateness_ms=LATENESS,
        ),
    )
    ensure_topics(settings, partitions=PARTITIONS)
    random = Random(5)
    in_order = _companies()
    # sorted by when they arrive nothing is later than allowed, in each partition
    arriving = [(body["time"] + random.randrange(LATENESS), body) for body in in_order]
    # as after a failure of the collector
    again = random.sample(in_order, len(in_order) // 20)
    arriving += [(body["time"] + random.randrange(LATENESS), body) for body in again]
    arriving.sort(key=itemgetter(0))
    _send(settings, [body for _, body in arriving], random)

    assert run(settings).state == "FINISHED"
    found = consume(settings)

    engine = Engine(RuleTimeline.load(), Decoder(settings.tenant), load_calendar())
    expected: dict[str, list] = {name: [] for name in OUTPUTS}
    for kind, told in engine.run(map(_raw, in_order)):
        expected[kind].append(json.loads(told))
    assert len(expected["alerts"]) > len(in_order) / 10
    assert expected["late"] == []
    assert comparable(found) == comparable(expected)


def _companies():
    """Records in event-time order; for each order of arrival a company of its own."""
    found = []
    for raw in records_of_behaviours():
        for order in range(ORDERS):
            body = json.loads(raw)
            body["tenant"] += f"-{order}"
            found.append(body)
    return found


def _raw(body):
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def _send(settings, bodies, random):
    producer = KafkaProducer(bootstrap_servers=settings.kafka.bootstrap)
    for body in bodies:
        producer.send(
            settings.source.topic,
            _raw(body),
            partition=random.randrange(PARTITIONS),
            timestamp_ms=body["time"],
        )
    producer.flush()
    producer.close()

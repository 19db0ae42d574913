"""The surroundings of a case read from a real broker, among other talk."""

from __future__ import annotations

import pytest
from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import NewTopic

from reports.context import Wanted
from reports.context_kafka import KafkaContext
from rules.alert import Position
from rules.decode import Decoder
from rules.errors import MingjianError
from tests.support import sample_case
from tests.support.sample_case import CONVERSATION, EMPLOYEE, START, said

pytestmark = pytest.mark.integration
SPAN = (START - 7_200_000, START + 7_200_000)


@pytest.fixture
def topic(kafka, prefix):
    """(name, places by id): the case in a topic of three partitions, each with 400 others' lines;
    the conversation in partition 1, the acts in partition 2, as their keys would put them."""
    name = f"{prefix}.messages"
    admin = KafkaAdminClient(bootstrap_servers=kafka.address)
    admin.create_topics([NewTopic(name, 3, 1)])
    admin.close()
    producer = KafkaProducer(bootstrap_servers=kafka.address)
    places, sent = {}, 0
    for at, (key, raw) in enumerate(sample_case.records().items()):
        for partition in range(3):
            for _ in range(400 // 18):
                sent += 1
                other = said(at * 40, f"x{sent}", "lisi", "text", {"content": "别的话"}, sent)
                other = other.replace(EMPLOYEE.encode(), b"wangwu")
                producer.send(name, other, partition=partition)
        where = 2 if key.startswith("cb") else 1
        places[key] = producer.send(name, raw, partition=where).get(30)
    producer.close()
    return name, places


def fetch(kafka, name, *, near=(), max_records=200_000):
    source = KafkaContext(
        name, Decoder("demo"), {"bootstrap_servers": kafka.address}, max_records=max_records
    )
    wanted = Wanted({CONVERSATION: (SPAN,)}, {EMPLOYEE: (SPAN,)}, near=near)
    return source.fetch(wanted)


def test_the_conversation_and_the_acts_are_found_with_their_places(kafka, topic):
    name, places = topic
    member = places["m05"]
    near = (Position(source=f"kafka:{name}", partition=1, offset=member.offset),)
    found = fetch(kafka, name, near=near)
    assert [r.message.msgid for r in found.messages] == [f"m{n:02}" for n in range(1, 16)]
    # The topic's own timestamps are today's, so only the partition of the members is near.
    for record in found.messages + found.events:
        assert record.position.offset == places[record.message.msgid].offset
        assert record.position.partition == places[record.message.msgid].partition
        assert record.raw == sample_case.records()[record.message.msgid]


def test_a_bound_is_kept_and_told(kafka, topic):
    name, places = topic
    near = (Position(source=f"kafka:{name}", partition=1, offset=places["m05"].offset),)
    found = fetch(kafka, name, near=near, max_records=60)
    assert found.scanned <= 3 * 60
    assert "m05" in [record.message.msgid for record in found.messages]
    assert found.limits


def test_no_topic_and_no_broker_are_told(kafka, prefix):
    en, zh = fetch(kafka, f"{prefix}.nothing").limits[0]
    assert "is not there" in en
    assert "不存在" in zh
    source = KafkaContext("x", Decoder("demo"), {"bootstrap_servers": "127.0.0.1:9"})
    with pytest.raises(MingjianError, match="cannot read the messages around the case"):
        source.fetch(Wanted({CONVERSATION: (SPAN,)}))

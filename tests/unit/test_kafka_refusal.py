"""A broker that says no is not waited for; one that only says no to what is not needed is used."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from config.settings import Kafka, Outputs, Settings, Source
from ingest import kafka_producer
from ingest.collector import Collector
from ingest.intake import Taken
from jobs.collecting import collector, ends
from jobs.kafka_client import unreachable
from rules.errors import MingjianError
from tests.support import collecting, false_broker
from tests.support.collecting import bare
from tests.support.false_broker import (
    NO_RIGHT_TO_CLUSTER,
    NO_RIGHT_TO_TOPIC,
    NOT_AUTHENTICATED,
    POLICY_VIOLATION,
    Broker,
)

TOPIC, QUARANTINE = "messages", "mingjian.quarantine"


@pytest.fixture
def broker() -> Iterator[Broker]:
    with false_broker.broker() as made:
        made.topics[TOPIC] = made.topics[QUARANTINE] = 0
        yield made


def settings(folder: Path, broker: Broker, **kafka: str) -> Settings:
    return msgspec.structs.replace(
        collecting.settings(folder),
        profile="cluster",
        source=Source(kind="kafka", topic=TOPIC),
        outputs=Outputs(kind="kafka", topic_prefix="mingjian."),
        kafka=Kafka(bootstrap=broker.address, max_record_bytes=4096, **kafka),
    )


@contextmanager
def opened(chosen: Settings) -> Iterator[Collector]:
    """A collector that waits for a while, so that a test that fails comes to its end."""
    with (
        ends(chosen, threading.Event(), patience=20.0) as where,
        collector(chosen, "x", where) as intake,
    ):
        yield intake


SASL = {"security_protocol": "SASL_PLAINTEXT", "sasl_mechanism": "PLAIN", "sasl_username": "u"}


def test_what_the_broker_takes_is_taken(tmp_path: Path, broker: Broker) -> None:
    """The other tests mean something only if this broker is one."""
    del broker.topics[TOPIC]
    with opened(settings(tmp_path, broker, **SASL)) as intake:
        assert intake.take([bare(1), bare(2, "x" * 5000)]) == Taken(new=1, set_aside=1)
    assert broker.taken == {TOPIC: 1, QUARANTINE: 1}


@pytest.mark.parametrize("what", ["password", "mechanism"])
def test_credentials_that_are_refused_are_an_error_in_one_line(
    tmp_path: Path, broker: Broker, what: str
) -> None:
    if what == "password":
        broker.authentication = NOT_AUTHENTICATED
    else:
        broker.mechanisms = ["SCRAM-SHA-256"]
    with opened(settings(tmp_path, broker, **SASL)) as intake:
        with pytest.raises(MingjianError, match="refuses us") as told:
            intake.take([bare(1)])
        assert "\n" not in told.value.en
        assert "拒绝访问" in told.value.zh
        assert "MINGJIAN_KAFKA_PASSWORD" in told.value.fix_en
        broker.authentication, broker.mechanisms = 0, ["PLAIN"]
        assert intake.take([bare(1)]) == Taken(new=1), "who stays goes on when it has been mended"


@pytest.mark.parametrize("what", ["seeing", "numbering", "writing"])
def test_a_right_that_is_missing_is_an_error(tmp_path: Path, broker: Broker, what: str) -> None:
    if what == "seeing":
        broker.topics[TOPIC] = NO_RIGHT_TO_TOPIC
    elif what == "numbering":
        broker.numbering = NO_RIGHT_TO_CLUSTER
    else:
        broker.writing = NO_RIGHT_TO_TOPIC
    with opened(settings(tmp_path, broker)) as intake:
        with pytest.raises(MingjianError, match=r"refuses us: .*AuthorizationFailed") as told:
            intake.take([bare(1)])
        assert "rights on the topics" in told.value.fix_en
        broker.topics[TOPIC] = broker.numbering = broker.writing = 0
        assert intake.take([bare(1)]) == Taken(new=1)


@pytest.mark.parametrize("error", [NO_RIGHT_TO_TOPIC, NO_RIGHT_TO_CLUSTER, POLICY_VIOLATION])
def test_topics_that_it_does_not_write_may_be_missing(
    tmp_path: Path, broker: Broker, error: int
) -> None:
    """A collector needs no right to make the topics of the job's outputs."""
    broker.creating = error
    with opened(settings(tmp_path, broker)) as intake:
        assert intake.take([bare(1), bare(2, "x" * 5000)]) == Taken(new=1, set_aside=1)
    assert broker.taken == {TOPIC: 1, QUARANTINE: 1}


@pytest.mark.parametrize("topic", [TOPIC, QUARANTINE])
def test_a_topic_that_it_writes_and_nobody_lets_it_make_is_an_error(
    tmp_path: Path, broker: Broker, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka_producer, "_BLOCK_MS", 500)
    broker.creating = NO_RIGHT_TO_TOPIC
    del broker.topics[topic]
    bodies = [bare(1), bare(2, "x" * 5000)]
    with opened(settings(tmp_path, broker)) as intake:
        with pytest.raises(MingjianError, match="refuses us: TopicAuthorizationFailed"):
            intake.take(bodies)
        broker.creating = 0
        # when the refusal was of the quarantine, the record itself had been written: not again
        written = {TOPIC: Taken(new=1, set_aside=1), QUARANTINE: Taken(duplicates=1, set_aside=1)}
        assert intake.take(bodies) == written[topic]
    assert broker.taken == {TOPIC: 1, QUARANTINE: 1}


def test_other_commands_say_what_was_refused_too() -> None:
    from kafka import errors  # noqa: PLC0415

    kafka = Kafka(bootstrap="k:9092", **SASL)
    no = unreachable(kafka, errors.ClusterAuthorizationFailedError())
    assert "refuses us" in no.en
    assert "rights" in no.fix_en
    silent = unreachable(kafka, errors.KafkaTimeoutError("Unable to bootstrap"))
    assert "cannot use Kafka" in silent.en
    assert "credentials" not in silent.fix_en, "it would have said that it does not take them"
    no_sasl = unreachable(Kafka(), errors.KafkaTimeoutError())
    assert "asks for credentials looks the same: kafka.security_protocol" in no_sasl.fix_en

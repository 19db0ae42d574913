"""A broker that says no is told of at once, by every command; one that is away is waited for."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from config.settings import Kafka, Outputs, Settings, Source, Target
from ingest import kafka_answer
from ingest.kafka_answer import look_for_refusal
from ingest.kafka_refusal import KafkaRefusal
from jobs import deliver
from jobs.doctor import see_delivery, see_stream
from jobs.kafka_client import connection
from jobs.quarantine.durable import broker as producer
from jobs.topics import ensure_topics
from tests.support import collecting, false_broker, receivers
from tests.support.false_broker import NOT_AUTHENTICATED, Broker

SOON_S = 8.0  # a client that waits for its broker waits for 30 s, one that only looks for 5 s
SASL = {"sasl_mechanism": "PLAIN", "sasl_username": "u"}


def settings(folder: Path, address: str, protocol: str = "SASL_PLAINTEXT") -> Settings:
    sasl = SASL if protocol.startswith("SASL") else {}
    return msgspec.structs.replace(
        collecting.settings(folder),
        profile="cluster",
        source=Source(kind="kafka", topic="messages"),
        outputs=Outputs(kind="kafka", topic_prefix="mingjian."),
        kafka=Kafka(bootstrap=address, security_protocol=protocol, **sasl),
    )


@contextmanager
def at_once(seconds: float = SOON_S) -> Iterator[None]:
    began = time.monotonic()
    yield
    assert time.monotonic() - began < seconds


def _produce(chosen: Settings) -> None:
    with producer(chosen):
        pass


def _deliver(chosen: Settings) -> None:
    here = Target(kind="sqlite", name="index", path=f"{chosen.data_dir}/index.db")
    deliver.run(msgspec.structs.replace(chosen, targets=(here,)), once=True)


@pytest.mark.parametrize(
    "ask",
    [ensure_topics, see_stream.topic, see_delivery.lags, _deliver, _produce],
    ids=["detect", "doctor", "doctor's delivery", "deliver", "quarantine"],
)
def test_a_wrong_password_is_told_at_once(tmp_path: Path, ask: Any) -> None:
    with false_broker.broker() as broker:
        broker.authentication = NOT_AUTHENTICATED
        with at_once(), pytest.raises(KafkaRefusal, match="refuses us: SaslAuth") as told:
            ask(settings(tmp_path, broker.address))
    assert "MINGJIAN_KAFKA_PASSWORD" in told.value.fix_en
    assert "拒绝访问" in told.value.zh


def test_so_is_a_mechanism_that_the_broker_does_not_have(tmp_path: Path) -> None:
    with false_broker.broker() as broker:
        broker.mechanisms = ["SCRAM-SHA-256"]
        with at_once(), pytest.raises(KafkaRefusal, match="UnsupportedSaslMechanism"):
            ensure_topics(settings(tmp_path, broker.address))


@pytest.fixture
def tls(tmp_path: Path) -> Iterator[tuple[Path, Broker]]:
    """(file to trust, a broker that speaks TLS)."""
    trusted, context = receivers.certificate(tmp_path)
    with false_broker.broker(context) as broker:
        yield trusted, broker


def test_a_certificate_that_is_not_trusted_is_told_at_once(
    tmp_path: Path, tls: tuple[Path, Broker], monkeypatch: pytest.MonkeyPatch
) -> None:
    trusted, broker = tls
    chosen = settings(tmp_path, broker.address, "SASL_SSL")
    with at_once(), pytest.raises(KafkaRefusal, match="not trusted: self-signed") as told:
        ensure_topics(chosen)
    assert "SSL_CERT_FILE" in told.value.fix_en
    assert "证书不受信任" in told.value.zh
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    look_for_refusal(connection(chosen.kafka))  # what it says to do lets us in


def test_so_is_a_name_that_is_not_the_one_of_the_certificate(
    tmp_path: Path, tls: tuple[Path, Broker], monkeypatch: pytest.MonkeyPatch
) -> None:
    trusted, broker = tls
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    other_name = broker.address.replace("127.0.0.1", "localhost")
    with at_once(), pytest.raises(KafkaRefusal, match="not valid for 'localhost'"):
        ensure_topics(settings(tmp_path, other_name, "SSL"))


def test_a_broker_that_asks_for_a_certificate_of_ours_is_told_at_once(tmp_path: Path) -> None:
    trusted, context = receivers.certificate(tmp_path)
    context.load_verify_locations(trusted)
    context.verify_mode = ssl.CERT_REQUIRED
    with false_broker.broker(context) as broker, pytest.MonkeyPatch.context() as patched:
        patched.setenv("SSL_CERT_FILE", str(trusted))
        with at_once(), pytest.raises(KafkaRefusal, match="CERTIFICATE_REQUIRED") as told:
            ensure_topics(settings(tmp_path, broker.address, "SSL"))
    assert "no certificate of a client" in told.value.fix_en


@pytest.mark.parametrize(("ours", "theirs"), [("PLAINTEXT", "SSL"), ("SASL_PLAINTEXT", "SASL_SSL")])
def test_a_port_that_speaks_tls_and_we_do_not_is_told_at_once(
    tmp_path: Path, tls: tuple[Path, Broker], ours: str, theirs: str
) -> None:
    _, broker = tls
    with at_once(), pytest.raises(KafkaRefusal, match=f"speaks TLS, and .* is {ours}") as told:
        ensure_topics(settings(tmp_path, broker.address, ours))
    assert f"set kafka.security_protocol to {theirs}, or" in told.value.fix_en


@pytest.mark.parametrize(("ours", "theirs"), [("SSL", "PLAINTEXT"), ("SASL_SSL", "SASL_PLAINTEXT")])
def test_a_port_that_does_not_speak_tls_and_we_do_is_told_at_once(
    tmp_path: Path, ours: str, theirs: str
) -> None:
    says = f"does not speak TLS, and .* is {ours}"
    with (
        false_broker.broker() as broker,
        at_once(),
        pytest.raises(KafkaRefusal, match=says) as told,
    ):
        ensure_topics(settings(tmp_path, broker.address, ours))
    assert f"set kafka.security_protocol to {theirs}, or" in told.value.fix_en


def test_the_one_that_answers_is_asked_when_another_is_away(tmp_path: Path) -> None:
    with false_broker.broker() as broker:
        broker.authentication = NOT_AUTHENTICATED
        with at_once(), pytest.raises(KafkaRefusal, match=f"at {broker.address} refuses us"):
            ensure_topics(settings(tmp_path, f"127.0.0.1:1,{broker.address}"))


@pytest.mark.parametrize("protocol", ["PLAINTEXT", "SSL", "SASL_PLAINTEXT"])
def test_one_that_is_away_or_silent_says_no_to_nothing(
    tmp_path: Path, protocol: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka_answer, "_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        addresses = f"127.0.0.1:1,127.0.0.1:{silent.getsockname()[1]}"
        with at_once(2.0):
            look_for_refusal(connection(settings(tmp_path, addresses, protocol).kafka))

"""Options of every Kafka client: address and credentials, from the settings and the environment."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeVar

from config.settings import Kafka
from ingest.kafka_answer import look_for_refusal
from ingest.kafka_refusal import refusal
from rules.errors import MingjianError

_MOST_WORDS = 200  # characters
_Client = TypeVar("_Client")


def connection(kafka: Kafka) -> dict[str, Any]:
    """Keyword arguments for the consumer, the producer and the admin client of kafka-python.

    The password comes from MINGJIAN_KAFKA_PASSWORD.
    """
    options: dict[str, Any] = {
        "bootstrap_servers": [address.strip() for address in kafka.bootstrap.split(",")],
        "security_protocol": kafka.security_protocol,
    }
    if kafka.sasl_mechanism:
        options["sasl_mechanism"] = kafka.sasl_mechanism
        options["sasl_plain_username"] = kafka.sasl_username
        options["sasl_plain_password"] = os.environ.get("MINGJIAN_KAFKA_PASSWORD", "")
    return options


def opened(kafka: Kafka, client: Callable[..., _Client], **options: Any) -> _Client:
    """A client of kafka-python. It waits for a broker that is away, and for none that says no.

    Args:
        client: the consumer, the producer or the admin client.

    Raises:
        MingjianError: no broker, or one that does not let us in (KafkaRefusal).
    """
    from kafka.errors import KafkaError  # noqa: PLC0415

    look_for_refusal(connection(kafka))
    try:
        return client(**connection(kafka), **options)
    except (KafkaError, OSError, ValueError) as error:
        raise unreachable(kafka, error) from None


def unreachable(kafka: Kafka, error: Exception) -> MingjianError:
    """One clear line for a broker that is not there, or does not let us in."""
    fix_en = "start it (`make stack`), or correct kafka.bootstrap"
    fix_zh = "请启动它（`make stack`），或更正 kafka.bootstrap"
    if not kafka.security_protocol.startswith("SASL"):  # it hangs up without a word
        fix_en += "; one that asks for credentials looks the same: kafka.security_protocol"
        fix_zh += "；要求凭据的 Kafka 也会如此：kafka.security_protocol"
    words = str(error)[:_MOST_WORDS]  # it may quote request and response whole
    return refusal(kafka.bootstrap, error) or MingjianError(
        f"cannot use Kafka at {kafka.bootstrap}: {words}",
        f"无法使用 Kafka（{kafka.bootstrap}）：{words}",
        fix_en=fix_en,
        fix_zh=fix_zh,
    )


def flink_properties(kafka: Kafka) -> dict[str, str]:
    """The same connection as properties of Flink's Java clients."""
    properties = {"security.protocol": kafka.security_protocol}
    if kafka.sasl_mechanism:
        password = os.environ.get("MINGJIAN_KAFKA_PASSWORD", "")
        module = (
            "org.apache.kafka.common.security.scram.ScramLoginModule"
            if kafka.sasl_mechanism.startswith("SCRAM")
            else "org.apache.kafka.common.security.plain.PlainLoginModule"
        )
        properties["sasl.mechanism"] = kafka.sasl_mechanism
        properties["sasl.jaas.config"] = (
            f"{module} required username={_jaas(kafka.sasl_username)} password={_jaas(password)};"
        )
    return properties


def _jaas(value: str) -> str:
    """A quoted value of a JAAS line; a quote or backslash in a password must not end it."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'

"""The Kafka topics of one installation: made when they are missing, large records allowed."""

from __future__ import annotations

from config.settings import Settings
from jobs.kafka_client import opened, unreachable
from rules.operations import DELIVERED

PARTITIONS = 4


def topic_names(settings: Settings) -> list[str]:
    """Every topic the job, a collector or a deliverer reads or writes."""
    names = [settings.source.topic] if settings.source.kind == "kafka" else []
    if settings.outputs.kind == "kafka":
        names += [settings.outputs.topic_prefix + output for output in DELIVERED]
        names += [rejected_topic(settings, one.name) for one in settings.targets]
        names += [rejected_topic(settings, one.name) for one in settings.channels]
    return names


def rejected_topic(settings: Settings, target: str) -> str:
    """Where what a target or a channel refused goes. Made with the others: a broker that makes no
    topics by itself would hold the target up for ever with the first record it refuses."""
    return f"{settings.outputs.topic_prefix}rejected.{target}"


def judging_group(settings: Settings) -> str:
    """The consumer group under which the job confirms what it has judged."""
    return f"mingjian-detect-{settings.tenant}"


def delivering_group(target: str) -> str:
    """The consumer group under which the outputs are read for a target or a channel."""
    return f"mingjian-deliver-{target}"


def ensure_topics(settings: Settings, *, partitions: int = PARTITIONS, replicas: int = 1) -> None:
    """Create the topics that are not there yet.

    Raises:
        MingjianError: the broker cannot be reached or refuses.
    """
    from kafka.admin import KafkaAdminClient, NewTopic  # noqa: PLC0415
    from kafka.errors import KafkaError, TopicAlreadyExistsError  # noqa: PLC0415

    admin = opened(settings.kafka, KafkaAdminClient, request_timeout_ms=10_000)
    try:
        there = set(admin.list_topics())
        limits = {
            "max.message.bytes": str(settings.kafka.max_record_bytes),
            # a record's timestamp is its event time: a limit in time would delete a replayed
            # month the moment it is written
            "retention.ms": str(settings.kafka.retention_ms),
            # a broker refuses what is dated more than an hour ahead, with the whole batch it is in:
            # one sender's wrong clock would keep everybody's messages out, and end the job
            "message.timestamp.after.max.ms": str(2**63 - 1),
        }
        missing = [
            NewTopic(name, partitions, replicas, topic_configs=limits)
            for name in topic_names(settings)
            if name not in there
        ]
        if missing:
            admin.create_topics(missing)
    except TopicAlreadyExistsError:
        pass  # somebody else made it in the same moment
    except KafkaError as error:
        raise unreachable(settings.kafka, error) from None
    finally:
        admin.close()

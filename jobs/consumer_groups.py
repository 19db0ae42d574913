"""What Kafka knows of consumer groups, asked without joining or changing any."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from config.settings import Settings
from jobs.kafka_client import opened
from rules.errors import MingjianError
from sinks.base import NoAnswer

_TIMEOUT_MS = 5_000


def committed(settings: Settings, group: str) -> dict[tuple[str, int], int]:
    """What a consumer group has confirmed: offsets by topic and partition. Raises NoAnswer."""
    with _asked(settings, _TIMEOUT_MS) as admin:
        found = admin.list_group_offsets([group])[group]
    return {
        (place.topic, place.partition): told.offset
        for place, told in found.items()
        if told.offset >= 0
    }


def members(
    settings: Settings, groups: Sequence[str], timeout_ms: int = _TIMEOUT_MS
) -> dict[str, int]:
    """How many members each group has. Raises NoAnswer."""
    with _asked(settings, timeout_ms) as admin:
        return {
            group: len(about["members"])
            for group, about in admin.describe_groups(list(groups)).items()
        }


@contextmanager
def _asked(settings: Settings, timeout_ms: int) -> Iterator[KafkaAdminClient]:
    try:
        admin = opened(
            settings.kafka,
            KafkaAdminClient,
            request_timeout_ms=timeout_ms,
            bootstrap_timeout_ms=timeout_ms,
        )
        try:
            yield admin
        finally:
            admin.close()
    except (KafkaError, OSError, ValueError, KeyError, MingjianError) as error:
        raise NoAnswer(str(error) or type(error).__name__) from None

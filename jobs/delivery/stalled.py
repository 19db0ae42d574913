"""Whether a consumer has stopped reading though there is something to read.

The client has been seen to poll for ever without a word and without a record, its group empty: it
took itself for a member and was none. Whoever hears nothing for a while asks over connections of
its own.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from kafka import TopicPartition
from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError

from config.settings import Settings
from jobs.kafka_client import connection
from jobs.topic_reading import Topics
from rules.errors import MingjianError

_TIMEOUT_MS = 5_000


class NotReading(RuntimeError):
    """A consumer that has to be made anew."""


def why_nothing_comes(
    settings: Settings,
    group: str,
    topics: Sequence[str],
    assigned: Collection[TopicPartition],
    done: Mapping[TopicPartition, int] | None = None,
) -> str:
    """ "" when there is nothing to read, or the broker does not tell.

    Args:
        assigned: what the consumer takes for its own.
        done: offsets behind what was delivered; by default what the group has committed.
    """
    try:
        members, committed = _of_group(settings, group)
        looking = Topics(settings)
        try:
            places = looking.places(topics)
            first, last = looking.firsts(places), looking.ends(places)
        finally:
            looking.close()
    except (KafkaError, MingjianError, OSError, ValueError, LookupError):
        return ""
    done = committed if done is None else done
    behind = [one for one in places if last[one] > max(done.get(one, 0), first[one])]
    if not behind:
        return ""
    if not members:
        return "it is no member of its group"
    return "it does not read what it was given" if set(behind) & set(assigned) else ""


def _of_group(settings: Settings, group: str) -> tuple[int, dict[TopicPartition, int]]:
    admin = KafkaAdminClient(
        **connection(settings.kafka),
        request_timeout_ms=_TIMEOUT_MS,
        bootstrap_timeout_ms=_TIMEOUT_MS,
    )
    try:
        members = admin.describe_groups([group])[group]["members"]
        offsets = admin.list_group_offsets([group])[group]
    finally:
        admin.close()
    return len(members), {place: told.offset for place, told in offsets.items()}

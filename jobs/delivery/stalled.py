"""Whether a consumer has stopped reading though there is something to read.

The client has been seen to poll for ever without a word and without a record, its group empty: it
took itself for a member and was none. Whoever hears nothing for a while asks over connections of
its own.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from kafka import TopicPartition

from config.settings import Settings
from jobs.consumer_groups import committed, members
from jobs.topic_reading import Topics
from rules.errors import MingjianError
from sinks.base import NoAnswer


class NotReading(RuntimeError):
    """A consumer that has to be made anew."""


def why_nothing_comes(
    settings: Settings,
    group: str,
    topics: Sequence[str],
    assigned: Collection[TopicPartition],
    done: Mapping[tuple[str, int], int] | None = None,
) -> str:
    """Why no record comes; "" when there is none to read, or the broker does not tell.

    Args:
        assigned: what the consumer takes for its own.
        done: offsets behind what was delivered; by default what the group has committed.
    """
    try:
        looking = Topics(settings)
        try:
            places = looking.places(topics)
            first, last = looking.firsts(places), looking.ends(places)
        finally:
            looking.close()
        known = committed(settings, group) if done is None else done
        behind = {one for one in places if last[one] > max(known.get(one, 0), first[one])}
        if behind and not members(settings, [group])[group]:
            return "it is no member of its group"
    except (MingjianError, NoAnswer, LookupError):
        return ""
    return "it does not read what it was given" if behind & set(assigned) else ""

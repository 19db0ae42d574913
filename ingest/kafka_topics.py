"""The topics that are written to: made where they are missing, if that is allowed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ingest.kafka_refusal import KafkaRefusal, refusal
from ingest.waiting import Away
from rules.errors import EXIT_USAGE, MingjianError


class Topics:
    """Sees to it that topics are there.

    One that cannot be made harms nobody who does not write it. So whether those are there that are
    written to is seen when they are.

    Args:
        prepare: makes all topics that are missing; raises MingjianError, in whose context the
            client's error is.
        where: the broker's address.
    """

    def __init__(self, prepare: Callable[[], None], where: str) -> None:
        self._prepare, self._where = prepare, where
        self._asked = False
        self._unmade: MingjianError | None = None  # why not all could be made
        self._seen: set[str] = set()

    def make(self) -> None:
        """Make those that are missing, once. Raises Away."""
        if not self._asked:
            self._make()

    def partitions(self, producer: Any, topic: str) -> int:
        """How many it has. Raises Away, KafkaRefusal."""
        from kafka.errors import KafkaError  # type: ignore[import-untyped]  # noqa: PLC0415

        try:
            if found := producer.partitions_for(topic):
                self._seen.add(topic)
                return len(found)
            reason = f"Kafka has no topic {topic} yet"
        except KafkaError as error:
            if refused := refusal(self._where, error):
                raise refused from None
            reason = f"Kafka does not tell of the topic {topic}: {type(error).__name__}"
        if self._unmade and topic not in self._seen:
            self._make()  # by now it may be allowed; or the broker is away, and that was all
            if isinstance(self._unmade, KafkaRefusal):
                self._asked = False  # whoever goes on after this asks anew
                raise self._unmade
        raise Away(self._unmade.en if self._unmade else reason)

    def _make(self) -> None:
        try:
            self._prepare()
        except MingjianError as error:
            if error.exit_code == EXIT_USAGE:
                raise
            if getattr(error.__context__, "retriable", False):
                raise Away(error.en) from None
            self._unmade = refusal(self._where, error.__context__) or error
        else:
            self._unmade = None
        self._asked = True

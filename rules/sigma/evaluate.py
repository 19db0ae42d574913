"""Events through a collection of plain Sigma rules, one after another, with their correlations."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import NamedTuple

from rules.correlation.found import Found
from rules.correlation.graph import Correlator
from rules.sigma.contents import Collection, key
from rules.sigma.event import Event, as_text


class Hit(NamedTuple):
    """One alert. `group` and `value` are empty for a rule about one event; `time` is ms or None."""

    rule: str
    group: dict[str, str | None]
    time: int | None
    event_ids: tuple[str, ...]
    value: int | float | None


class Evaluation:
    """Judges events in the order in which they are given.

    Args:
        every: all rows of correlations, not one an episode.
        lateness: how far (ms) an event may be behind the newest; None waits for all of them.
        until: event time (ms) ends there; None is the time of the last event.

    Attributes:
        counts: see `Correlator.counts`; and `after`, events later than `until`.
    """

    def __init__(
        self,
        collection: Collection,
        *,
        every: bool = False,
        lateness: int | None = None,
        until: int | None = None,
    ) -> None:
        known = {name: one.how for name, one in collection.correlations.items()}
        self._labels = {name: one.label for name, one in collection.correlations.items()}
        self._correlator = Correlator(known, every=every)
        silent = self._correlator.silent
        # of each rule: itself, whether it raises alerts, whether correlations read it
        self._rules = [
            (rule, key(number), key(number) not in silent, self._correlator.reads(key(number)))
            for number, rule in enumerate(collection.rules)
        ]
        self._lateness, self._until = lateness, until
        self._newest: int | None = None
        self.counts = self._correlator.counts

    def feed(self, identity: str, event: Event, time: int | None, seq: int = 0) -> Iterator[Hit]:
        """What one event causes at once."""
        if time is not None and self._until is not None and time > self._until:
            self.counts["after"] += 1
            return
        read = []
        for rule, name, loud, wanted in self._rules:
            if (loud or wanted) and rule.matches(event):
                if loud:
                    yield Hit(rule.label, {}, time, (identity,), None)
                if wanted:
                    read.append(name)
        if time is None:
            return
        if read:
            self._correlator.observe(
                identity,
                time,
                lambda name: field_text(event, name),
                read,
                seq=seq,
                content=json.dumps(event.fields, sort_keys=True, default=str),
            )
        if self._newest is None or time > self._newest:
            self._newest = time
            if self._lateness is not None:
                # an event exactly as late as allowed is in time
                yield from self._hits(self._correlator.advance(time - self._lateness - 1))

    def finish(self) -> Iterator[Hit]:
        """The input has ended: what waited is judged, as far as event time has come."""
        end = self._until if self._until is not None else self._newest
        if end is not None:
            yield from self._hits(self._correlator.advance(end))

    def _hits(self, found: list[Found]) -> Iterator[Hit]:
        for one in found:
            yield Hit(self._labels[one.rule], one.group, one.time, one.event_ids, one.value)


def field_text(event: Event, name: str) -> str | None:
    """A field as correlations compare it: its text; of a list with several values, all of them."""
    texts = [as_text(value) for value in event.values(name)]
    if len(texts) == 1:
        return texts[0]
    return json.dumps(texts, ensure_ascii=False) if any(t is not None for t in texts) else None

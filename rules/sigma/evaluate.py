"""Events through a collection of plain Sigma rules, one after another, with their correlations."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec

from rules.correlation.found import Found
from rules.correlation.graph import Correlator
from rules.sigma.compiled import Holds, compiled
from rules.sigma.concerned import Concerned
from rules.sigma.contents import Collection, key
from rules.sigma.event import Event
from rules.sigma.needs import needs

_MANY = 50  # rules; fewer are asked sooner than an event is looked through for their words
_SOON = 20  # events, after which it pays to learn the words


_Rule = tuple[Holds, str, str | None]


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
        unique: the caller vouches that no two events have one identity.

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
        unique: bool = False,
    ) -> None:
        known = {name: one.how for name, one in collection.correlations.items()}
        self._labels = {name: one.label for name, one in collection.correlations.items()}
        self._correlator = Correlator(known, every=every, unique=unique)
        silent = self._correlator.silent
        # of each rule that somebody asks: its condition, what correlations that read it call it,
        # what alerts call it, if it raises any
        asked = [
            (key(number), rule)
            for number, rule in enumerate(collection.rules)
            if key(number) not in silent or self._correlator.reads(key(number))
        ]
        self._rules = [
            (
                compiled(rule.condition),
                name if self._correlator.reads(name) else "",
                None if name in silent else rule.label,
            )
            for name, rule in asked
        ]
        self._conditions = [rule.condition for _, rule in asked]
        self._concerned: Concerned | None = None
        self._fed = 0
        self._unique = unique
        self._lateness, self._until = lateness, until
        self._newest: int | None = None
        self.counts = self._correlator.counts

    def feed(self, identity: str, event: Event, time: int | None, seq: int = 0) -> Iterable[Hit]:
        """What one event causes at once."""
        if time is not None and self._until is not None and time > self._until:
            self.counts["after"] += 1
            return ()
        found: list[Hit] = []
        read: list[str] = []
        for holds, name, label in self._worth_asking(event):
            if holds(event):
                if label is not None:
                    found.append(Hit(label, {}, time, (identity,), None))
                if name:
                    read.append(name)
        if time is None:
            return found
        if read:
            content = None if self._unique else _content(event)
            self._correlator.observe(identity, time, event.text, read, seq=seq, content=content)
        if self._newest is None or time > self._newest:
            self._newest = time
            if self._lateness is not None:
                # an event exactly as late as allowed is in time
                found += self._hits(self._correlator.advance(time - self._lateness - 1))
        return found

    def _worth_asking(self, event: Event) -> Iterable[_Rule]:
        if len(self._rules) < _MANY:
            return self._rules
        self._fed += 1
        if self._fed <= _SOON:
            return self._rules
        if self._concerned is None:
            self._concerned = Concerned(list(map(needs, self._conditions)))
        return map(self._rules.__getitem__, self._concerned.of(event))

    def finish(self) -> Iterator[Hit]:
        """The input has ended: what waited is judged, as far as event time has come."""
        end = self._until if self._until is not None else self._newest
        if end is not None:
            yield from self._hits(self._correlator.advance(end))

    def _hits(self, found: list[Found]) -> Iterator[Hit]:
        for one in found:
            yield Hit(self._labels[one.rule], one.group, one.time, one.event_ids, one.value)


def _content(event: Event) -> int:
    """What tells two events of one id apart: all that they say, in whatever order of fields."""
    try:
        return hash(msgspec.json.encode(event.fields, order="sorted"))
    except (TypeError, ValueError):  # half of a surrogate pair, which JSON can carry
        return hash(json.dumps(event.fields, sort_keys=True, default=str))

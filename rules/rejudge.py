"""Judges a part of a stream again: in order of event time, whatever order its records stand in.

What the job does while records come, this does when they are all there; so nothing is late. Hits
are kept until then, and nothing else of the records.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from rules.alert import FINAL, Alert
from rules.calendar import OfficeCalendar
from rules.compiled import CompiledRules
from rules.decode import Decoder
from rules.edges import Edges
from rules.engine import Engine
from rules.items import ALERT, QUARANTINE, Item, key_of, unpack
from rules.ruleset import RuleTimeline
from rules.telling import Output

_alert = msgspec.json.Decoder(Alert).decode


class Judged(NamedTuple):
    """What a part of a stream says.

    Attributes:
        alerts: by id, those whose time is in the span, certain or not (`edges`).
        before: ids of certain ones from before it: what came later may be their evidence.
        disorder: ms by which a hit stood behind a newer record of its own partition, at most.
    """

    alerts: dict[str, Alert]
    before: frozenset[str]
    edges: Edges
    disorder: int


class Rejudge:
    """Takes records, in the order of each partition, and judges them when it is asked to.

    Args:
        since: all later than this event time (ms) will be given; None: there is nothing before.
        begin, end: the span (ms, both inclusive) whose alerts are asked for.
    """

    def __init__(
        self,
        timeline: RuleTimeline,
        decoder: Decoder,
        calendar: OfficeCalendar,
        *,
        since: int | None,
        begin: int,
        end: int,
        key_bytes: int,
        compiled: Mapping[str, CompiledRules] | None = None,
    ) -> None:
        self._edges = Edges(timeline, since)
        self._engine = Engine(
            timeline, decoder, calendar, compiled=compiled, key_bytes=key_bytes, heed=self._heed
        )
        self._begin, self._end = begin, end
        self._waiting: list[tuple[int, int, list[bytes]]] = []
        self._newest: dict[tuple[str, int], int] = {}
        self._disorder = 0
        self._found: dict[str, Alert] = {}
        self._before: dict[str, Alert] = {}

    @property
    def counts(self) -> Counter[str]:
        """Of `rules.matcher`."""
        return self._engine.matcher.counts

    def take(self, raw: bytes, source: str, partition: int, offset: int, time: int) -> None:
        """One record. `time` (ms) is what the source says of it: how far event time has come."""
        place = (source, partition)
        newest = self._newest.get(place, 0)
        if time > newest:
            newest = self._newest[place] = time
        packed = self._engine.matcher.match(raw, source, partition, offset)
        if packed is None:
            return
        waits: list[bytes] = []
        when = 0
        for one in packed:
            item = unpack(one)
            if item.kind == QUARANTINE:
                continue
            if item.kind == ALERT:
                if self._begin <= item.time <= self._end:
                    self._keep(self._engine.take([one], 0))
                continue
            waits.append(one)
            when = item.time
        if waits and when <= self._end:
            self._disorder = max(self._disorder, newest - when)
            self._waiting.append((when, len(self._waiting), waits))

    def judge(self) -> Judged:
        """All records have been given."""
        self._waiting.sort(reverse=True)
        while self._waiting:  # what is judged need not be kept twice
            when, _, waits = self._waiting.pop()
            self._keep(self._engine.take(waits, when))
        self._keep(self._engine.finish())
        self._edges.close()
        known = frozenset(k for k, one in self._before.items() if self._edges.decides(one))
        return Judged(self._found, known, self._edges, self._disorder)

    def _keep(self, outputs: list[Output]) -> None:
        for kind, body in outputs:
            if kind != "alerts":
                continue
            alert = _alert(body)
            if alert.status != FINAL or alert.time > self._end:
                continue
            kept = self._found if alert.time >= self._begin else self._before
            kept[alert.alert_id] = alert

    def _heed(self, packed: bytes) -> None:
        item: Item = unpack(packed)
        self._edges.follow(key_of(packed), item)

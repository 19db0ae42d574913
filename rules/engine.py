"""The whole engine without Flink: records in, outputs out, one process, no clock.

Used by rule tests, by the backtest and as the plain reading of what the job does. The job runs
the same `Matcher` and `Behaviour`; only the shuffling, the state store and the timers are Flink's.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping

from rules.behave import Behaviour, Output, Step
from rules.bounds import KEY_BYTES
from rules.calendar import OfficeCalendar
from rules.decode import Decoder
from rules.findings import Findings
from rules.items import key_of
from rules.matcher import CompiledRules, Matcher
from rules.ruleset import RuleTimeline

FOREVER = 2**62


def unsealed(raw: bytes, _binding: str) -> str:
    """Stands in for sealing where nothing leaves the process: says how many bytes there were."""
    return f"unsealed:{len(raw)}"


class Engine:
    """Judges records in the order given.

    Args:
        lateness: how far (ms) the watermark stays behind the newest time seen; None holds it
            until `finish`, so that any order of arrival is judged alike.
        key_bytes: see `Behaviour`.
    """

    def __init__(
        self,
        timeline: RuleTimeline,
        decoder: Decoder,
        calendar: OfficeCalendar,
        *,
        seal: object = unsealed,
        lateness: int | None = None,
        compiled: Mapping[str, CompiledRules] | None = None,
        key_bytes: int = KEY_BYTES,
    ) -> None:
        self.matcher = Matcher(timeline, decoder, calendar, compiled=compiled)
        findings = Findings(decoder, seal)  # type: ignore[arg-type]
        self._stages = [
            Behaviour(timeline, findings, calendar, level, key_bytes)
            for level in range(1, timeline.depth + 1)
        ]
        self._lateness = lateness
        self._told = [-1 for _ in self._stages]  # the watermark that each stage has seen
        self._timers: list[list[tuple[int, str]]] = [[] for _ in self._stages]
        self.states: dict[str, bytes] = {}

    def judge(
        self, raw: bytes, source: str = "memory", partition: int = 0, offset: int = 0, time: int = 0
    ) -> list[Output]:
        """Outputs caused by one record. `time` (ms) moves the watermark; 0 does not."""
        outputs: list[Output] = []
        for packed in self.matcher.match(raw, source, partition, offset) or ():
            outputs += self._add(0, packed)
        if self._lateness is not None and time - self._lateness > self._told[0]:
            outputs += self._advance(time - self._lateness)
        return outputs

    def finish(self) -> list[Output]:
        """The input has ended: everything that waited is judged, and all state is dropped."""
        return self._advance(FOREVER)

    def run(self, records: Iterable[bytes]) -> Iterator[Output]:
        """All outputs of a finite input."""
        for offset, raw in enumerate(records):
            yield from self.judge(raw, offset=offset)
        yield from self.finish()

    def _advance(self, watermark: int) -> list[Output]:
        outputs: list[Output] = []
        for at, timers in enumerate(self._timers):
            while timers and timers[0][0] <= watermark:
                due, key = heapq.heappop(timers)
                step = self._stages[at].advance(self.states.get(key), due)
                outputs += self._settle(at, key, step)
            self._told[at] = watermark  # after what the stage below found up to it
        return outputs

    def _add(self, at: int, packed: bytes) -> list[Output]:
        key = key_of(packed)
        step = self._stages[at].add(self.states.get(key), packed, self._told[at])
        return self._settle(at, key, step)

    def _settle(self, at: int, key: str, step: Step) -> list[Output]:
        self._keep(key, step.state)
        for timer in step.timers:
            heapq.heappush(self._timers[at], (timer, key))
        outputs = step.outputs
        for packed in step.up:
            outputs = [*outputs, *self._add(at + 1, packed)]
        return outputs

    def _keep(self, key: str, state: bytes | None) -> None:
        if state is None:
            self.states.pop(key, None)
        else:
            self.states[key] = state

"""The whole engine without Flink: records in, outputs out, one process, no clock.

Used by rule tests, by the backtest and as the plain reading of what the job does. The job runs
the same `Matcher` and `Behaviour`; only the shuffling, the state store and the timers are Flink's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from rules.behave import Behaviour, Found
from rules.bounds import KEY_BYTES
from rules.bucket import Bucket, state_of
from rules.calendar import OfficeCalendar
from rules.compiled import CompiledRules
from rules.decode import Decoder
from rules.findings import Findings
from rules.matcher import Matcher
from rules.ruleset import RuleTimeline
from rules.telling import Output

FOREVER = 2**62
_MOST = 256 * 1024 * 1024  # bytes of groups in memory


def unsealed(raw: bytes, _binding: str) -> str:
    """Stands in for sealing where nothing leaves the process: says how many bytes there were."""
    return f"unsealed:{len(raw)}"


class Engine:
    """Judges records in the order given.

    Args:
        lateness: how far (ms) the watermark stays behind the newest time seen; None holds it
            until `finish`, so that any order of arrival is judged alike.
        key_bytes: see `Behaviour`.
        heed: told of every packed item on its way into a keyed stage, also those that one
            correlation hands to another.
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
        heed: Callable[[bytes], None] | None = None,
    ) -> None:
        self._heed = heed
        self.matcher = Matcher(timeline, decoder, calendar, compiled=compiled)
        findings = Findings(decoder, seal)  # type: ignore[arg-type]
        self._stored: list[_Memory] = []
        self._stages: list[Bucket] = []
        for level in range(1, timeline.depth + 1):
            behaviour = Behaviour(timeline, findings, calendar, level, key_bytes)
            self._stored.append(_Memory())
            self._stages.append(Bucket(behaviour, self._stored[-1], most=_MOST))
        self._lateness = lateness
        self._told = [-1 for _ in self._stages]  # the watermark that each stage has seen

    @property
    def states(self) -> dict[str, bytes]:
        """The bytes of every group, by key."""
        for stage in self._stages:
            stage.write()
        return {key: state_of(value) for kept in self._stored for key, value in kept.items()}

    def judge(
        self, raw: bytes, source: str = "memory", partition: int = 0, offset: int = 0, time: int = 0
    ) -> list[Output]:
        """Outputs caused by one record. `time` (ms) moves the watermark; 0 does not."""
        outputs: list[Output] = []
        if packed := self.matcher.match(raw, source, partition, offset):
            outputs += self._add(0, packed)
        if self._lateness is not None and time - self._lateness > self._told[0]:
            outputs += self._advance(time - self._lateness)
        return outputs

    def take(self, packed: Sequence[bytes], time: int) -> list[Output]:
        """Outputs caused by items whose time is `time`, and by event time having come so far:
        nothing earlier is to come. Those who give items in this order keep nothing waiting."""
        outputs = self._advance(time - 1) if time - 1 > self._told[0] else []
        return outputs + self._add(0, packed)

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
        for at, stage in enumerate(self._stages):
            while (due := stage.due) is not None and due <= watermark:
                outputs += self._settle(at, stage.advance(due))  # what is first, first
            self._told[at] = watermark  # after what the stage below found up to it
        return outputs

    def _add(self, at: int, packed: Sequence[bytes]) -> list[Output]:
        if self._heed is not None:
            for one in packed:
                self._heed(one)
        return self._settle(at, self._stages[at].add(packed, self._told[at]))

    def _settle(self, at: int, found: Found) -> list[Output]:
        self._stages[at].changes.clear()  # nobody asks how many are open
        return [*found.outputs, *self._add(at + 1, found.up)] if found.up else found.outputs


class _Memory(dict[str, bytes]):
    """A store of this process."""

    put = dict.__setitem__
    remove = dict.__delitem__

"""The keyed stage: moves state in and out of `rules.behave`; event-time timers drive it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pyflink.common import Row, Types
from pyflink.datastream import KeyedProcessFunction, OutputTag, RuntimeContext
from pyflink.datastream.state import ValueStateDescriptor

from rules.behave import COUNTED, Behaviour, Step
from rules.findings import Findings
from rules.items import key_of
from udfs import collector
from udfs.open_groups import OpenGroups
from udfs.spec import JobSpec

# Pickled, not a primitive array: in thread mode PyFlink cannot read an empty primitive array
# state (it iterates over None) and copies it number by number.
STATE = ValueStateDescriptor("behaviour-v1", Types.PICKLED_BYTE_ARRAY())
SIDE_OUTPUTS = {
    name: OutputTag(name, Types.STRING()) for name in ("evidence", "quarantine", "late")
}
# what correlations found, for those above: key and item
UP = OutputTag("up", Types.ROW([Types.STRING(), Types.STRING()]))


def as_text(packed: bytes) -> str:
    """An item as the stages hand it on, a character a byte: PyFlink passes a text as it is, and
    bytes number by number, which took longer than all the rest."""
    return packed.decode("latin-1")


def packed_in(text: str) -> bytes:
    """The item of such a text."""
    return text.encode("latin-1")


class Behave(KeyedProcessFunction):  # type: ignore[misc]
    """Alerts are the main output, the rest goes to `SIDE_OUTPUTS`; all are JSON text. `UP` are
    items for the stage above this `level`, where there is one."""

    def __init__(self, spec: JobSpec, level: int = 1) -> None:
        self._spec = spec
        self._level = level
        self._behaviour: Behaviour | None = None
        self._state: Any = None
        self._counters: dict[str, Any] = {}
        self._groups: OpenGroups | None = None

    def open(self, runtime_context: RuntimeContext) -> None:
        """Load the rules and find the state."""
        self._behaviour = Behaviour(
            self._spec.timeline(),
            Findings(self._spec.decoder_of_admitted(), self._spec.seal),
            self._spec.calendar(),
            self._level,
            self._spec.key_bytes,
        )
        self._state = runtime_context.get_state(STATE)
        # true counters: in thread mode they are Flink's own, unlike those of `udfs.match`
        group = runtime_context.get_metrics_group().add_group("mingjian")
        self._counters = {name: group.counter(name) for name in COUNTED}
        self._groups = OpenGroups(group)
        collector.rest()

    def process_element(self, value: Any, ctx: KeyedProcessFunction.Context) -> Iterator[Any]:
        """One item; see `Behaviour.add`."""
        assert self._behaviour is not None  # noqa: S101
        timers = ctx.timer_service()
        before = self._state.value()
        step = self._behaviour.add(before, packed_in(value), timers.current_watermark())
        yield from self._settle(before, step, ctx)

    def on_timer(self, timestamp: int, ctx: KeyedProcessFunction.OnTimerContext) -> Iterator[Any]:
        """Event time has reached `timestamp`; see `Behaviour.advance`."""
        assert self._behaviour is not None  # noqa: S101
        before = self._state.value()
        timers = ctx.timer_service()
        # Flink has reached its watermark before it fires the first timer up to it: all that is
        # ready is judged at once, and the timers that follow find nothing due
        step = self._behaviour.advance(before, max(timestamp, timers.current_watermark()))
        yield from self._settle(before, step, ctx)

    def _settle(self, before: bytes | None, step: Step, ctx: Any) -> Iterator[Any]:
        assert self._behaviour is not None  # noqa: S101
        assert self._groups is not None  # noqa: S101
        if step.state is None:
            if before is not None:
                self._state.clear()
                self._groups.changed(ctx.get_current_key(), -1)
        elif step.state is not before:
            self._state.update(step.state)
            if before is None:
                self._groups.changed(ctx.get_current_key(), 1)
        if counts := self._behaviour.counts:
            for name, number in counts.items():
                self._counters[name].inc(number)
            counts.clear()
        timers = ctx.timer_service()
        for timer in step.timers:
            timers.register_event_time_timer(timer)
        for name, body in step.outputs:
            text = body.decode()
            yield text if name == "alerts" else (SIDE_OUTPUTS[name], text)
        for packed in step.up:
            yield UP, Row(key_of(packed), as_text(packed))

"""Runs a keyed process function without Flink: fake state, timers and watermark.

Only what the job's functions use is modelled: one value state per key, event-time timers (each
time once per key, fired in order of time), side outputs as `(tag, value)` results.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from typing import Any

from pyflink.datastream import OutputTag


class ValueState:
    """State of the key the harness stands on."""

    def __init__(self, harness: KeyedHarness) -> None:
        self._harness = harness

    def value(self) -> Any:
        return self._harness.states.get(self._harness.key)

    def update(self, value: Any) -> None:
        self._harness.states[self._harness.key] = value

    def clear(self) -> None:
        self._harness.states.pop(self._harness.key, None)


class KeyedHarness:
    """Drives one function as one parallel task would. `outputs` by name, main output "main"."""

    def __init__(self, function: Any, key_of: Any) -> None:
        self.states: dict[str, Any] = {}
        self.timers: list[tuple[int, str]] = []
        self.outputs: dict[str, list[str]] = {}
        self.watermark = -(2**63)
        self.key = ""
        self.metrics = MetricContext()
        self._function, self._key_of = function, key_of
        function.open(self)

    # RuntimeContext, Context and TimerService, as far as they are used
    def get_state(self, _descriptor: Any) -> ValueState:
        return ValueState(self)

    def get_metrics_group(self) -> MetricContext:
        return self.metrics

    def timer_service(self) -> KeyedHarness:
        return self

    def get_current_key(self) -> str:
        return self.key

    def current_watermark(self) -> int:
        return self.watermark

    def register_event_time_timer(self, time: int) -> None:
        if (time, self.key) not in self.timers:
            heapq.heappush(self.timers, (time, self.key))

    # what a test does
    def send(self, row: Any) -> None:
        """One element arrives."""
        self.key = self._key_of(row)
        self._take(self._function.process_element(row, self))

    def advance(self, watermark: int) -> None:
        """The watermark arrives; what is due fires."""
        self.watermark = watermark
        while self.timers and self.timers[0][0] <= watermark:
            time, self.key = heapq.heappop(self.timers)
            self._take(self._function.on_timer(time, self))

    def finish(self) -> None:
        """The input has ended."""
        self.advance(2**63 - 1)

    def _take(self, results: Iterable[Any] | None) -> None:
        for result in results or ():
            tagged = isinstance(result, tuple) and isinstance(result[0], OutputTag)
            name, value = (result[0].tag_id, result[1]) if tagged else ("main", result)
            self.outputs.setdefault(name, []).append(value)


class MetricContext:
    """A FunctionContext, or RuntimeContext, whose gauges and counters can be read."""

    def __init__(self) -> None:
        self.gauges: dict[str, Callable[[], int]] = {}
        self.counters: dict[str, Counter] = {}

    def get_metric_group(self) -> MetricContext:
        return self

    get_metrics_group = get_metric_group

    def add_group(self, _name: str) -> MetricContext:
        return self

    def gauge(self, name: str, read: Callable[[], int]) -> None:
        self.gauges[name] = read

    def counter(self, name: str) -> Counter:
        return self.counters.setdefault(name, Counter())

    def get_state(self, _descriptor: Any) -> None:
        return None


class Counter:
    """What was counted."""

    def __init__(self) -> None:
        self.count = 0

    def inc(self, number: int = 1) -> None:
        self.count += number

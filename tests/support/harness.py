"""Runs a keyed process function without Flink: fake state, timers and watermark.

Only what the job's functions use is modelled: map and list states per key, event-time timers (each
time once per key, fired in order of time), side outputs as `(tag, value)` results.
"""

from __future__ import annotations

import copy
import heapq
from collections.abc import Callable, Iterable
from typing import Any

from pyflink.datastream import OutputTag


class ListState(list[Any]):
    """State of one key."""

    def get(self) -> list[Any]:
        return self

    add = list.append


class MapState(dict[str, Any]):
    """State of one key."""

    put = dict.__setitem__
    remove = dict.__delitem__


class OfKey:
    """State of the key the harness stands on."""

    def __init__(self, harness: KeyedHarness, of_key: dict[str, Any], kind: type) -> None:
        self._harness, self._of_key, self._kind = harness, of_key, kind

    def __getattr__(self, name: str) -> Any:
        return getattr(self._of_key.setdefault(self._harness.key, self._kind()), name)


class KeyedHarness:
    """Drives one function as one parallel task would. `outputs` by name, main output "main"."""

    def __init__(self, function: Any, key_of: Any) -> None:
        self._states: list[dict[str, Any]] = []
        self.timers: list[tuple[int, str]] = []
        self.outputs: dict[str, list[str]] = {}
        self.watermark = -(2**63)
        self.key = ""
        self.metrics = MetricContext()
        self._function, self._key_of = function, key_of
        function.open(self)

    # RuntimeContext, Context and TimerService, as far as they are used
    def get_map_state(self, _descriptor: Any) -> OfKey:
        self._states.append({})
        return OfKey(self, self._states[-1], MapState)

    def get_list_state(self, _descriptor: Any) -> OfKey:
        self._states.append({})
        return OfKey(self, self._states[-1], ListState)

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
    @property
    def states(self) -> dict[str, list[Any]]:
        """Of each key all that it keeps."""
        found: dict[str, list[Any]] = {}
        for one in self._states:
            for key, kept in one.items():
                if kept:
                    found.setdefault(key, []).append(kept)
        return found

    def restarted(self, function: Any) -> KeyedHarness:
        """Another task, with what this one's state and timers are, and nothing of its memory."""
        other = KeyedHarness.__new__(KeyedHarness)
        other.__dict__.update(self.__dict__)
        kept, other._states = [copy.deepcopy(one) for one in self._states], []
        other.timers = list(self.timers)
        other.outputs, other.metrics = {}, MetricContext()
        other.watermark, other._function = -(2**63), function
        function.open(other)
        for one, before in zip(other._states, kept, strict=True):
            one.update(before)
        return other

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

    def get_map_state(self, _descriptor: Any) -> None:
        return None

    get_list_state = get_map_state


class Counter:
    """What was counted."""

    def __init__(self) -> None:
        self.count = 0

    def inc(self, number: int = 1) -> None:
        self.count += number

"""The keyed stage: moves state in and out of `rules.behave`; event-time timers drive it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pyflink.common import Row, Types
from pyflink.datastream import KeyedProcessFunction, OutputTag, RuntimeContext
from pyflink.datastream.state import ListStateDescriptor, MapStateDescriptor

from rules.batches import NAME_BYTES, batches
from rules.behave import COUNTED, Behaviour, Found
from rules.bucket import Bucket
from rules.findings import Findings
from rules.journal import Journal
from rules.retold import Retold
from udfs import collector, no_memory
from udfs.ahead import Ahead
from udfs.open_groups import OpenGroups
from udfs.spec import JobSpec

# The bytes of groups, and what each bucket was told since they were stored. Bytes are pickled: in
# thread mode PyFlink copies a primitive array number by number.
GROUPS = MapStateDescriptor("groups-v1", Types.STRING(), Types.PICKLED_BYTE_ARRAY())
JOURNAL = ListStateDescriptor("journal-v1", Types.STRING())
SIDE_OUTPUTS = {
    name: OutputTag(name, Types.STRING()) for name in ("evidence", "quarantine", "late")
}
# what correlations found, for those above: bucket and batch
UP = OutputTag("up", Types.ROW([Types.STRING(), Types.STRING()]))


def as_text(batch: bytes) -> str:
    """A batch as the stages hand it on, a character a byte: PyFlink passes a text as it is, and
    bytes number by number, which took longer than all the rest."""
    return batch.decode("latin-1")


def batch_in(text: str) -> bytes:
    """The batch of such a text."""
    return text.encode("latin-1")


class Behave(KeyedProcessFunction):  # type: ignore[misc]
    """Keyed by bucket. Alerts are the main output, the rest goes to `SIDE_OUTPUTS`; all are JSON
    text. `UP` are batches for the stage above this `level`, where there is one.

    Groups are judged in memory. What a bucket is told stands in Flink's state from the same call
    on, and is told again to a bucket that is not in memory: after a failure, or in another task.
    """

    def __init__(self, spec: JobSpec, level: int = 1) -> None:
        self._spec = spec
        self._level = level
        self._behaviour: Behaviour | None = None
        self._retold = Retold(spec.certain_from) if spec.certain_from else None
        self._ahead: Ahead
        self._groups: Any = None
        self._records: Any = None
        self._counters: dict[str, Any] = {}
        self._open: OpenGroups | None = None
        self._journals: dict[str, Journal] = {}
        self._timers: dict[str, int] = {}  # the next one of each bucket

    def open(self, runtime_context: RuntimeContext) -> None:
        """Load the rules and find the state."""
        no_memory.guard()
        timeline = self._spec.timeline()
        self._ahead = Ahead(timeline, lambda _: None)
        self._ahead.begin()
        self._behaviour = Behaviour(
            timeline,
            Findings(self._spec.decoder_of_admitted(), self._spec.seal),
            self._spec.calendar(),
            self._level,
            self._spec.key_bytes,
        )
        self._groups = runtime_context.get_map_state(GROUPS)
        self._records = runtime_context.get_list_state(JOURNAL)
        # true counters: in thread mode they are Flink's own, unlike those of `udfs.match`
        group = runtime_context.get_metrics_group().add_group("mingjian")
        self._counters = {name: group.counter(name) for name in COUNTED}
        self._open = OpenGroups(group)
        collector.rest()

    def process_element(self, value: Any, ctx: KeyedProcessFunction.Context) -> Iterator[Any]:
        """A batch of items (`rules.batches`), as text."""
        self._ahead.look()
        batch = batch_in(value)
        name = value[:NAME_BYTES]
        journal = self._journal(name)
        watermark = ctx.timer_service().current_watermark()
        yield from self._settle(name, journal, journal.items(batch, watermark), ctx)

    def on_timer(self, timestamp: int, ctx: KeyedProcessFunction.OnTimerContext) -> Iterator[Any]:
        """Event time has reached `timestamp`."""
        name = ctx.get_current_key()
        journal = self._journal(name)
        if self._timers.get(name, timestamp) <= timestamp:
            self._timers.pop(name, None)
        # Flink has reached its watermark before it fires the first timer up to it: all that is
        # ready is judged at once, and the timers that follow find nothing due
        watermark = max(timestamp, ctx.timer_service().current_watermark())
        due = journal.due
        if due is not None and due <= watermark:
            yield from self._settle(name, journal, journal.time(watermark), ctx)
        else:
            self._wait(name, journal, ctx)

    def _journal(self, name: str) -> Journal:
        """Of the bucket on which Flink stands."""
        journal = self._journals.get(name)
        if journal is None:
            assert self._behaviour is not None  # noqa: S101
            bucket = Bucket(self._behaviour, self._groups, self._groups.items())
            records = [batch_in(text) for text in self._records.get() or ()]
            journal = self._journals[name] = Journal(bucket, records)
            # what it found then is out, and counted
            self._behaviour.counts.clear()
            bucket.changes[:] = [(key, 1) for key in bucket]
        return journal

    def _settle(
        self, name: str, journal: Journal, told: tuple[bytes, Found], ctx: Any
    ) -> Iterator[Any]:
        assert self._behaviour is not None  # noqa: S101
        assert self._open is not None  # noqa: S101
        record, found = told
        bucket = journal.bucket
        if journal.full:
            stays = journal.write()
            self._records.clear()
            for one in stays:
                self._records.add(as_text(one))
        else:
            self._records.add(as_text(record))
        for key, by in bucket.changes:
            self._open.changed(key, by)
        bucket.changes.clear()
        if counts := self._behaviour.counts:
            for counted, number in counts.items():
                self._counters[counted].inc(number)
            counts.clear()
        self._wait(name, journal, ctx)
        outputs = self._retold.told(found.outputs) if self._retold else found.outputs
        for output, body in outputs:
            text = body.decode()
            yield text if output == "alerts" else (SIDE_OUTPUTS[output], text)
        for batch in batches(found.up):
            yield UP, Row(batch[:NAME_BYTES].decode(), as_text(batch))

    def _wait(self, name: str, journal: Journal, ctx: Any) -> None:
        """Have Flink say when something is next to be done."""
        due = journal.due
        if due is not None and due < self._timers.get(name, due + 1):
            self._timers[name] = due
            ctx.timer_service().register_event_time_timer(due)

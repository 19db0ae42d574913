"""One target and its own pace: read, write, remember, and wait visibly while the target is away."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

import msgspec
import structlog
from kafka.errors import KafkaError

from ingest.kafka_refusal import KafkaRefusal
from jobs.delivery.patience import Absence
from jobs.delivery.source import Batch, Outputs
from rules.errors import EXIT_USAGE, MingjianError
from sinks.base import Record, Rejected, Sink, SinkBusy, WriteResult
from sinks.progress import (
    HearsReading,
    KeepsPositions,
    PartlyBusy,
    ShowsLater,
    SinkBehind,
    TellsDamage,
    Ticks,
)

_T = TypeVar("_T")
log = structlog.get_logger("deliver")


class LaneState(msgspec.Struct, kw_only=True):
    """How far one target is.

    `state`: starting, delivering, idle, waiting, done, faulty (all was taken, and `why` says what
    is damaged there), failed, or stopped (asked to end while it still waited).
    """

    target: str
    state: str = "starting"
    written: int = 0
    duplicates: int = 0
    rejected: int = 0
    why: str = ""  # what it waits for, why it failed, or what is wrong with it
    left_s: int = 0  # how long it will still be waited for; 0: without end, or not waiting


class RejectStore(Protocol):
    """Where records go that the target will never take."""

    def reject(self, rejected: Sequence[Rejected]) -> None:
        """Keep them; one that is there already is not repeated where the store can tell."""

    def close(self) -> None:
        """Release what it holds."""


class Stopped(Exception):
    """The deliverer was asked to end."""


class Lane:
    """Delivers to one target until stopped, or with `once` until all that was there is stored.

    Args:
        open_outputs: opens the outputs for this target; called after the target answered.
        rejects: where refused records go.
        complete: fills in what the job could not know (positions in files).
        remember: stores positions for a target that cannot; called after its confirmation.
        after_write: called between the target's confirmation and the commit (tests end the
            process there).
        patience_s: with `once`, how long a target may stay away before that is an error.
    """

    def __init__(
        self,
        sink: Sink,
        open_outputs: Callable[[], Outputs],
        *,
        once: bool,
        stop: threading.Event,
        rejects: RejectStore,
        complete: Callable[[Sequence[Record]], tuple[Record, ...]] | None = None,
        remember: Callable[[dict[str, int]], None] | None = None,
        after_write: Callable[[str], None] | None = None,
        patience_s: float = 30.0,
    ) -> None:
        self.state = LaneState(target=sink.name)
        self._sink, self._open_outputs, self._once, self._stop = sink, open_outputs, once, stop
        self._rejects = rejects
        self._complete, self._remember, self._after_write = complete, remember, after_write
        self._patience_s = patience_s
        self._outputs: Outputs | None = None
        self._own = Absence(sink.name)  # of what the sink does by itself
        self._own_at = 0.0  # when that is tried next (monotonic)

    def run(self) -> None:
        """Deliver. Raises what cannot be waited for, or was not mended in time."""
        try:
            self._retry(self._sink.open)
            self._outputs = self._retry(self._open_outputs)
            if isinstance(self._sink, HearsReading):
                self._sink.hear(self._outputs)
            self._deliver(self._outputs)
            if self._once and isinstance(self._sink, ShowsLater):
                # the next command reads what this one delivered
                self._count(self._retry(self._sink.show))
            damage = self._sink.damage() if isinstance(self._sink, TellsDamage) else ""
            self.state.state = "faulty" if damage else "done"
            self.state.why = damage or self.state.why
        except Stopped:
            self.state.state, self.state.left_s = "stopped", 0
        except BaseException as error:
            self.state.state, self.state.left_s = "failed", 0
            self.state.why = self.state.why or f"{type(error).__name__}: {error}"
            raise
        finally:
            if self._outputs is not None:
                self._outputs.close()
            self._rejects.close()
            self._sink.close()

    def _deliver(self, outputs: Outputs) -> None:
        while not self._stop.is_set():
            batch = self._retry(outputs.poll)
            if batch is None:
                self._tick()
                if self._once and outputs.exhausted():
                    self._finish()
                    return
                self._show("idle")
                continue
            self._show("delivering")
            try:
                self._store(batch)
            except SinkBehind:
                log.warning("target_lost_records", target=self._sink.name, action="rewind")
                if isinstance(self._sink, KeepsPositions):
                    outputs.rewind(self._retry(self._sink.positions))
                continue
            if self._after_write is not None:
                self._after_write(self._sink.name)
            self._commit(outputs, batch)
            self._tick()

    def _show(self, state: str) -> None:
        """What the lane does, unless its sink waits meanwhile."""
        if not self._own.since:
            self.state.state = state

    def _tick(self) -> None:
        """Let the sink do its own. While that fails, records still come in."""
        if not isinstance(self._sink, Ticks) or time.monotonic() < self._own_at:
            return
        if not self._sink.due():
            return
        try:
            self._settle(self._sink.tick)
        except SinkBusy as error:
            self._own_at = time.monotonic() + self._own.failed(error.why, error.retry_after)
            self.state.state, self.state.why = "waiting", error.why
        else:
            self._own.back()
            self.state.why = self._sink.left()

    def _settle(self, action: Callable[[], WriteResult]) -> None:
        try:
            result = action()
        except PartlyBusy as busy:
            self._count(busy.result)
            self._set_aside(busy.result.rejected)
            raise
        self._count(result)
        self._set_aside(result.rejected)

    def _finish(self) -> None:
        """With `once`: wait for what the sink is to do now; the rest is left to the next run."""
        sink = self._sink
        if not isinstance(sink, Ticks):
            return
        while sink.due():
            self._retry(lambda: self._settle(sink.tick), self._own)
        self.state.why = sink.left()

    def _store(self, batch: Batch) -> None:
        """Write the batch completely: every record stored, there already, or refused."""
        records: Sequence[Record] = batch.records
        if self._complete is not None:
            records = self._complete(records)
        refused = list(batch.refused)
        left = list(records)

        def write() -> None:
            try:
                result = self._write(left, batch.positions)
            except PartlyBusy as busy:
                self._count(busy.result)
                refused.extend(busy.result.rejected)
                left[:] = busy.remaining
                raise
            self._count(result)
            refused.extend(result.rejected)

        if left or isinstance(self._sink, KeepsPositions):
            self._retry(write)
        self._set_aside(refused)

    def _set_aside(self, refused: Sequence[Rejected]) -> None:
        if not refused:
            return
        self._retry(lambda: self._rejects.reject(refused))
        self.state.rejected += len(refused)
        first = refused[0]
        log.warning(
            "records_rejected",
            target=self._sink.name,
            count=len(refused),
            topic=first.record.topic,
            id=first.record.id,
            reason=first.reason,
        )

    def _write(self, records: Sequence[Record], positions: dict[str, int]) -> WriteResult:
        if isinstance(self._sink, KeepsPositions):
            return self._sink.write_at(records, positions)
        return self._sink.write(records)

    def _count(self, result: WriteResult) -> None:
        self.state.written += result.written
        self.state.duplicates += result.duplicates

    def _commit(self, outputs: Outputs, batch: Batch) -> None:
        if self._remember is not None:
            self._remember(batch.positions)
        try:
            outputs.commit(batch)
        except KafkaError as error:
            # nothing is lost: the records are stored, and ignored when they are read again
            log.warning("commit_failed", target=self._sink.name, why=str(error))

    def _retry(self, action: Callable[[], _T], away: Absence | None = None) -> _T:
        """Do it until it works, waiting longer each time; says when it begins and ends to wait."""
        began, away = time.monotonic(), away or Absence(self._sink.name)
        while True:
            if self._stop.is_set():
                raise Stopped
            try:
                result = action()
            except (SinkBusy, KafkaError, MingjianError) as error:
                wrong = getattr(error, "exit_code", 0) == EXIT_USAGE
                if self._once and (wrong or isinstance(error, KafkaRefusal)):
                    raise  # the settings are wrong: waiting would not mend them
                busy = error if isinstance(error, SinkBusy) else None
                why = busy.why if busy else str(error)
                wait = away.failed(why, busy.retry_after if busy else 0.0)
                self.state.state, self.state.why = "waiting", why
                ends = began + self._patience_s if self._once else 0.0
                if ends and time.monotonic() >= ends:
                    raise self._given_up(error, why) from error
                self._pause(wait, ends)
            else:
                if away.since:
                    away.back()
                    self.state.state, self.state.why = "delivering", ""
                    self.state.left_s = 0
                return result

    def _given_up(self, error: Exception, why: str) -> MingjianError:
        if isinstance(error, MingjianError):
            return error
        return MingjianError(
            f"target '{self._sink.name}' did not take the records: {why}",
            f"投递目标“{self._sink.name}”没有接收记录：{why}",
            fix_en="nothing is lost: run it again when the target is back",
            fix_zh="没有记录丢失：目标恢复后再次运行即可",
        )

    def _pause(self, seconds: float, gives_up_at: float) -> None:
        """Wait, and keep `left_s` right for whoever shows it."""
        end = time.monotonic() + seconds
        if gives_up_at:
            end = min(end, gives_up_at)
        while not self._stop.is_set() and (left := end - time.monotonic()) > 0:
            if gives_up_at:
                self.state.left_s = max(1, round(gives_up_at - time.monotonic()))
            if self._outputs is None:
                self._stop.wait(min(left, 1.0))
            else:
                self._outputs.pause(min(left, 1.0))

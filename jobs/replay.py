"""Judges a span of the past again through the job itself, and brings what is missing.

The job writes into a folder of its own. From there only what is certain, and missing, goes to the
outputs, where the deliverer finds it: ids are functions of content, so what is there already stays
as it is. The live job's positions, state and slots are not touched: Flink runs in this process.
"""

from __future__ import annotations

import dataclasses
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from config.settings import Outputs, Settings
from jobs import detect
from jobs.delivery.files import FileOutputs
from jobs.flink import scratch
from jobs.progress import Snapshot
from jobs.reconcile import Progress, Reconciled, Span, as_then, open_past, reconcile_past
from jobs.replay_outputs import OutputWriter
from rules.alert import FINAL, Alert, Evidence
from rules.comparison import FAULTS, LATE, RULES
from sinks.base import Record

_SPARE_MS = 1_000  # a record as late as the latest one is not late
_MOST_LATE_MS = 7 * 86_400_000  # behind more than that the watermark waits for the end
_BROUGHT = (*FAULTS, LATE)  # reasons for which a missing alert is brought


class Replayed(NamedTuple):
    """What came of it.

    Attributes:
        reconciled: what is missing, as the plain reading finds it.
        sent: records that went to the outputs, by kind.
        alerts: ids of the alerts among them.
        kept_back: how many missing alerts were not sent, by reason.
        disputed: ids of alerts that only one of the job and the plain reading of it finds; none of
            them is sent.
        records, seconds: what the job judged, and how long it ran.
    """

    reconciled: Reconciled
    sent: Counter[str]
    alerts: frozenset[str]
    kept_back: Counter[str]
    disputed: tuple[str, ...]
    records: int
    seconds: float

    @property
    def times_real(self) -> float:
        """How many times as fast as it happened, reading and judging together."""
        span = self.reconciled.span
        took = self.reconciled.seconds + self.seconds
        return (span.end - span.begin) / 1000 / took if took else 0.0


def replay(
    settings: Settings,
    span: Span,
    *,
    bring_other_rules: bool = False,
    on_reading: Progress = lambda _records, _seconds: None,
    on_progress: Callable[[Snapshot, float], None] = lambda _snapshot, _seconds: None,
    interrupted: threading.Event | None = None,
) -> Replayed:
    """Judge the span again and bring what is missing.

    Args:
        bring_other_rules: also bring what other rules than then have found.

    Raises:
        MingjianError: something cannot be read or written, or the job failed.
    """
    settings = as_then(settings)

    def read(records: int, seconds: float) -> None:
        if interrupted is not None and interrupted.is_set():
            raise KeyboardInterrupt
        on_reading(records, seconds)

    past = open_past(settings, span)
    try:
        reconciled = reconcile_past(settings, span, past, read)
    finally:
        past.close()
    disorder = reconciled.judged.disorder + _SPARE_MS
    part = past.part(disorder)
    if disorder > _MOST_LATE_MS:
        part = dataclasses.replace(part, lateness_ms=None)
    own = scratch(settings) / f"replay-{time.monotonic_ns()}"
    try:
        report = detect.run(
            _apart(settings, own), on_progress=on_progress, interrupted=interrupted, part=part
        )
        disputed = _found(reconciled, own, settings.tenant) ^ reconciled.judged.alerts.keys()
        wanted = {*_BROUGHT, RULES} if bring_other_rules else set(_BROUGHT)
        missing = reconciled.comparison.missing
        alerts = frozenset(one for one, why in missing.items() if why in wanted) - disputed
        sent = _bring(settings, reconciled, own, alerts)
    finally:
        shutil.rmtree(own, ignore_errors=True)
    kept_back = Counter(why for one, why in missing.items() if one not in alerts)
    records, seconds = report.last.records, report.run_seconds
    return Replayed(reconciled, sent, alerts, kept_back, tuple(sorted(disputed)), records, seconds)


def _apart(settings: Settings, folder: Path) -> Settings:
    """The job in this process, with outputs of its own and no state to go on from or to leave."""
    replaced = msgspec.structs.replace
    return replaced(
        settings,
        source=replaced(settings.source, follow=False),
        outputs=Outputs(kind="files", path=str(folder)),
        flink=replaced(
            settings.flink,
            rest_url="",
            rest_port=0,
            restore="",
            checkpoint_dir="",
            checkpoint_interval_ms=1_000,
        ),
    )


def _outputs(folder: Path, kind: str) -> Iterator[Record]:
    """What the job wrote of one kind."""
    outputs = FileOutputs(folder, {}, (kind,))
    while (batch := outputs.poll()) is not None:
        yield from batch.records


def _found(reconciled: Reconciled, folder: Path, tenant: str) -> set[str]:
    """Ids of the alerts of the span that the job has found; of this tenant, as what is compared."""
    begin, end = reconciled.span.begin, reconciled.span.end
    read = msgspec.json.Decoder(Alert).decode
    alerts = (read(record.body) for record in _outputs(folder, "alerts"))
    return {
        one.alert_id
        for one in alerts
        if one.status == FINAL and begin <= one.time <= end and tenant in ("", one.tenant)
    }


def _bring(
    settings: Settings, reconciled: Reconciled, folder: Path, alerts: frozenset[str]
) -> Counter[str]:
    """Send what is missing to the outputs: evidence first, as the deliverer does."""
    span, same = reconciled.span, reconciled.comparison.same
    read = msgspec.json.Decoder(Evidence).decode

    def proves(record: Record) -> bool:
        one = read(record.body)
        of_span = one.alert_id in alerts or one.alert_id in same
        in_span = span.begin <= one.time <= span.end
        return of_span or (in_span and one.alert_id in reconciled.judged.before)

    with OutputWriter(settings) as writer:
        for record in _outputs(folder, "evidence"):
            if proves(record):
                writer.write(record)
        for record in _outputs(folder, "quarantine"):
            writer.write(record)
        for record in _outputs(folder, "alerts"):
            if record.id in alerts and _status(record.body) == FINAL:
                writer.write(record)
    return writer.written


class _Status(msgspec.Struct):
    status: str = ""


def _status(body: bytes) -> str:
    return msgspec.json.decode(body, type=_Status).status

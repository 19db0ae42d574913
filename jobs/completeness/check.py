"""All steps together. The incidents about what does not agree: `jobs.completeness.telling`."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from config.settings import Settings
from jobs.clock import now_ms
from jobs.completeness import collected, delivered
from jobs.completeness.collected import Span
from jobs.completeness.lines import DIFFERS, HOUR_MS, NO_TIME, Line, read, state_of, summed
from jobs.completeness.told import Told
from jobs.consumer_groups import committed
from jobs.incidents import open_incidents
from jobs.topic_reading import Topics
from jobs.topics import judging_group
from rules.errors import MingjianError
from sinks.base import NoAnswer

Progress = Callable[[str, int, int], None]  # what is read, records, of how many (0: not known)


class Completeness(msgspec.Struct, frozen=True, kw_only=True):
    """What a check found. Times are UTC ms. See `jobs.completeness.lines.Line`.

    Args:
        unreadable: steps that could not be looked at, and why (English).
        others: records where the job reads that no collector wrote.
        unplaced: records of collectors without a time of their own; they are in no line.
        open_incidents: those that are open, by kind: gaps in the archive's sequence among them.
    """

    at: int
    begin: int
    end: int
    lines: tuple[Line, ...]
    unreadable: dict[str, str] = {}
    others: int = 0
    unplaced: int = 0
    open_incidents: dict[str, int] = {}

    @property
    def state(self) -> str:
        """The worst of all lines; unknown where a step could not be looked at."""
        worst = state_of(self.lines)
        return "unknown" if self.unreadable and worst != DIFFERS else worst


def check(
    settings: Settings,
    span: Span,
    on_progress: Progress = lambda *_: None,
    seconds: float = float("inf"),
) -> Completeness:
    """Count and compare what has an event time in the span. Changes nothing.

    Args:
        seconds: how long reading may take; what is not read then is unknown.
    """
    until = time.monotonic() + seconds
    lines: list[Line] = []
    unreadable: dict[str, str] = {}
    others = unplaced = 0
    try:
        first = collected.look(
            settings, span, lambda done, total: on_progress("messages", done, total), until
        )
        lines += first.lines
        others, unplaced = first.others, first.unplaced
    except MingjianError as error:
        unreadable["collected"] = error.en
    if settings.source.kind == "kafka":
        try:
            lines += _read(settings)
        except (MingjianError, NoAnswer) as error:
            unreadable["read"] = getattr(error, "en", str(error))
    told = Told(settings, span)
    try:
        told.read(lambda done, total: on_progress("outputs", done, total), until)
        if not told.whole:
            unreadable["delivered"] = NO_TIME
        last = delivered.look(settings, told)
        lines += last.lines
        unreadable |= {f"delivered {name}": why for name, why in last.away.items()}
    except MingjianError as error:
        unreadable["delivered"] = error.en
    finally:
        told.close()
    return Completeness(
        at=now_ms(),
        begin=span.begin,
        end=span.end,
        lines=tuple(lines),
        unreadable=unreadable,
        others=others,
        unplaced=unplaced,
        open_incidents=Counter(row["kind"] for row in _known_incidents(settings)),
    )


def _read(settings: Settings) -> list[Line]:
    """How far the job's checkpoints have confirmed the source."""
    topic = settings.source.topic
    done = committed(settings, judging_group(settings))
    topics = Topics(settings)
    try:
        found = topics.ends(topics.places([topic]))
    finally:
        topics.close()
    return read(
        {place.partition: end for place, end in found.items()},
        {number: at for (name, number), at in done.items() if name == topic},
    )


def _known_incidents(settings: Settings) -> list[dict[str, Any]]:
    """Those that are open; none where there is no index that could be asked."""
    try:
        return open_incidents(settings)
    except MingjianError:
        return []


def result_path(settings: Settings) -> Path:
    """Where the last check is kept for `mingjian doctor`."""
    return Path(settings.data_dir) / "completeness.json"


def keep(settings: Settings, found: Completeness) -> None:
    """Keep a check: added up by hour, without actors."""
    kept = msgspec.structs.replace(found, lines=tuple(summed(found.lines, "hour")))
    path = result_path(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".part")
    draft.write_bytes(msgspec.json.encode(kept))
    draft.replace(path)


def last_kept(settings: Settings) -> Completeness | None:
    """The last one kept; None where there is none that can be read."""
    try:
        return msgspec.json.decode(result_path(settings).read_bytes(), type=Completeness)
    except (OSError, msgspec.MsgspecError):
        return None


def last_hours(count: int, now: int) -> Span:
    """The last whole hours before now (UTC ms)."""
    end = now // HOUR_MS * HOUR_MS
    return Span(end - count * HOUR_MS, end)

"""Incidents that others opened: which the index shows, and how they end."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

import msgspec

from config.settings import Settings
from ingest.collector import INCIDENTS
from jobs.clock import now_ms
from jobs.collecting import ends
from rules.operations import OPEN, RESOLVED, Incident
from sinks.base import NoIndexYet
from sinks.id_prefix import not_one
from sinks.readers import open_reader

SOURCE = "incidents"  # who wrote what is closed by hand
_PAGE = 500
_PATIENCE_S = 15.0
Row = dict[str, Any]


def open_incidents(settings: Settings) -> list[Row]:
    """All that are open; none where nothing was ever delivered.

    Raises:
        MingjianError: the index cannot be read.
    """
    return list(_shown(settings, OPEN, 0))


def ended_incidents(settings: Settings, kind: str, since: int) -> list[Row]:
    """Those of a kind that have ended since then (UTC ms), the last first.

    Raises:
        MingjianError: the index cannot be read.
    """
    return [row for row in _shown(settings, RESOLVED, since) if row["kind"] == kind]


def _shown(settings: Settings, status: str, since: int) -> Iterator[Row]:
    cursor = ""
    try:
        with closing(open_reader(settings)) as reader:
            while True:
                rows, cursor = reader.incidents(
                    status=status, since=since, limit=_PAGE, cursor=cursor
                )
                yield from rows
                if not cursor:
                    return
    except NoIndexYet:
        return


def ended(row: Row, detail: str, now: int) -> Incident:
    """The same incident, over at `now` (UTC ms)."""
    return msgspec.convert({**row, "status": RESOLVED, "time": now, "detail": detail}, Incident)


def write(
    settings: Settings, incidents: Sequence[Incident], source: str, stop: threading.Event
) -> None:
    """Write them where collectors write theirs; they are durable when this returns.

    Raises:
        MingjianError: that cannot be done.
    """
    if incidents:
        bodies = [msgspec.json.encode(one) for one in incidents]
        with ends(settings, stop, patience=_PATIENCE_S) as where:
            where.outputs.tell(INCIDENTS, bodies, source, where.waiting())


def close(settings: Settings, prefix: str, by: str, reason: str) -> Incident:
    """End the open incident whose id begins so; who said so and why stands in its detail.

    Raises:
        MingjianError: not one, the index cannot be read, or the end cannot be written.
    """
    fitting = [row for row in open_incidents(settings) if row["incident_id"].startswith(prefix)]
    if len(fitting) != 1:
        raise not_one(
            prefix, [row["incident_id"] for row in fitting],
            one="open incident", many="incidents", zh="未结束的事件",
            see="mingjian incidents list --open",
        )  # fmt: skip
    (row,) = fitting
    said = f"closed by {by}: {reason}"
    found = ended(row, "; ".join(filter(None, (row.get("detail", ""), said))), now_ms())
    write(settings, [found], SOURCE, threading.Event())
    return found

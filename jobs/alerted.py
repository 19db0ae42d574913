"""Alerts about messages that the archive keeps or has deleted: they lie in other targets, with what
was judged as their evidence, and stay when a message is deleted."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from typing import NamedTuple

from config.settings import Settings
from rules.errors import MingjianError
from sinks.archive.disposable import DisposableIndex, Tombstone
from sinks.archive.requests import Earlier
from sinks.archive.rows import Row
from sinks.base import AlertReader, NoAnswer
from sinks.readers import open_reader

_SEARCHED = ("sqlite", "elasticsearch")
_PAGE, _PART = 500, 1_000


class Alerted(NamedTuple):
    """Ids of the alerts that name some messages, and how many of these they name. `unasked`: why
    nobody can say it of messages that were deleted, in English and Chinese."""

    alerts: tuple[str, ...]
    messages: int
    unasked: tuple[str, str] | None = None


def alerted(
    settings: Settings, index: DisposableIndex, rows: Sequence[Row], requests: Sequence[Earlier]
) -> Alerted:
    """The alerts about messages that are there, and about those that left a tombstone by earlier
    requests: the archive's index knows the former, the target with the alerts the latter.

    Raises:
        OSError, sqlite3.Error: the archive's index does not answer.
    """
    leaves = [row.leaf for row in rows]
    there: dict[int, list[tuple[str, str]]] = {}
    for start in range(0, len(leaves), _PART):
        there |= index.alerts_of(leaves[start : start + _PART])
    found = {alert for told in there.values() for alert, _ in told}
    stones = [stone for one in requests for span in one.deleted for stone in index.buried(*span)]
    if not stones or not any(target.kind in _SEARCHED for target in settings.targets):
        return Alerted(tuple(sorted(found)), len(there))
    try:
        with closing(open_reader(settings)) as reader:
            of_deleted = list(_naming(reader, stones))
    except (MingjianError, NoAnswer, OSError, sqlite3.Error) as error:
        en = error.en if isinstance(error, MingjianError) else str(error)
        zh = error.zh if isinstance(error, MingjianError) else str(error)
        return Alerted(tuple(sorted(found)), len(there), (en, zh))
    found |= {alert for alert, _ in of_deleted}
    gone = {message for _, message in of_deleted}
    return Alerted(tuple(sorted(found)), len(there) + len(gone))


def _naming(reader: AlertReader, stones: Iterable[Tombstone]) -> Iterator[tuple[str, str]]:
    """(alert, message id) of the alerts that name one of these."""
    wanted = {(stone.time, stone.msgid) for stone in stones}
    since, cursor = min(time for time, _ in wanted), ""
    while True:  # an alert is never older than what it names
        page, cursor = reader.alerts(since=since, canaries=True, limit=_PAGE, cursor=cursor)
        for alert in page:
            for one in alert.get("members", ()):
                if (one.get("time"), one.get("msgid")) in wanted:
                    yield str(alert["alert_id"]), str(one["msgid"])
        if not cursor:
            return

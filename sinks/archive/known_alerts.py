"""Holds on alerts that the archive has not taken yet.

Which messages such a hold is for nobody can know before the alert is here. Until then every message
that it may be for is treated as held: all that fits what else the hold names, and where it names
nothing else, everything.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

import msgspec

from rules.retention.holds import Hold
from sinks.archive.hit_book import HitBook


class KnownAlerts:
    """Alerts that the archive in a folder has taken, with what they name; by `alerts.jsonl`."""

    def __init__(self, folder: str | Path) -> None:
        self._book = HitBook(folder)
        self._state: tuple[int, int] | None = None  # the file's, when it was read last
        self._known: frozenset[str] = frozenset()

    def lacking(self, holds: Iterable[Hold]) -> frozenset[str]:
        """The alerts of these holds that are not known.

        Raises:
            OSError: the file cannot be read.
        """
        return self.missing({hold.scope.alert for hold in holds if hold.scope.alert})

    def missing(self, alerts: Collection[str]) -> frozenset[str]:
        """Those of these alerts that are not known. Raises OSError: see `lacking`."""
        if not self._known.issuperset(alerts):
            self._read()
        return frozenset(alerts) - self._known

    def _read(self) -> None:
        try:
            found = self._book.path.stat()
        except FileNotFoundError:
            self._state, self._known = None, frozenset()
            return
        state = found.st_size, found.st_mtime_ns
        if state != self._state:
            self._known = frozenset(one.alert for one in self._book.read() if one.hits is not None)
            self._state = state


def asks_alerts(hold: Hold) -> bool:
    """Whether it depends on alerts what it holds."""
    return bool(hold.scope.alert or hold.scope.rule)


def uncertain(holds: Iterable[Hold], lacking: Collection[str]) -> list[Hold]:
    """Holds on alerts that are not known, as what they may be for: without the alert."""
    return [
        hold._replace(scope=msgspec.structs.replace(hold.scope, alert=""))
        for hold in holds
        if hold.scope.alert in lacking
    ]


def doubting(holds: Sequence[Hold], known: KnownAlerts | None) -> list[Hold]:
    """Holds as they hold now; one on an alert that is not known holds all that it may be for."""
    lacking = known.lacking(holds) if known is not None else frozenset()
    sure = [hold for hold in holds if hold.scope.alert not in lacking]
    return [*sure, *uncertain(holds, lacking)]

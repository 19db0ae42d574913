"""The incident `canary_missed`: one a target, open while a rule is missed again and again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from config.settings import Settings
from ingest.collector import Collector
from jobs.canaries.book import CanaryBook, Missed
from jobs.incidents import Row, ended, ended_incidents, open_incidents
from rules.errors import MingjianError
from rules.operations import RESOLVED, Incident, incident

KIND = "canary_missed"
_NAMED = 10
_SEEN = "all seen again"
_NO_TARGET = "there is no such target any more"


class Teller:
    """Tells what a round showed. The book remembers which incident is open, and is written first:
    killed in between, the next round tells the same one. What the index shows counts as well, so
    that an incident ends of which the book knows nothing.

    Args:
        source: the collector's name.
    """

    def __init__(
        self, settings: Settings, intake: Collector, book: CanaryBook, source: str
    ) -> None:
        self._settings, self._intake, self._book, self._name = settings, intake, book, source

    def tell(
        self,
        began: int,
        now: int,
        missed: Sequence[Missed],
        seconds: Mapping[tuple[str, str], float | None],
    ) -> None:
        """Open and end incidents after a round.

        Args:
            missed: what is missed again and again.
            seconds: what the round showed, by rule and target; None: nothing.
        """
        shown = self._shown()
        targets = {one.name for one in self._settings.targets}
        for target in sorted(targets):
            rules = [one.rule for one in missed if one.target == target]
            if rules:
                self._open(target, rules, began, now, shown.get(target, []))
            elif all(took is not None for (_, of), took in seconds.items() if of == target):
                self._end(target, _SEEN, now, shown.get(target, []))
        for name in sorted((shown.keys() | self._book.incidents()) - targets):
            self._end(name, _NO_TARGET, now, shown.get(name, []))

    def _source(self, target: str) -> str:
        return f"{self._name}:{target}"

    def _shown(self) -> dict[str, list[Row]]:
        """What the index shows as open, by target; nothing while it cannot be asked."""
        found: dict[str, list[Row]] = {}
        try:
            rows = open_incidents(self._settings)
        except MingjianError:
            return found
        for row in rows:
            name, _, target = row["source"].partition(":")
            if row["kind"] == KIND and name == self._name:
                found.setdefault(target, []).append(row)
        return found

    def _made(self, target: str, key: str, now: int, detail: str) -> Incident:
        return incident(
            KIND, tenant=self._settings.tenant, source=self._source(target), key=key, time=now,
            detail=detail,
        )  # fmt: skip

    def _open(
        self, target: str, rules: Sequence[str], began: int, now: int, shown: Sequence[Row]
    ) -> None:
        """Told by every round until the index shows it: it has the same id each time."""
        if shown:
            return
        named = ", ".join(rules[:_NAMED]) + (" …" if len(rules) > _NAMED else "")
        key = self._book.incident(target)
        if not key or self._is_over(target, key):
            key = str(began)
            self._book.set_incident(target, key)
        told = self._made(target, key, now, f"{len(rules)} rules: {named}")
        self._intake.incident(msgspec.structs.replace(told, count=len(rules)))

    def _is_over(self, target: str, key: str) -> bool:
        """Whether somebody has closed it: its id can never be open again."""
        identity = self._made(target, key, 0, "").incident_id
        try:
            rows = ended_incidents(self._settings, KIND, int(key))
        except MingjianError:
            return False
        return any(row["incident_id"] == identity for row in rows)

    def _end(self, target: str, why: str, now: int, shown: Sequence[Row]) -> None:
        over = {row["incident_id"]: ended(row, why, now) for row in shown}
        key = self._book.incident(target)
        if key:
            told = self._made(target, key, now, why)
            over.setdefault(told.incident_id, msgspec.structs.replace(told, status=RESOLVED))
        for one in over.values():
            self._intake.incident(one)
        self._book.set_incident(target, "")

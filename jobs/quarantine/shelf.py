"""Quarantined records with what was done with them, page by page."""

from __future__ import annotations

from typing import Any

from jobs.quarantine.deeds import Deeds, by_record, settles
from sinks.base import AlertReader
from sinks.id_prefix import LISTED, not_one

OPEN, HANDLED, ALL = "open", "handled", "all"
_PAGE = 500
Row = dict[str, Any]


class Shelf:
    """Reads them; each row has its deeds under `handled`, oldest first."""

    def __init__(self, reader: AlertReader, deeds: Deeds) -> None:
        self._reader, self._deeds = reader, deeds

    def page(
        self, state: str, *, limit: int, cursor: str = "", reason: str = "", source: str = ""
    ) -> tuple[list[Row], str]:
        """At most `limit` records in this state, the last stored first, and the next cursor."""
        waiting = self._deeds.waiting()
        found: list[Row] = []
        while True:
            rows, following = self._reader.quarantine(
                reason=reason, source=source, limit=_PAGE, cursor=cursor
            )
            fitting = [
                (number, row)
                for number, row in enumerate(self._with_deeds(rows, waiting))
                if state == ALL or (state == HANDLED) == is_settled(row)
            ]
            room = limit - len(found)
            if len(fitting) > room:
                last = fitting[room - 1][0]
                # the cursor behind the last one that is shown
                _, here = self._reader.quarantine(
                    reason=reason, source=source, limit=last + 1, cursor=cursor
                )
                return [*found, *(row for _, row in fitting[:room])], here
            found += [row for _, row in fitting]
            if not following or len(found) == limit:
                return found, following
            cursor = following

    def one(self, prefix: str) -> Row:
        """The record whose id begins so. Raises MingjianError when there is not exactly one."""
        rows, _ = self._reader.quarantine(prefix=prefix, limit=LISTED + 1)
        if len(rows) == 1:
            return self._with_deeds(rows, self._deeds.waiting())[0]
        raise not_one(
            prefix, [row["quarantine_id"] for row in rows],
            one="quarantined record", many="records", zh="隔离记录",
            see="mingjian quarantine list --all",
        )  # fmt: skip

    def _with_deeds(self, rows: list[Row], waiting: list[Row]) -> list[Row]:
        if not rows:
            return []
        ids = [row["quarantine_id"] for row in rows]
        deeds = by_record(self._reader.handled(ids), waiting)
        return [{**row, "handled": deeds.get(row["quarantine_id"], [])} for row in rows]


def is_settled(row: Row) -> bool:
    """Whether nobody has to look at a record any more."""
    return any(settles(deed) for deed in row["handled"])

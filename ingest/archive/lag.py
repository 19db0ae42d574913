"""How far behind the collector is."""

from __future__ import annotations

from ingest.archive.book import Book
from ingest.archive.port import KEEP_DAYS
from ingest.archive.watch import Watch

_DAY_MS, _MINUTE_MS = 86_400_000, 60_000
_LAG = "collector_lag"
_UPTO = "upto"


class Lag:
    """Up to which time (UTC ms) everything was handed on, and whether that is too long ago.

    It is never later than now: a clock that was ahead and is set back would leave it in the future,
    and no delay would be seen until then.
    """

    def __init__(self, book: Book, watch: Watch, lag_minutes: int, now: int) -> None:
        self._book, self._watch, self._allowed_ms = book, watch, lag_minutes * _MINUTE_MS
        self._began = now
        self._latest = book.mark(_UPTO)  # as any clock had it
        self._upto = self._noted = min(self._latest, now)

    def reached(self, time: int, now: int) -> None:
        """All up to `time` was handed on."""
        self._not_after(now)
        self._upto = max(self._upto, min(time, now))
        self._latest = max(self._latest, self._upto)
        if self._upto - self._noted >= _MINUTE_MS:
            self._book.note(_UPTO, self._upto)
            self._noted = self._upto

    def look(self, now: int, seq: int) -> None:
        """Tell when it is too far behind, and when it has caught up; `seq` is where it is."""
        self._not_after(now)
        behind = now - (self._upto or self._began)
        if behind > self._allowed_ms:
            self._watch.open(
                _LAG, "", f"{behind // _MINUTE_MS} minutes behind, at number {seq}", now=now
            )
        else:
            self._watch.resolve(_LAG, "", f"caught up at number {seq}", now=now)

    def too_long(self, now: int) -> bool:
        """Whether what was not fetched until now may have expired."""
        # Not by `_upto`: a clock that was back for a while and is right again looks like days of
        # absence, and messages that only come late would be given up.
        return bool(self._latest) and now - self._latest > KEEP_DAYS * _DAY_MS

    def _not_after(self, now: int) -> None:
        self._began = min(self._began, now)
        self._upto, self._noted = min(self._upto, now), min(self._noted, now)

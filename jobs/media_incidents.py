"""What the fetcher of files tells whoever runs it: files lost, refused, or waiting too long.

After days away there may be very many at once, so one incident a day tells of the first, and of how
many are as old; each file has its own line in the book.
"""

from __future__ import annotations

from ingest.archive.port import KEEP_DAYS
from ingest.archive.watch import Watch
from sinks.archive.media_book import MediaBook
from sinks.archive.media_rows import REFUSED, MediaRow

_DAY_MS, _MINUTE_MS = 86_400_000, 60_000
_LAG, _LOST, _REFUSED = "collector_lag", "media_lost", "media_refused"
_FILES = "media"  # subject of a lag


class MediaIncidents:
    """Incidents of one fetcher; `lag_minutes` is how long a file may wait."""

    def __init__(self, watch: Watch, book: MediaBook, lag_minutes: int) -> None:
        self._watch, self._book, self._lag_minutes = watch, book, lag_minutes

    def lost(self, row: MediaRow, reason: str, now: int) -> None:
        """A file is lost. Told before that is entered: what is entered is not tried again."""
        _, overdue, _ = self._book.waiting(now - KEEP_DAYS * _DAY_MS)
        detail = f"first the file of message {row.leaf}: {reason}"
        if overdue > 1:
            detail += f"; {overdue:,} that are as old were still wanted when this was told"
        self._watch.open(_LOST, _day(now), detail, now=now, count=max(1, overdue))

    def refused(self, row: MediaRow, reason: str, now: int) -> None:
        """A file is not fetched."""
        detail = f"first the file of message {row.leaf}: {reason}"
        self._watch.open(_REFUSED, _day(now), detail, now=now)

    def look(self, now: int) -> None:
        """Tell when files wait too long, and what has ended."""
        _, _, first = self._book.waiting(now)
        if first and now - first > self._lag_minutes * _MINUTE_MS:
            late = (now - first) // _MINUTE_MS
            self._watch.open(_LAG, _FILES, f"a file waits for {late} minutes", now=now)
        else:
            self._watch.resolve(_LAG, _FILES, "no file waits", now=now)
        days = self._watch.subjects(_REFUSED)
        if days and not self._book.counts().get(REFUSED):
            for day in days:
                self._watch.resolve(_REFUSED, day, "they are wanted again", now=now)


def _day(now: int) -> str:
    return str(now // _DAY_MS)

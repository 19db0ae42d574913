"""The values of a group that are known: of each the newest event, the longest unseen going first.

A value that comes again takes the place of itself, so a window of ninety days of a busy person
holds as many entries as the person has values, not as many as events.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from rules.correlation.entry import LAST, Entry, Key
from rules.correlation.window import Window


class Seen(Window):
    """A window of values. `size` is how many are known, `oldest` when the first of them was seen
    last.

    Attributes:
        news: entries of the newest instant with a value that was not known before that instant.
    """

    def clear(self) -> None:
        """Know nothing."""
        super().clear()
        self.news: list[Entry] = []
        # in the order in which they were seen last; the first of a dict is slow to find when many
        # before it have gone
        self._latest: OrderedDict[str, Entry] = OrderedDict()
        self._instant: Key = (-LAST, 0)
        self._new: set[str] = set()

    def entries(self) -> Sequence[Entry]:
        """The newest event of each value, in order."""
        return tuple({entry.id: entry for entry in self._latest.values()}.values())

    def newest(self) -> Entry | None:
        """The last of them."""
        return next(reversed(self._latest.values()), None)

    def add(self, entry: Entry) -> None:
        """The newest entry; one value too many pushes out the event that is the oldest."""
        if entry.instant != self._instant:
            self._instant = entry.instant
            self._new.clear()
            self.news = []
        latest = self._latest
        unknown = [value for value in entry.values if value not in latest or value in self._new]
        if unknown:
            self.news.append(entry)
            self._new.update(unknown)
        for value in entry.values:
            before = latest.pop(value, None)
            latest[value] = entry
            if before is not None:
                self._left(before)
        if entry.values:
            self.ids.add(entry.id)
        while self._cap and len(latest) > self._cap:
            self.truncated = True
            self._drop()
        self._measure()

    def evict(self, start: int) -> None:
        """Forget what was not seen since `start`."""
        while self.oldest < start:
            self._drop()
            self._measure()

    def value(self) -> int:
        """How many values are known, those of the newest event with them."""
        return len(self._latest)

    def _drop(self) -> None:
        """Forget the event that is the oldest, with all values it still stands for."""
        first = next(iter(self._latest.values()))
        for value in first.values:
            if self._latest.get(value) is first:
                del self._latest[value]
        self.ids.discard(first.id)

    def _left(self, entry: Entry) -> None:
        if not any(self._latest.get(value) is entry for value in entry.values):
            self.ids.discard(entry.id)

    def _measure(self) -> None:
        self.size = len(self._latest)
        self.oldest = next(iter(self._latest.values())).time if self._latest else LAST

"""Which events have been there, so that one that comes again counts once."""

from __future__ import annotations

Stamp = int | tuple[int, int]  # time, or (time, hash of the content)
_NOTHING = -(2**62)


class Ids:
    """Ids of the events of the last windows: two tables, of which the older one is let go of as a
    whole, which costs nothing for each event. An id that is kept for longer than it has to be is
    known by its time.

    Attributes:
        young, old: id -> its stamp; open, because they are read for every event.
    """

    __slots__ = ("_newest", "old", "young")

    def __init__(self) -> None:
        self.young: dict[str, Stamp] = {}
        self.old: dict[str, Stamp] = {}
        self._newest = _NOTHING  # of the times in `old`

    def again(self, identity: str, stamp: Stamp, oldest: int) -> str:
        """What an id is that is in one of the tables: `repeated`, `conflict` when something else
        came under it, or "" when that was before `oldest` and is forgotten."""
        young = self.young
        before = young[identity] if identity in young else self.old[identity]
        if (before if isinstance(before, int) else before[0]) < oldest:
            return ""
        return "repeated" if before == stamp else "conflict"

    def forget(self, oldest: int, newest: int) -> None:
        """Nothing before `oldest` is asked for any more; `newest` is the time of the newest event
        so far."""
        if self._newest < oldest:
            self.old, self.young, self._newest = self.young, {}, newest

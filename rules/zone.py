"""Local time of a zone from UTC milliseconds, fast enough to ask for every message."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

DAY_MS = 86_400_000
SHANGHAI = ZoneInfo("Asia/Shanghai")  # of all times that people read or write, unless they say more
SHANGHAI_AHEAD_MS = 28_800_000  # of UTC; without summer time since 1991
# Offsets of all zones in use change at a quarter of an hour of UTC, so one answer holds for it.
_QUARTER_MS = 900_000
_EPOCH = date(1970, 1, 1).toordinal()
_CACHED = 4096


class Zone:
    """A time zone by its IANA name.

    Raises:
        ZoneInfoNotFoundError, ValueError: no such zone.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._info = ZoneInfo(name)
        self._offsets: dict[int, int] = {}

    def __eq__(self, other: object) -> bool:
        """By name."""
        return isinstance(other, Zone) and other.name == self.name

    def __hash__(self) -> int:
        """By name."""
        return hash(self.name)

    def __reduce__(self) -> tuple[type[Zone], tuple[str]]:
        """Its name is all there is to it."""
        return Zone, (self.name,)

    def local(self, ms: int) -> tuple[int, int]:
        """(proleptic Gregorian ordinal of the local day, ms since its midnight)."""
        local = ms + self._offset(ms)
        return local // DAY_MS + _EPOCH, local % DAY_MS

    def moment(self, day: date, ms: int = 0) -> int:
        """UTC ms of local midnight of `day` plus `ms` on the wall clock."""
        hours, rest = divmod(ms, 3_600_000)
        minutes, rest = divmod(rest, 60_000)
        days, hours = divmod(hours, 24)
        when = datetime.fromordinal(day.toordinal() + days).replace(
            hour=hours, minute=minutes, second=rest // 1000, tzinfo=self._info
        )
        return int(when.timestamp() * 1000)

    def _offset(self, ms: int) -> int:
        quarter = ms // _QUARTER_MS
        offset = self._offsets.get(quarter)
        if offset is None:
            moment = datetime.fromtimestamp(quarter * _QUARTER_MS / 1000, UTC)
            delta = moment.astimezone(self._info).utcoffset()
            offset = round(delta.total_seconds() * 1000) if delta is not None else 0
            if len(self._offsets) >= _CACHED:
                self._offsets.clear()
            self._offsets[quarter] = offset
        return offset

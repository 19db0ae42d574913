"""The firm's day: when people work and how talk spreads over the minutes.

All times are UTC milliseconds; the firm lives in Asia/Shanghai, UTC+8 without summer time since
1991, so plain integer arithmetic is exact.
"""

from __future__ import annotations

from bisect import bisect_right
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate

import chinese_calendar  # type: ignore[import-untyped]

from rules.errors import EXIT_USAGE, MingjianError
from rules.zone import SHANGHAI_AHEAD_MS as AHEAD_MS

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
MINUTE_MS = 60_000
OFF_DAY_SHARE = 0.05  # volume of a weekend or holiday against a working day: an assumption

# (from hour, to hour, relative volume an hour): an assumption, see docs/simulator.md
_WORKING = (
    (7.5, 8.5, 6),
    (8.5, 9.0, 30),
    (9.0, 10.0, 95),
    (10.0, 11.5, 120),
    (11.5, 12.0, 75),
    (12.0, 13.5, 32),
    (13.5, 14.0, 70),
    (14.0, 16.5, 115),
    (16.5, 17.5, 95),
    (17.5, 18.0, 60),
    (18.0, 19.5, 16),
    (19.5, 22.0, 7),
    (22.0, 22.75, 2),
)
_RESTING = ((8.5, 12.0, 10), (12.0, 14.0, 6), (14.0, 19.0, 10), (19.0, 22.0, 6))
_OFFICE = ((9.08, 11.9, 10), (11.9, 13.4, 4), (13.4, 17.85, 10))


def midnight(day: date) -> int:
    """Begin of the day in Shanghai."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1000 - AHEAD_MS


def is_working(day: date) -> bool:
    """Whether the firm works on this day (public holidays and 调休 included).

    Raises:
        MingjianError: the calendar of that year is not published.
    """
    try:
        return bool(chinese_calendar.is_workday(day))
    except NotImplementedError:
        raise MingjianError(
            f"no holiday calendar for {day.year}: it is published in the autumn before",
            f"没有 {day.year} 年的放假安排：国务院办公厅在前一年秋季公布",
            fix_en="choose a date in an earlier year",
            fix_zh="请选更早年份的日期",
            exit_code=EXIT_USAGE,
        ) from None


def days_from(first: date, count: int) -> list[date]:
    """`count` days from `first` on."""
    return [first + timedelta(days=i) for i in range(count)]


class Profile:
    """Maps a share of the day's volume, 0..1, to a time after midnight, never backwards."""

    def __init__(self, spans: tuple[tuple[float, float, int], ...]) -> None:
        self._begin = [int(begin * HOUR_MS) for begin, _, _ in spans]
        self._length = [int((end - begin) * HOUR_MS) for begin, end, _ in spans]
        weights = [(end - begin) * weight for begin, end, weight in spans]
        total = sum(weights)
        self._reached = [0.0, *accumulate(w / total for w in weights)]

    def at(self, share: float) -> int:
        """Milliseconds after midnight at which `share` of the volume is reached."""
        span = min(bisect_right(self._reached, share), len(self._begin)) - 1
        low, high = self._reached[span], self._reached[span + 1]
        inside = (share - low) / (high - low)
        return self._begin[span] + int(self._length[span] * min(inside, 1.0))


TALK = {True: Profile(_WORKING), False: Profile(_RESTING)}  # key: working day
OFFICE = Profile(_OFFICE)  # inside 09:00-18:00 with a margin


def local_date(time: int) -> date:
    """The day in Shanghai."""
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=time + AHEAD_MS)).date()


def local_stamp(time: int) -> str:
    """ "2026-03-04 09:30:00" in Shanghai."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=(time + AHEAD_MS) // 1000)
    return f"{moment:%Y-%m-%d %H:%M:%S}"

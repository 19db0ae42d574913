"""Periods of law in calendar days of Shanghai: 20 years after a day, not 7,305 times 24 hours.

民法典 art. 201 to 203: the day it begins on does not count; the last day is the one with the same
number in the month it ends in, or that month's last where there is none; it ends at 24:00.
"""

from __future__ import annotations

import calendar
import re
from datetime import date, datetime, timedelta
from typing import NamedTuple

from rules.zone import DAY_MS, SHANGHAI, SHANGHAI_AHEAD_MS

MAX_YEARS = 100
FOREVER = 1 << 62  # later than any time that can be written
_EPOCH = date(1970, 1, 1).toordinal()
_LAST_YEAR = 9998  # the end of the last day of 9999 has no date
_PART = re.compile(
    r"\s*(?P<count>[0-9]{1,5})\s*"
    r"(?:(?P<years>years?|年)|(?P<months>months?|个月|月)|(?P<days>days?|日|天))"
    r"(?=[\s0-9]|$|[\u4e00-\u9fff])",
    re.IGNORECASE,
)
_UNITS = ("years", "months", "days")


class Period(NamedTuple):
    """So many years, then months, then days."""

    years: int = 0
    months: int = 0
    days: int = 0

    def __str__(self) -> str:
        """As it is written: "20 years", "1 year 6 months"."""
        parts = zip(self, _UNITS, strict=True)
        told = (f"{count} {unit if count > 1 else unit[:-1]}" for count, unit in parts if count)
        return " ".join(told) or "0 days"

    def zh(self) -> str:
        """In Chinese: "20 年"."""
        parts = zip(self, ("年", "个月", "日"), strict=True)
        return " ".join(f"{count} {unit}" for count, unit in parts if count) or "0 日"

    def least_ms(self) -> int:
        """A span it is never shorter than, in ms."""
        return (self.years * 365 + self.months * 28 + self.days) * DAY_MS

    def least_days(self) -> int:
        """The same in days, to compare periods by."""
        return self.least_ms() // DAY_MS


def read_period(text: str) -> Period:
    """A period from words: "20 years", "6 months", "1 year 6 months", "90 天".

    Raises:
        ValueError: it is none, is nothing, or is longer than 100 years.
    """
    found: dict[str, int] = {}
    at = 0
    while match := _PART.match(text, at):
        unit = next(one for one in _UNITS if match[one])
        if unit in found:
            raise ValueError(text)
        found[unit] = int(match["count"])
        at = match.end()
    period = Period(**found)
    if text[at:].strip() or not 0 < period.least_days() <= MAX_YEARS * 366:
        raise ValueError(text)
    return period


def day_of(ms: int) -> date:
    """The day in Shanghai of a moment (UTC ms)."""
    return date.fromordinal((ms + SHANGHAI_AHEAD_MS) // DAY_MS + _EPOCH)


def later(day: date, period: Period) -> date | None:
    """The last day of a period that began with `day`; None beyond the calendar."""
    months = day.year * 12 + day.month - 1 + period.years * 12 + period.months
    year, month = divmod(months, 12)
    if year > _LAST_YEAR:
        return None
    last = calendar.monthrange(year, month + 1)[1]
    ends = date(year, month + 1, min(day.day, last))
    days = ends.toordinal() + period.days
    return date.fromordinal(days) if days < date(_LAST_YEAR + 1, 1, 1).toordinal() else None


def end_of(ms: int, *periods: Period) -> int:
    """When periods that follow each other, the first begun at a moment (UTC ms), are over: the
    first ms of the day after the last day, UTC ms; `FOREVER` beyond the calendar."""
    day: date | None = day_of(ms)
    for period in periods:
        day = later(day, period) if day is not None else None
    if day is None:
        return FOREVER
    ends = datetime.combine(day + timedelta(days=1), datetime.min.time(), SHANGHAI)
    return int(ends.timestamp() * 1000)

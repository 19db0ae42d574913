"""Conditions on the time of a message: by the clock, the weekday, the calendar of its office.

Names as Sekoia's production dialect of Sigma has them (`timerange`, `day_of_week`,
`public_holiday_in`); ours are `office_time`, `working_day` and `in_period`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from rules.refused import Refused, UnknownName
from rules.view import View
from rules.zone import Zone

TIME_MODIFIERS = (
    "office_time", "working_day", "timerange", "day_of_week", "public_holiday_in", "in_period",
)  # fmt: skip
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_SHORT = 3  # letters of mon, tue, …
_RANGE = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)")


@dataclass(frozen=True)
class OfficeTime:
    """The message's time is inside (or outside) the office hours of the employee's department."""

    inside: bool

    def holds(self, view: View) -> bool:
        """By the office calendar, in the office's own time zone."""
        calendar = view.calendar
        return calendar.is_office_time(view.message.time, view.department) == self.inside


@dataclass(frozen=True)
class WorkingDay:
    """A working day (调休 counted) of the employee's department, or not."""

    wanted: bool

    def holds(self, view: View) -> bool:
        """By the office calendar."""
        return view.calendar.works_at(view.message.time, view.department) == self.wanted


@dataclass(frozen=True)
class TimeRange:
    """Between two times of the day, closed left, open right; from late to early crosses midnight.

    Times are ms after local midnight; `zone` None is the calendar's.
    """

    start: int
    end: int
    zone: Zone | None = None

    def holds(self, view: View) -> bool:
        """By the clock of the zone."""
        _, now = (self.zone or view.calendar.zone).local(view.message.time)
        if self.start < self.end:
            return self.start <= now < self.end
        return now >= self.start or now < self.end


@dataclass(frozen=True)
class DayOfWeek:
    """One of these ISO weekdays (Monday is 1)."""

    days: frozenset[int]
    zone: Zone | None = None

    def holds(self, view: View) -> bool:
        """By the local day of the zone."""
        day, _ = (self.zone or view.calendar.zone).local(view.message.time)
        return (day - 1) % 7 + 1 in self.days


@dataclass(frozen=True)
class PublicHoliday:
    """A day off that the calendar lists by name; weekends are none unless listed."""

    country: str  # only the calendar in force, CN by default

    def holds(self, view: View) -> bool:
        """By the local day of the calendar's zone."""
        day, _ = view.calendar.zone.local(view.message.time)
        return view.calendar.is_holiday(date.fromordinal(day))


@dataclass(frozen=True)
class InPeriod:
    """Within one of the periods of a reference list."""

    name: str
    zone: Zone | None = None

    def holds(self, view: View) -> bool:
        """By the clock of the zone. An unknown list covers nothing."""
        found = view.reference.lists.get(self.name)
        zone = self.zone or view.calendar.zone
        return found is not None and found.covers(view.message.time, zone)


def time_condition(modifier: str, value: Any, zone: Zone | None, lists: Mapping[str, str]) -> Any:
    """The condition of `time|modifier: value`; `lists` are names and kinds of reference lists.

    Raises:
        Refused, UnknownName: a value that the modifier does not take.
    """
    return _BUILD[modifier](value, zone, lists)


def _flag(modifier: str, build: Callable[[bool], Any]) -> Callable[[Any, Any, Any], Any]:
    def made(value: Any, _zone: Zone | None, _lists: Mapping[str, str]) -> Any:
        if not isinstance(value, bool):
            raise Refused(
                f"time|{modifier}: '{value}' is neither true nor false",
                f"time|{modifier}：只能写 true 或 false",
                code="MJ701",
                offset=0,
            )
        return build(value)

    return made


def _range(value: Any, zone: Zone | None, _lists: Mapping[str, str]) -> TimeRange:
    match = _RANGE.fullmatch(value) if isinstance(value, str) else None
    numbers = [int(part) for part in match.groups()] if match else [0, 0, 0, 0]
    start, end = ((numbers[n] * 60 + numbers[n + 1]) * 60_000 for n in (0, 2))
    if start == end or end > 24 * 3_600_000:
        raise Refused(
            f"time|timerange: '{value}' is no range of the day",
            f"time|timerange：“{value}”不是一天中的时间段",
            fix_en='write it as "22:00-07:00", in quotation marks',
            fix_zh='写成 "22:00-07:00"，并加引号',
            code="MJ702",
            offset=0,
        )
    return TimeRange(start, end, zone)


def _weekday(value: Any, zone: Zone | None, _lists: Mapping[str, str]) -> DayOfWeek:
    if type(value) is int and 1 <= value <= len(DAYS):
        return DayOfWeek(frozenset({value}), zone)
    name = str(value).lower()
    for number, day in enumerate(DAYS, start=1):
        if name in (day, day[:_SHORT]):
            return DayOfWeek(frozenset({number}), zone)
    raise UnknownName("weekday", str(value), DAYS)


def _holiday(value: Any, _zone: Zone | None, _lists: Mapping[str, str]) -> PublicHoliday:
    if str(value).upper() != "CN":
        raise UnknownName("calendar", str(value), ["CN"])
    return PublicHoliday("CN")


def _period(value: Any, zone: Zone | None, lists: Mapping[str, str]) -> InPeriod:
    periods = [name for name, kind in lists.items() if kind == "period"]
    if value not in periods:
        raise UnknownName("list", str(value), sorted(periods))
    return InPeriod(value, zone)


_BUILD: Mapping[str, Callable[[Any, Zone | None, Mapping[str, str]], Any]] = {
    "office_time": _flag("office_time", OfficeTime),
    "working_day": _flag("working_day", WorkingDay),
    "timerange": _range,
    "day_of_week": _weekday,
    "public_holiday_in": _holiday,
    "in_period": _period,
}

"""Office time: working days with 调休, office hours, in the office's own time zone.

A calendar is data (`rules/calendars/cn.yaml`, made by scripts/make_calendar.py):

    timezone: Asia/Shanghai
    hours: ["09:00", "18:00"]        # closed at the left, open at the right
    weekdays: [1, 2, 3, 4, 5]        # ISO, Monday is 1
    known: [2024, 2025, 2026]        # years whose holidays are announced and listed
    holidays: {2024-01-01: 元旦}     # days off, weekends among them
    workdays: {2024-02-04: 春节}     # make-up working days
    departments:                     # other hours or weekdays for some departments
      night-desk: {hours: ["13:00", "22:00"], weekdays: [1, 2, 3, 4, 5, 6]}

In other years the weekday rule alone decides, and `known` says so.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from rules.yaml_source import Document, load_documents

CALENDARS = Path(__file__).parent / "calendars"
_DAY_MS = 86_400_000
# Offsets of all zones in use change at a quarter of an hour of UTC, so one answer holds for it.
_QUARTER_MS = 900_000
_EPOCH = date(1970, 1, 1).toordinal()
_CACHED = 4096


class Hours(NamedTuple):
    """Office hours of a day in ms after local midnight, and ISO weekdays."""

    start: int
    end: int
    weekdays: frozenset[int]


class OfficeCalendar:
    """Which moments are office time. Build it with `load_calendar`."""

    def __init__(
        self,
        zone: ZoneInfo,
        hours: Hours,
        departments: dict[str, Hours],
        holidays: Iterable[date],
        workdays: Iterable[date],
        years: Iterable[int],
    ) -> None:
        self._zone, self._hours, self._departments = zone, hours, departments
        self._holidays = frozenset(day.toordinal() for day in holidays)
        self._workdays = frozenset(day.toordinal() for day in workdays)
        self._years = frozenset(years)
        self._offsets: dict[int, int] = {}

    def is_working_day(self, day: date, department: str = "") -> bool:
        """By holidays and make-up days, else by the weekdays of the department."""
        return self._works(day.toordinal(), self._departments.get(department, self._hours))

    def is_office_time(self, ms: int, department: str = "") -> bool:
        """Is the moment `ms` (UTC milliseconds) inside office hours of a working day?

        An unknown department has the hours of the office.
        """
        hours = self._departments.get(department, self._hours) if department else self._hours
        local = ms + self._offset(ms)
        if not hours.start <= local % _DAY_MS < hours.end:
            return False
        return self._works(local // _DAY_MS + _EPOCH, hours)

    def known(self, day: date) -> bool:
        """Are the holidays of this day's year announced and listed?"""
        return day.year in self._years

    def _works(self, ordinal: int, hours: Hours) -> bool:
        if ordinal in self._holidays:
            return False
        return ordinal in self._workdays or (ordinal - 1) % 7 + 1 in hours.weekdays

    def _offset(self, ms: int) -> int:
        quarter = ms // _QUARTER_MS
        offset = self._offsets.get(quarter)
        if offset is None:
            moment = datetime.fromtimestamp(quarter * _QUARTER_MS / 1000, UTC)
            delta = moment.astimezone(self._zone).utcoffset()
            offset = round(delta.total_seconds() * 1000) if delta is not None else 0
            if len(self._offsets) >= _CACHED:
                self._offsets.clear()
            self._offsets[quarter] = offset
        return offset


def load_calendar(path: Path | str = "") -> OfficeCalendar:
    """The calendar of a YAML file, China's by default.

    Raises:
        RuleError: not YAML, an unknown key, a time, date or zone that does not exist.
    """
    file = Path(path) if path else CALENDARS / "cn.yaml"
    document = load_documents(str(file), file.read_text(encoding="utf-8"))[0]
    document.only(
        (), ("timezone", "hours", "weekdays", "known", "holidays", "workdays", "departments")
    )
    value = document.value
    try:
        zone = ZoneInfo(value.get("timezone", "Asia/Shanghai"))
    except (ZoneInfoNotFoundError, ValueError, TypeError):
        raise document.error(
            ("timezone",),
            f"no time zone '{value['timezone']}'",
            f"没有时区“{value['timezone']}”",
            fix_en="use an IANA name such as Asia/Shanghai",
            fix_zh="请用 IANA 名称，例如 Asia/Shanghai",
            code="MJ421",
        ) from None
    hours = _hours(document, (), value, Hours(0, _DAY_MS, frozenset(range(1, 6))))
    departments = {}
    for name in value.get("departments") or {}:
        at = ("departments", str(name))
        document.only(at, ("hours", "weekdays"))
        departments[str(name)] = _hours(document, at, value["departments"][name], hours)
    return OfficeCalendar(
        zone,
        hours,
        departments,
        _days(document, "holidays"),
        _days(document, "workdays"),
        value.get("known") or (),
    )


def _hours(document: Document, at: tuple[str, ...], value: dict[str, Any], default: Hours) -> Hours:
    start, end, weekdays = default
    if "hours" in value:
        try:
            start, end = (_minutes(text) * 60_000 for text in value["hours"])
        except (TypeError, ValueError):
            start = end = 0
        if start >= end:
            raise document.error(
                (*at, "hours"),
                "'hours' must be two times of a day, the earlier first",
                "“hours”必须是同一天的两个时刻，先早后晚",
                fix_en='write them as ["09:00", "18:00"]',
                fix_zh='写成 ["09:00", "18:00"] 的形式',
                code="MJ422",
            )
    if "weekdays" in value:
        days = value["weekdays"]
        if not isinstance(days, list) or not set(days) <= set(range(1, 8)):
            raise document.error(
                (*at, "weekdays"),
                "'weekdays' must be a list of 1 (Monday) to 7",
                "“weekdays”必须是 1（周一）到 7 的列表",
                code="MJ423",
            )
        weekdays = frozenset(days)
    return Hours(start, end, weekdays)


def _minutes(text: str) -> int:
    hour, minute = (int(part) for part in text.split(":"))
    total = hour * 60 + minute
    if not (0 <= minute < 60 and 0 <= total <= 24 * 60):  # noqa: PLR2004
        raise ValueError(text)
    return total


def _days(document: Document, key: str) -> list[date]:
    days = document.value.get(key) or {}
    for day in days:
        if type(day) is not date:
            raise document.error(
                (key, str(day)),
                f"'{day}' in '{key}' is not a date",
                f"“{key}”里的“{day}”不是日期",
                fix_en="write it as 2026-10-01",
                fix_zh="写成 2026-10-01 的形式",
                code="MJ424",
            )
    return list(days)

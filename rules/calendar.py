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

from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfoNotFoundError

from rules.errors import RuleError
from rules.yaml_source import Document, load_documents
from rules.zone import DAY_MS, Zone

CALENDARS = Path(__file__).parent / "calendars"


class Hours(NamedTuple):
    """Office hours of a day in ms after local midnight, and ISO weekdays."""

    start: int
    end: int
    weekdays: frozenset[int]


class OfficeCalendar:
    """Which moments are office time. Build it with `load_calendar`."""

    def __init__(
        self,
        zone: Zone,
        hours: Hours,
        departments: dict[str, Hours],
        holidays: Iterable[date],
        workdays: Iterable[date],
        years: Iterable[int],
    ) -> None:
        self.zone, self._hours, self._departments = zone, hours, departments
        self._holidays = frozenset(day.toordinal() for day in holidays)
        self._workdays = frozenset(day.toordinal() for day in workdays)
        self._years = frozenset(years)

    def is_working_day(self, day: date, department: str = "") -> bool:
        """By holidays and make-up days, else by the weekdays of the department."""
        return self._works(day.toordinal(), self.hours_of(department))

    def is_office_time(self, ms: int, department: str = "") -> bool:
        """Is the moment `ms` (UTC milliseconds) inside office hours of a working day?

        An unknown department has the hours of the office.
        """
        hours = self.hours_of(department) if department else self._hours
        day, since = self.zone.local(ms)
        return hours.start <= since < hours.end and self._works(day, hours)

    def hours_of(self, department: str) -> Hours:
        """Hours of a department; of 财富管理部/一组 those of 财富管理部 when it has none itself."""
        while department:
            if department in self._departments:
                return self._departments[department]
            department = department.rpartition("/")[0]
        return self._hours

    def works_at(self, ms: int, department: str = "") -> bool:
        """Is the local day of the moment `ms` (UTC milliseconds) a working day?"""
        return self._works(self.zone.local(ms)[0], self.hours_of(department))

    def is_holiday(self, day: date) -> bool:
        """Is it a day off that the calendar lists by name?"""
        return day.toordinal() in self._holidays

    def known(self, day: date) -> bool:
        """Are the holidays of this day's year announced and listed?"""
        return day.year in self._years

    def _works(self, ordinal: int, hours: Hours) -> bool:
        if ordinal in self._holidays:
            return False
        return ordinal in self._workdays or (ordinal - 1) % 7 + 1 in hours.weekdays


def load_calendar(path: Path | str = "") -> OfficeCalendar:
    """The calendar of a YAML file, China's by default.

    Raises:
        RuleError: not YAML, an unknown key, a wrong type, a time, date or zone that does not exist.
    """
    file = Path(path) if path else CALENDARS / "cn.yaml"
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RuleError(
            f"cannot read the calendar: {error}",
            f"读不了日历：{error}",
            path=str(file),
            line=1,
            column=1,
            code="MJ018",
        ) from None
    document = next(iter(load_documents(str(file), text)), Document(str(file), {}, {}))
    document.only(
        (), ("timezone", "hours", "weekdays", "known", "holidays", "workdays", "departments")
    )
    value = document.value
    try:
        zone = Zone(value.get("timezone", "Asia/Shanghai"))
    except (ZoneInfoNotFoundError, ValueError, TypeError, AttributeError, OSError):
        raise document.error(
            ("timezone",),
            f"no time zone '{value['timezone']}'",
            f"没有时区“{value['timezone']}”",
            fix_en="use an IANA name such as Asia/Shanghai",
            fix_zh="请用 IANA 名称，例如 Asia/Shanghai",
            code="MJ421",
        ) from None
    hours = _hours(document, (), value, Hours(0, DAY_MS, frozenset(range(1, 6))))
    departments = {}
    for name, own in _mapping(document, ("departments",), value.get("departments")).items():
        at = ("departments", str(name))
        if not isinstance(name, str):
            raise _wrong_type(document, at, "a name of a department is a text", "部门名称是文本")
        _mapping(document, at, own)
        document.only(at, ("hours", "weekdays"))
        departments[name] = _hours(document, at, own, hours)
    return OfficeCalendar(
        zone,
        hours,
        departments,
        _days(document, "holidays"),
        _days(document, "workdays"),
        _years(document),
    )


def _mapping(document: Document, at: tuple[str, ...], found: Any) -> Mapping[Any, Any]:
    """What stands there, which is a mapping; a key of the file without a value has nothing."""
    if found is None and len(at) == 1:
        return {}
    if not isinstance(found, dict):
        raise _wrong_type(document, at, f"'{at[-1]}' must be a mapping", f"“{at[-1]}”必须是映射")
    return found


def _wrong_type(document: Document, at: tuple[str, ...], en: str, zh: str) -> RuleError:
    return document.error(
        at,
        en,
        zh,
        fix_en="write known: [2026], holidays: {2026-10-01: 国庆节},"
        ' departments: {night-desk: {hours: ["13:00", "22:00"]}}',
        fix_zh="写成 known: [2026]、holidays: {2026-10-01: 国庆节}、"
        'departments: {夜班: {hours: ["13:00", "22:00"]}}',
        code="MJ425",
    )


def _years(document: Document) -> list[int]:
    years = document.value.get("known")
    if years is None:
        return []
    if not isinstance(years, list) or not all(type(year) is int for year in years):
        raise _wrong_type(
            document, ("known",), "'known' must be a list of years", "“known”必须是年份的列表"
        )
    return years


def _hours(document: Document, at: tuple[str, ...], value: dict[str, Any], default: Hours) -> Hours:
    start, end, weekdays = default
    if "hours" in value:
        try:
            start, end = (_minutes(text) * 60_000 for text in value["hours"])
        except (TypeError, ValueError, AttributeError):  # [9.5, 18] are no texts
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
        if (
            not isinstance(days, list)
            or not days
            or not all(type(day) is int and day in range(1, 8) for day in days)
        ):
            raise document.error(
                (*at, "weekdays"),
                "'weekdays' is empty: no time would be office time"
                if days == []
                else "'weekdays' must be a list of 1 (Monday) to 7",
                "“weekdays”是空的：没有任何时间算工作时间"
                if days == []
                else "“weekdays”必须是 1（周一）到 7 的列表",
                fix_en="write, for example, [1, 2, 3, 4, 5]",
                fix_zh="例如写成 [1, 2, 3, 4, 5]",
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
    days = _mapping(document, (key,), document.value.get(key))
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

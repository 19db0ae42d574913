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

from rules.heading import first_document
from rules.problems import Problems
from rules.yaml_source import (
    Document,
)
from rules.zone import DAY_MS, SHANGHAI, Zone

_KEYS = ("timezone", "hours", "weekdays", "known", "holidays", "workdays", "departments")
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
    return read_calendar(file, str(file), Problems())


def read_calendar(file: Path, label: str, problems: Problems) -> OfficeCalendar:
    """The calendar of a file, called `label` in errors; without what `problems` was told of.

    Raises:
        RuleError: it cannot be read; and see `Problems.tell` for all else.
        Enough: see `Problems.tell`.
    """
    document = first_document(file, label, problems)
    problems.tell_all(document.unknown((), _KEYS))
    value = document.value
    zone = Zone(SHANGHAI.key)
    try:
        zone = Zone(value.get("timezone", SHANGHAI.key))
    except (ZoneInfoNotFoundError, ValueError, TypeError, AttributeError, OSError):
        problems.tell(
            document.error(
                ("timezone",),
                f"no time zone '{value['timezone']}'",
                f"没有时区“{value['timezone']}”",
                fix_en="use an IANA name such as Asia/Shanghai",
                fix_zh="请用 IANA 名称，例如 Asia/Shanghai",
                code="MJ421",
            )
        )
    reader = _Reader(document, problems)
    hours = reader.hours((), value, Hours(0, DAY_MS, frozenset(range(1, 6))))
    departments = {}
    for name, own in reader.mapping(("departments",), value.get("departments")).items():
        at = ("departments", str(name))
        if not isinstance(name, str):
            reader.wrong_type(at, "a name of a department is a text", "部门名称是文本")
        elif reader.mapping(at, own) is own:
            problems.tell_all(document.unknown(at, ("hours", "weekdays")))
            departments[name] = reader.hours(at, own, hours)
    return OfficeCalendar(
        zone,
        hours,
        departments,
        reader.days("holidays"),
        reader.days("workdays"),
        reader.years(),
    )


class _Reader:
    """Reads the parts of one document."""

    def __init__(self, document: Document, problems: Problems) -> None:
        self._document, self._problems = document, problems

    def _tell(self, at: tuple[str, ...], en: str, zh: str, code: str, *fix: str) -> None:
        fix_en, fix_zh = fix or ("", "")
        error = self._document.error(at, en, zh, fix_en=fix_en, fix_zh=fix_zh, code=code)
        self._problems.tell(error)

    def wrong_type(self, at: tuple[str, ...], en: str, zh: str) -> None:
        """Something of another type stands there."""
        self._tell(
            at,
            en,
            zh,
            "MJ425",
            "write known: [2026], holidays: {2026-10-01: 国庆节},"
            ' departments: {night-desk: {hours: ["13:00", "22:00"]}}',
            "写成 known: [2026]、holidays: {2026-10-01: 国庆节}、"
            'departments: {夜班: {hours: ["13:00", "22:00"]}}',
        )

    def mapping(self, at: tuple[str, ...], found: Any) -> Mapping[Any, Any]:
        """What stands there, which is a mapping; a key of the file without a value has nothing."""
        if isinstance(found, dict):
            return found
        if found is not None or len(at) > 1:
            self.wrong_type(at, f"'{at[-1]}' must be a mapping", f"“{at[-1]}”必须是映射")
        return {}

    def years(self) -> list[int]:
        """The years that are `known`."""
        years = self._document.value.get("known")
        if years is None:
            return []
        if not isinstance(years, list) or not all(type(year) is int for year in years):
            self.wrong_type(
                ("known",), "'known' must be a list of years", "“known”必须是年份的列表"
            )
            return []
        return years

    def hours(self, at: tuple[str, ...], value: Mapping[Any, Any], default: Hours) -> Hours:
        """Hours and weekdays, of the office or of a department."""
        start, end, weekdays = default
        if "hours" in value:
            try:
                start, end = (_minutes(text) * 60_000 for text in value["hours"])
            except (TypeError, ValueError, AttributeError):  # [9.5, 18] are no texts
                start = end = 0
            if start >= end:
                self._tell(
                    (*at, "hours"),
                    "'hours' must be two times of a day, the earlier first",
                    "“hours”必须是同一天的两个时刻，先早后晚",
                    "MJ422",
                    'write them as ["09:00", "18:00"]',
                    '写成 ["09:00", "18:00"] 的形式',
                )
        if "weekdays" in value:
            days = value["weekdays"]
            if (
                isinstance(days, list)
                and days
                and all(type(day) is int and day in range(1, 8) for day in days)
            ):
                return Hours(start, end, frozenset(days))
            self._tell(
                (*at, "weekdays"),
                "'weekdays' is empty: no time would be office time"
                if days == []
                else "'weekdays' must be a list of 1 (Monday) to 7",
                "“weekdays”是空的：没有任何时间算工作时间"
                if days == []
                else "“weekdays”必须是 1（周一）到 7 的列表",
                "MJ423",
                "write, for example, [1, 2, 3, 4, 5]",
                "例如写成 [1, 2, 3, 4, 5]",
            )
        return Hours(start, end, weekdays)

    def days(self, key: str) -> list[date]:
        """The dates that are keys of a mapping."""
        found = []
        for day in self.mapping((key,), self._document.value.get(key)):
            if type(day) is date:
                found.append(day)
                continue
            self._tell(
                (key, str(day)),
                f"'{day}' in '{key}' is not a date",
                f"“{key}”里的“{day}”不是日期",
                "MJ424",
                "write it as 2026-10-01",
                "写成 2026-10-01 的形式",
            )
        return found


def _minutes(text: str) -> int:
    hour, minute = (int(part) for part in text.split(":"))
    total = hour * 60 + minute
    if not (0 <= minute < 60 and 0 <= total <= 24 * 60):  # noqa: PLR2004
        raise ValueError(text)
    return total

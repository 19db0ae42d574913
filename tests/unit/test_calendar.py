"""Office time in China: every day of the known years, the edges of a day, other departments."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import chinese_calendar
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.calendar import CALENDARS, load_calendar
from rules.errors import RuleError

CN = load_calendar()
SHANGHAI = ZoneInfo("Asia/Shanghai")


def ms(text, zone=SHANGHAI):
    return round(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp() * 1000)


def test_every_day_of_the_known_years_agrees_with_chinesecalendar():
    day, wrong = date(2024, 1, 1), []
    while day <= date(2026, 12, 31):
        if CN.is_working_day(day) != chinese_calendar.is_workday(day):
            wrong.append(day)
        assert CN.known(day)
        day += timedelta(days=1)
    assert wrong == []


@pytest.mark.parametrize(
    ("moment", "office"),
    [
        ("2024-06-03T09:00:00", True),  # Monday
        ("2024-06-03T08:59:59.999", False),
        ("2024-06-03T17:59:59.999", True),
        ("2024-06-03T18:00:00", False),
        ("2024-06-03T00:00:00", False),
        ("2024-06-08T10:00:00", False),  # Saturday
        ("2024-06-10T10:00:00", False),  # 端午节, a Monday
        ("2024-02-04T10:00:00", True),  # a Sunday to make up for 春节
        ("2024-10-01T10:00:00", False),  # 国庆节
        ("2026-02-17T10:00:00", False),  # 春节
        ("2031-10-01T10:00:00", True),  # not announced: the weekday rule, a Wednesday
        ("2031-10-04T10:00:00", False),
    ],
)
def test_office_time(moment, office):
    assert CN.is_office_time(ms(moment)) == office


def test_years_that_are_not_announced_are_not_known():
    assert not CN.known(date(2023, 12, 31))
    assert not CN.known(date(2027, 1, 1))


OWN = """
timezone: Europe/Berlin
hours: ["08:30", "17:00"]
weekdays: [1, 2, 3, 4, 5]
known: [2024]
holidays: {2024-05-01: Tag der Arbeit}
departments:
  night-desk: {hours: ["13:00", "24:00"], weekdays: [1, 2, 3, 4, 5, 6]}
"""


@pytest.fixture
def own(tmp_path):
    file = tmp_path / "own.yaml"
    file.write_text(OWN, encoding="utf-8")
    return load_calendar(file)


@pytest.mark.parametrize(
    ("moment", "department", "office"),
    [
        ("2024-01-15T08:30:00", "", True),
        ("2024-07-15T08:30:00", "", True),  # summer time
        ("2024-07-15T08:29:59", "", False),
        ("2024-05-01T10:00:00", "", False),
        ("2024-07-15T23:59:59", "night-desk", True),
        ("2024-07-15T10:00:00", "night-desk", False),
        ("2024-07-13T14:00:00", "night-desk", True),  # Saturday
        ("2024-07-13T14:00:00", "", False),
        ("2024-07-15T10:00:00", "unknown-desk", True),
    ],
)
def test_an_own_calendar_with_departments_and_summer_time(own, moment, department, office):
    assert own.is_office_time(ms(moment, ZoneInfo("Europe/Berlin")), department) == office


@given(st.integers(ms("2016-01-01T00:00:00"), ms("2035-12-31T00:00:00")))
def test_office_time_is_hours_on_a_working_day(moment):
    local = datetime.fromtimestamp(moment / 1000, UTC).astimezone(SHANGHAI)
    expected = CN.is_working_day(local.date()) and 9 <= local.hour < 18
    assert CN.is_office_time(moment) == expected


def test_a_public_holiday_on_a_saturday_is_free_for_those_who_work_saturdays(tmp_path):
    data = (CALENDARS / "cn.yaml").read_text(encoding="utf-8")
    file = tmp_path / "own.yaml"
    file.write_text(data.replace("[1, 2, 3, 4, 5]", "[1, 2, 3, 4, 5, 6]"), encoding="utf-8")
    own = load_calendar(file)
    assert not own.is_working_day(date(2024, 2, 10))  # 春节
    assert own.is_working_day(date(2024, 3, 9))


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        ("timezone: Asia/Shangai", ":1:1", "no time zone"),
        ('hours: ["18:00", "09:00"]', ":1:1", "earlier first"),
        ('hours: ["09:00"]', ":1:1", "earlier first"),
        ('hours: ["9:75", "18:00"]', ":1:1", "earlier first"),
        ("weekdays: [0, 8]", ":1:1", "1 (Monday)"),
        ("hour: []", ":1:1", "'hours'"),
        ("holidays: {soon: x}", ":1:12", "is not a date"),
        ("departments: {a: {hour: 1}}", ":1:19", "'hours'"),
        ("hours: [9.5, 18]", ":1:1", "earlier first"),
        ("hours: 9", ":1:1", "earlier first"),
        ("hours: [null, true]", ":1:1", "earlier first"),
        ("known: 2026", ":1:1", "list of years"),
        ("known: {2026: x}", ":1:1", "list of years"),
        ("known: [soon]", ":1:1", "list of years"),
        ("holidays: 2026-10-01", ":1:1", "must be a mapping"),
        ("holidays: soon", ":1:1", "must be a mapping"),
        ("workdays: [2026-10-01]", ":1:1", "must be a mapping"),
        ("weekdays: [[1]]", ":1:1", "1 (Monday)"),
        ("weekdays: [true]", ":1:1", "1 (Monday)"),
        ("weekdays: []", ":1:1", "empty"),
        ("weekdays: 5", ":1:1", "1 (Monday)"),
        ("departments: sales", ":1:1", "must be a mapping"),
        ("departments: [sales]", ":1:1", "must be a mapping"),
        ("departments: {a: null}", ":1:15", "must be a mapping"),
        ("departments: {a: [hours]}", ":1:15", "must be a mapping"),
        ("departments: {7: {weekdays: [1]}}", ":1:15", "is a text"),
        ("timezone: 8", ":1:1", "no time zone"),
        ("timezone: [Asia/Shanghai]", ":1:1", "no time zone"),
        ("timezone: ''", ":1:1", "no time zone"),
        ("timezone: null", ":1:1", "no time zone"),
    ],
)
def test_a_broken_calendar_says_where(tmp_path, text, place, said):
    file = tmp_path / "own.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(RuleError) as caught:
        load_calendar(file)
    words = " ".join(caught.value.text("en"))
    assert place in words
    assert said in words

"""A clock that was ahead and is set back stops nothing, and hides nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.archive import NOON, Company, ids, stored

HOUR = 3_600_000
DAY = 24 * HOUR


@pytest.fixture
def company(tmp_path: Path) -> Company:
    company = Company(tmp_path)
    world = company.clock.world
    # nobody sets this one: it goes on by what was slept
    company.clock.world = lambda: world()._replace(steady=lambda: sum(company.clock.slept))  # type: ignore[method-assign]
    return company


def set_back(company: Company, by: int = 4 * HOUR) -> None:
    company.clock.ms -= by


def stop(company: Company) -> None:
    company.clock.stop = True


def test_the_pace_is_kept_by_a_clock_that_nobody_sets(company: Company) -> None:
    company.archive.add(*(stored(seq) for seq in range(1, 36)))
    company.clock.at[1] = lambda: set_back(company)
    company.pull(limit=1, calls_per_minute=10)
    assert company.taken == ids(*range(1, 36))
    assert max(company.clock.slept) <= 60, "it slept for hours and said nothing"
    assert sum(company.clock.slept) >= 3 * 60


def test_no_more_calls_a_minute_than_allowed_whatever_the_clock(company: Company) -> None:
    company.archive.add(*(stored(seq) for seq in range(1, 26)))
    company.pull(limit=1, calls_per_minute=10)
    assert company.taken == ids(*range(1, 26))
    assert company.clock.slept == [60, 60]
    assert not company.clock.told, "the simulator never had to refuse a call"


@pytest.mark.parametrize("restart", [False, True])
def test_a_delay_after_the_clock_was_set_back_is_seen(company: Company, restart: bool) -> None:
    company.archive.add(stored(1))

    def back_and_away() -> None:
        set_back(company)
        company.archive.fail(*[10001] * 70)
        company.clock.at[140] = lambda: stop(company)

    if restart:
        company.pull()
        back_and_away()
    else:
        company.clock.at[2] = back_and_away
    company.pull(once=False, lag_minutes=30)
    assert company.intake.story == [("collector_lag", "open"), ("collector_lag", "resolved")]


def test_an_archive_that_never_answered_is_a_lag_from_when_the_clock_was_set_back(
    company: Company,
) -> None:
    company.archive.add(stored(1))
    company.archive.fail(*[10001] * 70)
    company.clock.at[2] = lambda: set_back(company)
    company.pull(lag_minutes=30)
    assert company.intake.story == [("collector_lag", "open"), ("collector_lag", "resolved")]


def test_the_lag_after_a_restart_counts_from_what_was_reached_since(company: Company) -> None:
    company.clock.at = {1: lambda: set_back(company), 60: lambda: stop(company)}
    company.pull(once=False)  # after the clock was set back five minutes in which all is well
    company.clock.stop = False
    company.clock.ms += 2 * HOUR
    company.archive.fail(10001)
    company.pull()
    assert company.intake.story == [("collector_lag", "open"), ("collector_lag", "resolved")]


def test_heartbeats_go_on_after_the_clock_was_set_back(company: Company) -> None:
    company.archive.add(stored(1))
    company.clock.at[5] = lambda: set_back(company)
    company.clock.at[60] = lambda: stop(company)
    company.pull(once=False, delay_seconds=20, poll_seconds=5)
    assert company.intake.beats[-1] == company.clock.ms - 5_000 - 20_000


def test_a_gap_that_was_noted_before_the_clock_was_set_back_is_looked_for(
    company: Company,
) -> None:
    company.archive.add(stored(1), stored(3))
    company.clock.at[1] = lambda: (set_back(company), company.archive.reveal(stored(2)))
    company.pull()
    assert sorted(company.taken) == ids(1, 2, 3)
    assert company.intake.story == []
    assert company.clock.ms < NOON, "and not hours later"


def test_a_clock_that_was_wrong_for_a_while_makes_nothing_expire(company: Company) -> None:
    """A machine that starts with the time of its factory looks as if it had been away for years."""
    company.archive.add(stored(1))

    def wrong() -> None:
        set_back(company, 900 * DAY)
        company.archive.fail(10001, 10001, 10001)  # sleeps 2 to 4

    def right_again() -> None:
        set_back(company, -900 * DAY)
        company.archive.add(stored(3))

    company.clock.at = {
        1: wrong,
        4: right_again,
        5: lambda: company.archive.reveal(stored(2)),
        20: lambda: stop(company),
    }
    company.pull(once=False)
    assert sorted(company.taken) == ids(1, 2, 3)
    assert company.intake.open() == []

"""When people are told of what."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinks.channels.policy import Policy, Waiting, overdue, plan

NOON = datetime(2026, 3, 4, 4, 0, tzinfo=UTC).timestamp()  # 12:00 in Shanghai


def wait(about: str = "a", response: int = 2, came: float = NOON) -> Waiting:
    return Waiting(about, response, came)


def at(clock: str) -> float:
    hour, minute = map(int, clock.split(":"))
    return datetime(2026, 3, 4, tzinfo=UTC).timestamp() + (hour - 8) * 3600 + minute * 60


def test_an_alert_is_told_at_once_and_those_of_its_group_in_one_message() -> None:
    assert plan(Policy(), [], [], NOON) == ([], 0, 0.0)
    assert plan(Policy(), [wait(response=1), wait(response=3)], [], NOON) == (["a"], 0, 0.0)
    assert plan(Policy(), [wait(), wait("b")], [], NOON).messages == ["a", "b"]


def test_further_ones_of_a_group_wait_and_others_do_not() -> None:
    found = plan(Policy(), [wait(), wait("b")], [(NOON - 10, "a")], NOON)
    assert found == (["b"], 0, NOON + 50)
    assert plan(Policy(), [wait()], [(NOON - 10, "a")], NOON + 50).messages == ["a"]


def test_no_more_messages_than_the_rate_and_the_gravest_first() -> None:
    policy = Policy(per_minute=2)
    waiting = [wait(str(n), response=n % 3 + 1) for n in range(4)]
    assert plan(policy, waiting, [], NOON) == (["2", "1"], 0, NOON + 60)
    sent = [(NOON, "2"), (NOON + 1, "1")]
    assert plan(policy, [wait("0"), wait("3")], sent, NOON + 2) == ([], 0, NOON + 60)
    assert plan(policy, [wait("0"), wait("3")], sent, NOON + 60).messages == ["0"]


def test_a_group_whose_message_fails_goes_after_the_others_however_grave_it_is() -> None:
    policy = Policy(per_minute=1)
    found = plan(policy, [wait("bad", response=3), wait("good")], [], NOON, {"bad"})
    assert found.messages == ["good"]


def test_a_clock_that_was_put_back_holds_nothing_up_for_longer_than_it_would() -> None:
    found = plan(Policy(), [wait()], [(NOON + 86_400, "a")], NOON)
    assert found == ([], 0, NOON + 60)


NIGHT = Policy(quiet=(22 * 60, 7 * 60), group_s=600)


@pytest.mark.parametrize(
    ("response", "came", "sent", "clock", "since"),
    [
        (2, "12:00", None, "15:00", "12:00"),
        (2, "12:00", "11:55", "15:00", "12:05"),  # its group had its turn
        (2, "12:00", "11:55", "12:04", None),
        (2, "23:00", None, "30:59", None),  # held until the morning, as it should
        (2, "23:00", None, "32:00", "31:00"),
        (2, "21:00", None, "26:00", None),  # nobody would be told now
        (3, "23:00", None, "26:00", "23:00"),
        (2, "13:00", None, "12:00", None),  # written by a clock that was ahead
    ],
)
def test_since_when_somebody_should_have_been_told(
    response: int, came: str, sent: str | None, clock: str, since: str | None
) -> None:
    waiting = [wait("a", response, at(came))]
    told = [(at(sent), "a")] if sent else []
    assert overdue(NIGHT, waiting, told, at(clock)) == (at(since) if since else 0)


@pytest.mark.parametrize(
    ("quiet", "clock", "until"),
    [
        ((22 * 60, 7 * 60), "21:59", None),
        ((22 * 60, 7 * 60), "22:00", "31:00"),
        ((22 * 60, 7 * 60), "06:59", "07:00"),
        ((22 * 60, 7 * 60), "07:00", None),
        ((12 * 60, 13 * 60), "12:30", "13:00"),
        ((12 * 60, 13 * 60), "13:00", None),
        ((20 * 60, 24 * 60), "23:59", "24:00"),
        ((20 * 60, 24 * 60), "24:00", None),
        ((0, 24 * 60), "12:30", "24:00"),
        ((0, 0), "12:30", None),
    ],
)
def test_quiet_hours(quiet: tuple[int, int], clock: str, until: str | None) -> None:
    now, policy = at(clock), Policy(quiet=quiet, group_s=0)
    found = plan(policy, [wait("low", 2, now), wait("high", 3, now)], [], now)
    if until is None:
        assert found == (["high", "low"], 0, 0.0)
    else:
        assert found == (["high"], 3, at(until))


@pytest.mark.parametrize(
    ("zone", "now", "until"),
    [
        ("Asia/Urumqi", "2026-03-04T06:59+06:00", "2026-03-04T07:00+06:00"),
        ("America/New_York", "2026-03-08T01:30-05:00", "2026-03-08T07:00-04:00"),  # an hour less
        ("America/New_York", "2026-11-01T00:30-04:00", "2026-11-01T07:00-05:00"),  # an hour more
    ],
)
def test_quiet_hours_are_those_of_the_zone(zone: str, now: str, until: str) -> None:
    policy = Policy(quiet=(22 * 60, 7 * 60), zone=zone)
    found = policy.quiet_until(datetime.fromisoformat(now).timestamp())
    assert found == datetime.fromisoformat(until).timestamp()


@given(
    st.sampled_from(["Asia/Shanghai", "America/New_York", "Australia/Lord_Howe", "UTC"]),
    st.floats(NOON - 400 * 86_400, NOON + 400 * 86_400),
    st.integers(0, 1439),
    st.integers(1, 1440),
)
def test_quiet_hours_end_after_now_and_within_a_day(
    zone: str, now: float, begin: int, end: int
) -> None:
    until = Policy(quiet=(begin, end), zone=zone).quiet_until(now)
    if not until:
        local = datetime.fromtimestamp(now, ZoneInfo(zone))
        minute = local.hour * 60 + local.minute
        assert begin == end or not (
            begin <= minute < end if begin < end else not end <= minute < begin
        )
    else:
        assert now < until <= now + 25 * 3600


@given(
    st.lists(st.tuples(st.floats(0, 300), st.integers(0, 3), st.integers(1, 3)), max_size=30),
    st.integers(1, 5),
    st.integers(0, 90),
)
def test_every_alert_is_told_once_and_never_too_many(
    coming: list[tuple[float, int, int]], per_minute: int, group_s: int
) -> None:
    """Whoever looks when he is told to look tells everything, and keeps the rate."""
    policy = Policy(per_minute=per_minute, group_s=group_s, quiet=(12 * 60, 12 * 60 + 2))
    todo = [wait(str(group), response, NOON + after) for after, group, response in sorted(coming)]
    now, waiting, told = NOON, list[Waiting](), 0
    sent: list[tuple[float, str]] = []
    for _ in range(1_000):
        waiting += [one for one in todo if one.came <= now]
        todo = [one for one in todo if one.came > now]
        found = plan(policy, waiting, sent, now)
        for about in found.messages:
            members = [x for x in waiting if x.about == about and x.response >= found.floor]
            assert members
            told += len(members)
            waiting = [one for one in waiting if one not in members]
            sent.append((now, about))
        ahead = [one.came for one in todo[:1]] + ([found.again] if found.again else [])
        if not ahead:
            break
        assert min(ahead) > now
        now = min(ahead)
    assert told == len(coming)
    for time, about in sent:
        assert sum(time <= other < time + 60 for other, _ in sent) <= per_minute
        assert sum(time < other < time + group_s for other, one in sent if one == about) == 0

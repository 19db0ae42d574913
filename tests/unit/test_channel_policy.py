"""When people are told of what."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinks.channels.policy import MOST, Policy, Waiting, plan

NOON = datetime(2026, 3, 4, 4, 0, tzinfo=UTC).timestamp()  # 12:00 in Shanghai


def wait(key: int, about: str = "alert|demo|a", response: int = 2, came: float = NOON) -> Waiting:
    return Waiting(key, about, response, came)


def at(clock: str) -> float:
    hour, minute = map(int, clock.split(":"))
    return datetime(2026, 3, 4, tzinfo=UTC).timestamp() + (hour - 8) * 3600 + minute * 60


def test_an_alert_is_told_at_once_and_those_of_its_rule_in_one_message() -> None:
    assert plan(Policy(), [], [], NOON) == ([], 0.0)
    assert plan(Policy(), [wait(1), wait(2)], [], NOON) == ([(1, 2)], 0.0)
    two = plan(Policy(), [wait(1), wait(2, "alert|demo|b")], [], NOON)
    assert two.messages == [(1,), (2,)]


def test_further_ones_of_a_rule_wait_and_others_do_not() -> None:
    sent = [(NOON - 10, "alert|demo|a")]
    found = plan(Policy(), [wait(1), wait(2, "alert|demo|b")], sent, NOON)
    assert found.messages == [(2,)]
    assert found.again == NOON + 50
    assert plan(Policy(), [wait(1)], sent, NOON + 50).messages == [(1,)]


def test_no_more_messages_than_the_rate_and_the_gravest_first() -> None:
    policy = Policy(per_minute=2)
    waiting = [wait(n, f"alert|demo|{n}", response=n % 3 + 1) for n in range(4)]
    found = plan(policy, waiting, [], NOON)
    assert found.messages == [(2,), (1,)]
    sent = [(NOON, "alert|demo|2"), (NOON + 1, "alert|demo|1")]
    full = plan(policy, [waiting[0], waiting[3]], sent, NOON + 2)
    assert full == ([], NOON + 60)
    assert len(plan(policy, [waiting[0], waiting[3]], sent, NOON + 60).messages) == 1


def test_many_alerts_of_a_rule_are_told_in_several_messages() -> None:
    waiting = [wait(n) for n in range(MOST + 5)]
    first = plan(Policy(), waiting, [], NOON)
    assert [len(one) for one in first.messages] == [MOST]
    assert first.again == NOON + 60


@pytest.mark.parametrize(
    ("quiet", "clock", "until"),
    [
        ((22 * 60, 7 * 60), "21:59", None),
        ((22 * 60, 7 * 60), "22:00", "31:00"),
        ((22 * 60, 7 * 60), "06:59", "07:00"),
        ((22 * 60, 7 * 60), "07:00", None),
        ((12 * 60, 13 * 60), "12:30", "13:00"),
        ((12 * 60, 13 * 60), "13:00", None),
        ((0, 0), "12:30", None),
    ],
)
def test_quiet_hours(quiet: tuple[int, int], clock: str, until: str | None) -> None:
    now, policy = at(clock), Policy(quiet=quiet, group_s=0)
    found = plan(policy, [wait(1, response=2, came=now), wait(2, response=3, came=now)], [], now)
    if until is None:
        assert found == ([(1, 2)], 0.0)
    else:
        assert found == ([(2,)], at(until))


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
    todo = [
        wait(key, f"alert|demo|{rule}", response, NOON + after)
        for key, (after, rule, response) in enumerate(sorted(coming))
    ]
    now, waiting, sent, told = NOON, [], [], []
    for _ in range(1_000):
        waiting += [one for one in todo if one.came <= now and one.key not in told]
        todo = [one for one in todo if one.came > now]
        found = plan(policy, waiting, sent, now)
        for keys in found.messages:
            told += keys
            sent.append((now, next(one.about for one in waiting if one.key == keys[0])))
        waiting = [one for one in waiting if one.key not in told]
        ahead = [one.came for one in todo[:1]] + ([found.again] if found.again else [])
        if not ahead:
            break
        assert min(ahead) > now
        now = min(ahead)
    assert sorted(told) == list(range(len(coming)))
    for time, _ in sent:
        assert sum(time <= other < time + 60 for other, _ in sent) <= per_minute

"""When people are told of what: grouping, quiet hours and a rate, without a clock.

The first alert of a group is told at once. Further ones wait until `group_s` have passed since the
last message of the group, and are then one message. In quiet hours only alerts of `quiet_response`
and above are told; the others wait for their end. No more than `per_minute` messages leave in any
sixty seconds: the gravest go first. Nothing is dropped.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from rules.zone import SHANGHAI

MINUTE = 60.0  # seconds
_DAY = 24 * 60  # minutes


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """How a channel may be used.

    Args:
        min_response: alerts of a lower one are not told.
        max_age_s: alerts of older events are not told; 0: all are.
        incidents: whether they are told.
        per_minute: messages in any sixty seconds.
        group_by: what alerts of one message have in common: fields of `rules.alert.Alert`.
        group_s: seconds between two messages of one group.
        quiet: begin and end of the quiet hours, in minutes of the local day; equal: none.
        quiet_response: alerts of this one and above are told in quiet hours, too.
        zone: IANA name of the zone of the quiet hours.
    """

    min_response: int = 1
    max_age_s: int = 0
    incidents: bool = True
    per_minute: int = 20
    group_by: tuple[str, ...] = ("rule",)
    group_s: int = 60
    quiet: tuple[int, int] = (0, 0)
    quiet_response: int = 3
    zone: str = SHANGHAI.key

    def quiet_until(self, now: float) -> float:
        """When the quiet hours that hold at `now` (UTC seconds) end; 0 outside of them."""
        begin, end = self.quiet
        if begin == end:
            return 0.0
        zone = ZoneInfo(self.zone)
        local = datetime.fromtimestamp(now, UTC).astimezone(zone)
        at = local.hour * 60 + local.minute
        if begin < end:
            inside, days = begin <= at < end, 0
        else:
            inside, days = at >= begin or at < end, int(at >= begin)
        if not inside:
            return 0.0
        more, minute = divmod(end, _DAY)
        day = local.date() + timedelta(days=days + more)
        ends = datetime.combine(day, time(*divmod(minute, 60)), zone)
        # where clocks are put back, the hour comes twice
        return max(ends.timestamp(), ends.replace(fold=local.fold).timestamp())


class Waiting(NamedTuple):
    """Alerts of one group and one response that are to be told; `came`: the first, UTC seconds."""

    about: str
    response: int
    came: float


class Plan(NamedTuple):
    """What is to be sent now.

    Args:
        messages: groups, one message each, the gravest first.
        floor: alerts below this response are left out of them.
        again: when to look again (UTC seconds); 0 when nothing waits.
    """

    messages: list[str]
    floor: int
    again: float


def plan(
    policy: Policy,
    waiting: Iterable[Waiting],
    sent: Sequence[tuple[float, str]],
    now: float,
    suspects: Collection[str] = (),
) -> Plan:
    """What is to be sent at `now`.

    Args:
        sent: (time, group) of the messages of the last minute and of the last `group_s`.
        suspects: groups that go after all others.
    """
    quiet_until = policy.quiet_until(now)
    floor = policy.quiet_response if quiet_until else 0
    groups: dict[str, tuple[int, float]] = {}  # (less what is graver, when the first came)
    again: list[float] = []
    for one in waiting:
        if one.response < floor:
            again.append(quiet_until)
        else:
            rank, came = groups.get(one.about, (0, one.came))
            groups[one.about] = min(rank, -one.response), min(came, one.came)
    # a clock that was put back must not make a message of the "future" hold up the next
    past = sorted((min(time, now), about) for time, about in sent)
    last = {about: time for time, about in past}
    ready: list[str] = []
    for about in sorted(groups, key=lambda about: (about in suspects, *groups[about])):
        free = last[about] + policy.group_s if about in last else now
        if free > now:
            again.append(free)
        else:
            ready.append(about)
    recent = [time for time, _ in past if time > now - MINUTE]
    room = max(0, policy.per_minute - len(recent))
    if len(ready) > room:
        again.append((recent[0] if recent else now) + MINUTE)
    return Plan(ready[:room], floor, min(again, default=0.0))


def overdue(
    policy: Policy, waiting: Iterable[Waiting], sent: Iterable[tuple[float, str]], now: float
) -> float:
    """Since when (UTC seconds) the first record waits that the policy would let go; 0: none does.
    What waits for the end of quiet hours, or for its group, waits as it should."""
    floor = policy.quiet_response if policy.quiet_until(now) else 0
    last: dict[str, float] = {}
    for at, about in sent:
        last[about] = max(at, last.get(about, at))
    found: list[float] = []
    for one in waiting:
        free = last[one.about] + policy.group_s if one.about in last else one.came
        if one.response < policy.quiet_response:
            free = max(free, policy.quiet_until(one.came))
        free = max(free, one.came)
        if one.response >= floor and free <= now:
            found.append(free)
    return min(found, default=0.0)

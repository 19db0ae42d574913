"""When people are told of what: grouping, quiet hours and a rate, without a clock.

An alert is told at once when nothing speaks against it. Further ones of its rule wait until
`group_s` have passed since the last message about that rule, and are then one message. In quiet
hours only alerts of `quiet_response` and above are told; the others wait for their end. No more
than `per_minute` messages leave in any sixty seconds: the gravest go first. Nothing is dropped.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

MINUTE, DAY = 60.0, 86_400.0  # seconds
MOST = 50  # alerts of one message; further ones are in the next


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """How a channel may be used.

    Args:
        min_response: alerts of a lower one are not told.
        per_minute: messages in any sixty seconds.
        group_s: seconds between two messages about one rule.
        quiet: begin and end of the quiet hours, in minutes of the local day; equal: none.
        quiet_response: alerts of this one and above are told in quiet hours, too.
        zone_s: seconds by which local time is ahead of UTC.
    """

    min_response: int = 1
    per_minute: int = 20
    group_s: int = 60
    quiet: tuple[int, int] = (0, 0)
    quiet_response: int = 3
    zone_s: int = 8 * 3600

    def quiet_until(self, now: float) -> float:
        """When the quiet hours that hold at `now` (UTC seconds) end; 0 outside of them."""
        begin, end = (minute * MINUTE for minute in self.quiet)
        if begin == end:
            return 0.0
        midnight = now - (now + self.zone_s) % DAY
        at = now - midnight
        if begin < end:
            return midnight + end if begin <= at < end else 0.0
        if at >= begin:
            return midnight + DAY + end
        return midnight + end if at < end else 0.0


class Waiting(NamedTuple):
    """An alert that is to be told.

    Args:
        key: of the outbox. about: rule and kind, what is grouped. came: UTC seconds.
    """

    key: int
    about: str
    response: int
    came: float


class Plan(NamedTuple):
    """What is to be sent now, each the keys of one message, and when to look again (UTC seconds;
    0 when nothing waits)."""

    messages: list[tuple[int, ...]]
    again: float


def plan(
    policy: Policy, waiting: Iterable[Waiting], sent: Sequence[tuple[float, str]], now: float
) -> Plan:
    """What is to be sent at `now`.

    Args:
        waiting: in the order in which they came.
        sent: (time, about) of the messages of the last minute and of the last `group_s`.
    """
    quiet_until = policy.quiet_until(now)
    groups: dict[str, list[Waiting]] = {}
    again: list[float] = []
    for one in waiting:
        if quiet_until and one.response < policy.quiet_response:
            again.append(quiet_until)
        else:
            groups.setdefault(one.about, []).append(one)
    last = {about: time for time, about in sorted(sent)}
    ready: list[list[Waiting]] = []
    for about, members in groups.items():
        free = last[about] + policy.group_s if about in last else now
        if free > now:
            again.append(free)
        else:
            ready.append(members)
    ready.sort(key=lambda members: (-max(one.response for one in members), members[0].came))
    recent = sorted(time for time, _ in sent if time > now - MINUTE)
    room = max(0, policy.per_minute - len(recent))
    if len(ready) > room:
        again.append((recent[0] if recent else now) + MINUTE)
    if any(len(members) > MOST for members in ready[:room]):
        again.append(now + max(policy.group_s, 1))
    messages = [tuple(one.key for one in members[:MOST]) for members in ready[:room]]
    return Plan(messages, min(again, default=0.0))

"""Policies: how long what is kept, and on what law that rests. The longest wins. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from rules.retention.facts import DEPARTMENT, PERSON, ROOM, Facts, Renaming
from rules.retention.periods import FOREVER, Period, end_of

_NOTHING = Period()


class Scope(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whom and what a policy is for: any of each list that is given, and of all lists together. An
    empty scope is everything. `people` are employees or customers who said or were told it."""

    departments: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    people: tuple[str, ...] = ()
    rooms: tuple[str, ...] = ()
    types: tuple[str, ...] = ()

    def covers(self, facts: Facts) -> bool:
        """Whether the policy applies; where that cannot be known it does, because a period too
        long can be mended."""
        return not facts.decoded or (
            (not self.kinds or facts.kind in self.kinds)
            and (not self.types or facts.type in self.types)
            and (not self.rooms or facts.room in self.rooms)
            and (not self.people or any(facts.party(one) is not False for one in self.people))
            and (
                not self.departments
                or facts.departments is None
                or not facts.departments.isdisjoint(self.departments)
            )
        )

    def renamed(self, name: Renaming) -> Scope:
        """With other names for everybody."""
        return msgspec.structs.replace(
            self,
            departments=tuple(name(DEPARTMENT, one) for one in self.departments),
            people=tuple(name(PERSON, one) for one in self.people),
            rooms=tuple(name(ROOM, one) for one in self.rooms),
        )


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line of a retention schedule.

    `keep` runs from the end of the business, which is `business` after the message at the latest
    (nothing: from the message). `law` says what it rests on, with the article; `duty` whether that
    is a period the company may not cut short, also when somebody asks for erasure.
    """

    name: str
    keep: Period
    law: str
    duty: bool
    title_en: str = ""
    title_zh: str = ""
    business: Period = _NOTHING
    preset: str = ""
    scope: Scope = Scope()

    def until(self, time: int) -> int:
        """When what was said at `time` may go (both UTC ms)."""
        if self.business == _NOTHING:
            return end_of(time, self.keep)
        return end_of(time, self.business, self.keep)

    def renamed(self, name: Renaming) -> Policy:
        """With other names for everybody."""
        return msgspec.structs.replace(self, scope=self.scope.renamed(name))


class Kept(NamedTuple):
    """Until when a message is kept (UTC ms; `FOREVER`) and the number of the policy that says so;
    -1: none applies, so it is kept until somebody makes one."""

    until: int
    policy: int


def keep_until(facts: Facts, policies: Sequence[Policy]) -> Kept:
    """How long a message is kept: of the policies that apply, the longest wins, of equal ones the
    first. A message that no policy is for is kept for ever."""
    found = Kept(FOREVER, -1)
    for number, policy in enumerate(policies):
        if policy.scope.covers(facts):
            until = policy.until(facts.time)
            if found.policy < 0 or until > found.until:
                found = Kept(until, number)
    return found


def duties(policies: Iterable[Policy]) -> list[Policy]:
    """Those that also stand against a request for erasure (个人信息保护法 art. 47)."""
    return [policy for policy in policies if policy.duty]


def newest_due(policies: Iterable[Policy], at: int) -> int:
    """No message said at this time (UTC ms) or later is due at `at` by a policy."""
    least = (policy.keep.least_ms() + policy.business.least_ms() for policy in policies)
    return at - min(least, default=0)


def encode(policies: Sequence[Policy]) -> bytes:
    """The schedule as canonical JSON."""
    return msgspec.json.encode(policies, order="sorted")

"""Which messages that a pack asks for were deleted before: by the plans that named them, each of
which has its digest in the ledger, and the tombstones that stand in their place."""

from __future__ import annotations

from collections.abc import Iterator

from reports.context import Deleted, DeletedBy, Said, Wanted, within
from rules.errors import MingjianError
from rules.retention.facts import CONVERSATION, PERSON, Facts
from sinks.archive.disposable import DisposableIndex, Tombstone
from sinks.archive.disposal_plan import Going, Plan
from sinks.archive.due import counting
from sinks.archive.plans import Plans

_EVENT = "event"  # the kind of a recorded act
_WINDOW = 5_000  # leaves whose tombstones are asked for at once
_Gone = tuple[Tombstone, Going]


class Deletions:
    """What was deleted from an archive.

    Args:
        plans: those that are kept beside it.
        disposals: its tombstones.
    """

    def __init__(self, plans: Plans, disposals: DisposableIndex) -> None:
        self._plans, self._disposals = plans, disposals

    def of(self, wanted: Wanted) -> tuple[Deleted, list[Said]]:
        """How many of these were deleted, each counted once, by policy; and the plans of which
        nobody can say. Members of alerts are not counted: their evidence was kept."""
        groups: dict[tuple[str, str, str], DeletedBy] = {}
        unread: list[Said] = []
        unknown = 0
        for name in self._plans.ids():
            try:
                plan = self._plans.read(name)
            except MingjianError:
                unread.append(_unread(name))
                continue
            for (stone, going), sure in self._gone(name, plan, wanted):
                if not sure:
                    unknown += 1
                    continue
                one = _by(stone, going, plan)
                key = one.policy, one.law, one.basis
                groups[key] = _together(groups[key], one) if key in groups else one
        told = tuple(groups[key] for key in sorted(groups))
        return Deleted(told, sum(one.messages for one in told), unknown), unread

    def _gone(self, name: str, plan: Plan, wanted: Wanted) -> Iterator[tuple[_Gone, bool]]:
        """Messages that went by a plan, and whether it is sure that they were asked for."""
        asked = _Asked(plan, wanted)
        going = [one for one in plan.messages if asked.may_be(one)]
        for start in range(0, len(going), _WINDOW):
            window = {one.leaf: one for one in going[start : start + _WINDOW]}
            for stone in self._disposals.buried(min(window), max(window)):
                if stone.plan != name or stone.leaf not in window or stone.msgid in asked.members:
                    continue
                found = window[stone.leaf]
                sure = asked.has(plan.facts_at(found.facts, stone.time))
                if sure is not False:
                    yield (stone, found), sure is True


class _Asked:
    """What is asked for, under the names that a plan has for people and conversations."""

    def __init__(self, plan: Plan, wanted: Wanted) -> None:
        name = plan.renaming()
        self._talks = {name(CONVERSATION, one): at for one, at in wanted.conversations.items()}
        self._people = {name(PERSON, one): at for one, at in wanted.talk.items()}
        self._acts = {name(PERSON, one): at for one, at in wanted.acts.items()}
        self.members = frozenset(wanted.members)
        # most of a plan is about others: who it is about is looked at once for all of a kind
        self._may = [
            self.has(plan.facts_at(number, 0), any_time=True) is not False
            for number in range(len(plan.facts))
        ]

    def may_be(self, going: Going) -> bool:
        """Whether a message was asked for, if it was said at the right time."""
        return self._may[going.facts]

    def has(self, facts: Facts, *, any_time: bool = False) -> bool | None:
        """Whether it was asked for; None when nobody can know any more."""

        def at(spans: tuple[tuple[int, int], ...]) -> bool:
            return bool(spans) and (any_time or within(facts.time, spans))

        if not facts.decoded:  # nor has it a time of its own
            return None
        if facts.kind == _EVENT:
            return at(self._acts.get(facts.sender, ()))
        if at(self._talks.get(facts.conversation, ())):
            return True
        sides = [facts.party(person) for person, spans in self._people.items() if at(spans)]
        return True if True in sides else None if None in sides else False


def _by(stone: Tombstone, going: Going, plan: Plan) -> DeletedBy:
    policy = counting(plan.policies, plan.basis)[going.policy] if going.policy >= 0 else None
    return DeletedBy(
        policy.name if policy else "",
        (policy.title_en, policy.title_zh) if policy else ("", ""),
        policy.law if policy else "",
        plan.basis,
        1,
        (stone.time, stone.time),
        (stone.at, stone.at),
        (stone.plan,),
    )


def _together(one: DeletedBy, other: DeletedBy) -> DeletedBy:
    return one._replace(
        messages=one.messages + other.messages,
        said=_hull(one.said, other.said),
        removed=_hull(one.removed, other.removed),
        plans=one.plans if other.plans[0] in one.plans else (*one.plans, *other.plans),
    )


def _hull(one: tuple[int, int], other: tuple[int, int]) -> tuple[int, int]:
    return min(one[0], other[0]), max(one[1], other[1])


def _unread(name: str) -> Said:
    return (
        f"what was deleted by the plan {name[:16]} is not counted: the plan is not what was made",
        f"按删除计划 {name[:16]} 删除的消息未计入：该计划与制定时不同",
    )

"""What a plan says of each message, held against the holds and policies that were in force."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rules.retention.facts import Facts
from rules.retention.holds import Hold, held_by
from rules.retention.policies import Policy, keep_until
from sinks.archive.disposable import within
from sinks.archive.disposal_plan import Plan
from sinks.archive.due import due
from sinks.archive.facts import said_at
from sinks.archive.hold_book import Removal
from sinks.archive.leaves import MessageLeaf


class PlannedMessages:
    """What a plan says of its messages, against holds and policies. `name` gives what stands for
    names in the plan."""

    def __init__(self, plan: Plan) -> None:
        self._plan, self.name = plan, plan.renaming()
        self._going = {one.leaf: one for one in plan.messages}
        self._counted: tuple[Policy, ...] = plan.counting()
        self._words = {name: set(within(found)) for name, found in plan.held.items()}

    def facts(self, leaf: int, message: MessageLeaf) -> Facts | None:
        """The facts of a message, its time from the ledger; None when the plan does not name
        it."""
        going = self._going.get(leaf)
        if going is None or not 0 <= going.facts < len(self._plan.facts):
            return None
        kind = self._plan.facts[going.facts].kind
        time = said_at(message.time, kind, message.segment)
        return self._plan.facts_at(going.facts, time)

    def held(
        self,
        leaf: int,
        facts: Facts,
        removal: Removal,
        holds: Sequence[tuple[Hold, Hold]],
    ) -> Iterator[tuple[str, str]]:
        """By which holds, each with the same under digests, it was held. A hold whose words were
        not looked for holds it."""
        looked_for = {*self._plan.looked_for, *removal.looked_for}

        def says(hold: Hold) -> bool:
            return hold.id not in looked_for or leaf in self._words.get(hold.id, ())

        for hold, renamed in holds:
            if held_by(facts, says, [renamed]):
                at = hold.placed.number
                yield (
                    f"it was held by {hold.id} (line {at} of the custody book)",
                    f"该消息受法律保全 {hold.id}（保管记录第 {at} 行）约束",
                )

    def kept(self, facts: Facts, removal: Removal) -> Iterator[tuple[str, str]]:
        """Whether its time was over."""
        kept = keep_until(facts, self._counted)
        if not due(kept, removal.at, self._plan.basis):
            policy = self._counted[kept.policy].name if kept.policy >= 0 else "-"
            yield (
                f"it was deleted before its time by policy '{policy}'",
                f"按策略“{policy}”，该消息尚未到期即被删除",
            )

"""How messages stand with deletion, for whoever asks what is kept about them.

A period that runs, a hold, a plan that waits for its approval and one that was approved say
different things of when a message goes, and only the first of them a day.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from rules.errors import MingjianError
from rules.retention.holds import Deed
from rules.retention.periods import FOREVER
from rules.retention.policies import Policy
from sinks.archive.due import Judged, due
from sinks.archive.plan_states import APPROVED, MADE, WORKING, plan_states
from sinks.archive.plans import Plans

# In the order in which they are told.
KEPT = "kept"  # by its period, or by the lack of a policy
HELD = "held"  # by a hold besides: its period runs, or it has none
HELD_ALONE = "held_alone"  # by a hold alone: its period is over
OVER = "over"  # by nothing any more; no plan names it
PROPOSED = "proposed"  # a plan names it that waits for approval
TO_GO = "approved"  # a plan names it that was approved and is not carried out
STANDINGS = (KEPT, HELD, HELD_ALONE, OVER, PROPOSED, TO_GO)
_PENDING = {MADE: PROPOSED, APPROVED: TO_GO, WORKING: TO_GO}


def pending(found: Sequence[Deed], plans: Plans, leaves: Collection[int]) -> dict[int, str]:
    """Which of these messages an open plan names: its leaf -> `PROPOSED` or `TO_GO`. A plan that
    was altered or is not there names none: nothing is deleted by it.

    Args:
        found: deeds of the custody book.

    Raises:
        OSError: the disk does not answer.
    """
    wanted, told = set(leaves), dict[int, str]()
    for state in reversed(plan_states(found, plans)):  # one that was approved says more
        standing = _PENDING.get(state.state)
        if standing is None:
            continue
        try:
            going = {one.leaf for one in plans.read(state.plan).messages} & wanted
        except MingjianError:
            continue
        for leaf in going:
            if told.get(leaf) != TO_GO:
                told[leaf] = standing
    return told


def standing(one: Judged, at: int, basis: str, open_plans: Mapping[int, str]) -> str:
    """How a message stands at `at` (UTC ms) on this basis (`sinks.archive.due`). A hold comes
    first: what it holds does not go by a plan either."""
    over = due(one.kept, at, basis)
    if one.holds:
        return HELD_ALONE if over else HELD
    return open_plans.get(one.row.leaf, OVER if over else KEPT)


class Reasons:
    """What keeps messages, how they stand, and until when their periods run."""

    def __init__(self, policies: Sequence[Policy]) -> None:
        self._policies = policies
        self._found: dict[tuple[int, int], list[int]] = {}

    def take(self, one: Judged, stands: str) -> None:
        """Count a message."""
        key = one.kept.policy, STANDINGS.index(stands)
        self._found.setdefault(key, []).append(one.kept.until)

    def told(self) -> list[dict[str, Any]]:
        """By policy and standing: the policy's name, titles, law, how many, and when the first and
        last of their periods end (UTC ms; null: not by itself). What a hold holds does not go
        then."""
        told = []
        for (number, stands), times in sorted(self._found.items()):
            policy = self._policies[number] if number >= 0 else None
            ends = [time for time in times if time < FOREVER]
            told.append(
                {
                    "policy": policy.name if policy else "",
                    "title_en": policy.title_en if policy else "",
                    "title_zh": policy.title_zh if policy else "",
                    "law": policy.law if policy else "",
                    "standing": STANDINGS[stands],
                    "messages": len(times),
                    "first": min(ends) if ends else None,
                    "last": max(ends) if len(ends) == len(times) else None,
                }
            )
        return told

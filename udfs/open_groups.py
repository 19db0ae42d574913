"""How many groups are open, as metrics: a rule that groups by what is new in each message shows."""

from __future__ import annotations

from collections import Counter
from typing import Any

TOLD_FROM = 1_000  # groups of one rule in one task; fewer are not told by rule
ALL, OF = "open_groups", "open_groups_of_"


class OpenGroups:
    """Counts keys that hold something: those of a restored task when it first looks at their
    bucket.

    Args:
        group: where its counters are made; those of a rule when they are wanted first.
    """

    def __init__(self, group: Any) -> None:
        self._group = group
        self._all = group.counter(ALL)
        self._open: Counter[str] = Counter()
        self._told: dict[str, Any] = {}

    def changed(self, key: str, by: int) -> None:
        """A key (`rules.grouping.key_of_group`) has begun (1) or ended (-1) to hold something."""
        kind, _, rest = key.partition("|")
        if kind != "c":
            return
        rule = rest.partition("|")[0]
        self._open[rule] += by
        self._all.inc(by)
        if rule in self._told:
            self._told[rule].inc(by)
        elif self._open[rule] >= TOLD_FROM:
            self._told[rule] = self._group.counter(OF + rule)
            self._told[rule].inc(self._open[rule])

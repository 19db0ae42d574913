"""What single rules do, as metrics: a rule that fails, or hits far more than others, shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

HITS, OUT_OF, FAILED = "hits_of_", "hits_out_of_", "failed_of_"
TOLD_FROM = 1_000  # hits of one rule in one task; fewer are not told by rule
EVERY = 10_000  # messages between two looks at rules that are known


class RuleCounts:
    """Makes metrics of a matcher's counts by rule, when they are wanted first. A rule's hits are
    told with the number of messages since its first: it may have been published only then.

    Args:
        by_rule: ("hits" or "failed", name) -> messages (`rules.matcher.Matcher.by_rule`).
        records: how many messages there were so far.
        group: where gauges are made.
    """

    def __init__(
        self, by_rule: Mapping[tuple[str, str], int], records: Callable[[], int], group: Any
    ) -> None:
        self._by_rule, self._records, self._group = by_rule, records, group
        self._first: dict[tuple[str, str], int] = {}  # messages before its first
        self._told: set[tuple[str, str]] = set()
        self._next = 0

    def look(self) -> None:
        """Called behind each batch. A rule that fails is told from the first time on."""
        records = self._records()
        if len(self._by_rule) == len(self._first) and records < self._next:
            return
        before = self._next - EVERY if self._next else 0
        self._next = records + EVERY
        for key, count in list(self._by_rule.items()):
            first = self._first.setdefault(key, before)
            what, rule = key
            if key in self._told or (what == "hits" and count < TOLD_FROM):
                continue
            self._told.add(key)
            of_rule = partial(self._by_rule.__getitem__, key)
            self._group.gauge((HITS if what == "hits" else FAILED) + rule, of_rule)
            if what == "hits":
                self._group.gauge(OUT_OF + rule, partial(self._since, first))

    def _since(self, first: int) -> int:
        return self._records() - first

"""Remembers the ids seen lately, to notice an id that comes back with other content."""

from __future__ import annotations

from collections.abc import Hashable

NEW, SAME, CONFLICT = 0, 1, 2


class RecentIds:
    """The last `capacity` to 2 x `capacity` ids with the hash of their content.

    Two generations: when the young one is full the old one is dropped, so memory is bounded and
    no id costs more than two look-ups. It lives in one worker: an id that returns after a restart,
    or after more than `capacity` others, is not noticed here (docs/adr/0006).
    """

    def __init__(self, capacity: int = 200_000) -> None:
        self._capacity = capacity
        self._young: dict[Hashable, int] = {}
        self._old: dict[Hashable, int] = {}

    def check(self, identity: Hashable, mark: int) -> int:
        """NEW, SAME (a repetition, harmless) or CONFLICT (the first content stays).

        `mark` is the hash of the content.
        """
        known = self._young.get(identity)
        if known is None:
            known = self._old.get(identity)
            if known is None:
                if len(self._young) >= self._capacity:
                    self._old, self._young = self._young, {}
                self._young[identity] = mark
                return NEW
        return SAME if known == mark else CONFLICT

"""Remembers the ids seen lately, to notice an id that comes back with other content."""

from __future__ import annotations

from collections.abc import Sequence

NEW, SAME, CONFLICT = 0, 1, 2


class RecentIds:
    """The last `capacity` to 2 x `capacity` ids of all tenants with the hash of their content.

    Two generations: when the young one is full the old one is dropped, so memory is bounded and
    no id costs more than two look-ups. It lives in one worker: an id that returns after a restart,
    or after more than `capacity` others, is not noticed here (docs/adr/0006).
    """

    def __init__(self, capacity: int = 200_000) -> None:
        self._capacity = capacity
        self._young: dict[str, dict[str, int]] = {}  # by tenant
        self._old: dict[str, dict[str, int]] = {}
        self._room = capacity

    def check(self, tenant: str, ids: Sequence[str], marks: Sequence[int]) -> list[int] | None:
        """Of each id NEW, SAME (a repetition, harmless) or CONFLICT (the first content stays); None
        when all are new, as they nearly always are.

        `marks` are the hashes of the contents.
        """
        young, old = self._young.setdefault(tenant, {}), self._old.get(tenant, {})
        fresh = dict(zip(ids, marks, strict=True))
        if (
            len(fresh) == len(ids)
            and young.keys().isdisjoint(fresh)
            and old.keys().isdisjoint(fresh)
        ):
            young.update(fresh)
            self._grown(len(ids))
            return None
        found: list[int] = []
        for one, mark in zip(ids, marks, strict=True):
            known = young.get(one, old.get(one))
            if known is None:
                young[one] = mark
            found.append(NEW if known is None else SAME if known == mark else CONFLICT)
        self._grown(found.count(NEW))
        return found

    def _grown(self, count: int) -> None:
        self._room -= count
        if self._room <= 0:
            self._old, self._young, self._room = self._young, {}, self._capacity

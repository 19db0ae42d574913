"""Python's collector of cycles, set once a function has loaded what it needs."""

from __future__ import annotations

import gc

_ALLOCATIONS = 50_000  # a batch makes many short-lived tuples and no cycles


def rest() -> None:
    """What is loaded now lives as long as the job: the collector need not look at it again, and
    comes rarely. What an earlier job of this process had loaded is let go."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    gc.set_threshold(_ALLOCATIONS, 20, 100)
